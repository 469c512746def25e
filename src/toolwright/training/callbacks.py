"""What goes along with every training: its seconds counted, losses written, whole checkpoints marked, and told how far it is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from toolwright.training.watch import Watcher
from toolwright.types import JSON, write_text


class Clock(TrainerCallback):
    """Counts training seconds across interruptions, writes the losses, and marks whole checkpoints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = 0.0
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

    def leave_out(self, seconds: float) -> None:
        """So much of the time since the start was not training's."""
        self.before -= seconds

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        stored = self.folder / "seconds.json"
        self.before = json.loads(stored.read_text())["seconds"] if state.global_step and stored.is_file() else 0.0
        self.started = time.perf_counter()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_text(self.folder / "seconds.json", json.dumps({"seconds": self.seconds}))
        write_text(checkpoint / "whole", f"{os.getpid()}\n")

    def on_log(self, args: Any, state: Any, control: Any, logs: JSON | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            line: JSON = {"step": state.global_step, "loss": logs["loss"], "learning_rate": logs.get("learning_rate")}
            with (self.folder / "losses.jsonl").open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")


class Told(TrainerCallback):
    """Tells how far training is, and how it goes."""

    def __init__(self, progress: Callable[[int, int, str], None], watcher: Watcher | None) -> None:
        self.progress = progress
        self.watcher = watcher
        self.loss = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._tell(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._tell(state)

    def on_log(self, args: Any, state: Any, control: Any, logs: JSON | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.loss = f"loss {logs['loss']:.2f}"

    def _tell(self, state: Any) -> None:
        said = self.watcher.said if self.watcher else ""
        self.progress(state.global_step, state.max_steps, " · ".join(part for part in (self.loss, said) if part))
