"""How well a selector ranks a whole catalogue, beside random and majority."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from toolwright.evaluation.metrics import RANKING_METRICS, TOP_KS, ranking_scores
from toolwright.evaluation.statistics import mean_intervals
from toolwright.selection import Selector
from toolwright.types import JSON, InputError, Metric, SelectionExample, Tool

DEPTH = max(TOP_KS)


@dataclass(frozen=True, slots=True)
class SelectionReport:
    """Metrics of a selector and of the baselines beside it, what was measured, and each test case."""

    metrics: dict[str, Metric]
    baselines: dict[str, dict[str, Metric]]
    config: JSON
    examples: list[JSON]

    def to_json(self) -> JSON:
        dump = {name: metric.model_dump() for name, metric in self.metrics.items()}
        baselines = {row: {name: metric.model_dump() for name, metric in metrics.items()} for row, metrics in self.baselines.items()}
        return {"metrics": dump, "baselines": baselines, "config": self.config, "examples": self.examples}


def evaluate_selector(
    selector: Selector,
    tools: Sequence[Tool],
    examples: Sequence[SelectionExample],
    *,
    config: JSON,
    progress: Callable[[Sequence[SelectionExample]], Iterable[SelectionExample]] = iter,
    seed: int = 0,
) -> SelectionReport:
    """Rank the catalogue for every request that some tool serves.

    Args:
        selector: fitted on `tools`.
        tools: the catalogue; every gold tool must be in it.
        examples: requests with gold tools; those that no tool serves (`tools: []`) are counted in the config and left to abstention.
        config: what to record beside the figures.
        progress: wraps the requests, to show how far it is.
        seed: of the random baseline and the intervals.
    """
    names = sorted(tool.name for tool in tools)
    _check_gold(names, examples)
    served = [example for example in examples if example.tools]
    if not served:
        raise InputError(f"none of the {len(examples)} requests has a gold tool; nothing to rank")
    source = random.Random(seed)
    common = [name for name, _ in Counter(name for example in served for name in example.tools).most_common(DEPTH)]
    rows: dict[str, list[dict[str, float]]] = {"": [], "random": [], "majority": []}
    cases: list[JSON] = []
    seconds = 0.0
    for example in progress(served):
        start = time.perf_counter()
        ranking = selector.select(example.query, DEPTH, list(example.candidates) or None).names
        seconds += time.perf_counter() - start
        pool = sorted(example.candidates) or names
        guesses = {"": ranking, "random": source.sample(pool, min(DEPTH, len(pool))), "majority": [name for name in common if name in pool]}
        gold = [example.tools, *example.accept]
        for row, guess in guesses.items():
            rows[row].append(ranking_scores(guess, gold))
        cases.append({"id": example.id, "gold": example.tools, "ranking": ranking, "tags": example.tags})
    groups: dict[str, list[int]] = {"": list(range(len(served)))}
    for i, example in enumerate(served):
        for tag in example.tags:
            groups.setdefault(f"/{tag}", []).append(i)
    metrics: dict[str, Metric] = {}
    for group, members in groups.items():
        metrics |= _intervals([rows[""][i] for i in members], group, seed)
    baselines = {row: _intervals(rows[row], "", seed) for row in ("random", "majority")}
    about = {**config, "tools": len(names), "requests": len(served), "unserved": len(examples) - len(served), "seed": seed}
    return SelectionReport(metrics, baselines, {**about, "milliseconds_per_query": 1000 * seconds / len(served)}, cases)


def _intervals(scores: Sequence[dict[str, float]], group: str, seed: int) -> dict[str, Metric]:
    found = mean_intervals({name: [case[name] for case in scores] for name in RANKING_METRICS}, seed=seed)
    return {f"selection.{name}{group}": metric for name, metric in found.items()}


def _check_gold(names: Sequence[str], examples: Sequence[SelectionExample]) -> None:
    known = set(names)
    for example in examples:
        for name in (*example.tools, *example.candidates, *(name for accepted in example.accept for name in accepted)):
            if name not in known:
                raise InputError(f"request {example.id!r} names the tool {name!r}, which the catalogue of {len(known)} does not hold")
