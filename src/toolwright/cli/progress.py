"""Progress on stderr: a bar for each stage on a terminal; in a log file, where a bar cannot move, a line every minute and when a stage has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")
BETWEEN = 60.0  # seconds from line to line of a log file


class Bars:
    """As many bars as there are stages, one below the other."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.tasks: dict[str, TaskID] = {}
        self.since: dict[str, float] = {}
        self.last = time.monotonic()

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def told(self, stage: str, done: int, total: int, word: str = "") -> None:
        """A stage has come this far; `word` says how it goes."""
        if stage not in self.tasks:
            self.tasks[stage], self.since[stage] = self.progress.add_task(stage, total=total), time.monotonic()
        self.progress.update(self.tasks[stage], completed=done, total=total, description=f"{stage} {word}")
        now = time.monotonic()
        if not self.console.is_terminal and (done == total or now - self.last >= BETWEEN):
            self.last = now
            came = f"{total}" if done == total else f"{done} of {total}"
            self.console.print(f"{stage}: {came} in {now - self.since[stage]:.0f} s {word}".rstrip(), highlight=False, soft_wrap=True)


def track(items: Sequence[T], stage: str) -> Iterator[T]:
    """The items, with a bar that tells how many of them are done."""
    with Bars() as bars:
        bars.told(stage, 0, len(items))
        for i, item in enumerate(items):
            yield item
            bars.told(stage, i + 1, len(items))
