"""UltraTool-plan in five folds grouped by plan: what learning from plans adds to copying the nearest one. Whatever is fitted here stays here.

    python -m bench.ultratool [--public-data DIR] [--encoder NAME]

No test plan occurs in training. Beside the folds: the published split, where most test plans do.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from toolwright.data.public import public_directory
from toolwright.data.public_plans import PlanSet, ultratool_plan
from toolwright.encoders import load_encoder
from toolwright.evaluation.planning import plan_scores
from toolwright.evaluation.statistics import mean_intervals
from toolwright.planning.likely import LikelyTools, best_set
from toolwright.planning.nearest import NearestPlan
from toolwright.planning.order import ToolOrder
from toolwright.planning.protocol import Context
from toolwright.types import PlanExample, Step, Tool, write_text

FOLDS = 5
DONE = Path("runs/bench/ultratool")  # what is done; delete it to measure again


def signature(example: PlanExample) -> str:
    return " ".join(step.tool for step in example.steps)


class Chains:
    """Likely tools, put in order, each linked to the next: every plan of this set is a chain."""

    def fit(self, examples: Sequence[PlanExample], tools: Sequence[Tool], encode: object) -> Chains:
        goals = [example.goal for example in examples]
        used = [[step.tool for step in example.steps] for example in examples]
        self.likely = LikelyTools(encode).fit(goals, used, [signature(example) for example in examples], tools)
        at = {tool.name: i for i, tool in enumerate(tools)}
        places = [self.places(goal, [at[name] for name in names]) for goal, names in zip(goals, used, strict=True)]
        self.order = ToolOrder().fit(used, places)
        return self

    def places(self, goal: str, columns: Sequence[int]) -> list[float]:
        by_clause = self.likely.likely(goal).by_clause
        return [float(by_clause[:, column].argmax() / len(by_clause)) for column in columns]

    def plan(self, goal: str) -> list[Step]:
        found = self.likely.likely(goal)
        kept = best_set(found.probability)
        names = [self.likely.tools_[i] for i in kept]
        places = [float(found.by_clause[:, i].argmax() / len(found.clauses)) for i in kept]
        ordered = [names[i] for i in self.order.order(names, places)]
        return [Step(id=f"s{i}", tool=name, depends_on=(f"s{i - 1}",) if i else ()) for i, name in enumerate(ordered)]


def folds(examples: Sequence[PlanExample], seed: int = 0) -> list[list[int]]:
    """Indices by fold; requests with one plan stand in one fold."""
    plans = sorted({signature(example) for example in examples})
    random.Random(seed).shuffle(plans)
    fold = {plan: i % FOLDS for i, plan in enumerate(plans)}
    return [[i for i, example in enumerate(examples) if fold[signature(example)] == k] for k in range(FOLDS)]


def told(title: str, rows: dict[str, list[dict[str, float]]], groups: Sequence[str]) -> None:
    for name, scores in rows.items():
        found = mean_intervals({key: [row[key] for row in scores] for key in ("node_f1", "link_f1", "acc")}, groups)
        said = "  ".join(f"{key} {100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]" for key, one in found.items())
        print(f"{title:<28} {name:<8} {said}  n={len(scores)}", flush=True)


def compare(data: PlanSet, train: Sequence[int], test: Sequence[int], encode: object) -> dict[str, list[dict[str, float]]]:
    learned = Chains().fit([data.examples[i] for i in train], data.tools, encode)
    nearest = NearestPlan().fit([data.examples[i] for i in train])
    rows: dict[str, list[dict[str, float]]] = {"learned": [], "nearest": []}
    for i in test:
        example = data.examples[i]
        rows["learned"].append(plan_scores(example.steps, learned.plan(example.goal)))
        rows["nearest"].append(plan_scores(example.steps, nearest.plan(example.goal, data.tools, Context()).steps))
    return rows


def kept(part: str, data: PlanSet, test: Sequence[int], encode: object) -> dict[str, list[dict[str, float]]]:
    """The scores of one part, trained on all that is not its test; from disk where it is done already."""
    path = DONE / f"{part}.json"
    if not path.is_file():
        train = sorted(set(range(len(data.examples))) - set(test))
        write_text(path, json.dumps(compare(data, train, test, encode)))
    found: dict[str, list[dict[str, float]]] = json.loads(path.read_text())
    return found


def main() -> None:
    """Print n-F1, l-F1 and Acc with 95 % intervals (plans drawn whole): five folds, then the published split and its novel part."""
    given = sys.argv[sys.argv.index("--public-data") + 1] if "--public-data" in sys.argv else None
    data = ultratool_plan(public_directory(Path(given) if given else None))
    encode = load_encoder(sys.argv[sys.argv.index("--encoder") + 1] if "--encoder" in sys.argv else "minilm-tokens").encode
    every: dict[str, list[dict[str, float]]] = {"learned": [], "nearest": []}
    groups: list[str] = []
    for number, test in enumerate(folds(data.examples)):
        rows = kept(f"fold{number + 1}", data, test, encode)
        told(f"fold {number + 1}", rows, [signature(data.examples[i]) for i in test])
        groups += [signature(data.examples[i]) for i in test]
        for name, scores in rows.items():
            every[name] += scores
    told("five folds by plan", every, groups)
    test = [i for i, example in enumerate(data.examples) if example.id in data.test_ids]
    rows = kept("published", data, test, encode)
    told("published split", rows, [signature(data.examples[i]) for i in test])
    novel = [k for k, i in enumerate(test) if data.examples[i].id in data.novel_ids]
    told("published split, novel", {name: [scores[k] for k in novel] for name, scores in rows.items()}, [str(k) for k in novel])


if __name__ == "__main__":
    main()
