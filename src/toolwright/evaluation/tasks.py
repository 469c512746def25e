"""The four tests of agent_benchmark: every metric with its interval, by group, and every case.

Sentences about one tool are not independent: intervals draw all that a tool has. A fixed, seeded part of each test is used, the same for every method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from toolwright.data.build import Dataset
from toolwright.data.frames import cluster_of, evenly
from toolwright.evaluation.acting import episode_scores, pursue
from toolwright.evaluation.calls import CALL_SCORES, call_scores
from toolwright.evaluation.metrics import accuracy, balanced_accuracy, expected_calibration_error, macro_f1, ranking_scores
from toolwright.evaluation.models import Predictor, offered, shuffled_descriptions
from toolwright.evaluation.planning import by_group
from toolwright.evaluation.statistics import mean_interval, mean_intervals, statistic_interval
from toolwright.types import JSON, TIMING_LABELS, Metric, Split, TimingExample

Progress = Callable[[Sequence[Any], str], Iterable[Any]]
Evaluation = Callable[[Predictor, Dataset, Split, int, Progress], tuple[dict[str, Metric], list[JSON]]]

SHOWN_RANKING = ("top_1", "top_3", "mrr")  # of ten candidates; deeper cuts say nothing
CALL_BATCH = 64


def sample_by_label(examples: Sequence[TimingExample], count: int) -> list[TimingExample]:
    """As `evenly`, with as many examples of each label."""
    share = count // len(TIMING_LABELS)
    drawn = [example for label in TIMING_LABELS for example in evenly([one for one in examples if one.label == label], share)]
    return sorted(drawn, key=lambda example: example.id)


def evaluate_selection(predictor: Predictor, data: Dataset, split: Split, items: int, progress: Progress) -> tuple[dict[str, Metric], list[JSON]]:
    """Ranking of ten frozen candidates for English requests that one tool serves; and on test the control with the candidates' descriptions exchanged,
    which must cost a reader dearly.
    """
    examples = evenly([example for example in data.selection(split) if len(example.tools) == 1 and "zh" not in example.tags], items)
    cases: list[JSON] = []
    scores: dict[str, list[float]] = {name: [] for name in SHOWN_RANKING}
    control: list[float] = []
    for example in progress(examples, "selection"):
        tools = offered(data.tools, example.candidates)
        ranking = predictor.rank(example, tools)
        found = ranking_scores(ranking, [example.tools, *example.accept])
        for name in SHOWN_RANKING:
            scores[name].append(found[name])
        if split == "test":
            control.append(float(predictor.rank(example, shuffled_descriptions(tools))[0] in example.tools))
        cases.append({"id": example.id, "query": example.query, "gold": example.tools, "ranking": ranking, "top_1": found["top_1"], "tags": example.tags})
    metrics = _means("selection", scores, examples)
    if control:
        metrics["selection.top_1/shuffled_descriptions"] = mean_interval(control, [cluster_of(example.id) for example in examples])
    return metrics, cases


def evaluate_timing(predictor: Predictor, data: Dataset, split: Split, items: int, progress: Progress) -> tuple[dict[str, Metric], list[JSON]]:
    """The four outcomes. `over_call`: share of the others decided as call; `under_call`: share of call decided otherwise."""
    examples = sample_by_label(data.timing(split), items)
    cases: list[JSON] = []
    gold: list[str] = []
    predicted: list[str] = []
    confidence: list[float] = []
    for example in progress(examples, "timing"):
        probabilities = predictor.time(example, offered(data.tools, example.tools))
        label = max(probabilities, key=lambda name: probabilities[name])
        gold.append(example.label)
        predicted.append(label)
        confidence.append(probabilities[label])
        text = example.messages[-1].content
        cases.append({"id": example.id, "text": text, "gold": example.label, "predicted": label, "probabilities": probabilities, "tags": example.tags})
    g, p, right = np.array(gold), np.array(predicted), [a == b for a, b in zip(gold, predicted, strict=True)]
    metrics = _means("timing", {"accuracy": [float(one) for one in right]}, examples)
    clusters = [cluster_of(example.id) for example in examples]
    others = {
        "macro_f1": lambda i: macro_f1(g[i].tolist(), p[i].tolist()),
        "balanced_accuracy": lambda i: balanced_accuracy(g[i].tolist(), p[i].tolist()),
        "ece": lambda i: expected_calibration_error([confidence[j] for j in i], [right[j] for j in i]),
    }
    metrics |= {f"timing.{name}": statistic_interval(statistic, clusters) for name, statistic in others.items()}
    assert abs(accuracy(gold, predicted) - metrics["timing.accuracy"].value) < 1e-9
    for name, members in (("over_call", g != "call"), ("under_call", g == "call")):
        wrong = (p == "call") if name == "over_call" else (p != "call")
        if members.any():
            metrics[f"timing.{name}"] = mean_interval(wrong[members].astype(float).tolist(), [f for f, inside in zip(clusters, members, strict=True) if inside])
    return metrics, cases


def evaluate_calls(predictor: Predictor, data: Dataset, split: Split, items: int, progress: Progress) -> tuple[dict[str, Metric], list[JSON]]:
    """Written calls against the expected ones: see `call_scores`."""
    examples = evenly(data.calls(split), items)
    batches = [examples[i : i + CALL_BATCH] for i in range(0, len(examples), CALL_BATCH)]
    texts: list[str] = []
    for batch in progress(batches, "calls"):
        texts += predictor.answer(batch, [offered(data.tools, example.tools) for example in batch])
    found = [call_scores(example.calls, text, offered(data.tools, example.tools)) for example, text in zip(examples, texts, strict=True)]
    cases = [
        {"id": e.id, "text": e.messages[-1].content, "written": t, "expected": [call.model_dump() for call in e.calls], "scores": f, "tags": e.tags}
        for e, t, f in zip(examples, texts, found, strict=True)
    ]
    metrics: dict[str, Metric] = {}
    for name in CALL_SCORES:
        members = [i for i, scores in enumerate(found) if name in scores]
        if members:
            metrics |= _means("calls", {name: [found[i][name] for i in members]}, [examples[i] for i in members])
    return metrics, cases


def evaluate_planning(predictor: Predictor, data: Dataset, split: Split, items: int, progress: Progress) -> tuple[dict[str, Metric], list[JSON]]:
    """Goals pursued turn by turn in the world: see `acting`."""
    examples = evenly(data.planning(split), items)
    world = data.world()
    episodes = pursue(predictor, data, world, examples, data.seed, progress)
    rows = [episode_scores(episode, world) for episode in episodes]
    cases = [
        {"id": one.example.id, "goal": one.example.goal, **row, "calls": [call.model_dump() for call in one.calls], "tags": one.example.tags}
        for one, row in zip(episodes, rows, strict=True)
    ]
    return by_group(rows, examples, data.seed), cases


EVALUATIONS: dict[str, Evaluation] = {
    "selection": evaluate_selection,
    "timing": evaluate_timing,
    "calls": evaluate_calls,
    "planning": evaluate_planning,
}


def _means(task: str, scores: dict[str, list[float]], examples: Sequence[Any]) -> dict[str, Metric]:
    """The mean of each score, over all cases and over each group of seen and unseen tools."""
    metrics: dict[str, Metric] = {}
    groups = {"": list(range(len(examples)))}
    groups |= {f"/{tag}": [i for i, example in enumerate(examples) if tag in example.tags] for tag in ("seen_tools", "unseen_tools")}
    for group, members in groups.items():
        if members:
            clusters = [cluster_of(examples[i].id) for i in members]
            found = mean_intervals({name: [values[i] for i in members] for name, values in scores.items()}, clusters)
            metrics |= {f"{task}.{name}{group}": metric for name, metric in found.items()}
    return metrics
