"""agent_benchmark, planning: goals of the domain files, put together, filled from the world, and checked by running them.

An example is one goal, or two of them, and in some a sequel that takes up what the goals came to know. The gold plan is run on the world and undone: every
call must succeed; what it changed is the goal state; and leaving out any step must miss the state or the answer (minimality). Goals stand in
one split only, so that the plans of test are not those of train with other values.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolwright.data.fill import plain, render, whole
from toolwright.data.goal_states import branches, loosened, relabelled, run_plan, succeeds, superfluous, with_new
from toolwright.data.reports import told_value
from toolwright.planning.references import WHOLE, references, renamed, resolve, written
from toolwright.types import JSON, PlanExample, Split, Step
from toolwright.world.engine import World
from toolwright.world.goals import SLOT, Goal, GoalStep, Sequel, Told, filled
from toolwright.world.spec import Domain

ATTEMPTS = 12  # drafts tried until one runs and is minimal
TURNS = 4  # attempts for each example wanted, at most
MOST_STEPS = 10
ANOTHER_GOAL = 0.15  # share of examples with a second goal
SEQUEL = 0.3  # share of examples that a sequel is looked for, of those that stay within one domain
FIGURES = {"count", "days", "hours", "iso_date", "iso_datetime", "minutes", "money", "percent"}  # what somebody else may want to know of a job
DONE = "That is done."
ID = re.compile(r"[A-Z]+-\d+")
JOINTS = ("", "Then ", "After that, ", "And ", "Also, ", "Once that is done, ")


@dataclass
class Draft:
    """A plan in the making: its sentences, its steps by their new names, what it tells, what is asked for."""

    sentences: list[str] = field(default_factory=list)
    steps: dict[str, GoalStep] = field(default_factory=dict)
    tells: dict[str, Told] = field(default_factory=dict)
    answer: dict[str, str] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)

    def add(self, steps: Mapping[str, GoalStep], values: JSON) -> dict[str, str]:
        """Take steps over, their slots filled; returns what each is called now."""
        names = {old: f"s{len(self.steps) + i + 1}" for i, old in enumerate(steps)}
        for old, step in steps.items():
            arguments = renamed(filled(step.arguments, values), names)
            free = {name: tuple(renamed(filled(list(holds), values), names)) for name, holds in step.free.items()}
            self.steps[names[old]] = GoalStep(tool=step.tool, arguments=arguments, free=free)
        return names

    def add_goal(self, goal: Goal, values: JSON, source: random.Random) -> None:
        names = self.add(goal.steps, values)
        self.sentences.append(spoken(source.choice(goal.say), values))
        asked = {name: f"{name}_{len(self.sentences)}" if name in self.answer else name for name in goal.answer}
        for name, value in goal.answer.items():
            self.answer[asked[name]] = renamed(filled(value, values), names)
        self.replies.append(SLOT.sub(lambda match: f"{{{asked[match[1]]}}}" if match[1] in asked else plain(values[match[1]]), goal.reply or DONE))
        for name, told in goal.tells.items():
            said = tuple(spoken(text, values) for text in told.said)
            self.tells[f"{name}{len(self.sentences)}"] = Told(value=renamed(filled(told.value, values), names), meaning=told.meaning, said=said)

    def add_sequel(self, sequel: Sequel, say: Sequence[str], values: JSON, source: random.Random) -> bool:
        """Let the sequel follow what the plan tells; False when it does not tell enough."""
        given: JSON = {}
        said: JSON = {}
        for want, meaning in sequel.wants.items():
            fitting = [told for told in self.tells.values() if takes(meaning, told) and told.value not in given.values()]
            if not fitting:
                return False
            told = source.choice(fitting)
            given[want], said[want] = told.value, source.choice(told.said)
        as_text = {want: "${" + value[1:] + "}" if value.startswith("$") else value for want, value in given.items()}
        as_text |= {f"{want}_said": text[0].upper() + text[1:] for want, text in said.items()}
        steps = {name: _with_told(step, given, as_text) for name, step in sequel.steps.items()}
        self.add(steps, values)
        chosen = source.choice(say)
        sentence = spoken(chosen, {**values, **said})
        joint = "" if chosen.startswith(("{", "I ", "I'", "My ", "So ")) else source.choice(JOINTS)
        self.sentences.append(joint + (sentence[0].lower() + sentence[1:] if joint else sentence))
        if sequel.reply:
            self.replies.append(spoken(sequel.reply, {**values, **said}))
        return True


def takes(wanted: str, told: Told) -> bool:
    """Whether a sequel that wants one meaning takes what is told: `any` all but e-mail addresses, which sentences tell as the persons behind them; `figure`
    sums, numbers and dates that the asker does not know yet.
    """
    if wanted == "figure":
        return told.meaning in FIGURES and told.value.startswith("$")
    return wanted == told.meaning or (wanted == "any" and told.meaning != "email")


def contradict(row: JSON, other: JSON) -> bool:
    """Whether two goals of one message would give one thing two numbers: "I'm customer MBC-1" and "my number is MBC-2"."""
    return any(isinstance(value, str) and ID.fullmatch(value) and row.get(slot, value) != value for slot, value in other.items())


def spoken(text: str, values: JSON) -> str:
    """A sentence with its slots filled as they are written."""
    return render(text, {slot: plain(values[slot]) for slot, _ in SLOT.findall(text)})


def _with_told(step: GoalStep, given: JSON, as_text: JSON) -> GoalStep:
    def put(value: Any) -> Any:
        if isinstance(value, str) and (match := SLOT.fullmatch(value)) and match[1] in given:
            return given[match[1]]
        return filled(value, as_text) if isinstance(value, str) else value

    return GoalStep(
        tool=step.tool,
        arguments={name: [put(item) for item in value] if isinstance(value, list) else put(value) for name, value in step.arguments.items()},
        free={name: tuple(put(item) for item in holds) for name, holds in step.free.items()},
    )


def ordered_steps(draft: Draft) -> tuple[Step, ...]:
    """The draft's steps, with what each depends on."""
    return tuple(
        Step(id=name, tool=step.tool, arguments=step.arguments, depends_on=tuple(sorted({reference.step for reference in references(step.arguments)})))
        for name, step in draft.steps.items()
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """An example, what each of its steps answered, and the report of it all."""

    example: PlanExample
    answers: dict[str, JSON]
    reply: str


class Plans:
    """Plans of one split.

    Args:
        domains: where goals and sequels come from; those that need tools the world lacks are left out.
        world: where plans are run.
        split: whose goals and sentences are used.
        seed: the same seed gives the same plans.
    """

    def __init__(self, domains: Sequence[Domain], world: World, split: Split, seed: int) -> None:
        self.world, self.split, self.seed = world, split, seed
        known = [(domain, tool) for domain in world.domains for tool in domain.tools if split == "test" or not domain.is_unseen(tool)]
        self.owner = {tool.name: domain.domain for domain, tool in known}
        named = [(f"{domain.domain}.goal.{split}{i}", goal) for domain in domains for i, goal in enumerate(getattr(domain.goals, split))]
        self.goals = [(name, goal) for name, goal in named if self._possible(goal)]
        self.of_domain: dict[str, list[Goal]] = {}
        for name, goal in self.goals:
            self.of_domain.setdefault(name.split(".")[0], []).append(goal)
        self.sequels = [sequel for domain in domains for sequel in domain.goals.sequels if getattr(sequel, split) and self._possible(sequel)]

    def _possible(self, goal: Goal | Sequel) -> bool:
        return all(step.tool in self.owner for step in goal.steps.values())

    def make(self, turn: int) -> Planned | None:
        """The plan of this turn, goals one after the other, each time with other company; None when none of some attempts runs and is minimal."""
        name, goal = self.goals[turn % len(self.goals)]
        id_ = f"{name}.{turn // len(self.goals)}"
        source = random.Random(f"{self.seed}/{id_}")
        for _ in range(ATTEMPTS):
            draft = self._draft(name, goal, source)
            if (made := self._planned(id_, draft)) is not None:
                return made
        return None

    def _draft(self, name: str, goal: Goal, source: random.Random) -> Draft:
        domain = name.split(".", maxsplit=1)[0]
        draft = Draft()
        row = _row(self.world, goal.example, source)
        draft.add_goal(goal, row, source)
        beside = [other for other in self.of_domain[domain] if other is not goal]
        if beside and source.random() < ANOTHER_GOAL:
            other = source.choice(beside)
            others_row = _row(self.world, other.example, source)
            if not contradict(row, others_row):
                draft.add_goal(other, others_row, source)
        used = {step.tool for step in draft.steps.values()}
        if len({self.owner[tool] for tool in used}) == 1 and source.random() < SEQUEL:
            fitting = [sequel for sequel in self.sequels if not sequel.after or domain in sequel.after]
            for sequel in source.sample(fitting, len(fitting)):
                if used.isdisjoint(step.tool for step in sequel.steps.values()):
                    values = _row(self.world, sequel.example, source) if sequel.example else {}
                    if draft.add_sequel(sequel, getattr(sequel, self.split), values, source):
                        break
        return draft

    def _planned(self, id_: str, draft: Draft) -> Planned | None:
        steps = ordered_steps(draft)
        used = sorted({self.owner[step.tool] for step in steps})
        if not 2 <= len(steps) <= MOST_STEPS:
            return None
        outcome = run_plan(self.world, steps, draft.answer)
        if outcome is None:
            return None
        free = {
            with_new(resolve(step.arguments[argument], outcome.answers), outcome.new): [
                written(with_new(value, outcome.new)) for value in resolve(list(holds), outcome.answers)
            ]
            for step in draft.steps.values()
            for argument, holds in step.free.items()
        }
        size = "steps_2_3" if len(steps) < 4 else "steps_4_5" if len(steps) < 6 else "steps_6_10"
        kinds = [size, *(["branching"] if branches(steps) else []), *(["across_domains"] if len(used) > 1 else [])]
        example = PlanExample(
            id=id_,
            goal=" ".join(draft.sentences),
            world={"seed": self.world.seed, "domains": used},
            steps=steps,
            goal_state=loosened(outcome.changes, free),
            answer=outcome.answer or None,
            tags=(*kinds, *(f"domain_{one}" for one in used)),
        )
        if not succeeds(self.world, example, relabelled(steps)) or superfluous(self.world, example):
            return None
        found = {name: self.told(value, draft, outcome.answers) for name, value in draft.answer.items()}
        return Planned(example, outcome.answers, spoken(" ".join(draft.replies), found))

    def told(self, value: Any, draft: Draft, answers: Mapping[str, JSON]) -> str:
        """What an answer of the plan says, written as its producer's own report would write it."""
        if not (isinstance(value, str) and WHOLE.fullmatch(value)):
            return plain(resolve(value, answers))
        reference = next(references(value))
        tool = self.world.tools[draft.steps[reference.step].tool]
        schema: JSON = tool.returns or {}
        name = ""
        for key in reference.path:
            schema, name = (schema["items"], f"{name}[]") if isinstance(key, int) else (schema["properties"][key], f"{name}.{key}" if name else key)
        return told_value(reference.find(answers), schema, tool.extras["meanings"]["returns"].get(name))


def build_plans(domains: Sequence[Domain], world: World, split: Split, count: int, seed: int) -> list[PlanExample]:
    """At most `count` examples of one split, no goal's text twice; none where the domains tell no goals."""
    plans = Plans(domains, world, split, seed)
    found: dict[str, PlanExample] = {}
    for turn in range(TURNS * count if plans.goals else 0):
        if len(found) == count:
            break
        if (made := plans.make(turn)) is not None:
            found.setdefault(made.example.goal, made.example)
    return list(found.values())


def _row(world: World, query: str, source: random.Random) -> JSON:
    row = world.draw(query, source)
    if row is None:
        raise ValueError(f"a goal's example query gives no row: {query}")
    return {name: whole(value) for name, value in row.items()}
