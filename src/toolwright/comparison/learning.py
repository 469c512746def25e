"""A cell's method put to work: trained in one piece, or in phases of domains that arrive one after another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolwright.comparison.material import Material, choose, pool_of, signals_of
from toolwright.comparison.methods import BUFFER_SHARE, Method
from toolwright.comparison.progress import report_progress
from toolwright.continual import BUFFERS
from toolwright.continual.buffer import Seen
from toolwright.continual.learner import OnlineContinualLearner, share_out
from toolwright.continual.stream import domains_of, in_phases, phases
from toolwright.types import JSON, Dialogue, write_text

if TYPE_CHECKING:
    from toolwright.comparison.cell import Cell
    from toolwright.data.build import Dataset
    from toolwright.training.sft import SFTSettings, Trained
    from toolwright.training.watch import Watch

COUNTED = ("step", "samples", "tokens", "seconds")  # what a line of a record counts from the start of its training


@dataclass(frozen=True, slots=True)
class Learned:
    """What was trained, and what finding its dialogues cost; of a stream, each phase's domains and the folder of what was known after it; of the model's own
    trajectories, whether each succeeded.
    """

    trained: Trained
    select_seconds: float
    selection_tokens: int
    groups: tuple[tuple[str, ...], ...] = ()
    adapters: tuple[Path, ...] = ()
    succeeded: tuple[bool, ...] = ()


def learn(cell: Cell, folder: Path, data: Dataset) -> Learned:
    """Choose dialogues and train on them, as the cell's method says; what was cut off in `folder` goes on.

    Raises `ValueError` where the method is to train on the model's own trajectories and none succeeded: the baseline by another name is no result.
    """
    pool = pool_of(cell, folder, data)
    if _method(cell).source == "trajectories" and not any(pool.succeeded):
        raise ValueError(f"none of the model's trajectories for {len(pool.succeeded)} goals succeeded: it has nothing of its own to train on")
    learned = (_in_phases if _method(cell).stream else _in_one)(cell, folder, data, pool.dialogues)
    check_weights(learned.trained)
    seconds, tokens = learned.select_seconds + pool.seconds, learned.selection_tokens + pool.tokens
    return replace(learned, select_seconds=seconds, selection_tokens=tokens, succeeded=pool.succeeded)


def check_weights(trained: Trained) -> None:
    """Raise `ValueError` unless the weights on disk are those that training wrote."""
    from toolwright.training.adapters import weights_sha256

    on_disk = weights_sha256(trained.adapter)
    if on_disk != trained.sha256:
        raise ValueError(f"the adapter on disk is {on_disk[:12]}, but training wrote {trained.sha256[:12]}")


def _method(cell: Cell) -> Method:
    assert cell.definition is not None, f"{cell.method} trains nothing"
    return cell.definition


def _settings(cell: Cell, steps: int) -> SFTSettings:
    from toolwright.training.sft import SFTSettings

    p = cell.profile
    return SFTSettings(
        model=cell.model,
        seed=cell.seed,
        steps=steps,
        adapter=_method(cell).adapter,
        rows_per_step=p.rows_per_step,
        max_length=p.max_length,
        checkpoint_steps=p.checkpoint_steps,
        **cell.training,
    )


def _watch(cell: Cell, data: Dataset) -> Watch | None:
    """Every so many steps a look at dev, the same for all methods; none ends early, since budgets are equal."""
    if not cell.profile.look_steps:
        return None
    from toolwright.evaluation.dev import dev_metrics
    from toolwright.evaluation.models import ModelPredictor
    from toolwright.training.watch import Watch

    return Watch(cell.profile.look_steps, lambda lm: dev_metrics(ModelPredictor(lm), data, cell.profile.look_items))


def _in_one(cell: Cell, folder: Path, data: Dataset, pool: Sequence[Dialogue]) -> Learned:
    from toolwright.training.sft import AgentSFTTrainer

    material = choose(cell, folder, data, pool, cell.profile.keep, folder)
    progress = partial(report_progress, "train")
    trainer = AgentSFTTrainer(_settings(cell, cell.profile.steps), folder, progress, watch=_watch(cell, data), log_to="tensorboard")
    trained = trainer.train(material.dialogues, data.tools, material.difficulty)
    return Learned(trained, material.seconds, material.tokens)


def groups_of(cell: Cell, data: Dataset) -> list[list[str]]:
    """The domains of each phase: all that train dialogues name, those with tests shared out evenly, and the foundation's likewise."""
    named = sorted({domain for dialogue in data.dialogues("train") for domain in domains_of(dialogue.tags)})
    tested = [domain for domain in named if data.parts[domain] != "foundation"]
    return phases(tested, cell.seed, cell.profile.phases, [domain for domain in named if data.parts[domain] == "foundation"])


