"""Execution: in parallel, bounded, asked, journalled; nothing hangs and nothing happens twice, whatever tools do."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap

import anyio
import pytest

from toolwright.planning.execute import Executor, Limits, ToolRefusedError, Verdict, execute, in_thread
from toolwright.planning.journal import Journal
from toolwright.planning.validate import PlanningError
from toolwright.types import InputError, Step, Tool, ToolCall

QUICK = Limits(timeout=0.05, pause=0.001)


def tool(name, effect, returns=None):
    return Tool(name=name, returns=returns or {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, extras={"effect": effect})


TOOLS = {one.name: one for one in (tool("read", "read"), tool("make", "create"), tool("drop", "delete"), Tool(name="mystery"))}


def step(name, *needs, tool="read"):
    return Step(id=name, tool=tool, depends_on=needs)


async def one(call):
    return {"n": 1}


def test_steps_run_as_soon_as_they_can_and_no_more_at_once_than_allowed():
    at_work, most, order = 0, 0, []

    async def call(call):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await anyio.sleep(0.002)
        at_work -= 1
        order.append(call.id)
        return {"n": 1}

    steps = [step("last", *(f"s{i}" for i in range(6))), *(step(f"s{i}") for i in range(6))]
    done = execute(Executor(TOOLS, call, limits=Limits(at_once=3)), steps, run_id="r")
    assert done.succeeded
    assert most == 3
    assert order[-1] == "r/last"


def test_a_tool_that_raises_hangs_or_lies_is_an_observation_and_the_rest_goes_on():
    async def call(call):
        match call.id:
            case "r/raises":
                raise ZeroDivisionError("oh")
            case "r/hangs":
                await anyio.sleep(1000)
            case "r/lies":
                return {"n": "one"}
            case "r/babbles":
                return {"n": {1, 2}}
            case "r/refuses":
                raise ToolRefusedError("no such guest")
            case "r/says_no":
                return {"error": {"type": "not_found", "message": "gone"}}
        return {"n": 1}

    names = ("raises", "hangs", "lies", "babbles", "refuses", "says_no")
    steps = [*(step(name) for name in names), step("fine"), *(step(f"after_{name}", name) for name in names)]
    seen = execute(Executor(TOOLS, call, limits=QUICK), steps, run_id="r").observations
    said = {name: (seen[name].status, seen[name].attempts) for name in names}
    assert said == {name: ("failed", 1 if name in ("refuses", "says_no") else 3) for name in names}
    assert "ZeroDivisionError" in seen["raises"].error
    assert "no answer within" in seen["hangs"].error
    assert "return schema" in seen["lies"].error
    assert "no JSON" in seen["babbles"].error
    assert seen["says_no"].error == "not_found: gone"
    assert seen["fine"].status == "done"
    assert {seen[f"after_{name}"].status for name in names} == {"skipped"}
    assert seen["after_raises"].error == "needs raises"


def test_a_cycle_is_refused_before_anything_runs():
    called = []

    async def call(call):
        called.append(call)
        return {"n": 1}

    with pytest.raises(PlanningError, match="wait for each other"):
        execute(Executor(TOOLS, call), [step("free"), step("a", "b"), step("b", "a")])
    assert called == []


def test_references_are_resolved_and_those_that_lead_nowhere_fail_the_step():
    rows = Tool(name="rows", returns={"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}}, extras={"effect": "read"})
    use = Tool(name="use", parameters={"type": "object", "properties": {"n": {"type": "integer"}}}, extras={"effect": "compute"})
    given = []

    async def call(call):
        given.append(call.arguments)
        return {"rows": [7]}

    steps = [Step(id="s1", tool="rows"), Step(id="s2", tool="use", arguments={"n": "$s1.rows[0]"}), Step(id="s3", tool="use", arguments={"n": "$s1.rows[1]"})]
    seen = execute(Executor({"rows": rows, "use": use}, call), steps).observations
    assert given == [{}, {"n": 7}]
    assert seen["s3"].status == "failed"
    assert "1 is not in the answer" in seen["s3"].error


@pytest.mark.parametrize(("answer", "status"), [(None, "refused"), (False, "refused"), (True, "done")])
def test_destructive_steps_are_asked_about(answer, status):
    async def approve(step, call):
        return answer

    executor = Executor(TOOLS, one, approve=None if answer is None else approve)
    seen = execute(executor, [step("s1", tool="drop"), step("s2", tool="make")]).observations
    assert (seen["s1"].status, seen["s2"].status) == (status, "done")
    assert execute(Executor(TOOLS, one), [step("s1", tool="mystery")]).observations["s1"].status == "refused"


@pytest.mark.parametrize(("keyed", "calls", "status"), [(False, 1, "unknown"), (True, 3, "unknown")])
def test_what_may_have_had_its_effect_is_repeated_only_where_calls_are_known_by_id(keyed, calls, status):
    made = []

    async def call(call):
        made.append(call.id)
        raise OSError("line cut")

    seen = execute(Executor(TOOLS, call, limits=QUICK, keyed=keyed), [step("s1", tool="make")], run_id="r").observations
    assert made == ["r/s1"] * calls
    assert seen["s1"].status == status


@pytest.mark.parametrize(("verdict", "status", "calls"), [("again", "done", 2), ("happened", "done", 1), ("stop", "unknown", 1)])
def test_steps_in_doubt_are_asked_about(verdict, status, calls):
    made = []

    async def call(call):
        made.append(call.id)
        if len(made) == 1:
            raise OSError
        return {"n": 1}

    async def ask(step, call, why):
        return Verdict(verdict, {"n": 5} if verdict == "happened" else None)

    seen = execute(Executor(TOOLS, call, limits=QUICK, ask_doubt=ask), [step("s1", tool="make"), step("s2", "s1")]).observations
    assert (seen["s1"].status, len([made_id for made_id in made if made_id.endswith("s1")])) == (status, calls)
    assert seen["s2"].status == ("skipped" if verdict == "stop" else "done")


def test_the_rest_is_planned_anew_from_what_is_achieved():
    async def call(call):
        if call.id == "r/s2":
            raise ToolRefusedError("closed on Mondays")
        return {"n": 4}

    async def replan(steps, seen):
        assert seen["s1"].answer == {"n": 4}
        assert seen["s2"].error == "closed on Mondays"
        return [step("t1", "s1")]

    journal = Journal()
    done = execute(Executor(TOOLS, call, replan=replan), [step("s1"), step("s2", "s1"), step("s3", "s2")], journal, run_id="r")
    assert done.succeeded
    assert [one.id for one in done.steps] == ["s1", "t1"]
    assert [event["event"] for event in journal.events].count("replanned") == 1


def test_cancelled_nothing_goes_on_running():
    ended = []

    async def call(call):
        try:
            await anyio.sleep(1000)
        finally:
            ended.append(call.id)

    async def main():
        with anyio.move_on_after(0.05):
            await Executor(TOOLS, call).run([step("s1"), step("s2")], run_id="r")

    anyio.run(main)
    assert sorted(ended) == ["r/s1", "r/s2"]


def test_blocking_tools_run_in_threads():
    assert execute(Executor(TOOLS, in_thread(lambda call: {"n": len(call.name)})), [step("s1")]).answers == {"s1": {"n": 4}}


def test_a_journal_of_another_plan_is_refused_and_a_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "run.jsonl"
    with Journal(path) as journal:
        execute(Executor(TOOLS, one), [step("s1")], journal)
    path.write_bytes(path.read_bytes() + b'{"event": "ended", "st')
    with Journal(path) as journal:
        assert [event["event"] for event in journal.events] == ["plan", "began", "ended"]
        with pytest.raises(InputError, match="another plan"):
            execute(Executor(TOOLS, one), [step("s2")], journal)
    path.write_text("[]\n")
    with pytest.raises(InputError, match=r"run.jsonl:1: got"):
        Journal(path)


@pytest.mark.parametrize("cut", range(2, 12))
def test_cut_after_any_event_the_run_goes_on_and_does_nothing_twice(tmp_path, cut):
    class Cut(BaseException):
        pass

    effects = []

    async def call(call):
        effects.append(call.id)
        return {"n": 1}

    steps = [step("s1"), step("s2", "s1", tool="make"), step("s3", "s1", tool="make"), step("s4", "s2", "s3", tool="make")]
    path = tmp_path / "run.jsonl"

    def tear(event):
        if len(path.read_text().splitlines()) == cut:
            raise Cut

    asked = []

    async def ask(step, call, why):
        asked.append(step.id)
        return Verdict("happened", {"n": 1}) if call.id in effects else Verdict("again")

    with Journal(path, tear) as journal, contextlib.suppress(Cut, BaseExceptionGroup):  # past the last event nothing is cut
        execute(Executor(TOOLS, call), steps, journal, run_id="r")
    with Journal(path) as journal:
        done = execute(Executor(TOOLS, call, ask_doubt=ask), steps, journal)
    assert done.succeeded
    written = [name for name in effects if name != "r/s1"]
    assert sorted(written) == ["r/s2", "r/s3", "r/s4"]


KILLED = """
import sys, random
from pathlib import Path
from toolwright.planning.execute import Executor, Limits, execute
from toolwright.planning.journal import Journal
from toolwright.types import Step, ToolCall
from toolwright.world.engine import World
from toolwright.world.load import DOMAINS, load_domain
world = World([load_domain(DOMAINS / "helpdesk.yaml")], seed=0, path=Path(sys.argv[1]))
async def call(call):
    return world.call(call).content
