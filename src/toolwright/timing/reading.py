"""From pages to vectors: the encoder's tokens of each turn, and one vector for every tool and parameter, made once

Vectors are kept in half precision: a catalogue of 1,200 tools takes 4 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from toolwright.encoders import Encoder, SentenceEncoder
from toolwright.timing.network import Sheet
from toolwright.timing.pages import TOOL_FIGURES, Page
from toolwright.types import InputError

TURN_TOKENS = 96
BATCH = 64
SHARD = 100  # pages of a file
NOTES = "notes.pt"

T = TypeVar("T")
Told = Callable[[int, int, str], None]  # done, in all, how it goes


class Reader:
    """Turns pages into sheets with one encoder.

    Args:
        encoder: a sentence-transformers model, since vectors of single tokens are wanted.
    """

    def __init__(self, encoder: Encoder) -> None:
        if not isinstance(encoder, SentenceEncoder):
            raise InputError(f"encoder {encoder.name!r} gives no vectors of tokens; expected 'minilm' or a sentence-transformers model")
        self.encoder = encoder
        self.notes: dict[str, Tensor] = {}

    def learn(self, pages: Iterable[Page]) -> None:
        """Make the vectors of tools and parameters that are not known yet."""
        texts = {note.text for page in pages for note in page.tools} | {note.text for page in pages for note in page.slots}
        texts -= self.notes.keys()
        if texts:
            order = sorted(texts)
            self.notes |= dict(zip(order, torch.from_numpy(self.encoder.encode(order)).half(), strict=True))

    def tokens(self, texts: Sequence[str]) -> list[Tensor]:
        """The token vectors of each text, (tokens, E), the first `TURN_TOKENS`."""
        states = self.encoder.model.encode(list(texts), batch_size=BATCH, output_value="token_embeddings", show_progress_bar=False)
        return [state[:TURN_TOKENS].detach().cpu().half() for state in states]

    def sheets(self, pages: Sequence[Page]) -> list[Sheet]:
        """Pages in numbers."""
        self.learn(pages)
        states = iter(self.tokens([turn.text for page in pages for turn in page.turns]))
        return [self._sheet(page, [next(states) for _ in page.turns]) for page in pages]

    def kept_sheets(self, sources: Sequence[T], write: Callable[[T], Page], about: str, folder: Path, told: Told) -> list[Sheet]:
        """As `sheets`, `SHARD` pages at a time, each kept in a file of the folder, so that a run that was cut off does not begin again.

        Args:
            sources: what pages are written from.
            write: writes one page; asked only for what is not kept yet.
            about: what else the pages depend on, such as a hash of the tools.
            folder: of the files, each named by a hash of its sources, `about` and the encoder.
            told: hears how far it is.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._remember(folder)
        found: list[Sheet] = []
        for at in range(0, len(sources), SHARD):
            part = sources[at : at + SHARD]
            digest = hashlib.sha256(repr((self.encoder.name, about, part)).encode("utf-8", "replace")).hexdigest()[:16]
            path = folder / f"{digest}.pt"
            if not path.is_file():
                sheets = self.sheets([write(one) for one in part])
                _write([{name: getattr(sheet, name) for name in Sheet.__slots__} for sheet in sheets], path)
                texts = sorted(self.notes)
                _write({"encoder": self.encoder.name, "texts": texts, "vectors": torch.stack([self.notes[text] for text in texts])}, folder / NOTES)
            found += [Sheet(**row) for row in torch.load(path, weights_only=True)]
            told(min(at + SHARD, len(sources)), len(sources), "read")
        return found

    def _remember(self, folder: Path) -> None:
        """Take up the vectors of tools and parameters that an earlier run made with the same encoder."""
        if (folder / NOTES).is_file():
            kept = torch.load(folder / NOTES, weights_only=True)
            if kept["encoder"] == self.encoder.name:
                self.notes |= dict(zip(kept["texts"], kept["vectors"], strict=True))

    def _sheet(self, page: Page, states: list[Tensor]) -> Sheet:
        width = states[0].shape[1]
        tools = torch.stack([self.notes[note.text] for note in page.tools]) if page.tools else torch.zeros(0, width, dtype=torch.half)
        slots = torch.stack([self.notes[note.text] for note in page.slots]) if page.slots else torch.zeros(0, width, dtype=torch.half)
        newest = torch.nn.functional.normalize(states[-1].float().mean(0), dim=0)
        cosines = (tools.float() @ newest).unsqueeze(1)
        figures = torch.tensor([note.figures for note in page.tools]).reshape(len(page.tools), len(TOOL_FIGURES))
        return Sheet(
            tokens=torch.cat(states),
            roles=torch.cat([torch.full((len(state),), turn.role) for state, turn in zip(states, page.turns, strict=True)]),
            agos=torch.cat([torch.full((len(state),), turn.ago) for state, turn in zip(states, page.turns, strict=True)]),
            tools=tools,
            tool_figures=torch.cat([figures, cosines], dim=1),
            slots=slots,
            slot_marks=torch.tensor([(note.rank, int(note.given), note.kind) for note in page.slots], dtype=torch.long).reshape(-1, 3),
            figures=torch.tensor(page.figures),
        )


def _write(value: object, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    temporary.replace(path)