def _in_phases(cell: Cell, folder: Path, data: Dataset, pool: Sequence[Dialogue]) -> Learned:
    """The stream. All its phases together have the profile's steps, each by the number of dialogues that arrive with it."""
    from toolwright.training.sft import CARRIED, AgentSFTTrainer, finished_training

    method, profile, groups = _method(cell), cell.profile, groups_of(cell, data)
    arriving = in_phases(pool, groups)
    sizes = [len(arrived) for arrived in arriving]
    steps, keep = share_out(profile.steps, sizes), share_out(min(profile.keep, len(pool)), sizes)
    costs: list[Material] = []

    def train(dialogues: Sequence[Dialogue], phase: Path, before: Path | None) -> None:
        number = learner.learned
        settings, last = _settings(cell, steps[number]), number == len(steps) - 1
        done, watch = sum(steps[:number]), _watch(cell, data)
        watch = watch and replace(watch, every=profile.steps, at_start=before is None)
        progress = lambda step, total, word: report_progress("train", done + step, profile.steps, word)  # noqa: E731
        trainer = AgentSFTTrainer(settings, phase, progress, before=before, hand_on=not last, watch=watch, log_to="tensorboard")
        trainer.train(dialogues, data.tools)
        if before is not None:
            shutil.rmtree(before / CARRIED, ignore_errors=True)

    def look(dialogues: Sequence[Dialogue], phase: Path) -> list[Seen]:
        return _look(cell, folder, data, dialogues, phase)

    buffer = BUFFERS[method.buffer](max(1, round(BUFFER_SHARE * len(pool))), cell.seed)
    learner = OnlineContinualLearner(folder / "stream", buffer, method.replay, train, look)
    for number, arrived in enumerate(arriving):
        before = learner.phase(number - 1) / "adapter" if number else None
        costs.append(choose(cell, folder, data, arrived, keep[number], learner.phase(number), before))
        if number >= learner.learned:
            learner.learn(costs[-1].dialogues)
    parts = [finished_training(learner.phase(number)) for number in range(len(steps))]
    looked = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "stream").glob("phase_*/looked.json"))]
    _join_records(folder, [learner.phase(number) for number in range(len(steps))], steps)
    return Learned(
        _together([part for part in parts if part is not None], sum(len(one.dialogues) for one in costs)),
        sum(one.seconds for one in costs) + sum(one["seconds"] for one in looked),
        sum(one.tokens for one in costs) + sum(one["tokens"] for one in looked),
        tuple(tuple(group) for group in groups),
        tuple(learner.phase(number) / "adapter" for number in range(len(steps))),
    )


def _look(cell: Cell, folder: Path, data: Dataset, dialogues: Sequence[Dialogue], phase: Path) -> list[Seen]:
    """Losses and vectors for the rules that ask, with what they cost."""
    rule = _method(cell).buffer
    if rule not in ("herding", "surprise"):
        return [Seen(dialogue) for dialogue in dialogues]
    signals = signals_of(cell, folder, data, dialogues, phase / "adapter")
    vectors = signals.embeddings().tolist() if rule == "herding" else [()] * len(dialogues)
    losses = signals.losses().tolist() if rule == "surprise" else [0.0] * len(dialogues)
    write_text(phase / "looked.json", json.dumps({"seconds": signals.cost.seconds, "tokens": signals.cost.tokens}))
    return [Seen(dialogue, tuple(vector), loss) for dialogue, vector, loss in zip(dialogues, vectors, losses, strict=True)]


def _together(parts: Sequence[Trained], samples: int) -> Trained:
    """A stream's cost as that of one training; `samples` counts what arrived, replays not again."""
    return replace(
        parts[-1],
        steps=sum(part.steps for part in parts),
        samples=samples,
        tokens=sum(part.tokens for part in parts),
        seconds=sum(part.seconds for part in parts),
        peak_rss_bytes=max(part.peak_rss_bytes for part in parts),
    )


def _join_records(folder: Path, parts: Sequence[Path], steps: Sequence[int]) -> None:
    """The batches, losses and dev figures of all phases in one file each, counted through, where a training in one piece has them."""
    for name in ("batches.jsonl", "losses.jsonl", "curve.jsonl"):
        if not (parts[0] / name).is_file():
            continue
        joined: list[JSON] = []
        before: JSON = {}
        for number, part in enumerate(parts):
            lines = [json.loads(line) for line in (part / name).read_text(encoding="utf-8").splitlines()]
            joined += [{**line, **{key: line[key] + before.get(key, 0) for key in COUNTED if key in line}} for line in lines]
            before = {**joined[-1], "step": sum(steps[: number + 1])}
        write_text(folder / name, "".join(json.dumps(line) + "\n" for line in joined))
