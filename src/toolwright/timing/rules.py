"""The decider without a model: three questions answered by points, each piece of evidence named in the reasons

Is a tool wanted? If so, can one do it? If so, is something missing? Each answer is a sum of points through the logistic function; the points of
`rules.json` were fitted on agent_benchmark's train split (`toolwright train rules`). The four probabilities are the products along the way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toolwright.timing.evidence import Evidence, collect
from toolwright.timing.match import Match, matcher
from toolwright.timing.protocol import check_input
from toolwright.timing.question import question
from toolwright.timing.speech import signs
from toolwright.types import TIMING_LABELS, Decision, InputError, Message, TimingLabel, Tool

POINTS = Path(__file__).parent / "rules.json"
REASONS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """Points for one question: what to start from, and what each piece of evidence adds when it is 1."""

    start: float
    points: Mapping[str, float]

    def weigh(self, evidence: Mapping[str, float]) -> float:
        """The probability of yes."""
        total = self.start + sum(self.points.get(name, 0.0) * value for name, value in evidence.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))

    def weightiest(self, evidence: Mapping[str, float], yes: bool) -> list[tuple[float, str]]:
        """The evidence that spoke for the answer, the weightiest first."""
        shares = [(self.points.get(name, 0.0) * value * (1 if yes else -1), name) for name, value in evidence.items()]
        return sorted([share for share in shares if share[0] > 0.05], reverse=True)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The three scales."""

    wanted: Scale
    doable: Scale
    missing: Scale

    @classmethod
    def read(cls, path: Path) -> Rulebook:
        """The points of a file that `toolwright train rules` wrote. Raises `InputError` for any other."""
        if not path.is_file():
            raise InputError(f"{path}: no such file; `toolwright train rules` makes it")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            scales = {key: Scale(float(found[key]["start"]), {name: float(value) for name, value in found[key]["points"].items()}) for key in cls.__slots__}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: no rulebook ({error!r}); expected wanted, doable and missing, each with start and points") from error
        return cls(**scales)

    def probabilities(self, evidence: Evidence) -> dict[TimingLabel, float]:
        """Of the four outcomes."""
        wanted, doable, missing = self.wanted.weigh(evidence.wanted), self.doable.weigh(evidence.doable), self.missing.weigh(evidence.missing)
        return {"call": wanted * doable * (1 - missing), "answer": 1 - wanted, "clarify": wanted * doable * missing, "unable": wanted * (1 - doable)}


@cache
def shipped() -> Rulebook:
    """The points that come with the package."""
    return Rulebook.read(POINTS)


class RulesDecider:
    """Decides by points.

    Args:
        rulebook: the points; the package's own when left out.
    """

    name = "rules"

    def __init__(self, rulebook: Rulebook | None = None) -> None:
        self.rulebook = rulebook or shipped()

    def decide(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Decision:
        check_input(messages)
        matches = matcher(tools).best(messages) if tools else ()
        evidence = collect(messages, matches)
        probabilities = self.rulebook.probabilities(evidence)
        if not tools:
            probabilities = {**probabilities, "call": 0.0, "clarify": 0.0, "unable": 1 - probabilities["answer"]}
        outcome = max(TIMING_LABELS, key=lambda label: probabilities[label])
        return explained(outcome, probabilities, self.reasons(outcome, evidence, matches), matches)

    def reasons(self, outcome: TimingLabel, evidence: Evidence, matches: Sequence[Match]) -> tuple[str, ...]:
        """Why, in words: the evidence with the most points at each question that led here."""
        because = {sign.name: sign.because for sign in signs()}
        steps = [(self.rulebook.wanted, evidence.wanted, outcome != "answer", "a tool is wanted", "no tool is wanted")]
        if outcome != "answer":
            steps.append((self.rulebook.doable, evidence.doable, outcome != "unable", "a tool can do it", "no tool here does it"))
        if outcome in ("call", "clarify"):
            steps.append((self.rulebook.missing, evidence.missing, outcome == "clarify", "something is missing", "all is given"))
        told = []
        for scale, found, yes, claim, denial in steps:
            shares = scale.weightiest(found, yes)[:REASONS]
            named = dict.fromkeys(because.get(name.split(":")[-1], name) for _, name in shares)
            told.append(f"{claim if yes else denial} ({'; '.join(named) or 'by default'})")
        if matches and outcome in ("call", "clarify"):
            told.append(f"{matches[0].tool.name} suits best" + (f"; missing: {', '.join(matches[0].missing)}" if matches[0].missing else ""))
        return tuple(told)


def explained(
    outcome: TimingLabel, probabilities: Mapping[TimingLabel, float], reasons: tuple[str, ...], matches: Sequence[Match], stage: str = ""
) -> Decision:
    """The decision with its tool, what it misses, and for `clarify` the question."""
    best = matches[0] if matches else None
    if outcome == "clarify" and best and not best.missing:
        best = next((match for match in matches[:3] if match.missing), best)
    asked = question(best.tool, best.missing) if outcome == "clarify" and best else None
    return Decision(outcome, dict(probabilities), reasons, best.tool.name if best else None, best.missing if best else (), asked, stage)
