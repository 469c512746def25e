"""An encoder that remembers its texts on disk, so that a run that was cut off encodes nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from toolwright.encoders import Encoder

CHUNK = 512  # texts encoded between two checkpoints


class KnownTexts:
    """An encoder with the vectors of texts that it has seen.

    Args:
        encoder: what encodes.
        folder: where vectors are kept; another encoder needs another folder.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self.name = encoder.name
        self.folder = folder
        self.known: dict[str, np.ndarray] = {}
        for path in sorted(folder.glob("vectors_*.npz")):
            with np.load(path) as stored:
                self.known |= dict(zip(json.loads(stored["texts"].tobytes()), stored["vectors"], strict=True))

    @property
    def dimension(self) -> int:
        return self.encoder.dimension

    def learn(self, texts: Sequence[str], progress: Callable[[int, int], None]) -> None:
        """Encode what is not known yet, shortest first, in pieces that are written as they are done."""
        missing = sorted(set(texts) - set(self.known), key=lambda text: (len(text), text))
        self.folder.mkdir(parents=True, exist_ok=True)
        for at in range(0, len(missing), CHUNK):
            piece = missing[at : at + CHUNK]
            vectors = self.encoder.encode(piece)
            temporary = self.folder / "part.npz"
            np.savez(temporary, texts=np.frombuffer(json.dumps(piece).encode(), dtype=np.uint8), vectors=vectors)
            temporary.replace(self.folder / f"vectors_{len(self.known):08d}.npz")
            self.known |= dict(zip(piece, vectors, strict=True))
            progress(min(at + CHUNK, len(missing)), len(missing))

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        if missing:
            self.known |= dict(zip(missing, self.encoder.encode(missing), strict=True))
        return np.array([self.known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)
