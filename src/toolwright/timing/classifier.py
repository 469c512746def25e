"""The decider that learned: an encoder fine-tuned to read the page of a conversation, calibrated, deciding at the least expected cost

`fit` trains on labelled conversations and calibrates on others; `save` and `load` keep it in a folder (weights as safetensors, in half precision).
What is decided is the outcome with the least expected cost under a matrix that says what each mistake costs (Elkan, 2001, section 1); by default
every mistake costs the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toolwright.encoders import Encoder
from toolwright.timing.match import Match, Matcher, matcher
from toolwright.timing.pages import Page, figure_count, write_page
from toolwright.timing.protocol import check_input
from toolwright.timing.rules import explained
from toolwright.types import TIMING_LABELS, Decision, InputError, Message, TimingExample, TimingLabel, Tool, write_text

if TYPE_CHECKING:
    from toolwright.timing.fitting import FitSettings, Told
    from toolwright.timing.network import Head

Costs = Mapping[TimingLabel, Mapping[TimingLabel, float]]  # right outcome → decided outcome → cost
EQUAL: Costs = {right: {decided: float(right != decided) for decided in TIMING_LABELS} for right in TIMING_LABELS}
SETTINGS, HEAD, BODY = "decider.json", "head.safetensors", "encoder"


class ClassifierDecider:
    """Decides by a fitted network.

    Args:
        costs: what each mistake costs; all the same when left out.
    """

    name = "classifier"

    def __init__(self, costs: Costs = EQUAL) -> None:
        self.costs = check_costs(costs)
        self.network_: Any = None
        self.tokenizer_: Any = None
        self.temperature_ = 1.0

    def fit(
        self,
        examples: Sequence[TimingExample],
        held_out: Sequence[TimingExample],
        tools: Mapping[str, Tool],
        encoder: Encoder,
        folder: Path,
        head: Head | None = None,
        settings: FitSettings | None = None,
        told: Callable[[str], Told] = lambda stage: lambda done, total, word: None,
    ) -> Self:
        """Train a copy of the encoder on `examples`, calibrate on `held_out`.

        Args:
            examples: conversations with the right outcomes.
            held_out: others, for the temperature.
            tools: by the names that the examples use.
            encoder: a local, BERT-like sentence encoder, such as `load_encoder("minilm")`; it is not changed.
            folder: where the checkpoint is kept, so that a run that was cut off goes on.
            head: sizes of the head.
            settings: how to fit.
            told: given the name of a stage, hears how far it is.
        """
        import torch

        from toolwright.timing.fitting import FitSettings, fit_network, fit_temperature, logits_of
        from toolwright.timing.network import Head, PageReader, body_and_tokenizer

        if not held_out:
            raise InputError("no conversations are held out; calibration needs some that were not trained on")
        chosen = settings or FitSettings()
        body, self.tokenizer_ = body_and_tokenizer(encoder)
        torch.manual_seed(chosen.seed)
        network = PageReader(body, figure_count(), head or Head())
        pages = self._pages(examples, tools, told("reading"))
        self.network_ = fit_network(network, pages, [example.label for example in examples], self.tokenizer_, chosen, folder, told("fitting"))
        held = self._pages(held_out, tools, told("reading held-out"))
        self.temperature_ = fit_temperature(logits_of(self.network_, held, self.tokenizer_), [example.label for example in held_out])
        return self

    def _pages(self, examples: Sequence[TimingExample], tools: Mapping[str, Tool], told: Told) -> list[Page]:
        pages = []
        for i, example in enumerate(examples):
            pages.append(page_of(example, tools, self.tokenizer_))
            told(i + 1, len(examples), "")
        return pages

    def decide(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Decision:
        check_input(messages)
        if self.network_ is None:
            raise InputError("the classifier is not fitted; fit it or load a folder that `toolwright train decider` wrote")
        matches = matcher(tools).best(messages) if tools else ()
        probabilities = self.probabilities(write_page(messages, matches, len(tools), self.tokenizer_))
        if not tools:
            probabilities = {**dict.fromkeys(TIMING_LABELS, 0.0), "answer": probabilities["answer"], "unable": 1 - probabilities["answer"]}
        outcome = min(TIMING_LABELS, key=lambda decided: sum(probabilities[right] * self.costs[right][decided] for right in TIMING_LABELS))
        return explained(outcome, probabilities, reasons(outcome, probabilities, matches), matches)

    def probabilities(self, page: Page) -> dict[TimingLabel, float]:
        """Of the four outcomes, calibrated."""
        from toolwright.timing.fitting import logits_of

        logits = logits_of(self.network_, [page], self.tokenizer_)[0] / self.temperature_
        return dict(zip(TIMING_LABELS, logits.double().softmax(0).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write weights and settings."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        halves = {name: weights.half().contiguous() for name, weights in self.network_.body.state_dict().items()}
        self.network_.body.save_pretrained(str(folder / BODY), state_dict=halves)
        self.tokenizer_.save_pretrained(str(folder / BODY))
        save_file({name: weights.contiguous() for name, weights in self.network_.head.state_dict().items()}, str(folder / HEAD))
        about = {"head": asdict(self.network_.sizes), "figures": figure_count(), "temperature": self.temperature_, "costs": self.costs}
        write_text(folder / SETTINGS, json.dumps(about, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The decider that `save` wrote. Raises `InputError` for any other folder, or one made with other evidence than this version's."""
        from safetensors.torch import load_file

        from toolwright.timing.network import Head, PageReader, saved_body_and_tokenizer

        if missing := [name for name in (SETTINGS, HEAD, BODY) if not (folder / name).exists()]:
            raise InputError(f"{folder}: holds no {missing[0]}; expected a folder that `toolwright train decider` wrote")
        try:
            about = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            if about["figures"] != figure_count():
                raise InputError(f"it was trained with {about['figures']} figures a page, this version has {figure_count()}; train it again")
            decider = cls(about["costs"])
            body, decider.tokenizer_ = saved_body_and_tokenizer(folder / BODY)
            decider.network_ = PageReader(body, about["figures"], Head(**about["head"]))
            decider.network_.head.load_state_dict(load_file(str(folder / HEAD)))
            decider.temperature_ = float(about["temperature"])
        except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
            raise InputError(f"{folder}: is no trained decider ({' '.join(str(error).split())[:200]})") from error
        decider.network_.eval()
        return decider


