"""The plan of the most similar goal ever seen, as it is: what any planner that learns has to beat.

Similarity is the cosine of TF-IDF vectors of words and word pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from toolwright.planning.protocol import Context, Plan
from toolwright.types import PlanExample, Step, Tool


class NearestPlan:
    """Copies plans; never filled anew, so that it is a baseline and no planner to use."""

    name = "nearest"

    def fit(self, plans: Sequence[PlanExample]) -> Self:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.plans_: list[tuple[Step, ...]] = [plan.steps for plan in plans]
        self.vectorizer_: Any = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        self.vectors_ = self.vectorizer_.fit_transform([plan.goal for plan in plans])
        return self

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        similarity = (self.vectors_ @ self.vectorizer_.transform([goal]).T).toarray()[:, 0]
        return Plan(self.plans_[int(similarity.argmax())])
