"""How well a selector ranks a whole catalogue, and whether it abstains where no tool fits, beside random and majority."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolwright.data.frames import cluster_of
from toolwright.evaluation.metrics import RANKING_METRICS, TOP_KS, balanced_accuracy, ranking_scores
from toolwright.evaluation.statistics import mean_interval, mean_intervals, statistic_interval
from toolwright.selection import Selector
from toolwright.types import JSON, InputError, Metric, Selection, SelectionExample, Tool

DEPTH = max(TOP_KS)
MOST_GOLD = 5  # requests with as many gold tools or more are one group


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
    """Rank the catalogue for every request.

    Ranking metrics are of the requests that some tool serves, by tag and by number of gold tools. Where there are requests that none serves
    (`tools: []`), `abstention` is the balanced accuracy of telling the two apart. `csr` (correct selection rate; MetaTool, Huang et al., 2024) is the share
    of all requests whose answer equals the gold: as many tools as there are gold ones, and abstention where there are none.

    Args:
        selector: fitted on `tools`.
        tools: the catalogue; every gold tool must be in it.
        examples: requests with gold tools.
        config: what to record beside the figures.
        progress: wraps the requests, to show how far it is.
        seed: of the random baseline and the intervals.
    """
    names = sorted(tool.name for tool in tools)
    _check_gold(names, examples)
    if not examples:
        raise InputError("got no requests; nothing to rank")
    found: list[Selection] = []
    milliseconds: list[float] = []
    for example in progress(examples):
        start = time.perf_counter()
        found.append(selector.select(example.query, DEPTH, list(example.candidates) or None))
        milliseconds.append(1000 * (time.perf_counter() - start))
    served = [i for i, example in enumerate(examples) if example.tools]
    clusters = [_cluster(example.id) for example in examples]
    metrics: dict[str, Metric] = {}
    baselines: dict[str, dict[str, Metric]] = {}
    if served:
        metrics, baselines = _ranking([examples[i] for i in served], [found[i].names for i in served], names, [clusters[i] for i in served], seed)
    metrics |= _abstention(examples, found, clusters, seed)
    cases = [{"id": e.id, "gold": e.tools, "ranking": one.names, "abstains": one.abstains, "tags": e.tags} for e, one in zip(examples, found, strict=True)]
    speed = {"milliseconds_per_query": float(np.median(milliseconds)), "milliseconds_p99": float(np.percentile(milliseconds, 99))}
    about = {**config, "tools": len(names), "requests": len(served), "unserved": len(examples) - len(served), "seed": seed, "index": found[0].index}
    return SelectionReport(metrics, baselines, {**about, **speed}, cases)


def worse_than(metrics: Mapping[str, Metric], baseline: Path) -> list[str]:
    """Each figure that is below the interval it had in a result file, in words; figures of only one of the two are passed over."""
    try:
        before = json.loads(baseline.read_text(encoding="utf-8"))["metrics"]
        known = {name: Metric.model_validate(value) for name, value in before.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--fail-under: {baseline} is no result file ({error!r:.120}); expected what --out writes") from error
    if not set(known) & set(metrics):
        raise InputError(f"--fail-under: {baseline} has none of the figures measured here; expected what --out writes")
    return [
        f"{name}: {100 * metrics[name].value:.1f}, before {100 * old.value:.1f} [{100 * old.low:.1f}, {100 * old.high:.1f}]"
        for name, old in known.items()
        if name in metrics and metrics[name].value < old.low
    ]


def _ranking(
    examples: Sequence[SelectionExample], rankings: Sequence[Sequence[str]], names: Sequence[str], clusters: Sequence[str], seed: int
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """Ranking metrics of the selector by group, and of the two baselines."""
    source = random.Random(seed)
    common = [name for name, _ in Counter(name for example in examples for name in example.tools).most_common(DEPTH)]
    rows: dict[str, list[dict[str, float]]] = {"": [], "random": [], "majority": []}
    groups: dict[str, list[int]] = {"": list(range(len(examples)))}
    for i, (example, ranking) in enumerate(zip(examples, rankings, strict=True)):
        pool = sorted(example.candidates) or names
        guesses = {"": ranking, "random": source.sample(pool, min(DEPTH, len(pool))), "majority": [name for name in common if name in pool]}
        for row, guess in guesses.items():
            rows[row].append(ranking_scores(guess, [example.tools, *example.accept]))
        gold = len(example.tools)
        for tag in (*example.tags, f"gold_{gold}" if gold < MOST_GOLD else f"gold_{MOST_GOLD}_or_more"):
            groups.setdefault(f"/{tag}", []).append(i)
    metrics: dict[str, Metric] = {}
    for group, members in groups.items():
        if not group.startswith("/gold_") or len(members) < len(examples):
            metrics |= _intervals([rows[""][i] for i in members], group, [clusters[i] for i in members], seed)
    return metrics, {row: _intervals(rows[row], "", clusters, seed) for row in ("random", "majority")}


def _abstention(examples: Sequence[SelectionExample], found: Sequence[Selection], clusters: Sequence[str], seed: int) -> dict[str, Metric]:
    """Whether the selector tells requests that no tool serves, and how often its answer is the gold."""
    truth = np.array(["some" if example.tools else "none" for example in examples])
    told = np.array(["none" if one.abstains else "some" for one in found])
    right = [
        one.abstains if not example.tools else not one.abstains and set(one.names[: len(example.tools)]) == set(example.tools)
        for example, one in zip(examples, found, strict=True)
    ]
    metrics = {"selection.csr": mean_interval([float(one) for one in right], clusters, seed)}
    for name, label in (("served", "some"), ("unserved", "none")):
        members = np.flatnonzero(truth == label).tolist()
        if len(members):
            metrics[f"selection.abstained/{name}"] = mean_interval((told[members] == "none").astype(float).tolist(), [clusters[i] for i in members], seed)
    if len(set(truth.tolist())) == 2:
        metrics["selection.abstention"] = statistic_interval(lambda i: balanced_accuracy(truth[i].tolist(), told[i].tolist()), clusters, seed)
    return metrics


def _intervals(scores: Sequence[dict[str, float]], group: str, clusters: Sequence[str], seed: int) -> dict[str, Metric]:
    found = mean_intervals({name: [case[name] for case in scores] for name in RANKING_METRICS}, clusters, seed)
    return {f"selection.{name}{group}": metric for name, metric in found.items()}


def _cluster(id_: str) -> str:
    """What an example succeeds or fails together with: the frame or tool of agent_benchmark's ids, else itself."""
    return cluster_of(id_) if id_.count(".") >= 3 else id_


def _check_gold(names: Sequence[str], examples: Sequence[SelectionExample]) -> None:
    known = set(names)
    for example in examples:
        for name in (*example.tools, *example.candidates, *(name for accepted in example.accept for name in accepted)):
            if name not in known:
                raise InputError(f"request {example.id!r} names the tool {name!r}, which the catalogue of {len(known)} does not hold")
