"""Online continual learning with experience replay: one phase after another, each on what arrives and on some of what was kept (Rolnick et al., 2019).

The learner decides what each phase trains on and keeps account; how a model is trained is handed in as a function, so that this part needs no trainer. Its
state (how many phases were learned, and the buffer) is written after each phase: cut off, or asked again next week, it goes on where it stood.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from toolwright.continual.buffer import Buffer, Seen
from toolwright.types import Dialogue, InputError, write_text

# (dialogues, folder, before): train in `folder`, going on from what the phase in `before` left; what was cut off in `folder` goes on, what is finished stays.
Train = Callable[[Sequence[Dialogue], Path, Path | None], None]
# (dialogues, folder): what the buffer's rule wants to know of dialogues that were just learned in `folder`.
Look = Callable[[Sequence[Dialogue], Path], list[Seen]]


def unlooked(dialogues: Sequence[Dialogue], folder: Path) -> list[Seen]:
    """For rules that go by order and tools alone: reservoir and ring."""
    return [Seen(dialogue) for dialogue in dialogues]


class OnlineContinualLearner:
    """Learns phases in their order, in a folder of its own.

    Args:
        folder: gets `phase_N/` for each phase, `buffer_N/`, and `state.json`.
        buffer: what is kept, empty; a state in `folder` is taken up.
        replay: share of the dialogues of a phase that are of earlier ones, from 0 (none) to below 1.
        train: see `Train`.
        look: see `Look`.
    """

    def __init__(self, folder: Path, buffer: Buffer, replay: float, train: Train, look: Look = unlooked) -> None:
        if not 0 <= replay < 1:
            raise InputError(f"replay is {replay!r}; expected a share from 0 to below 1")
        self.folder = folder
        self.buffer = buffer
        self.replay = replay
        self.train = train
        self.look = look
        self.learned = 0  # phases
        state = folder / "state.json"
        if state.is_file():
            self.learned = int(json.loads(state.read_text(encoding="utf-8"))["learned"])
            buffer.load(folder / f"buffer_{self.learned}")

    @property
    def last(self) -> Path | None:
        """The folder of the last phase learned."""
        return self.phase(self.learned - 1) if self.learned else None

    def phase(self, number: int) -> Path:
        """The folder of a phase, from 0."""
        return self.folder / f"phase_{number}"

    def learn(self, arrived: Sequence[Dialogue]) -> Path:
        """Learn the next phase on what arrives and on what is replayed; returns its folder."""
        folder = self.phase(self.learned)
        folder.mkdir(parents=True, exist_ok=True)
        replayed = self.buffer.draw(replays(len(arrived), self.replay)) if self.learned else []
        write_text(folder / "replayed.json", json.dumps([dialogue.id for dialogue in replayed]))
        self.train([*arrived, *replayed], folder, self.last)
        self.buffer.add(self.look(arrived, folder))
        self._save(self.learned + 1)
        return folder

    def _save(self, learned: int) -> None:
        """The buffer first: the state counts only once all that it names is there."""
        place, old = self.folder / f"buffer_{learned}", self.folder / f"buffer_{learned - 1}"
        place.mkdir(parents=True, exist_ok=True)
        self.buffer.save(place)
        write_text(self.folder / "state.json", json.dumps({"learned": learned}))
        self.learned = learned
        shutil.rmtree(old, ignore_errors=True)


def replays(arrived: int, share: float) -> int:
    """How many dialogues join those that arrived, so that they are this share of all."""
    return round(arrived * share / (1 - share))


def share_out(count: int, sizes: Sequence[int]) -> list[int]:
    """`count` steps or places over phases by the number of their dialogues, by largest remainders, each at least one. Raises `InputError` for fewer than
    there are phases, and for a phase without dialogues.
    """
    if count < len(sizes) or not all(sizes):
        raise InputError(f"stream: {count} to share out over phases of {list(sizes)} dialogues; expected one for each phase, and dialogues in each")
    left = count - len(sizes)
    exact = [left * size / sum(sizes) for size in sizes]
    found = [int(share) for share in exact]
    for i in sorted(range(len(sizes)), key=lambda i: (found[i] - exact[i], i))[: left - sum(found)]:
        found[i] += 1
    return [1 + share for share in found]
