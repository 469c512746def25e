"""Supervised fine-tuning of a chat model on dialogues: LoRA and its kin (`adapters.py`) on TRL's `SFTTrainer`.

Only the assistant's turns are trained on; rows are packed to one length; a mask audit precedes the first step; checkpoints make every run
resumable, to the bit on a CPU. What was fed is recorded: one hash a batch, so that two methods can be shown to differ.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import SequentialSampler
from trl import SFTConfig, SFTTrainer

from toolwright.data.render import render, require_call_form, require_generation_tags
from toolwright.models.local import LanguageModel, has_bf16, load_tokenizer, load_weights
from toolwright.training.adapters import ADAPTERS, Adapter, adapted, keep_start, lora_plus_groups, save_trained, weights_sha256
from toolwright.training.audit import audit
from toolwright.training.callbacks import Clock, Told
from toolwright.training.card import write_card
from toolwright.training.carry import hand_on, take_up_moments, take_up_weights
from toolwright.training.convolutions import shift_convolutions
from toolwright.training.masking import with_masked
from toolwright.training.mix import from_easy_to_hard, in_rounds
from toolwright.training.packing import collate, pack, row_loss
from toolwright.training.watch import LogTo, Watch, Watcher, check_log_to, log_callbacks
from toolwright.training.weights import Weights, token_weights
from toolwright.types import Dialogue, InputError, Tool, write_text

CARRIED = "carried"  # the folder, within a run's, of what it hands on
FINISHED = "trained.json"  # the file that a training writes last


@dataclass(frozen=True, slots=True)
class SFTSettings:
    """How to train. The defaults are the mission's, for 0.5B models and larger."""

    model: str
    steps: int = 0  # or `epochs`
    epochs: int = 0  # passes over all rows, in place of `steps`
    adapter: Adapter = "lora"
    seed: int = 42
    learning_rate: float = 2e-5
    warmup_ratio: float = 0.1
    rows_per_step: int = 16  # packed rows that one optimizer step sees
    max_length: int = 4096  # tokens a row
    lora_rank: int = 64
    lora_alpha: int = 128
    lora_dropout: float = 0.05
    checkpoint_steps: int = 50
    gradient_checkpointing: bool = True
    decision_weight: float = 1.0  # what tokens count in the loss: see `Weights`
    name_weight: float = 1.0
    talk_weight: float = 1.0
    masked_copies: int = 0  # how often each dialogue stands once more among the rows, under names that mean nothing: see `masking.py`

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.epochs > 0) or min(self.steps, self.epochs) < 0:
            raise InputError(f"steps is {self.steps!r} and epochs {self.epochs!r}; expected 1 or more of one of them, and 0 of the other")
        for name in ("rows_per_step", "max_length", "lora_rank", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; expected 1 or more")
        if self.masked_copies < 0:
            raise InputError(f"masked_copies is {self.masked_copies!r}; expected 0 or more")
        if self.adapter not in ADAPTERS:
            raise InputError(f"adapter is {self.adapter!r}; allowed: {', '.join(ADAPTERS)}")

    @property
    def weights(self) -> Weights:
        """What tokens count in the loss."""
        return Weights(self.decision_weight, self.name_weight, self.talk_weight)


@dataclass(frozen=True, slots=True)
class Trained:
    """What training left behind: the folder and hash of the adapter (of the checkpoint where all weights moved), and what it cost."""

    adapter: Path
    sha256: str
    steps: int
    samples: int
    tokens: int
    seconds: float
    peak_rss_bytes: int


class AgentSFTTrainer:
    """Trains an adapter on dialogues, in a folder of its own, and goes on where it was cut off.

    Args:
        settings: see `SFTSettings`.
        folder: gets `audit.json`, `batches.jsonl`, `losses.jsonl`, `curve.jsonl` of what is watched, checkpoints while it runs, and `adapter/` at the end.
        progress: called with (steps done, steps in all, how it goes in words).
        before: the folder of an earlier training that handed on: weights and moments go on from there, the learning rate warms up and falls again.
        hand_on: leave in `carried/` what a later training needs to go on.
        watch: what to look at while it trains, and whether to end early.
        log_to: where losses and what is watched go besides: TensorBoard's files in `tensorboard/`, or a service.
    """

    def __init__(
        self,
        settings: SFTSettings,
        folder: Path,
        progress: Callable[[int, int, str], None] = lambda done, total, word: None,
        *,
        before: Path | None = None,
        hand_on: bool = False,
        watch: Watch | None = None,
        log_to: LogTo = "none",
    ) -> None:
        check_log_to(log_to)
        self.settings = settings
        self.folder = folder
        self.progress = progress
        self.before = before
        self.hands_on = hand_on
        self.watch = watch
        self.log_to = log_to

    def train(self, dialogues: Sequence[Dialogue], tools: Mapping[str, Tool], difficulty: Sequence[float] | None = None) -> Trained:
        """Train on these dialogues; returns at once when this folder holds the finished adapter.

        Args:
            dialogues: to train on, over and over as the steps ask for.
            tools: the catalogue that they name.
            difficulty: of each dialogue; rows then come from easy to hard, where they else come in random order.
        """
        self._same_run(dialogues, difficulty)
        if (done := finished_training(self.folder)) is not None:
            return done
        s = self.settings
        tokenizer = load_tokenizer(s.model)
        require_generation_tags(tokenizer)
        require_call_form(tokenizer)
        rendered = [render(tokenizer, one.messages, one.tools) for one in with_masked(dialogues, tools, s.masked_copies, s.seed)]
        kept, found = audit(rendered, s.max_length, tokenizer)
        write_text(self.folder / "audit.json", json.dumps(found.to_json(), ensure_ascii=False, indent=1))
        print(found, file=sys.stderr, flush=True)
        packed = pack(kept, [token_weights(tokenizer, dialogue, s.weights) for dialogue in kept], s.max_length, tokenizer.pad_token_id)
        steps = s.steps or -(-s.epochs * len(packed.rows) // s.rows_per_step)
        wanted = steps * s.rows_per_step
        if difficulty is None:
            order = in_rounds(len(packed.rows), wanted, random.Random(s.seed))
        else:
            hardness = [d for d, one in zip([*difficulty] * (1 + s.masked_copies), rendered, strict=True) if any(one.trained[: s.max_length])]
            order = from_easy_to_hard([fmean(hardness[i] for i in members) for members in packed.members], wanted, s.seed)
        torch.manual_seed(s.seed)
        torch.use_deterministic_algorithms(not torch.cuda.is_available())  # else gradients are added up in the order in which threads come
        torch.utils.deterministic.fill_uninitialized_memory = False
        model = self._model()
        clock = Clock(self.folder)
        watcher = self._watcher(model, tokenizer, clock, sum(map(len, packed.members)) / len(packed.rows))
        told = Told(self.progress, watcher)
        trainer = _RecordingTrainer(
            model=model,
            args=self._arguments(steps),
            train_dataset=Dataset.from_list(packed.rows).select(order),
            processing_class=tokenizer,
            data_collator=collate,
            callbacks=[clock, *([watcher] if watcher else []), told, *log_callbacks(self.log_to, self.folder)],
        )
        if watcher:
            watcher.trainer = trainer
        trainer.model_accepts_loss_kwargs = True  # whatever the model: the loss is ours, a sum over the count of the whole step
        trainer.record = self.folder / "batches.jsonl"
        trainer.lora_plus = s.adapter == "lora_plus"
        trainer.before = self.before / CARRIED if self.before else None
        trainer.train(resume_from_checkpoint=self._last_checkpoint())
        samples = sum(any(one.trained[: s.max_length]) for one in rendered[: len(dialogues)])  # masked copies are the same samples again
        seconds = clock.seconds
        if watcher:
            watcher.take_best(trainer.model)
        return self._finish(trainer, seconds, samples, trainer.state.global_step)

    def _watcher(self, model: Any, tokenizer: Any, clock: Clock, members: float) -> Watcher | None:
        s = self.settings
        if self.watch is None:
            return None
        samples, tokens = s.rows_per_step * members, s.rows_per_step * s.max_length
        return Watcher(self.watch, self.folder, LanguageModel(s.model, model, tokenizer), samples, tokens, lambda: clock.seconds, clock.leave_out)

    def _same_run(self, dialogues: Sequence[Dialogue], difficulty: Sequence[float] | None) -> None:
        """Note what this run is; a folder that holds another one is wrong input."""
        text = "".join(dialogue.model_dump_json() for dialogue in dialogues) + ("" if difficulty is None else json.dumps(list(difficulty)))
        about = {**asdict(self.settings), "dialogues_sha256": hashlib.sha256(text.encode()).hexdigest()}
        if self.watch and self.watch.patience:
            about["ends_early"] = [self.watch.metric, self.watch.every, self.watch.patience]
        if self.before:
            about["before_sha256"] = json.loads((self.before / FINISHED).read_text(encoding="utf-8"))["sha256"]
        stored = self.folder / "settings.json"
        if stored.is_file() and (found := json.loads(stored.read_text(encoding="utf-8"))) != about:
            changed = sorted(key for key in about if found.get(key) != about[key])
            raise InputError(f"{self.folder}: holds a run with another {', '.join(changed)}; choose another folder or remove it")
        write_text(stored, json.dumps(about, indent=1))

    def _model(self) -> Any:
        s = self.settings
        model = load_weights(s.model, torch.float32 if not torch.cuda.is_available() or s.adapter == "full" else None)  # small steps vanish in bfloat16 weights
        shift_convolutions(model)
        if s.gradient_checkpointing:
            model.enable_input_require_grads()  # else the adapter would get no gradient through checkpointed layers
        model = adapted(model, s.adapter, s.lora_rank, s.lora_alpha, s.lora_dropout)
        keep_start(model, s.adapter, self.folder / "start")
        if self.before:
            take_up_weights(model, self.before / CARRIED)
        return model

    def _arguments(self, steps: int) -> SFTConfig:
        s = self.settings
        gpu = torch.cuda.is_available()
        return SFTConfig(
            output_dir=str(self.folder / "checkpoints"),
            max_steps=steps,
            learning_rate=s.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=round(s.warmup_ratio * steps),
            per_device_train_batch_size=1,
            gradient_accumulation_steps=s.rows_per_step,
            gradient_checkpointing=s.gradient_checkpointing,
            bf16=has_bf16(),
            use_cpu=not gpu,
            seed=s.seed,
            data_seed=s.seed,
            save_strategy="steps",
            save_steps=s.checkpoint_steps,
            save_total_limit=2,
            logging_steps=max(1, steps // 100),
            report_to=self.log_to if self.log_to in ("trackio", "wandb") else "none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            dataloader_drop_last=False,
        )

    def _last_checkpoint(self) -> str | None:
        """The newest checkpoint that was written whole: the trainer's state is the last file of each."""
        found = sorted((self.folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        whole = [path for path in found if (path / "trainer_state.json").is_file() and (path / "whole").is_file()]
        return str(whole[-1]) if whole else None

    def _finish(self, trainer: Any, seconds: float, samples: int, steps: int) -> Trained:
        import shutil

        s, adapter = self.settings, self.folder / "adapter"
        if self.hands_on:
            hand_on(trainer.model, trainer.optimizer, self.folder / CARRIED)
        save_trained(trainer.model, s.adapter, self.folder / "start", adapter)
        trained = Trained(
            adapter=adapter,
            sha256=weights_sha256(adapter),
            steps=steps,
            samples=samples,
            tokens=steps * s.rows_per_step * s.max_length,
            seconds=seconds,
            peak_rss_bytes=peak_rss_bytes(),
        )
        about = json.loads((self.folder / "settings.json").read_text(encoding="utf-8"))
        hashes = {name: about.pop(name) for name in ("dialogues_sha256", "before_sha256", "ends_early") if name in about}
        write_card(adapter, about, {"weights_sha256": trained.sha256, **hashes, "dialogues": samples, "steps": steps, "tokens": trained.tokens})
        write_text(self.folder / FINISHED, json.dumps({**asdict(trained), "adapter": "adapter"}))
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return trained


def finished_training(folder: Path) -> Trained | None:
    """What a training in this folder left, once it is done."""
    if not (folder / FINISHED).is_file():
        return None
    return Trained(**{**json.loads((folder / FINISHED).read_text(encoding="utf-8")), "adapter": folder / "adapter"})


def peak_rss_bytes() -> int:
    """The most memory this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class _RecordingTrainer(SFTTrainer):
    """Takes the rows in their order and writes a hash of every batch's tokens; a step done again after a cut repeats its line."""

    record: Path
    lora_plus: bool
    before: Path | None
    optimizer: Any

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            if self.lora_plus:
                kind, settings = self.get_optimizer_cls_and_kwargs(self.args, self.model)
                self.optimizer = kind(lora_plus_groups(self.model, self.args.learning_rate), **settings)
            else:
                super().create_optimizer(model)
            if self.before:
                take_up_moments(self.model, self.optimizer, self.before)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        digest = hashlib.sha256(inputs["input_ids"].cpu().numpy().tobytes()).hexdigest()[:16]
        with self.record.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": self.state.global_step, "batch": digest}) + "\n")
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        return loss

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> torch.Tensor:
        processes = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1  # the count is over all of them, gradients are averaged
        return row_loss(model, inputs) * processes / num_items_in_batch
