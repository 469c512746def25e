"""Run a plan: each step as soon as what it needs is there, at most so many at once, and never a step's effect twice.

A tool that raises, hangs, answers what is no JSON or disobeys its return schema becomes an observation. Calls are repeated, with growing pauses, only where
that does no harm: reading effects, or any effect where the tools know a call by its id (`keyed`, as the world's engine does). Where it might do harm the
step is `unknown` and somebody is asked, both when the tool fails and when a crash fell between a call and its record. Destructive calls need approval. When
steps have failed, the rest can be planned anew from what has been achieved.

A hanging tool is cancelled at its next `await`. One that blocks belongs into a thread (`in_thread`), which is abandoned: Python cannot stop it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import anyio
from anyio.abc import ObjectSendStream

from toolwright.planning.effects import destructive, repeatable
from toolwright.planning.graph import DependencyGraph
from toolwright.planning.journal import Journal
from toolwright.planning.references import UnresolvedError, resolve
from toolwright.planning.validate import PlanningError, check_plan
from toolwright.schema import schema_errors
from toolwright.types import JSON, InputError, Step, Tool, ToolCall

Status = Literal["done", "failed", "refused", "unknown", "skipped"]
Runner = Callable[[ToolCall], Awaitable[object]]
Approve = Callable[[Step, ToolCall], Awaitable[bool]]


class ToolRefusedError(RuntimeError):
    """A tool says that it did nothing, and why; an answer `{"error": …}` says the same."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What became of a step. `unknown`: its effect may or may not have happened. `skipped`: something it needs is not there."""

    step: str
    status: Status
    answer: Any = None
    error: str | None = None
    attempts: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody says of a step in doubt: make the call again, its effect happened (with the answer, where known), or stop here."""

    kind: Literal["again", "happened", "stop"]
    answer: Any = None


AskDoubt = Callable[[Step, ToolCall, str], Awaitable[Verdict]]
Replan = Callable[[Sequence[Step], Mapping[str, Observation]], Awaitable[Sequence[Step] | None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an execution."""

    at_once: int = 8  # calls under way at the same time
    timeout: float = 30.0  # seconds for one call
    attempts: int = 3  # calls of one step, where repeating is allowed
    pause: float = 0.2  # seconds before the second attempt; doubled before each further one
    replans: int = 2  # times that the rest may be planned anew


@dataclass(frozen=True, slots=True)
class Execution:
    """The steps of a plan, re-planned ones included, what became of each, and how long it took in seconds."""

    steps: tuple[Step, ...]
    observations: dict[str, Observation]
    seconds: float

    @property
    def succeeded(self) -> bool:
        return all(self.observations[step.id].status == "done" for step in self.steps)

    @property
    def answers(self) -> dict[str, Any]:
        return {name: one.answer for name, one in self.observations.items() if one.status == "done"}


@dataclass
class _Run:
    """What is known while a plan runs."""

    id: str
    steps: tuple[Step, ...]
    journal: Journal
    slots: anyio.Semaphore  # calls under way
    asking: anyio.Lock  # one question at a time
    observations: dict[str, Observation] = field(default_factory=dict)
    in_doubt: set[str] = field(default_factory=set)  # began, and no end is recorded
    approved: set[str] = field(default_factory=set)
    replans: int = 0


