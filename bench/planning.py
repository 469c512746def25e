"""Plans under load: makespan beside the critical path, validation beside networkx, hostile plans, tools that fail, hang and lie, and kill -9.

python -m bench.planning [makespan|validation|hostile|faults|killed ...]
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio

from toolwright.planning.execute import Executor, Limits, execute
from toolwright.planning.graph import DependencyGraph
from toolwright.planning.journal import Journal
from toolwright.planning.validate import check_plan
from toolwright.types import Step, Tool, ToolCall
from toolwright.world.engine import World
from toolwright.world.load import DOMAINS, load_domain

READ = Tool(name="read", returns={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, extras={"effect": "read"})
MAKE = Tool(
    name="make",
    parameters={"type": "object", "properties": {"n": {"type": "integer"}, "text": {"type": "string"}}},
    returns=READ.returns,
    extras={"effect": "create"},
)
TOOLS = {"read": READ, "make": MAKE}


def random_plan(source: random.Random, size: int, tool: str = "read") -> list[Step]:
    """Steps that each need up to three of those before."""
    return [Step(id=f"s{i}", tool=tool, depends_on=tuple({f"s{source.randrange(i)}" for _ in range(source.randint(0, 3))} if i else ())) for i in range(size)]


def makespan() -> None:
    """200 random graphs of 5 to 40 steps of 20 to 200 ms: parallel execution over the critical path, and over running in a line."""
    ratios, gains = [], []
    for seed in range(200):
        source = random.Random(seed)
        steps = random_plan(source, source.randint(5, 40))
        seconds = {step.id: source.uniform(0.02, 0.2) for step in steps}

        async def call(call: ToolCall, seconds: dict[str, float] = seconds) -> object:
            await anyio.sleep(seconds[call.id.split("/")[1]])
            return {"n": 1}

        done = execute(Executor(TOOLS, call, limits=Limits(at_once=len(steps))), steps, run_id="r")
        assert done.succeeded
        ratios.append(done.seconds / DependencyGraph(steps).critical_path(seconds).seconds)
        gains.append(sum(seconds.values()) / done.seconds)
    ratios.sort()
    print(f"makespan / critical path, 200 graphs: median {statistics.median(ratios):.3f}, 95th percentile {ratios[189]:.3f}, worst {ratios[-1]:.3f}")
    print(f"steps in a line / makespan: median {statistics.median(gains):.1f}")


def validation() -> None:
    """Checking a plan against 1,200 tools, by number of steps; the graph's part of it beside networkx."""
    import networkx

    tools = {f"make_{i}": MAKE.model_copy(update={"name": f"make_{i}"}) for i in range(1200)}
    source = random.Random(0)
    print(f"{'steps':>7} {'links':>7} {'check ms':>9} {'µs a step':>10} {'graph ms':>9} {'networkx ms':>12}")
    for size in (10, 100, 1_000, 10_000, 100_000):
        steps = [
            Step(
                id=f"s{i}", tool=f"make_{i % 1200}", arguments={"n": f"$s{source.randrange(i)}.n", "text": f"${{s{source.randrange(i)}.n}} of it"} if i else {}
            )
            for i in range(size)
        ]
        check = least(lambda steps=steps: check_plan(steps, tools))
        graph = DependencyGraph(steps)
        ours = least(lambda graph=graph: (graph.cycles(), graph.levels()))

        def theirs(graph: DependencyGraph = graph) -> object:
            other = networkx.DiGraph(graph.links)
            return list(networkx.strongly_connected_components(other)), list(networkx.topological_generations(other))

        print(f"{size:>7,} {len(graph.links):>7,} {check:>9.2f} {1000 * check / size:>10.1f} {ours:>9.2f} {least(theirs):>12.2f}")


