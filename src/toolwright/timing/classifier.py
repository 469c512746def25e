"""The decider that learned: a sentence encoder and a small network over the page of a conversation, calibrated, deciding at the least expected cost

`fit` trains on labelled conversations and calibrates on others; `save` and `load` keep it in a folder (weights as safetensors). What is decided is the outcome
with the least expected cost under a matrix that says what each mistake costs (Elkan, 2001, section 1); by default every mistake costs the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toolwright.encoders import Encoder, load_encoder
from toolwright.timing.match import Match, Matcher, matcher
from toolwright.timing.pages import Page, write_page
from toolwright.timing.protocol import check_input
from toolwright.timing.rules import explained
from toolwright.types import TIMING_LABELS, Decision, InputError, Message, TimingExample, TimingLabel, Tool, write_text

if TYPE_CHECKING:
    from toolwright.timing.fitting import FitSettings
    from toolwright.timing.network import Shape
    from toolwright.timing.reading import Told

Costs = Mapping[TimingLabel, Mapping[TimingLabel, float]]  # right outcome → decided outcome → cost
EQUAL: Costs = {right: {decided: float(right != decided) for decided in TIMING_LABELS} for right in TIMING_LABELS}
SETTINGS, WEIGHTS = "decider.json", "model.safetensors"


class ClassifierDecider:
    """Decides by a fitted network.

    Args:
        encoder: a sentence-transformers encoder, such as `load_encoder("minilm")`.
        costs: what each mistake costs; all the same when left out.
    """

    name = "classifier"

    def __init__(self, encoder: Encoder, costs: Costs = EQUAL) -> None:
        from toolwright.timing.reading import Reader

        self.costs = check_costs(costs)
        self.reader = Reader(encoder)
        self.network_: Any = None
        self.temperature_ = 1.0

    def fit(
        self,
        examples: Sequence[TimingExample],
        held_out: Sequence[TimingExample],
        tools: Mapping[str, Tool],
        folder: Path,
        shape: Shape | None = None,
        settings: FitSettings | None = None,
        told: Callable[[str], Told] = lambda stage: lambda done, total, word: None,
    ) -> Self:
        """Train on `examples`, calibrate on `held_out`.

        Args:
            examples: conversations with the right outcomes.
            held_out: others, for the temperature.
            tools: by the names that the examples use.
            folder: what was read and the checkpoint are kept here, so that a run that was cut off goes on.
            shape: sizes of the network.
            settings: how to fit.
            told: given the name of a stage, hears how far it is.
        """
        from toolwright.timing.fitting import FitSettings, fit_network, fit_temperature, logits_of
        from toolwright.timing.network import Shape

        if not held_out:
            raise InputError("no conversations are held out; calibration needs some that were not trained on")
        about = hashlib.sha256(repr(sorted(tools.items())).encode("utf-8", "replace")).hexdigest()
        write = partial(page_of, tools=tools)
        sheets = self.reader.kept_sheets(examples, write, about, folder / "pages", told("reading"))
        held = self.reader.kept_sheets(held_out, write, about, folder / "pages", told("reading held-out"))
        shape = shape or Shape(encoder=sheets[0].tokens.shape[1])
        self.network_ = fit_network(sheets, [example.label for example in examples], shape, settings or FitSettings(), folder, told("fitting"))
        self.temperature_ = fit_temperature(logits_of(self.network_, held), [example.label for example in held_out])
        return self

    def decide(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Decision:
        check_input(messages)
        matches = matcher(tools).best(messages) if tools else ()
        probabilities = self.probabilities(write_page(messages, matches, len(tools)))
        if not tools:
            probabilities = {**dict.fromkeys(TIMING_LABELS, 0.0), "answer": probabilities["answer"], "unable": 1 - probabilities["answer"]}
        outcome = min(TIMING_LABELS, key=lambda decided: sum(probabilities[right] * self.costs[right][decided] for right in TIMING_LABELS))
        return explained(outcome, probabilities, reasons(outcome, probabilities, matches), matches)

    def probabilities(self, page: Page) -> dict[TimingLabel, float]:
        """Of the four outcomes, calibrated. Raises `InputError` before `fit` or `load`."""
        from toolwright.timing.fitting import logits_of

        if self.network_ is None:
            raise InputError("the classifier is not fitted; fit it or load a folder that `toolwright train decider` wrote")
        logits = logits_of(self.network_, self.reader.sheets([page]))[0] / self.temperature_
        return dict(zip(TIMING_LABELS, logits.double().softmax(0).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write weights and settings."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: weights.contiguous() for name, weights in self.network_.state_dict().items()}, str(folder / WEIGHTS))
        about = {"encoder": self.reader.encoder.name, "shape": asdict(self.network_.shape), "temperature": self.temperature_, "costs": self.costs}
        write_text(folder / SETTINGS, json.dumps(about, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The decider that `save` wrote. Raises `InputError` for any other folder."""
        from safetensors.torch import load_file

        from toolwright.timing.network import PageReader, Shape

        if not (folder / SETTINGS).is_file() or not (folder / WEIGHTS).is_file():
            raise InputError(f"{folder}: holds no {SETTINGS} and {WEIGHTS}; expected a folder that `toolwright train decider` wrote")
        try:
            about = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            decider = cls(load_encoder(about["encoder"]), about["costs"])
            decider.network_ = PageReader(Shape(**about["shape"]))
            decider.network_.load_state_dict(load_file(str(folder / WEIGHTS)))
            decider.temperature_ = float(about["temperature"])
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise InputError(f"{folder}: is no trained decider ({' '.join(str(error).split())[:160]})") from error
        decider.network_.eval()
        return decider


def page_of(example: TimingExample, tools: Mapping[str, Tool]) -> Page:
    """The page of an example, as `decide` would see it."""
    offered = [tools[name] for name in example.tools]
    return write_page(example.messages, Matcher(offered).best(example.messages) if offered else (), len(offered))


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
