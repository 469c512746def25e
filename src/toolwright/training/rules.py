"""Fitting the points of the timing rules: three logistic regressions on named evidence (L2; Hosmer and Lemeshow, 2000)

Points are rounded to two digits and dropped where they are next to nothing, so that the file can be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from toolwright.timing.evidence import Evidence, collect
from toolwright.timing.match import Matcher
from toolwright.types import JSON, InputError, TimingExample, TimingLabel, Tool, write_text

STRENGTH = 0.3  # inverse of the regularisation
LEAST = 0.03  # points under this are dropped
ANSWERS: dict[str, tuple[tuple[TimingLabel, ...], tuple[TimingLabel, ...]]] = {  # question → labels that mean yes, labels that mean no
    "wanted": (("call", "clarify", "unable"), ("answer",)),
    "doable": (("call", "clarify"), ("unable",)),
    "missing": (("clarify",), ("call",)),
}


def fit_rules(
    examples: Sequence[TimingExample], tools: Mapping[str, Tool], progress: Callable[[Sequence[TimingExample]], Iterable[TimingExample]] = iter
) -> JSON:
    """The points, as `rules.json` holds them. Raises `InputError` where one of the four labels has no example."""
    found = [(example.label, _evidence(example, tools)) for example in progress(examples)]
    return {question: _scale([(label, getattr(evidence, question)) for label, evidence in found], question) for question in ANSWERS}


def write_rules(points: JSON, path: Path) -> None:
    """Write the points, one a line."""
    write_text(path, json.dumps(points, indent=1) + "\n")


def _evidence(example: TimingExample, tools: Mapping[str, Tool]) -> Evidence:
    offered = [tools[name] for name in example.tools]
    return collect(example.messages, Matcher(offered).best(example.messages) if offered else ())


def _scale(rows: Sequence[tuple[TimingLabel, Mapping[str, float]]], question: str) -> JSON:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    yes, no = ANSWERS[question]
    kept = [(label, evidence) for label, evidence in rows if label in (*yes, *no)]
    answers = np.array([label in yes for label, _ in kept])
    if not kept or answers.all() or not answers.any():
        raise InputError(f"the rules need examples of {' or '.join(yes)} and of {' or '.join(no)}; got {len(kept)} of one kind")
    names = sorted({name for _, evidence in kept for name in evidence})
    values = np.array([[evidence.get(name, 0.0) for name in names] for _, evidence in kept])
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit(values, answers)
    points = {name: round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True) if abs(weight) >= LEAST}
    return {"start": round(float(model.intercept_[0]), 2), "points": points}
