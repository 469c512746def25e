"""Evidence weighed: from numbers for every part of a request to one probability for each tool, and one that any tool serves.

Every text of a request (the whole and its parts) gives each tool a weighted sum of its evidence; a softmax over the tools makes probabilities of it, and the
request's are the mixture of its texts'. A part that asks for nothing spreads its share over all tools and does no harm; one that asks
for something puts its own tool among the first. Whether any tool serves the request is a logistic regression on how the best tool stands.

The numbers were fitted by `toolwright train fusion` on requests to the world's ten foundation services alone, which are never tested on; they stand in
`fusion.json`, by encoder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from toolwright.selection.evidence import FEATURES, Found
from toolwright.types import JSON, InputError, write_text

FITTED = Path(__file__).parent / "fusion.json"
STANDING = ("best", "probability", "margin", "coverage")


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fitted numbers.

    Attributes:
        weights: of each of `FEATURES`.
        part: logarithm of how much a part counts beside the whole request.
        standing: weights of `STANDING` and of the best tool's evidence for whether any tool serves the request.
        bias: of the same.
        threshold: probability below which none does.
    """

    weights: tuple[float, ...]
    part: float
    standing: tuple[float, ...]
    bias: float
    threshold: float

    def log_probabilities(self, found: Found) -> np.ndarray:
        """Log-probability of every weighed tool, shape (tools,)."""
        sums = found.features @ np.asarray(self.weights, dtype=np.float32)  # (tools, texts)
        best = sums.max(axis=0)
        spread = best + np.log(np.exp(sums - best).sum(axis=0))
        shares = np.full(sums.shape[1], self.part)
        shares[0] = 0.0
        shares -= np.log(np.exp(shares).sum())
        mixed = sums - spread + shares
        most = mixed.max(axis=1)
        total: np.ndarray = most + np.log(np.exp(mixed - most[:, None]).sum(axis=1))
        return total

    def stands(self, found: Found, log_probabilities: np.ndarray) -> np.ndarray:
        """How the best tool stands: `STANDING`, then its evidence for the text that speaks for it most, shape (len(STANDING) + features,)."""
        best = int(np.argmax(log_probabilities))
        weights = np.asarray(self.weights, dtype=np.float32)
        numbers = found.features[best]
        rest = np.delete(log_probabilities, best)
        margin = float(log_probabilities[best] - rest.max()) if len(rest) else 0.0
        coverage = float(numbers[0, 0]) / max(1.0, float(found.features[:, 0, 0].max()))
        shown = numbers[int(np.argmax(numbers @ weights))]
        return np.concatenate([[float(numbers[0] @ weights), float(log_probabilities[best]), margin, coverage], shown])

    def fits(self, found: Found, log_probabilities: np.ndarray) -> float:
        """Probability that any tool serves the request."""
        score = float(self.stands(found, log_probabilities) @ np.asarray(self.standing)) + self.bias
        return float(1 / (1 + np.exp(-np.clip(score, -50, 50))))


def read_fusion(encoder: str, path: Path = FITTED) -> Fusion:
    """The numbers fitted for an encoder. Raises `InputError` when there are none."""
    fitted: dict[str, JSON] = json.loads(path.read_text(encoding="utf-8"))
    if encoder not in fitted:
        raise InputError(
            f"no fusion is fitted for the encoder {encoder!r}; fitted: {', '.join(fitted)}; `toolwright train fusion --encoder {encoder}` fits one"
        )
    values = fitted[encoder]
    return Fusion(tuple(values["weights"].values()), values["part"], tuple(values["standing"].values()), values["bias"], values["threshold"])


def write_fusion(encoder: str, fusion: Fusion, path: Path = FITTED) -> None:
    """Put an encoder's numbers among those of the file."""
    fitted: dict[str, JSON] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    values = asdict(fusion)
    values["weights"] = dict(zip(FEATURES, (round(value, 5) for value in fusion.weights), strict=True))
    values["standing"] = dict(zip((*STANDING, *FEATURES), (round(value, 5) for value in fusion.standing), strict=True))
    write_text(path, json.dumps({**fitted, encoder: values}, indent=1) + "\n")
