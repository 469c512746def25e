"""agent_sft: whole dialogues to learn from, with real tool results, in OpenAI chat form.

Tools offered are the right ones among hard others, in seeded order. Most tokens of a dialogue are its tools, so several requests share them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from toolwright.data.agent_plans import Plans
from toolwright.data.dialogues import MAKERS, Stage
from toolwright.data.frames import Frame, follow_frames, frames
from toolwright.data.offers import Offers
from toolwright.types import TIMING_LABELS, Dialogue, Split
from toolwright.world.engine import World
from toolwright.world.spec import Domain

# Share of each task, in dialogues.
MIX = {"call": 0.32, "parallel": 0.06, "plan": 0.15, "clarify": 0.10, "correct": 0.05, "talk": 0.12, "timing": 0.20}


def build_dialogues(domains: Sequence[Domain], world: World, split: Split, count: int, seed: int) -> list[Dialogue]:
    """`count` dialogues of one split, tasks mixed as `MIX` says, the same for the same seed."""
    by_label: dict[str, list[Frame]] = {label: [] for label in TIMING_LABELS}
    for frame in frames(domains, split):
        by_label[frame.label].append(frame)
    for label, found in by_label.items():
        random.Random(f"{seed}/{split}/{label}").shuffle(found)
    stage = Stage(world, Offers(world), by_label, list(follow_frames(domains, split)), Plans(domains, world, split, seed))
    dialogues = []
    for task, share in MIX.items():
        for i in range(round(share * count)):
            source = random.Random(f"{seed}/{split}/{task}/{i}")
            made = MAKERS[task](stage, i, source)
            dialogues.append(made.model_copy(update={"id": f"{split}.{task}.{i}", "split": split, "task": task}))
    random.Random(f"{seed}/{split}").shuffle(dialogues)
    return dialogues
