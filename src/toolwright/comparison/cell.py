"""One cell: one method with one seed, trained and evaluated in a process of its own.

`python -m toolwright.comparison.cell FOLDER` reads `FOLDER/cell.json` and leaves `FOLDER/result.json`. Whatever it had finished before it was cut off
(checkpoints, the adapter, the evaluation of a task) is not done again. What goes wrong in training or evaluation is the cell's result, a row
`status: failed` with its error; wrong input was refused before any cell began. The process ends with the one that started it.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwright import __version__
from toolwright.comparison.methods import METHODS, Profile
from toolwright.data.versions import version_of
from toolwright.models.hub import sha256_of_files
from toolwright.types import Dialogue, InputError, Metric, Result, write_text

if TYPE_CHECKING:
    from toolwright.data.build import Dataset
    from toolwright.training.sft import Trained

LIBRARIES = ("toolwright", "torch", "transformers", "trl", "peft")
TARGETS = 64  # dialogues of dev that stand for what is wanted, for strategies that ask
TASKS = ("selection", "timing", "calls")


@dataclass(frozen=True, slots=True)
class Cell:
    """Everything that determines a cell's result."""

    method: str
    seed: int
    model: str
    model_sha256: str
    data: str
    data_sha256: str
    coreset: str | None
    profile: Profile
    training: dict[str, Any]  # settings of `SFTSettings` beyond those of the profile
    version: str = __version__

    @property
    def name(self) -> str:
        return f"{self.method}-s{self.seed}"

    @property
    def data_identity(self) -> dict[str, str]:
        """What a result says of the data it was measured on."""
        return {"data_version": version_of(self.data_sha256), "data_sha256": self.data_sha256}

    @classmethod
    def load(cls, path: Path) -> Cell:
        """Read a cell's description. Raises `InputError` for one that another version wrote."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**value, "profile": Profile(**{**value["profile"], "seeds": tuple(value["profile"]["seeds"])})})
        except (TypeError, KeyError, json.JSONDecodeError) as error:
            raise InputError(f"{path}: not a cell of this version ({error}); choose another --output or remove the folder") from error


def run_cell(folder: Path) -> Result:
    """Train and evaluate the cell of this folder, or return its finished result."""
    finished = folder / "result.json"
    if finished.is_file():
        return Result.model_validate_json(finished.read_text(encoding="utf-8"))
    cell = Cell.load(folder / "cell.json")
    try:
        result = _measure(cell, folder)
    except Exception as error:  # noqa: BLE001  a failed run is a failed row, with its error; nothing is put in its place
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        message = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
        result = Result(method=cell.method, seed=cell.seed, model=cell.model, status="failed", error=message, **cell.data_identity)
    write_text(finished, result.model_dump_json())
    return result


def _measure(cell: Cell, folder: Path) -> Result:
    import torch

    from toolwright.data.build import open_data
    from toolwright.evaluation.baselines import Majority, Oracle, Uniform
    from toolwright.evaluation.models import ModelPredictor, Predictor
    from toolwright.models.local import load_model
    from toolwright.training.sft import peak_rss_bytes

    torch.set_num_threads(max(1, os.cpu_count() or 1))
    seconds = {"load": 0.0, "select": 0.0, "train": 0.0, "evaluate": 0.0}
    start = time.perf_counter()
    data = open_data(Path(cell.data))
    if data.sha256 != cell.data_sha256:
        raise ValueError(f"the data in {cell.data} changed: {data.sha256} instead of {cell.data_sha256}")
    seconds["load"] = time.perf_counter() - start
    trained, selection_tokens = _train(cell, folder, data, seconds) if cell.method in METHODS else (None, 0)
    predictors: dict[str, Callable[[], Predictor]] = {
        "random": lambda: Uniform(cell.seed),
        "majority": lambda: Majority(data),
        "oracle": Oracle,
        "base": lambda: ModelPredictor(load_model(cell.model)),
    }
    start = time.perf_counter()
    predictor = predictors[cell.method]() if trained is None else ModelPredictor(load_model(cell.model, trained.adapter))
    seconds["load"] += time.perf_counter() - start
    metrics, seconds["evaluate"] = _evaluate(predictor, data, cell, folder)
    peak = {"rss": max(trained.peak_rss_bytes if trained else 0, peak_rss_bytes())}
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return Result(
        method=cell.method,
        seed=cell.seed,
        model=cell.model,
        status="done",
        **cell.data_identity,
        adapter_sha256=trained.sha256 if trained else "",
        metrics=metrics,
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        steps=trained.steps if trained else 0,
        samples=trained.samples if trained else 0,
        tokens=trained.tokens if trained else 0,
        selection_tokens=selection_tokens,
        peak_memory_bytes=peak,
        versions={name: version(name) for name in LIBRARIES},
    )


def _train(cell: Cell, folder: Path, data: Dataset, seconds: dict[str, float]) -> tuple[Trained, int]:
    """Choose dialogues, train on them, and make sure that the adapter on disk is the one that training wrote; fills in `seconds`. Returns what was trained
    and the tokens that were read to choose.
    """
    from toolwright.training.sft import AgentSFTTrainer, SFTSettings

    profile = cell.profile
    dialogues = data.dialogues("train")
    drawn = sorted(random.Random(f"pool/{cell.seed}").sample(range(len(dialogues)), min(profile.pool, len(dialogues))))
    pool = [dialogues[i] for i in drawn]
    chosen, seconds["select"], selection_tokens = _choose(cell, folder, data, pool)
    write_text(folder / "chosen.json", json.dumps([pool[i].id for i in chosen]))
    settings = SFTSettings(
        model=cell.model,
        seed=cell.seed,
        steps=profile.steps,
        rows_per_step=profile.rows_per_step,
        max_length=profile.max_length,
        checkpoint_steps=profile.checkpoint_steps,
        **cell.training,
    )
    trained = AgentSFTTrainer(settings, folder, lambda done, total: report_progress("train", done, total)).train([pool[i] for i in chosen], data.tools)
    seconds["train"] = trained.seconds
    on_disk = sha256_of_files([trained.adapter / "adapter_model.safetensors"])
    if on_disk != trained.sha256:
        raise ValueError(f"the adapter on disk is {on_disk[:12]}, but training wrote {trained.sha256[:12]}")
    return trained, selection_tokens


def _choose(cell: Cell, folder: Path, data: Dataset, pool: Sequence[Dialogue]) -> tuple[list[int], float, int]:
    """Indices of the dialogues to train on, and the seconds and tokens that choosing costs; signals that another cell left are charged as if made."""
    from toolwright.coreset import STRATEGIES
    from toolwright.coreset.signals import ModelSignals
    from toolwright.encoders import load_encoder

    if cell.coreset is None:
        return list(range(len(pool))), 0.0, 0
    targets = data.dialogues("dev")[:TARGETS]
    signals = ModelSignals(
        cell.model, pool, data.tools, load_encoder("minilm"), folder.parent.parent / "signals", targets, cell.profile.max_length, report_progress
    )
    start = time.perf_counter()
    chosen = STRATEGIES[cell.coreset](pool, min(cell.profile.keep, len(pool)), signals, seed=cell.seed)
    own = time.perf_counter() - start - sum(signals.waited)
    return chosen, own + signals.cost.seconds, signals.cost.tokens


def _evaluate(predictor: Any, data: Any, cell: Cell, folder: Path) -> tuple[dict[str, Metric], float]:
    """The metrics of every task and the seconds they took; a task that was measured before is read from its file."""
    from toolwright.evaluation.tasks import EVALUATIONS

    metrics: dict[str, Metric] = {}
    seconds = 0.0
    for task in TASKS:
        stored = folder / f"evaluated_{task}.json"
        if not stored.is_file():
            start = time.perf_counter()
            found, cases = EVALUATIONS[task](predictor, data, "test", cell.profile.test_items, _told)
            measured = {"metrics": {key: metric.model_dump() for key, metric in found.items()}, "seconds": time.perf_counter() - start}
            write_text(stored, json.dumps({**measured, "examples": cases}, ensure_ascii=False))
        value = json.loads(stored.read_text(encoding="utf-8"))
        metrics |= {key: Metric.model_validate(metric) for key, metric in value["metrics"].items()}
        seconds += value["seconds"]
    return metrics, seconds


def _told(items: Sequence[Any], what: str) -> Iterable[Any]:
    for i, item in enumerate(items):
        report_progress(what, i, len(items))
        yield item
    report_progress(what, len(items), len(items))


def report_progress(stage: str, done: int, total: int) -> None:
    """One line for the process that started this one; without it, this one ends: nobody would take up the result."""
    try:
        print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)
    except BrokenPipeError:
        os._exit(1)


def _end_with_parent() -> None:
    """Stop when the parent is gone: its end of our standard input closes."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def write_cell(cell: Cell, folder: Path) -> None:
    """Put a cell's description into its folder."""
    write_text(folder / "cell.json", json.dumps(asdict(cell), sort_keys=True))


def main() -> None:
    """Run the cell named on the command line, alone in its folder."""
    folder = Path(sys.argv[1])
    _end_with_parent()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a worker of an earlier, killed run may still be ending
        result = run_cell(folder)
    sys.exit(0 if result.status == "done" else 1)


if __name__ == "__main__":
    main()
