"""What must hold of the built data as a whole: each gate is a figure and the bound it keeps.

The gates ask whether the data can be answered by something other than understanding: by words alone, by the nearest training sentence, by a
message's length, by the place or length of a candidate. They are computed from the files as built, with the plainest methods there are
(BM25, TF-IDF with one neighbour, TF-IDF with logistic regression, a decision tree over lengths).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from toolwright.data.build import SPLITS, Dataset
from toolwright.data.checks import masked, read_split
from toolwright.data.frames import Frame, frames
from toolwright.data.goal_states import relabelled, succeeds, superfluous
from toolwright.selection.keyword import KeywordSelector
from toolwright.types import PlanExample, SelectionExample, TimingExample, ToolCall
from toolwright.world.engine import World
from toolwright.world.spec import Domain

NEAR = 0.8  # Jaccard of character 5-grams from which two sentences are near-duplicates
ALIKE = 0.85  # cosine of character 5-gram TF-IDF from which two descriptions are alike
CHUNK = 2000  # rows of a similarity matrix held at once


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure, the bound it must keep, and what breaks it."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None
    percent: bool = True
    offenders: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def bound(self) -> str:
        show = self._show
        if self.least is not None and self.most is not None:
            return f"{show(self.least)} to {show(self.most)}"
        return f"≥ {show(self.least)}" if self.least is not None else f"≤ {show(self.most or 0.0)}"

    @property
    def shown(self) -> str:
        return self._show(self.value)

    def _show(self, value: float) -> str:
        return f"{100 * value:.4g} %" if self.percent else f"{value:g}"


def gates(domains: Sequence[Domain], data: Dataset) -> list[Gate]:
    """Every gate, computed from domain files and the data built from them."""
    return [gate(domains, data) for gate in GATES]


def shared_frames(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Sentences that stand, slots masked, in two splits."""
    homes: dict[str, dict[str, str]] = {}
    for frame in _all_frames(domains):
        homes.setdefault(masked(frame.saying), {}).setdefault(read_split(frame), frame.id)
    offenders = tuple(" = ".join(found.values()) for found in homes.values() if len(found) > 1)
    return Gate("same text, slots masked, in two splits", len(offenders), most=0, percent=False, offenders=offenders)