class Executor:
    """Runs plans on tools.

    Args:
        tools: the tools by name; their schemas and effects count.
        call: makes one call and gives its answer.
        limits: how many at once, how long, how often.
        keyed: the tools remember call ids: the same call asked again gets its first answer, and its effect never happens twice.
        approve: is asked before destructive calls; without it they are refused.
        ask_doubt: is asked when a step may have had its effect; without it the step stays `unknown` and what needs it is skipped.
        replan: gives further steps, with new ids, once steps have failed; they may refer to the answers there are.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        call: Runner,
        *,
        limits: Limits | None = None,
        keyed: bool = False,
        approve: Approve | None = None,
        ask_doubt: AskDoubt | None = None,
        replan: Replan | None = None,
    ) -> None:
        self.tools = tools
        self.call = call
        self.limits = limits or Limits()
        self.keyed = keyed
        self.approve = approve
        self.ask_doubt = ask_doubt
        self.replan = replan

    async def run(self, steps: Sequence[Step], journal: Journal | None = None, *, run_id: str | None = None) -> Execution:
        """Run a plan to its end, or go on with the one in the journal.

        Args:
            steps: the plan; with a journal that holds one already, the same plan.
            journal: where events go, and where a cut run is taken up.
            run_id: what call ids begin with (`run_id/step`); drawn at random when none is given.

        Raises:
            PlanningError: the plan has problems; nothing has run.
            InputError: the journal belongs to another plan.
        """
        journal = journal or Journal()
        began = time.monotonic()
        self._refuse_problems(steps)
        run = _recall(journal, steps, run_id, self.limits.at_once)
        while True:
            await self._round(run)
            kinds = {one.status for one in run.observations.values()}
            if self.replan is None or run.replans >= self.limits.replans or "failed" not in kinds or "unknown" in kinds:
                break
            further = await self.replan(run.steps, run.observations)
            if not further:
                break
            self._take_over(run, further)
        return Execution(run.steps, run.observations, time.monotonic() - began)

    def _refuse_problems(self, steps: Sequence[Step]) -> None:
        if problems := check_plan(steps, self.tools):
            raise PlanningError(f"the plan has {len(problems)} problems and was not run", problems)

    def _take_over(self, run: _Run, further: Sequence[Step]) -> None:
        """Go on with what is done and these steps."""
        if again := [step.id for step in further if step.id in run.observations]:
            raise PlanningError(f"re-planned steps need new ids; {', '.join(again)} are in use")
        kept = [step for step in run.steps if run.observations[step.id].status == "done"]
        self._refuse_problems([*kept, *further])
        run.journal.write("replanned", steps=[step.model_dump(mode="json") for step in further])
        run.replans += 1
        run.observations = {step.id: run.observations[step.id] for step in kept}
        run.steps = (*kept, *further)

    async def _round(self, run: _Run) -> None:
        """Run all that can run; what needs a step that did not get done is skipped."""
        graph = DependencyGraph(run.steps)
        over = {name: one for name, one in run.observations.items() if one.status != "skipped"}
        waits = {name: sum(other not in over or over[other].status != "done" for other in needed) for name, needed in graph.needs.items()}
        ready = deque(name for name in graph.steps if name not in over and waits[name] == 0)
        send, receive = anyio.create_memory_object_stream[Observation](len(graph.steps) + 1)
        running = 0
        async with anyio.create_task_group() as group, send, receive:
            while ready or running:
                while ready:
                    group.start_soon(self._step, graph.steps[ready.popleft()], run, send)
                    running += 1
                observed = await receive.receive()
                running -= 1
                run.observations[observed.step] = over[observed.step] = observed
                if observed.status == "done":
                    for name in graph.feeds[observed.step]:
                        waits[name] -= 1
                        if waits[name] == 0 and name not in over:
                            ready.append(name)
        for name in graph.steps:
            if name not in over:
                missing = [other for other in graph.needs[name] if run.observations.get(other, Observation(other, "skipped")).status != "done"]
                run.observations[name] = Observation(name, "skipped", error=f"needs {', '.join(missing)}")

    async def _step(self, step: Step, run: _Run, send: ObjectSendStream[Observation]) -> None:
        tool = self.tools[step.tool]
        observed = self._prepared(step, tool, run)
        if isinstance(observed, ToolCall):
            call = observed
            refused = await self._refused(step, tool, call, run)
            observed = refused if refused is not None else await self._settled(step, tool, call, run)
        run.journal.write("ended", **_event(observed))
        await send.send(observed)

    def _prepared(self, step: Step, tool: Tool, run: _Run) -> ToolCall | Observation:
        """The call with its references resolved, or why there is none."""
        answers = {name: one.answer for name, one in run.observations.items() if one.status == "done"}
        try:
            arguments = resolve(step.arguments, answers)
        except UnresolvedError as error:
            return Observation(step.id, "failed", error=str(error))
        if errors := schema_errors(tool.parameters, arguments):
            return Observation(step.id, "failed", error=f"arguments: {'; '.join(map(str, errors[:3]))}")
        return ToolCall(id=f"{run.id}/{step.id}", name=step.tool, arguments=arguments)

    async def _refused(self, step: Step, tool: Tool, call: ToolCall, run: _Run) -> Observation | None:
        """A destructive call that nobody approves."""
        if not destructive(tool) or step.id in run.approved:
            return None
        if self.approve is None:
            return Observation(step.id, "refused", error="needs approval, and there is nobody to ask")
        async with run.asking:
            approved = await self.approve(step, call)
        run.journal.write("asked", step=step.id, approved=approved)
        return None if approved else Observation(step.id, "refused", error="was not approved")

    async def _settled(self, step: Step, tool: Tool, call: ToolCall, run: _Run) -> Observation:
        """The step's end; somebody is asked as long as it is in doubt."""
        began = time.monotonic()
        if step.id in run.in_doubt and not (self.keyed or repeatable(tool)):
            observed = Observation(step.id, "unknown", error="the run was cut between this call and its record")
        else:
            observed = await self._attempts(step, tool, call, run)
        while observed.status == "unknown" and self.ask_doubt is not None:
            async with run.asking:
                verdict = await self.ask_doubt(step, call, observed.error or "")
            run.journal.write("doubt", step=step.id, verdict=verdict.kind)
            if verdict.kind == "stop":
                break
            if verdict.kind == "happened":
                observed = Observation(step.id, "done", verdict.answer, attempts=observed.attempts)
            else:
                observed = await self._attempts(step, tool, call, run)
        return replace(observed, seconds=time.monotonic() - began)

    async def _attempts(self, step: Step, tool: Tool, call: ToolCall, run: _Run) -> Observation:
        harmless = repeatable(tool)
        problem = ""
        for attempt in range(1, 1 + (self.limits.attempts if self.keyed or harmless else 1)):
            if attempt > 1:
                await anyio.sleep(self.limits.pause * 2 ** (attempt - 2))
            async with run.slots:
                run.journal.write("began", step=step.id, tool=call.name, arguments=call.arguments, call=call.id, attempt=attempt)
                try:
                    with anyio.move_on_after(self.limits.timeout) as bounded:
                        answer = await self.call(call)
                except ToolRefusedError as error:
                    return Observation(step.id, "failed", error=str(error), attempts=attempt)
                except Exception as error:  # noqa: BLE001 - whatever a tool raises is an observation
                    problem = f"raised {type(error).__name__}: {str(error)[:300]}"
                    continue
            if bounded.cancelled_caught:
                problem = f"no answer within {self.limits.timeout:g} seconds"
                continue
            answer, problem = _judged(answer, tool)
            if not problem:
                if (refusal := _refusal(answer)) is not None:
                    return Observation(step.id, "failed", error=refusal, attempts=attempt)
                return Observation(step.id, "done", answer, attempts=attempt)
        return Observation(step.id, "failed" if harmless else "unknown", error=problem, attempts=attempt)