def page_of(example: TimingExample, tools: Mapping[str, Tool], tokenizer: Any) -> Page:
    """The page of an example, as `decide` would see it."""
    offered = [tools[name] for name in example.tools]
    return write_page(example.messages, Matcher(offered).best(example.messages) if offered else (), len(offered), tokenizer)


def check_costs(costs: Any) -> Costs:
    """The matrix itself. Raises `InputError` where a cost is missing, negative or no number."""
    for right in TIMING_LABELS:
        for decided in TIMING_LABELS:
            row = costs.get(right, {}) if isinstance(costs, Mapping) else {}
            cost = row.get(decided) if isinstance(row, Mapping) else None
            if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
                raise InputError(f"costs: deciding {decided!r} where {right!r} is right costs {cost!r}; expected a number of 0 or more")
    found: Costs = costs
    return found


def reasons(outcome: TimingLabel, probabilities: Mapping[TimingLabel, float], matches: Sequence[Match]) -> tuple[str, ...]:
    """How likely the outcome is, what else might be, and what the best tool is given and misses."""
    second = max((label for label in TIMING_LABELS if label != outcome), key=lambda label: probabilities[label])
    told = [f"{outcome} is {100 * probabilities[outcome]:.0f} % likely, {second} {100 * probabilities[second]:.0f} %"]
    if matches and outcome in ("call", "clarify"):
        best = matches[0]
        given = f"given: {', '.join(best.given)}" if best.given else "nothing given"
        told.append(f"{best.tool.name} suits best ({given}" + (f"; missing: {', '.join(best.missing)})" if best.missing else ")"))
    return tuple(told)