def near_duplicates(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Sentences of two splits that share nearly all character 5-grams, slots masked."""
    found = list(_all_frames(domains))
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, dtype=np.int32).fit_transform([masked(frame.saying).ljust(5) for frame in found])
    splits = np.array([SPLITS.index(read_split(frame)) for frame in found])
    sizes = np.asarray(grams.sum(1)).ravel()
    offenders = []
    for begin in range(0, len(found), CHUNK):
        shared = (grams[begin : begin + CHUNK] @ grams.T).tocoo()
        rows, columns = shared.row + begin, shared.col
        close = (rows < columns) & (splits[rows] != splits[columns]) & (shared.data >= NEAR * (sizes[rows] + sizes[columns] - shared.data))
        offenders += [f"{found[i].id} ≈ {found[j].id}" for i, j in zip(rows[close], columns[close], strict=True)]
    return Gate("near-duplicates across splits", len(offenders), most=0, percent=False, offenders=tuple(offenders))


def distinct_texts(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Share of distinct texts among the requests of all splits."""
    counts = Counter(example.query for split in SPLITS for example in data.selection(split))
    offenders = tuple(f"{count} times {text!r}" for text, count in counts.most_common(20) if count > 1)
    return Gate("distinct request texts", len(counts) / counts.total(), least=0.98, offenders=offenders)


def calls_run(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Share of gold calls that run in the world as it stands at the start."""
    world = World(domains, data.seed)
    offenders = []
    total = 0
    for split in SPLITS:
        for example in data.calls(split):
            for k, expected in enumerate(example.calls):
                total += 1
                call = ToolCall(id=f"{example.id}.{k}", name=expected.name, arguments={name: values[0] for name, values in expected.arguments.items()})
                if (result := world.preview(call)).error is not None:
                    offenders.append(f"{example.id}: {result.content}")
    return Gate("gold calls that run in the world", 1 - len(offenders) / total, least=1.0, offenders=tuple(offenders))


def random_top_5(domains: Sequence[Domain], data: Dataset) -> Gate:
    """What five tools drawn evenly would find."""
    found = [len(example.tools) for example in data.selection("test")]
    return Gate("random Top-5 in selection", 5 * float(np.mean(found)) / len(data.tools), most=0.01)


def keyword_top_1(domains: Sequence[Domain], data: Dataset) -> Gate:
    """BM25 over the whole catalogue."""
    selector = KeywordSelector().fit(list(data.tools.values()))
    right = [_first(selector.select(example.query, 1).names, example) for example in data.selection("test") if example.tools and "zh" not in example.tags]
    return Gate("BM25 Top-1 in selection", float(np.mean(right)), least=0.30, most=0.65)


def nearest_request(domains: Sequence[Domain], data: Dataset) -> Gate:
    """The tools of the most similar training request, on tools that training has seen."""
    train, test = data.selection("train"), [example for example in data.selection("test") if "seen_tools" in example.tags]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit([example.query for example in train])
    known, asked = (vectorizer.transform([example.query for example in part]) for part in (train, test))
    right = [train[j].tools == example.tools for example, j in zip(test, _nearest(asked, known), strict=True)]
    return Gate("selection by the nearest training request, seen tools", float(np.mean(right)), most=0.70)


def timing_by_words(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Timing from the words of the conversation alone."""
    train, test = data.timing("train"), data.timing("test")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2).fit([_text(example) for example in train])
    known, asked = (vectorizer.transform([_text(example) for example in part]) for part in (train, test))
    model = LogisticRegression(C=10.0, max_iter=3000).fit(known, [example.label for example in train])
    return Gate("timing by words (TF-IDF, logistic regression)", float(model.score(asked, [example.label for example in test])), most=0.80)


def timing_by_length(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Timing from the length of the conversation alone."""
    train, test = data.timing("train"), data.timing("test")
    known, asked = ([[len(_text(example))] for example in part] for part in (train, test))
    model = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0).fit(known, [example.label for example in train])
    return Gate("timing by length alone", float(model.score(asked, [example.label for example in test])), most=0.35)


def openings(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Share of descriptions that open with the same four words as another's."""
    opening = {tool.name: " ".join(tool.description.lower().split()[:4]) for tool in data.tools.values()}
    counts = Counter(opening.values())
    offenders = tuple(f"{name}: {words!r}" for name, words in opening.items() if counts[words] > 1)
    return Gate("descriptions that open like another", len(offenders) / len(opening), most=0.03, offenders=offenders)


def like_descriptions(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Pairs of descriptions that say nearly the same in nearly the same words."""
    names = sorted(data.tools)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(5, 5)).fit_transform([data.tools[name].description for name in names])
    likeness = (vectors @ vectors.T).tocoo()
    pairs = [(i, j) for i, j, value in zip(likeness.row, likeness.col, likeness.data, strict=True) if i < j and value >= ALIKE]
    return Gate("pairs of like descriptions", len(pairs), most=0, percent=False, offenders=tuple(f"{names[i]} ≈ {names[j]}" for i, j in pairs))


def gold_by_place(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Which of ten candidates is gold, from its place or the length of its text: the better of the two guesses."""
    train, test = (_features(data, data.selection(split)) for split in ("train", "test"))
    best = 0.0
    for column in (0, 1):
        model = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0)
        model.fit(np.vstack([x[:, [column]] for x, _ in train]), np.concatenate([y for _, y in train]))
        best = max(best, float(np.mean([y[model.predict_proba(x[:, [column]])[:, 1].argmax()] for x, y in test])))
    return Gate("gold among ten candidates by place or length", best, most=0.15)


def plans_reach(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Share of gold plans that run and change what their goal wants changed, whatever their steps are called."""
    world = World(domains, data.seed)
    plans = [plan for split in SPLITS for plan in data.planning(split)]
    offenders = tuple(plan.id for plan in plans if not succeeds(world, plan, plan.steps) or not succeeds(world, plan, relabelled(plan.steps)))
    return Gate("gold plans that reach the goal state", 1 - len(offenders) / len(plans), least=1.0, offenders=offenders)


def plans_minimal(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Share of gold plans of which every step is needed."""
    world = World(domains, data.seed)
    plans = [plan for split in SPLITS for plan in data.planning(split)]
    offenders = [f"{plan.id}: {step}" for plan in plans for step in superfluous(world, plan)]
    return Gate("gold plans without a step too many", 1 - len({one.split(":")[0] for one in offenders}) / len(plans), least=1.0, offenders=tuple(offenders))


def nearest_goal(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Test goals whose tools, in order, are those of the most similar training goal: more than copying its plan could ever reach."""
    train, test = data.planning("train"), data.planning("test")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit([plan.goal for plan in train])
    known, asked = (vectorizer.transform([plan.goal for plan in part]) for part in (train, test))
    right = [_sequence(train[j]) == _sequence(plan) for plan, j in zip(test, _nearest(asked, known), strict=True)]
    return Gate("planning by the nearest training goal", float(np.mean(right)), most=0.15)


def known_sequences(domains: Sequence[Domain], data: Dataset) -> Gate:
    """Test plans whose tools, in order, are those of some training plan."""
    seen = {_sequence(plan) for plan in data.planning("train")}
    return Gate("tool sequences of test plans that train has", float(np.mean([_sequence(plan) in seen for plan in data.planning("test")])), most=0.20)


GATES: tuple[Callable[[Sequence[Domain], Dataset], Gate], ...] = (
    shared_frames,
    near_duplicates,
    distinct_texts,
    calls_run,
    plans_reach,
    plans_minimal,
    nearest_goal,
    known_sequences,
    random_top_5,
    keyword_top_1,
    nearest_request,
    timing_by_words,
    timing_by_length,
    openings,
    like_descriptions,
    gold_by_place,
)


def _all_frames(domains: Sequence[Domain]) -> list[Frame]:
    return [frame for split in SPLITS for frame in frames(domains, split)]


def _sequence(plan: PlanExample) -> tuple[str, ...]:
    return tuple(step.tool for step in plan.steps)


def _text(example: TimingExample) -> str:
    return "\n".join(message.content for message in example.messages)


def _first(names: Sequence[str], example: SelectionExample) -> bool:
    return bool(names) and any(names[0] in good for good in (example.tools, *example.accept))


def _nearest(asked: Any, known: Any) -> list[int]:
    """For each row of `asked` the most similar row of `known`."""
    return [int(j) for begin in range(0, asked.shape[0], CHUNK) for j in np.asarray((asked[begin : begin + CHUNK] @ known.T).argmax(1)).ravel()]


def _features(data: Dataset, examples: Sequence[SelectionExample]) -> list[tuple[Any, Any]]:
    """For each example with one gold tool: place and length of every candidate, and which is gold."""
    found = []
    for example in examples:
        if len(example.tools) == 1 and example.tools[0] in example.candidates:
            x = np.array([[i, len(data.tools[name].description)] for i, name in enumerate(example.candidates)])
            found.append((x, np.array([name == example.tools[0] for name in example.candidates])))
    return found
