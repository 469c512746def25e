"""agent_sft: whole dialogues to learn from, with real tool results, in OpenAI chat form.

Tools offered are the right ones among hard others, in seeded order. Most tokens of a dialogue are its tools, so several requests share them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from toolwright.data.agent_plans import Plans
from toolwright.data.dialogues import MAKERS, Stage
from toolwright.data.frames import Frame, follow_frames, frames
from toolwright.data.offers import Offers
from toolwright.types import TIMING_LABELS, Dialogue, Split
from toolwright.world.engine import World
from toolwright.world.spec import Domain

# Share of each task, in dialogues.
MIX = {"call": 0.32, "parallel": 0.06, "plan": 0.15, "clarify": 0.10, "correct": 0.05, "talk": 0.09, "timing": 0.23}
FOUNDATION_SHARE = 0.2  # of the training dialogues are about foundation domains: all their sentences can be told, since nothing of them is tested


def build_dialogues(domains: Sequence[Domain], world: World, split: Split, count: int, seed: int) -> list[Dialogue]:
    """`count` dialogues of one split, tasks mixed as `MIX` says, the same for the same seed."""
    foundation = [domain for domain in world.domains if domain.part == "foundation"] if split == "train" else []
    offers, plans = Offers(world, split), Plans([*domains, *foundation], world, split, seed)
    stages = [Stage(world, offers, _by_label(frames(domains, split), f"{seed}/{split}"), list(follow_frames(domains, split)), plans)]
    if foundation:
        splits: tuple[Split, ...] = ("train", "dev", "test")
        told = _by_label((frame for part in splits for frame in frames(foundation, part)), f"{seed}/foundation")
        stages.append(Stage(world, offers, told, [frame for part in splits for frame in follow_frames(foundation, part)], plans))
    dialogues = []
    for task, share in MIX.items():
        for i in range(round(share * count)):
            source = random.Random(f"{seed}/{split}/{task}/{i}")
            stage = stages[-1] if source.random() < FOUNDATION_SHARE else stages[0]
            made = MAKERS[task](stage, i, source)
            dialogues.append(made.model_copy(update={"id": f"{split}.{task}.{i}", "split": split, "task": task}))
    random.Random(f"{seed}/{split}").shuffle(dialogues)
    return dialogues


def _by_label(found: Iterable[Frame], seed: str) -> dict[str, list[Frame]]:
    """Frames by what they ask of an assistant, shuffled."""
    by_label: dict[str, list[Frame]] = {label: [] for label in TIMING_LABELS}
    for frame in found:
        by_label[frame.label].append(frame)
    for label, members in by_label.items():
        random.Random(f"{seed}/{label}").shuffle(members)
    return by_label
