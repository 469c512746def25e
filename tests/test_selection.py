"""Selectors: what all of them promise, and what each finds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.public import SELECTION_SETS, metatool_single
from toolwright.evaluation.metrics import ranking_scores
from toolwright.evaluation.selectors import evaluate_selector, worse_than
from toolwright.models.chat import ModelError
from toolwright.models.scripted import ScriptedModel
from toolwright.selection import SELECTORS, HybridSelector, KeywordSelector, LLMSelector, TwoStageSelector
from toolwright.selection import evidence as evidence_module
from toolwright.selection.opening import load_selector, open_selector
from toolwright.selection.texts import words
from toolwright.types import InputError, Message, Metric, ScoredTool, Selection, SelectionExample, Tool

TOOLS = [
    Tool(name="cancelBooking", description="Calls off a reservation."),
    Tool(name="find_rooms", description="Lists free rooms of the hotel for some nights."),
    Tool(name="weather.get_forecast", description="Gives the weather of the coming days in a city."),
    Tool(name="b_same", description="Play music."),
    Tool(name="a_same", description="Play music."),
    Tool(name="cn", description="查询天气预报", extras={"keywords": {"zh": ["天气"]}}),
]


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    """A cross-encoder on MiniLM's body with a head that nobody trained."""
    import torch
    from sentence_transformers import CrossEncoder

    from toolwright.encoders import minilm_folder

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("cross")
    CrossEncoder(str(minilm_folder()), num_labels=1, device="cpu").save_pretrained(str(folder))
    return str(folder)


def made(name, cross_encoder):
    if name == "two_stage":
        return TwoStageSelector(cross_encoder)
    if name == "llm":
        return LLMSelector(ScriptedModel(lambda messages, tools: '{"tools": []}'))
    return SELECTORS[name]()


@pytest.fixture(params=[name for name in SELECTORS if name != "trained"])
def selector(request, cross_encoder):
    return made(request.param, cross_encoder).fit(TOOLS)


@pytest.fixture(params=[name for name in SELECTORS if name not in ("two_stage", "trained")])
def able(request, cross_encoder):
    """Selectors that can tell tools apart without training."""
    return made(request.param, cross_encoder).fit(TOOLS)


@pytest.mark.parametrize(
    ("query", "best"), [("rooms for two nights", "find_rooms"), ("the weather in Rome tomorrow", "weather.get_forecast"), ("明天天气", "cn")]
)
def test_the_obvious_is_found(able, query, best):
    if best == "cn" and not isinstance(able, KeywordSelector | HybridSelector | LLMSelector):
        pytest.skip("MiniLM reads no Chinese")
    assert able.select(query, 1).names == [best]


@pytest.mark.parametrize("query", ["cancelBooking", "cancel booking", "CANCEL_BOOKING", "please call cancelBooking for the weather in Rome", "get_forecast"])
def test_a_tool_that_the_query_names_stands_first(selector, query):
    named = "weather.get_forecast" if query == "get_forecast" else "cancelBooking"
    found = selector.select(query, 3)
    assert found.names[0] == named
    assert not found.abstains


def test_ties_stand_in_order_of_name(able):
    if isinstance(able, KeywordSelector | HybridSelector):
        assert KeywordSelector().fit(TOOLS).select("play music", 5).names[:2] == ["a_same", "b_same"]
    assert able.select("play music", 2) == able.select("play music", 2)


def test_candidates_bound_the_answer(selector):
    found = selector.select("weather", 3, candidates=["find_rooms", "b_same"])
    assert set(found.names) == {"find_rooms", "b_same"}
    assert found.total_matches == 2
    with pytest.raises(InputError, match="candidate 'gone'"):
        selector.select("weather", 3, candidates=["gone"])


def test_tools_come_and_go(able):
    able.add([Tool(name="pay_invoice", description="Pays an invoice that a supplier sent.")])
    assert able.select("pay the invoice of our supplier", 1).names == ["pay_invoice"]
    able.remove(["pay_invoice"])
    assert "pay_invoice" not in able.select("pay_invoice", 10).names
    with pytest.raises(InputError, match="no tool of this catalogue"):
        able.remove(["pay_invoice"])
    with pytest.raises(InputError, match="in the catalogue already"):
        able.add([TOOLS[0]])


def test_tools_come_and_go_where_not_all_are_weighed(monkeypatch):
    monkeypatch.setattr(evidence_module, "WEIGHED", 0)
    monkeypatch.setattr(evidence_module, "NEAR", 2)
    selector = HybridSelector("static").fit(TOOLS)
    selector.add([Tool(name="pay_invoice", description="Pays an invoice that a supplier sent.")])
    assert selector.select("settle the invoice of our supplier", 1).names == ["pay_invoice"]
    selector.remove(["pay_invoice"])
    assert "pay_invoice" not in selector.select("settle the invoice of our supplier", 10).names
    assert selector.evidence_.of("settle the invoice of our supplier").rows is not None


