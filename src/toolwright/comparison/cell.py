"""One cell: one method with one seed, trained and evaluated in a process of its own.

`python -m toolwright.comparison.cell FOLDER` reads `FOLDER/cell.json` and leaves `FOLDER/result.json`. Whatever it had finished before it was cut off
(checkpoints, the adapter, the evaluation of a task) is not done again. What goes wrong in training or evaluation is the cell's result, a row
`status: failed` with its error; wrong input was refused before any cell began. The process ends with the one that started it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwright import __version__
from toolwright.comparison.learning import Learned, learn
from toolwright.comparison.methods import Method, Profile
from toolwright.comparison.progress import told
from toolwright.comparison.stream import score_phases
from toolwright.data.versions import version_of
from toolwright.types import InputError, Metric, Result, write_text

if TYPE_CHECKING:
    from toolwright.data.build import Dataset

LIBRARIES = ("toolwright", "torch", "transformers", "trl", "peft")
TASKS = ("selection", "timing", "calls", "planning")


@dataclass(frozen=True, slots=True)
class Cell:
    """Everything that determines a cell's result."""

    method: str
    seed: int
    model: str
    model_sha256: str
    data: str
    data_sha256: str
    definition: Method | None  # None: a row that trains nothing
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
            profile = Profile(**{**value["profile"], "seeds": tuple(value["profile"]["seeds"])})
            definition = Method(**value["definition"]) if value["definition"] else None
            return cls(**{**value, "profile": profile, "definition": definition})
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
    from toolwright.evaluation.statistics import mean_interval
    from toolwright.models.local import load_for_evaluation
    from toolwright.training.sft import peak_rss_bytes

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    seconds = {"load": 0.0, "select": 0.0, "train": 0.0, "evaluate": 0.0}
    start = time.perf_counter()
    data = open_data(Path(cell.data))
    if data.sha256 != cell.data_sha256:
        raise ValueError(f"the data in {cell.data} changed: {data.sha256} instead of {cell.data_sha256}")
    seconds["load"] = time.perf_counter() - start
    learned = learn(cell, folder, data) if cell.definition is not None else None
    if learned is not None:
        seconds["select"], seconds["train"] = learned.select_seconds, learned.trained.seconds
    predictors: dict[str, Callable[[], Predictor]] = {
        "random": lambda: Uniform(cell.seed),
        "majority": lambda: Majority(data),
        "oracle": Oracle,
        "base": lambda: ModelPredictor(load_for_evaluation(cell.model)),
    }
    start = time.perf_counter()
    predictor = predictors[cell.method]() if learned is None else ModelPredictor(load_for_evaluation(cell.model, learned.trained.adapter))
    seconds["load"] += time.perf_counter() - start
    metrics, seconds["evaluate"], evaluation_tokens = _evaluate(predictor, data, cell, folder)
    stream = _evaluate_stream(cell, folder, data, learned, seconds) if learned is not None and learned.groups else {}
    if learned is not None and learned.succeeded:
        metrics["trajectories.kept"] = mean_interval([float(one) for one in learned.succeeded])
    peak = {"rss": max(learned.trained.peak_rss_bytes if learned else 0, peak_rss_bytes())}
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return Result(
        method=cell.method,
        seed=cell.seed,
        model=cell.model,
        status="done",
        **cell.data_identity,
        adapter_sha256=learned.trained.sha256 if learned else "",
        metrics={**metrics, **stream.pop("metrics", {})},
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        steps=learned.trained.steps if learned else 0,
        samples=learned.trained.samples if learned else 0,
        tokens=learned.trained.tokens if learned else 0,
        selection_tokens=learned.selection_tokens if learned else 0,
        evaluation_tokens=evaluation_tokens,
        parameters=predictor.parameters,
        peak_memory_bytes=peak,
        versions={name: version(name) for name in LIBRARIES},
        **stream,
    )


def _evaluate_stream(cell: Cell, folder: Path, data: Dataset, learned: Learned, seconds: dict[str, float]) -> dict[str, Any]:
    """What a result says of a stream; adds to the seconds of evaluation."""
    found = score_phases(cell, folder, data, learned.groups, learned.adapters)
    seconds["evaluate"] += found.seconds
    return {"metrics": found.metrics, "phases": [", ".join(group) for group in learned.groups], "phase_scores": {"selection.top_1": found.scores}}


def _evaluate(predictor: Any, data: Any, cell: Cell, folder: Path) -> tuple[dict[str, Metric], float, int]:
    """The metrics of every task, and the seconds and tokens they took; a task that was measured before is read from its file."""
    from toolwright.evaluation.tasks import EVALUATIONS

    metrics: dict[str, Metric] = {}
    seconds, tokens = 0.0, 0
    for task in TASKS:
        stored = folder / f"evaluated_{task}.json"
        if not stored.is_file():
            start, before = time.perf_counter(), predictor.tokens
            items = cell.profile.test_goals if task == "planning" else cell.profile.test_items
            found, cases = EVALUATIONS[task](predictor, data, "test", items, told)
            cost = {"seconds": time.perf_counter() - start, "tokens": predictor.tokens - before}
            measured = {key: metric.model_dump() for key, metric in found.items()}
            write_text(stored, json.dumps({"metrics": measured, **cost, "examples": cases}, ensure_ascii=False))
        value = json.loads(stored.read_text(encoding="utf-8"))
        metrics |= {key: Metric.model_validate(metric) for key, metric in value["metrics"].items()}
        seconds += value["seconds"]
        tokens += value["tokens"]
    return metrics, seconds, tokens


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
