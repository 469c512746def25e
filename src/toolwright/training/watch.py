"""Training watched: a slice of dev measured every so many steps, told to whoever looks, and the end of training when it rises no more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from toolwright.models.local import LanguageModel
from toolwright.training.adapters import trained_weights
from toolwright.types import InputError, Metric, read_lines, write_text

CURVE = "curve.jsonl"
BEST = "best.safetensors"
LogTo = Literal["none", "tensorboard", "trackio", "wandb"]


@dataclass(frozen=True, slots=True)
class Watch:
    """What to look at while a model trains.

    Args:
        every: steps between two looks; the end is looked at too.
        look: measures the model as it is now; must change nothing of it.
        metric: of those that `look` finds, the one that tells whether training still helps; higher is better.
        at_start: whether to look before the first step.
        patience: looks without a new highest value after which training ends with the weights of the highest; 0 trains all steps and keeps the last.
    """

    every: int
    look: Callable[[LanguageModel], Mapping[str, Metric]]
    metric: str = "selection.top_1"
    at_start: bool = True
    patience: int = 0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every is {self.every!r}; expected 1 or more steps")
        if self.patience < 0:
            raise InputError(f"patience is {self.patience!r}; expected 0 or more looks")


class Watcher(TrainerCallback):
    """Looks, writes one line a look to `curve.jsonl`, and keeps the best weights where training may end early.

    Seconds spent looking are not training's: they are handed to `uncounted`. After a cut the lines of steps that come again are dropped.
    """

    def __init__(
        self,
        watch: Watch,
        folder: Path,
        lm: LanguageModel,
        samples_a_step: float,
        tokens_a_step: int,
        seconds: Callable[[], float],
        uncounted: Callable[[float], None],
    ) -> None:
        self.watch = watch
        self.folder = folder
        self.lm = lm
        self.samples_a_step = samples_a_step
        self.tokens_a_step = tokens_a_step
        self.seconds = seconds
        self.uncounted = uncounted
        self.trainer: Any = None
        self.said = ""  # the newest figures, in words

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        path = self.folder / CURVE
        lines = [line for _, line in read_lines(path) if line["step"] <= state.global_step] if path.is_file() else []
        write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
        if not lines and self.watch.at_start:
            self._look(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self.watch.every == 0 or state.global_step == state.max_steps:
            self._look(state.global_step)
            control.should_training_stop |= self.exhausted

    @property
    def values(self) -> list[float]:
        """The watched metric at every look so far."""
        lines = [line for _, line in read_lines(self.folder / CURVE)]
        return [line["metrics"][self.watch.metric]["value"] for line in lines]

    @property
    def exhausted(self) -> bool:
        values = self.values
        return 0 < self.watch.patience <= len(values) - 1 - values.index(max(values))

    def take_best(self, model: Any) -> None:
        """Give the model the weights of its best look, where the watch asks for it."""
        if not self.watch.patience:
            return
        found = load_file(self.folder / BEST)
        with torch.no_grad():
            for name, parameter in trained_weights(model).items():
                parameter.copy_(found[name])

    def _look(self, step: int) -> None:
        start, counted = time.perf_counter(), self.seconds()
        model = self.lm.model
        training = model.training
        model.eval()
        found = self.watch.look(self.lm)
        model.train(training)
        if self.watch.metric not in found:
            raise InputError(f"metric is {self.watch.metric!r}; allowed: {', '.join(found)}")
        line = {
            "step": step,
            "samples": round(step * self.samples_a_step),
            "tokens": step * self.tokens_a_step,
            "seconds": round(counted, 3),
            "metrics": {key: metric.model_dump() for key, metric in found.items()},
        }
        if self.watch.patience and found[self.watch.metric].value > max(self.values, default=-1.0):
            save_file({name: one.detach().contiguous() for name, one in trained_weights(model).items()}, self.folder / BEST)
        with (self.folder / CURVE).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        self.said = " · ".join(f"{key.split('.')[-1]} {100 * metric.value:.0f}" for key, metric in found.items())
        self.trainer.log({f"dev/{key}": metric.value for key, metric in found.items()})
        self.uncounted(time.perf_counter() - start)


def check_log_to(to: str) -> None:
    """Raise `InputError` for a service that nobody knows, or whose package is missing."""
    if to not in get_args(LogTo):
        raise InputError(f"--log-to: got {to!r}; allowed: {', '.join(get_args(LogTo))}")
    if to in ("trackio", "wandb") and find_spec(to) is None:
        raise InputError(f"--log-to: got {to!r}, which is not installed; run `pip install {to}`, or choose tensorboard or none")


def log_callbacks(to: LogTo, folder: Path) -> list[TrainerCallback]:
    """What writes TensorBoard's files; the other services are the trainer's own."""
    if to != "tensorboard":
        return []
    from tensorboardX import SummaryWriter

    return [TensorBoardCallback(SummaryWriter(str(folder / "tensorboard")))]