def test_what_is_saved_is_what_is_loaded(selector, tmp_path):
    selector.remove(["b_same"])
    selector.add([Tool(name="b_same", description="Play an old record.")])
    selector.save(tmp_path / "saved")
    again = load_selector(tmp_path / "saved", chat=ScriptedModel(lambda messages, tools: '{"tools": []}'))
    for query in ("play music", "a room", "b_same"):
        assert again.select(query, 4) == selector.select(query, 4)


def test_a_conversation_asks_what_its_last_turns_ask(able):
    talk = [
        Message(role="user", content="Play music"),
        Message(role="assistant", content="Done."),
        Message(role="user", content="Free rooms please"),
        Message(role="assistant", content="For how many nights?"),
        Message(role="user", content="two"),
    ]
    assert able.select(talk, 3) == able.select("Free rooms please two", 3)
    with pytest.raises(InputError, match="none of a user"):
        able.select([Message(role="assistant", content="Hello.")])


def test_wrong_numbers_and_nothing_to_choose_from_are_wrong_input(selector, cross_encoder):
    with pytest.raises(InputError, match="top_k is 0"):
        selector.select("weather", 0)
    with pytest.raises(InputError, match="at least one tool"):
        KeywordSelector().fit([])


def test_what_matches_nothing_selects_nothing():
    found = KeywordSelector().fit(TOOLS).select("zzz", 3)
    assert found.tools == ()
    assert found.total_matches == 0
    assert not found.truncated


@given(query=st.text(max_size=60))
def test_any_text_is_answered_the_same_way_twice(query):
    selector = KeywordSelector().fit(TOOLS)
    assert selector.select(query, 3) == selector.select(query, 3)


def test_scores_are_bm25_as_the_formula_has_it():
    """Lucene's BM25 written out: idf = ln(1 + (N - n + 0.5) / (n + 0.5))."""
    tools = TOOLS[:5]
    selector = KeywordSelector().fit(tools)
    texts = {tool.name: words(f"{tool.name} {tool.description}") for tool in tools}
    mean = np.mean([len(text) for text in texts.values()])
    for tool in tools:
        expected = 0.0
        for word in words("free rooms reservation music"):
            n = sum(word in text for text in texts.values())
            if n:
                tf, length = texts[tool.name].count(word), len(texts[tool.name])
                expected += np.log(1 + (len(tools) - n + 0.5) / (n + 0.5)) * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * length / mean))
        found = selector.select("free rooms reservation music", 10, candidates=[tool.name]).tools[0].score
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_selector_is_opened_by_name_or_folder(tmp_path):
    KeywordSelector(k1=0.9).fit(TOOLS).save(tmp_path)
    opened = open_selector(str(tmp_path), TOOLS[:3])
    assert opened.k1 == 0.9
    assert opened.select("music").tools == ()
    for name, wrong in (("magic", "allowed: keyword"), ("two_stage", "needs a cross-encoder"), ("llm", "needs a chat model")):
        with pytest.raises(InputError, match=wrong):
            open_selector(name, TOOLS)
    with pytest.raises(InputError, match="reads no meaning"):
        open_selector("keyword", TOOLS, encoder="minilm")


def test_the_chat_model_chooses_among_what_is_retrieved():
    model = ScriptedModel(['Sure: {"tools": ["find_rooms"]}', '{"tools": []}', '{"tools": ["delete_all"]}', "I would not know."])
    selector = LLMSelector(model, retrieved=3).fit(TOOLS)
    assert selector.select("the weather in Rome", 2).names == ["find_rooms", "weather.get_forecast"]
    assert selector.select("the weather in Rome", 2).abstains
    for wrong in ("chose", "answered"):
        with pytest.raises(ModelError, match=wrong):
            selector.select("the weather in Rome", 2)
    assert json.dumps("delete_all") not in str(model.asked[0])


def test_what_a_tool_depends_on_follows_it():
    tools = [
        *TOOLS,
        Tool(name="send_location", description="Sends where you are to a friend.", extras={"depends_on": ["find_place", "a_same"]}),
        Tool(name="find_place", description="Reads the satellite receiver.", extras={"depends_on": ["b_same", "send_location"]}),
    ]
    found = HybridSelector().fit(tools).select("send my location to a friend", 4)
    assert found.names[0] == "send_location"
    assert set(found.names[1:3]) == {"find_place", "a_same"}
    assert found.names[3] == "b_same"


def test_evaluation_refuses_gold_outside_the_catalogue():
    with pytest.raises(InputError, match="names the tool 'gone'"):
        evaluate_selector(KeywordSelector().fit(TOOLS), TOOLS, [SelectionExample(id="1", query="q", tools=("gone",))], config={})


