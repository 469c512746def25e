"""Which tools stand beside the right ones: the same domain's, its hardest first, and others of anywhere.

What is trained on never shows an unseen tool, not even beside others: a model would learn that it is never the right one.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from toolwright.data.word_search import WordSearch
from toolwright.types import InputError, Split
from toolwright.world.engine import World

CANDIDATES = 10


class Offers:
    """Draws candidates.

    Args:
        world: the catalogue.
        split: what for; unseen tools stand in test alone.
    """

    def __init__(self, world: World, split: Split) -> None:
        shown = [(tool.name, domain) for domain in world.domains for tool in domain.tools if split == "test" or not domain.is_unseen(tool)]
        self.search = WordSearch(list(world.tools.values()))
        self.domain_of = {tool.name: domain.domain for domain in world.domains for tool in domain.tools}
        self.names = sorted(name for name, _ in shown)
        self.of_domain: dict[str, list[str]] = {}
        for name in self.names:
            self.of_domain.setdefault(self.domain_of[name], []).append(name)
        self.elsewhere: dict[frozenset[str], list[str]] = {}  # domains → all tools but theirs

    def offer(self, domain: str, gold: Sequence[str], text: str, source: random.Random, size: int = CANDIDATES, never: Collection[str] = ()) -> tuple[str, ...]:
        """`size` tools in random order: the gold ones, a third hard, a third of the same domain, the rest of anywhere but the domains `never`."""
        near = [name for name in self.of_domain[domain] if name not in gold]
        free = size - len(gold)
        hard = self.search.nearest(text, free // 3, near) if free >= 3 else []
        others = [name for name in near if name not in hard]
        same = source.sample(others, min(len(others), free // 3))
        taken = {*gold, *hard, *same}
        away = frozenset({domain, *never} if len(self.of_domain) > 1 else never)
        if away not in self.elsewhere:
            self.elsewhere[away] = [name for name in self.names if self.domain_of[name] not in away]
        pool = self.elsewhere[away]
        missing = free - len(hard) - len(same)
        rest = [name for name in source.sample(pool, min(len(pool), missing + len(taken))) if name not in taken]
        if missing > len(rest):
            raise InputError(f"{size} candidates wanted, but a world of {len(self.names)} tools has too few")
        offered = [*gold, *hard, *same, *rest[:missing]]
        source.shuffle(offered)
        return tuple(offered)
