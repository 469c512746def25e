"""Dialogues of the foundation domains as exercises: calls with real results and reports, questions back, refusals, decisions.

What agent_sft teaches about the tested domains, of domains that are never tested, and without end: other rows of the world and other sentences every
time, fewer tools beside the right ones (most of a dialogue's tokens are its tools), tools under random names half of the time.
"""

from __future__ import annotations

import random

from toolwright.data.agent_plans import Plans
from toolwright.data.dialogues import MAKERS, Stage
from toolwright.data.fill import UnfillableError
from toolwright.data.frames import Frame, follow_frames, frames
from toolwright.data.offers import Offers
from toolwright.training.nano_exercises import Exercise, Lexicon, random_name
from toolwright.types import TIMING_LABELS, Dialogue, Split, Tool
from toolwright.world.engine import World

SHARES = {"call": 0.38, "parallel": 0.07, "clarify": 0.11, "correct": 0.05, "talk": 0.14, "timing": 0.25}  # foundation domains have no goals to plan for
SPLITS: tuple[Split, ...] = ("train", "dev", "test")  # all sentences of foundation domains are for learning
RENAMED = 0.5
FEWEST = 3  # tools of a dialogue


class Dialogues:
    """Makes dialogues from domain files.

    Args:
        world: the foundation domains.
        lexicon: words for names that mean nothing.
        seed: of the goals that are put together.
    """

    def __init__(self, world: World, lexicon: Lexicon, seed: int) -> None:
        told: dict[str, list[Frame]] = {label: [] for label in TIMING_LABELS}
        for split in SPLITS:
            for frame in frames(world.domains, split):
                told[frame.label].append(frame)
        follow = [frame for split in SPLITS for frame in follow_frames(world.domains, split)]
        self.stage = Stage(world, Offers(world, "train"), told, follow, Plans(world.domains, world, "train", seed))
        self.lexicon = lexicon

    def exercise(self, source: random.Random) -> Exercise:
        """One dialogue of a kind drawn by `SHARES`, with ten tools at most."""
        [task] = source.choices(list(SHARES), list(SHARES.values()))
        while True:
            try:
                made = MAKERS[task](self.stage, source.randrange(10**6), source)
                break
            except UnfillableError:  # the world has no row for what this sentence wants; another has
                continue
        names = list(made.tools) if task == "timing" else self._fewer(made, source)
        renamed = {name: random_name(self.lexicon, source) for name in names} if source.random() < RENAMED else {}
        messages = [
            message.model_copy(update={"tool_calls": tuple(call.model_copy(update={"name": renamed.get(call.name, call.name)}) for call in message.tool_calls)})
            for message in made.messages
        ]
        return Exercise(messages, [self._shown(name, renamed) for name in names])

    def _fewer(self, dialogue: Dialogue, source: random.Random) -> list[str]:
        """The tools that are called and some of the others, in the order in which they were offered."""
        called = {call.name for message in dialogue.messages for call in message.tool_calls}
        others = [name for name in dialogue.tools if name not in called]
        size = source.randint(min(len(dialogue.tools), max(FEWEST, len(called))), len(dialogue.tools))
        kept = called | set(source.sample(others, min(len(others), max(0, size - len(called)))))
        return [name for name in dialogue.tools if name in kept]

    def _shown(self, name: str, renamed: dict[str, str]) -> Tool:
        tool = self.stage.world.tools[name]
        description = tool.description
        for old, new in renamed.items():
            description = description.replace(old, new)
        return tool.model_copy(update={"name": renamed.get(name, name), "description": description})