@pytest.mark.public_data
def test_metatool_agrees_with_the_known_baseline(public_directory):
    """Known for BM25 on descriptions: R@1 34.9, R@5 51.2; splitting tool names into words adds about three points."""
    chosen = metatool_single(public_directory)
    plain = [tool.model_copy(update={"name": f"t{i}", "description": tool.description}) for i, tool in enumerate(chosen.tools)]
    renamed = {tool.name: f"t{i}" for i, tool in enumerate(chosen.tools)}
    examples = [example.model_copy(update={"tools": (renamed[example.tools[0]],)}) for example in chosen.examples]
    described = evaluate_selector(KeywordSelector().fit(plain), plain, examples, config={}).metrics
    assert described["selection.recall@1"].value == pytest.approx(0.349, abs=0.015)
    assert described["selection.recall@5"].value == pytest.approx(0.512, abs=0.015)
    named = evaluate_selector(KeywordSelector().fit(chosen.tools), chosen.tools, chosen.examples, config={}).metrics
    assert named["selection.recall@1"].value > described["selection.recall@1"].high
    assert named["selection.recall@1"].n == 20614


@pytest.mark.public_data
def test_public_sets_are_as_their_authors_describe_them(public_directory):
    sizes = {name: SELECTION_SETS[name](public_directory) for name in SELECTION_SETS if name != "metatool-single"}
    counted = {name: (len(one.tools), len(one.examples)) for name, one in sizes.items()}
    assert counted == {
        "metatool-multi": (199, 497),
        "metatool-absent": (199, 995),
        "metatool-two": (199, 497),
        "sealtools": (4076, 1400),
        "toollinkos": (573, 1569),
        "toollinkos-hidden": (573, 1569),
    }
    for one in sizes.values():
        names = {tool.name for tool in one.tools}
        assert all(names.issuperset((*example.tools, *example.candidates)) for example in one.examples)
    assert all(not example.tools and len(example.candidates) == 10 for example in sizes["metatool-absent"].examples)
    assert all(set(example.tools) < set(example.candidates) for example in sizes["metatool-two"].examples)
    assert not any(tool.extras for tool in sizes["toollinkos-hidden"].tools)


def test_evaluation_tells_abstention_from_answers():
    class Told:
        """Abstains where the request says so."""

        def select(self, query, top_k, candidates):
            return Selection((ScoredTool("a_same", 2.0), ScoredTool("b_same", 1.0)), 2, abstains="nothing" in query)

    examples = [
        SelectionExample(id="1", query="music", tools=("a_same", "b_same")),
        SelectionExample(id="2", query="music or nothing", tools=("a_same",)),
        SelectionExample(id="3", query="nothing", tools=()),
        SelectionExample(id="4", query="anything", tools=()),
        SelectionExample(id="5", query="rooms", tools=("find_rooms",)),
    ]
    metrics = evaluate_selector(Told(), TOOLS, examples, config={}).metrics
    assert metrics["selection.csr"].value == pytest.approx(2 / 5)
    assert metrics["selection.abstained/served"].value == pytest.approx(1 / 3)
    assert metrics["selection.abstained/unserved"].value == 0.5
    assert metrics["selection.abstention"].value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics["selection.comp@5/gold_2"].value == 1
    assert metrics["selection.top_1/gold_1"].value == 0.5


def test_a_figure_below_its_interval_of_before_is_named(tmp_path):
    before = {"metrics": {"selection.top_1": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 10}, "selection.mrr": {"value": 0.9, "low": 0.8, "high": 1, "n": 10}}}
    (tmp_path / "before.json").write_text(json.dumps(before))
    now = {"selection.top_1": Metric(value=0.7, low=0.6, high=0.8, n=10), "selection.mrr": Metric(value=0.81, low=0.6, high=0.8, n=10)}
    assert worse_than(now, tmp_path / "before.json") == ["selection.top_1: 70.0, before 90.0 [80.0, 100.0]"]
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="is no result file"):
        worse_than(now, tmp_path / "other.json")


def test_metrics_agree_with_an_independent_implementation():
    """nDCG of scikit-learn; recall, completeness and average precision by sets, for random rankings."""
    from sklearn.metrics import ndcg_score

    source = np.random.default_rng(0)
    for _ in range(50):
        names = [f"t{i}" for i in source.permutation(20)]
        gold = [f"t{i}" for i in source.choice(20, size=source.integers(1, 5), replace=False)]
        scores = ranking_scores(names[:10], [gold])
        relevant = np.array([[name in gold for name in names]], dtype=float)
        assert scores["ndcg@5"] == pytest.approx(ndcg_score(relevant, -np.arange(20)[None], k=5))
        assert scores["recall@5"] == pytest.approx(len(set(names[:5]) & set(gold)) / len(gold))
        assert scores["comp@10"] == float(set(gold) <= set(names[:10]))
        precisions = [len(set(names[: i + 1]) & set(gold)) / (i + 1) for i in range(10) if names[i] in gold]
        assert scores["map@10"] == pytest.approx(sum(precisions) / min(10, len(gold)))
