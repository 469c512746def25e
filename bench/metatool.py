"""MetaTool's 20,614 single-tool requests, four fifths to learn from: what learning adds for tools that were used, and for tools that nobody used yet.

    python -m bench.metatool [--public-data DIR] [setting=value …]

`by request`: equal texts stay on one side, every tool on both. `by tool`: the tools of the tested requests serve none that was learned from; all 199 tools are
ranked. Settings are those of `toolwright train selector`. Whatever is fitted here stays here.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from toolwright.cli.progress import Bars, track
from toolwright.cli.train import read_settings
from toolwright.data.public import SelectionSet, metatool_single, public_directory
from toolwright.evaluation.statistics import mean_intervals
from toolwright.selection.opening import open_selector
from toolwright.training.selector import SelectorSettings, SelectorTrainer
from toolwright.types import SelectionExample, write_text

LEARNED_SHARE = 0.8
DONE = Path("runs/bench/metatool")  # what is done; delete it to measure again
ROWS = {"keyword": None, "embedding": "minilm", "hybrid": "minilm"}  # beside the trained one, with their encoders


def divisions(examples: Sequence[SelectionExample], seed: int = 0) -> dict[str, tuple[list[int], list[int]]]:
    """Indices to learn from and to test on, by request and by tool."""
    return {
        "by request": _divided([str(example.query).casefold() for example in examples], seed),
        "by tool": _divided([example.tools[0] for example in examples], seed),
    }


def _divided(keys: Sequence[str], seed: int) -> tuple[list[int], list[int]]:
    distinct = sorted(set(keys))
    random.Random(seed).shuffle(distinct)
    learned = set(distinct[: round(LEARNED_SHARE * len(distinct))])
    return [i for i, key in enumerate(keys) if key in learned], [i for i, key in enumerate(keys) if key not in learned]


def ranks(selector_name: str, encoder: str | None, data: SelectionSet, test: Sequence[int], title: str) -> list[int]:
    """The gold tool's place among the first ten, 0 for the first and 10 for none of them."""
    selector = open_selector(selector_name, data.tools, encoder=encoder)
    found = []
    for i in track(list(test), title):
        names = selector.select(data.examples[i].query, 10).names
        gold = data.examples[i].tools[0]
        found.append(names.index(gold) if gold in names else 10)
    return found


def kept(division: str, data: SelectionSet, learn: Sequence[int], test: Sequence[int], settings: SelectorSettings) -> dict[str, list[int]]:
    """Every row's ranks for one division; from disk where they are done already."""
    folder = DONE / division.replace(" ", "_")
    found: dict[str, list[int]] = {}
    for row, encoder in {**ROWS, "trained": None}.items():
        path = folder / f"{row}.json"
        if not path.is_file():
            selector = row
            if row == "trained":
                with Bars() as bars:
                    SelectorTrainer(data.tools, [data.examples[i] for i in learn], settings, folder / "selector", bars.told).train()
                selector = str(folder / "selector")
            write_text(path, json.dumps(ranks(selector, encoder, data, test, f"{division}: {row}")))
        found[row] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Print R@1 and R@5 with 95 % intervals (equal texts drawn together)."""
    arguments = sys.argv[1:]
    given = Path(arguments.pop(arguments.index("--public-data") + 1)) if "--public-data" in arguments else None
    settings = SelectorSettings(**{"tune": "encoder", **read_settings([one for one in arguments if one != "--public-data"], SelectorSettings)})
    data = metatool_single(public_directory(given))
    for division, (learn, test) in divisions(data.examples).items():
        texts = [str(data.examples[i].query).casefold() for i in test]
        for row, found in kept(division, data, learn, test, settings).items():
            scores = mean_intervals({"R@1": [float(rank < 1) for rank in found], "R@5": [float(rank < 5) for rank in found]}, texts)
            said = "  ".join(f"{name} {100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]" for name, one in scores.items())
            print(f"{division:<12} {row:<10} {said}  n={len(found)}", flush=True)


if __name__ == "__main__":
    main()
