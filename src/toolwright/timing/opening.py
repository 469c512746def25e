"""Deciders by name or folder: `rules`, `llm` with a chat model, a trained classifier, or a hybrid whose bands were fitted

A hybrid is one file, `hybrid.json`: `{"stages": [{"decider": "rules", "sure": 0.93}, {"decider": FOLDER, "sure": 0.0}]}`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from toolwright.models.chat import ChatModel
from toolwright.timing.classifier import SETTINGS, ClassifierDecider
from toolwright.timing.hybrid import HybridDecider, Stage
from toolwright.timing.llm import LLMDecider
from toolwright.timing.protocol import TimingDecider
from toolwright.timing.rules import RulesDecider
from toolwright.types import InputError, write_text

HYBRID = "hybrid.json"


def open_decider(name: str, model: ChatModel | None = None) -> TimingDecider:
    """The decider of that name.

    Args:
        name: `rules`, `llm`, or a folder that `toolwright train decider` or `toolwright train bands` wrote.
        model: what `llm` asks, by itself or as a stage of a hybrid.

    Raises:
        InputError: no such decider, or one that needs a model without one.
    """
    if name == "rules":
        return RulesDecider()
    if name == "llm":
        if model is None:
            raise InputError("the decider 'llm' asks a chat model; got none")
        return LLMDecider(model)
    folder = Path(name)
    if (folder / HYBRID).is_file():
        return _hybrid(folder / HYBRID, model)
    if (folder / SETTINGS).is_file():
        return ClassifierDecider.load(folder)
    raise InputError(f"got {name!r}; allowed: rules, llm, or a folder that `toolwright train decider` or `train bands` wrote")


def write_hybrid(folder: Path, names: Sequence[str], bands: Sequence[float]) -> None:
    """Write the stages of a hybrid; folders are kept as whole paths."""
    kept = [str(Path(name).resolve()) if Path(name).is_dir() else name for name in names]
    stages = [{"decider": name, "sure": band} for name, band in zip(kept, bands, strict=True)]
    write_text(folder / HYBRID, json.dumps({"stages": stages}, indent=1) + "\n")


def _hybrid(path: Path, model: ChatModel | None) -> HybridDecider:
    try:
        rows = [(str(row["decider"]), float(row["sure"])) for row in json.loads(path.read_text(encoding="utf-8"))["stages"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: holds no stages ({error!r}); expected a file that `toolwright train bands` wrote") from error
    if path.parent.resolve() in [Path(name).resolve() for name, _ in rows]:
        raise InputError(f"{path}: a stage is the hybrid itself; keep a hybrid in a folder of its own")
    return HybridDecider([Stage(open_decider(name, model), sure) for name, sure in rows])