steps = [Step.model_validate_json(line) for line in Path(sys.argv[2]).read_text().splitlines()]
with Journal(Path(sys.argv[3])) as journal:
    print("go", flush=True)
    done = execute(Executor(world.tools, call, keyed=True), steps, journal, run_id="r")
print(done.succeeded, world.fingerprint())
"""


@pytest.mark.slow
def test_killed_at_a_random_moment_and_resumed_the_world_ends_the_same(tmp_path, data):
    plan = max((p for p in data.planning("train") if p.world["domains"] == ["helpdesk"]), key=lambda p: len(p.steps))
    steps = tmp_path / "steps.jsonl"
    steps.write_text("".join(s.model_dump_json() + "\n" for s in plan.steps))

    def start(name):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), tmp_path / f"{name}.sqlite", steps, tmp_path / f"{name}.jsonl"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start("whole").communicate()[0].splitlines()[-1]
    assert whole.startswith("True")
    process = start("cut")
    process.stdout.readline()
    anyio.run(anyio.sleep, random.Random(0).random() * 0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert start("cut").communicate()[0].splitlines()[-1] == whole
    events = [json.loads(line) for line in (tmp_path / "cut.jsonl").read_text().splitlines()]
    assert {event["step"] for event in events if event["event"] == "ended"} == {s.id for s in plan.steps}


def test_faults_everywhere_and_still_no_effect_twice():
    for seed in range(60):
        source = random.Random(seed)
        effects = []

        async def call(call: ToolCall, source=source, effects=effects):
            if call.name == "make":
                effects.append(call.id)
            match source.choices(("fine", "raise", "hang", "lie"), (0.4, 0.2, 0.2, 0.2))[0]:
                case "raise":
                    raise RuntimeError
                case "hang":
                    await anyio.sleep(1000)
                case "lie":
                    return source.choice([None, [], {"n": "x"}, float("nan"), {"error": "no"}])
            return {"n": 1}

        steps = [step(f"s{i}", *{f"s{source.randrange(i)}" for _ in range(source.randint(0, 2)) if i}, tool=source.choice(["read", "make"])) for i in range(8)]
        journal = Journal()
        limits = Limits(timeout=0.002, pause=0.0005)
        done = execute(Executor(TOOLS, call, limits=limits), steps, journal)
        assert len(effects) == len(set(effects))
        assert set(done.observations) == {one.id for one in steps}
        ended = {event["step"]: event["status"] for event in journal.events if event["event"] == "ended"}
        assert ended == {name: seen.status for name, seen in done.observations.items() if seen.status != "skipped"}
