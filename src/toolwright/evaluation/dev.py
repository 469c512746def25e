"""A model's figures on a slice of dev, few and quick enough to be taken while it trains."""

from __future__ import annotations

from toolwright.data.build import Dataset
from toolwright.evaluation.models import Predictor
from toolwright.evaluation.tasks import EVALUATIONS
from toolwright.types import Metric

WATCHED = (
    "selection.top_1",
    "timing.accuracy",
    "timing.over_call",
    "timing.under_call",
    "calls.exact",
    "calls.copied",
    "calls.invented",
    "calls.schema_valid",
)


def dev_metrics(predictor: Predictor, data: Dataset, items: int) -> dict[str, Metric]:
    """`WATCHED` on at most `items` examples of each task, four or more; a metric without a case is left out."""
    found: dict[str, Metric] = {}
    for evaluate in EVALUATIONS.values():
        found |= evaluate(predictor, data, "dev", items, lambda examples, what: examples)[0]
    return {name: found[name] for name in WATCHED if name in found}