def in_thread(function: Callable[[ToolCall], object]) -> Runner:
    """A blocking runner in a thread of its own; when it hangs the thread is left behind."""

    async def run(call: ToolCall) -> object:
        return await anyio.to_thread.run_sync(function, call, abandon_on_cancel=True)

    return run


def execute(executor: Executor, steps: Sequence[Step], journal: Journal | None = None, *, run_id: str | None = None) -> Execution:
    """`Executor.run` where nothing asynchronous runs yet."""
    return anyio.run(lambda: executor.run(steps, journal, run_id=run_id))


def _recall(journal: Journal, steps: Sequence[Step], run_id: str | None, at_once: int) -> _Run:
    """What the journal knows of this plan; a new plan is its first event."""
    plan = journal.last("plan")
    written = [step.model_dump(mode="json") for step in steps]
    if plan is None:
        plan = journal.write("plan", run=run_id or uuid.uuid4().hex, steps=written)
    elif plan["steps"] != written:
        raise InputError(f"{journal.path}: holds the journal of another plan of {len(plan['steps'])} steps; name a new file or resume that plan")
    run = _Run(plan["run"], tuple(steps), journal, anyio.Semaphore(at_once), anyio.Lock())
    for event in journal.events:
        name = event.get("step", "")
        match event["event"]:
            case "began":
                run.in_doubt.add(name)
            case "asked" if event["approved"]:
                run.approved.add(name)
            case "ended" if event["status"] != "unknown":
                run.in_doubt.discard(name)
                run.observations[name] = Observation(name, event["status"], event["answer"], event["error"], event["attempts"], event["seconds"])
            case "replanned":
                kept = [step for step in run.steps if (one := run.observations.get(step.id)) is not None and one.status == "done"]
                run.observations = {step.id: run.observations[step.id] for step in kept}
                run.steps = (*kept, *(Step.model_validate(step) for step in event["steps"]))
                run.replans += 1
    return run


def _event(observed: Observation) -> JSON:
    return {name: getattr(observed, name) for name in ("step", "status", "answer", "error", "attempts", "seconds")}


def _judged(answer: object, tool: Tool) -> tuple[Any, str]:
    """The answer as JSON, and what is wrong with it."""
    try:
        plain = json.loads(json.dumps(answer, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        return None, f"answered what is no JSON ({type(error).__name__}: {str(error)[:200]})"
    if tool.returns is not None and _refusal(plain) is None and (errors := schema_errors(tool.returns, plain)):
        return None, f"answered against its return schema: {'; '.join(map(str, errors[:3]))[:300]}"
    return plain, ""


def _refusal(answer: Any) -> str | None:
    """What an answer says that stands for a refusal: `{"error": …}` and nothing else."""
    if not isinstance(answer, dict) or set(answer) != {"error"}:
        return None
    said = answer["error"]
    return f"{said['type']}: {said['message']}" if isinstance(said, dict) and {"type", "message"} <= set(said) else str(said)[:300]
