"""What a cell tells the process that started it: one line a step, on stdout."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any


def report_progress(stage: str, done: int, total: int, word: str = "") -> None:
    """One line for the process that started this one, `word` on how it goes; without that process this one ends: nobody would take up the result."""
    try:
        print(json.dumps({"stage": stage, "done": done, "total": total, "word": word}), flush=True)
    except BrokenPipeError:
        os._exit(1)


def told(items: Sequence[Any], what: str) -> Iterable[Any]:
    """The items, telling of each."""
    for i, item in enumerate(items):
        report_progress(what, i, len(items))
        yield item
    report_progress(what, len(items), len(items))