def least(work: Any, times: int = 3) -> float:
    """The fastest of some runs, in milliseconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start))
    return min(found)


def hostile(count: int = 100_000) -> None:
    """Random plans with cycles, self-loops, bad references, wrong types and huge values: each is sound or refused; and chains of 10,000 steps."""
    source = random.Random(0)
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    values = [
        1,
        -1.5,
        None,
        True,
        "",
        "$s0.n",
        "$s1.n",
        "$s9.q[3].z",
        "${s2.n} x",
        "$s1.n[" + "9" * 50 + "]",
        10**30,
        float("nan"),
        "\ud800",
        [],
        {},
        "a" * 5_000,
        {"a": ["$s0.n"]},
    ]
    sound = refused = 0
    slowest = 0.0
    for number in range(count):
        steps = []
        for i in range(source.randint(0, 8)):
            given = {source.choice(["n", "text", "zz"]): deep if source.random() < 0.001 else source.choice(values) for _ in range(source.randint(0, 3))}
            needs = tuple(f"s{source.randint(0, 9)}" for _ in range(source.choice([0, 0, 0, 1, 2])))
            name = source.choice([f"s{i}"] * 30 + ["s0", "", "a b", "$s1"])
            steps.append(Step.model_construct(id=name, tool=source.choice(["read", "make", "make", "gone"]), arguments=given, depends_on=needs))
        if number % 10_000 == 0:
            links = range(10_000)
            steps = [
                Step(id=f"s{i}", tool="make", arguments={"n": f"$s{(i - 1) % 10_000 if number else max(i - 1, 0)}.n"} if i or number else {}) for i in links
            ]
        start = time.perf_counter()
        problems = check_plan(steps, TOOLS)
        slowest = max(slowest, time.perf_counter() - start)
        if problems:
            refused += 1
        else:
            DependencyGraph(steps).ordered()
            sound += 1
    print(f"hostile plans: {count:,}, sound {sound:,}, refused {refused:,}, slowest {1000 * slowest:.0f} ms")


def faults(count: int = 1_000) -> None:
    """Every call fails, hangs or lies with probability 0.2 each: nothing hangs, no effect twice, the journal explains every step."""
    began = time.perf_counter()
    ends: dict[str, int] = {}
    for seed in range(count):
        source = random.Random(seed)
        effects: list[str] = []

        async def call(call: ToolCall, source: random.Random = source, effects: list[str] = effects) -> object:
            kind = source.choices(("fine", "fail", "hang", "lie"), (0.4, 0.2, 0.2, 0.2))[0]
            if call.name == "make" and (kind != "fail" or source.random() < 0.5):
                effects.append(call.id)
            if kind == "fail":
                raise RuntimeError("broken")
            if kind == "hang":
                await anyio.sleep(3600)
            return {"n": 1} if kind == "fine" else source.choice([None, [], {"n": "one"}, float("nan"), {1, 2}])

        steps = [step.model_copy(update={"tool": source.choice(["read", "make"])}) for step in random_plan(source, source.randint(2, 12))]
        journal = Journal()
        done = execute(Executor(TOOLS, call, limits=Limits(timeout=0.01, pause=0.001)), steps, journal)
        assert len(effects) == len(set(effects)), "an effect happened twice"
        ended = {event["step"]: event["status"] for event in journal.events if event["event"] == "ended"}
        assert {name: seen.status for name, seen in done.observations.items() if seen.status != "skipped"} == ended
        assert set(done.observations) == {step.id for step in steps}
        for seen in done.observations.values():
            ends[seen.status] = ends.get(seen.status, 0) + 1
    print(f"faulty runs: {count:,} in {time.perf_counter() - began:.0f} s, none hung, no effect twice; steps {json.dumps(ends)}")


def enrolments(world: World) -> list[Step]:
    """Twelve new library members, four chains of three."""
    branch = world.rows("SELECT home_branch FROM library_member")[0]["home_branch"]
    people = [{"name": f"Ann {i}", "email": f"ann{i}@example.org", "home_branch": branch} for i in range(12)]
    return [Step(id=f"s{i}", tool="register_library_member", arguments=person, depends_on=(f"s{i - 1}",) if i % 3 else ()) for i, person in enumerate(people)]


def child(folder: Path) -> None:
    """One run of the plan in a world on disk, to be killed."""
    world = World([load_domain(DOMAINS / "library.yaml")], path=folder / "world.sqlite")

    async def call(call: ToolCall) -> object:
        answer = world.call(call).content
        await anyio.sleep(0.005)
        return answer

    with Journal(folder / "run.jsonl") as journal:
        print("go", flush=True)
        done = execute(Executor(world.tools, call, keyed=True), enrolments(world), journal, run_id="r")
    print(done.succeeded, world.fingerprint())


def killed(count: int = 30) -> None:
    """Killed with -9 at random moments, as often as it takes, and resumed: the same final state as a run that nobody cut."""

    def start(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-m", "bench.planning", "child", str(folder)], stdout=subprocess.PIPE, text=True)

    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        whole.mkdir()
        wanted = start(whole).communicate()[0].splitlines()[-1]
        kills = 0
        for seed in range(count):
            source = random.Random(seed)
            folder = Path(name) / str(seed)
            folder.mkdir()
            for _ in range(2):
                process = start(folder)
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(source.uniform(0, 0.08))
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
                process.communicate()
            assert start(folder).communicate()[0].splitlines()[-1] == wanted, f"seed {seed}: another state"
    print(f"killed {kills} times in {count} runs and resumed: every final state as of the run that nobody cut ({wanted.split()[0]})")


PARTS = {"makespan": makespan, "validation": validation, "hostile": hostile, "faults": faults, "killed": killed}


def main() -> None:
    """Run the parts named on the command line, or all."""
    if sys.argv[1:2] == ["child"]:
        child(Path(sys.argv[2]))
        return
    for name in [name for name in sys.argv[1:] if name in PARTS] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
