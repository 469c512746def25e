"""A plan as a graph: which step needs which, cycles, levels, the critical path, and drawings of it.

A link stands wherever a step's arguments refer to another step (`$s1.order_id`) or `depends_on` names it. Everything is linear in steps and links and nothing
recurses, so that chains of tens of thousands of steps are no danger. Cycles are the strongly connected components with a link inside (Tarjan, "Depth-first
search and linear graph algorithms", 1972), so that all are found at once, with their members; orders come from `graphlib`.

What a graph does not know is tools: whether steps fit them says `validate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from toolwright.planning.references import Reference, references
from toolwright.types import InputError, Step

DEEPEST = 64  # levels of nesting in an argument; nobody's tool takes more, and reading deeper would recurse too far


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The chain of steps that takes longest, and how long: no execution is faster."""

    steps: tuple[str, ...]
    seconds: float


class DependencyGraph:
    """The steps of a plan and what each needs.

    Args:
        steps: in any order. Of steps with one id the first counts; the others stand in `duplicates`.

    Attributes:
        steps: each step by its id, in the order given.
        needs: for each step, the steps that must be done before it, each once.
        feeds: the same links the other way round.
        references: for each step, the references in its arguments, in order.
        missing: (step, id) for each link to a step that the plan does not have.
        too_deep: steps whose arguments are nested deeper than 64 levels; they are not read for references.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps: dict[str, Step] = {}
        self.duplicates: list[str] = []
        for step in steps:
            if step.id in self.steps:
                self.duplicates.append(step.id)
            else:
                self.steps[step.id] = step
        self.too_deep = {name for name, step in self.steps.items() if nested_deeper(step.arguments, DEEPEST)}
        self.references: dict[str, tuple[Reference, ...]] = {
            name: () if name in self.too_deep else tuple(references(step.arguments)) for name, step in self.steps.items()
        }
        self.needs: dict[str, tuple[str, ...]] = {}
        self.feeds: dict[str, list[str]] = {name: [] for name in self.steps}
        self.missing: list[tuple[str, str]] = []
        for name, step in self.steps.items():
            wanted = dict.fromkeys((*(reference.step for reference in self.references[name]), *step.depends_on))
            self.needs[name] = tuple(other for other in wanted if other in self.steps)
            self.missing.extend((name, other) for other in wanted if other not in self.steps)
            for other in self.needs[name]:
                self.feeds[other].append(name)

    @property
    def links(self) -> list[tuple[str, str]]:
        """(producer, consumer) of every link."""
        return [(other, name) for name, needed in self.needs.items() for other in needed]

    def cycles(self) -> list[tuple[str, ...]]:
        """Every set of steps that wait for each other, in the order of the plan; a step that waits for itself is one."""
        position = {name: i for i, name in enumerate(self.steps)}
        found = [tuple(sorted(members, key=position.__getitem__)) for members in strong_components(self.needs)]
        return sorted((one for one in found if len(one) > 1 or one[0] in self.needs[one[0]]), key=lambda one: position[one[0]])

    def levels(self) -> list[list[str]]:
        """Steps by how soon they can run: those of one level need nothing of each other. Raises `InputError` when there is a cycle."""
        self._refuse_cycles()
        sorter = TopologicalSorter(self.needs)
        sorter.prepare()
        levels = []
        while sorter.is_active():
            levels.append(list(sorter.get_ready()))
            sorter.done(*levels[-1])
        return levels

    def ordered(self) -> list[Step]:
        """The steps, each after all that it needs. Raises `InputError` when there is a cycle."""
        return [self.steps[name] for level in self.levels() for name in level]

    def critical_path(self, seconds: Mapping[str, float]) -> CriticalPath:
        """The chain that takes longest, when each step takes the seconds given. Raises `InputError` when there is a cycle."""
        done: dict[str, float] = {}
        through: dict[str, str | None] = {}
        for step in self.ordered():
            through[step.id] = max(self.needs[step.id], key=done.__getitem__, default=None)
            before = through[step.id]
            done[step.id] = seconds[step.id] + (done[before] if before is not None else 0.0)
        last: str | None = max(done, key=done.__getitem__, default=None)
        total = done[last] if last is not None else 0.0
        path = []
        while last is not None:
            path.append(last)
            last = through[last]
        return CriticalPath(tuple(reversed(path)), total)

    def after(self, names: Sequence[str]) -> set[str]:
        """All steps that need one of these, directly or not; not these themselves unless they are in a cycle."""
        found: set[str] = set()
        left = list(names)
        while left:
            for name in self.feeds.get(left.pop(), ()):
                if name not in found:
                    found.add(name)
                    left.append(name)
        return found

    def to_dot(self) -> str:
        """The graph in Graphviz' language; links carry the fields that flow over them."""
        lines = [f"  {_quoted(name)} [label={_quoted(f'{name}: {step.tool}')}];" for name, step in self.steps.items()]
        lines += [f"  {_quoted(other)} -> {_quoted(name)} [label={_quoted(said)}];" for other, name, said in self._labelled()]
        return "\n".join(["digraph plan {", "  rankdir=LR; node [shape=box];", *lines, "}"]) + "\n"

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flow chart, which Markdown viewers draw."""
        number = {name: f"n{i}" for i, name in enumerate(self.steps)}
        lines = [f'  {number[name]}["{_entities(f"{name}: {step.tool}")}"]' for name, step in self.steps.items()]
        lines += [f"  {number[other]} -->" + (f'|"{_entities(said)}"| ' if said else " ") + number[name] for other, name, said in self._labelled()]
        return "\n".join(["flowchart LR", *lines]) + "\n"

    def _labelled(self) -> Iterator[tuple[str, str, str]]:
        """(producer, consumer, fields) of every link."""
        for name, needed in self.needs.items():
            fields: dict[str, dict[str, None]] = {}
            for reference in self.references[name]:
                fields.setdefault(reference.step, {})[str(reference).removeprefix(f"${reference.step}").removeprefix(".")] = None
            for other in needed:
                yield other, name, ", ".join(fields.get(other, ()))

    def _refuse_cycles(self) -> None:
        if cycles := self.cycles():
            raise InputError(f"plan: steps {', '.join(cycles[0][:10])} wait for each other ({len(cycles)} cycles); expected a graph without cycles")


def strong_components(links: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Tarjan's strongly connected components, without recursion; `links` maps each node to those it points at, all of them keys."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in links:
        if root in index:
            continue
        work = [(root, iter(links[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, left = work[-1]
            following = next(left, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while node in on_stack:
                        members.append(stack.pop())
                        on_stack.discard(members[-1])
                    found.append(members)
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                work.append((following, iter(links[following])))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
    return found


def nested_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects stand within each other more than `most` levels deep."""
    left = [(value, 0)]
    while left:
        item, depth = left.pop()
        if isinstance(item, Mapping | list | tuple):
            if depth >= most:
                return True
            left.extend((part, depth + 1) for part in (item.values() if isinstance(item, Mapping) else item))
    return False


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(text: str) -> str:
    """Mermaid's own escape: `#` and a number."""
    return "".join(character if character.isalnum() or character in " _.-:,[]$" else f"#{ord(character)};" for character in text)
