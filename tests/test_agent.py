"""The agent: its decisions and calls in one journal, resumable after any event, bounded, and from the command line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

import anyio
import pytest

from toolwright.agent import Agent, AgentSettings
from toolwright.models.scripted import ScriptedModel
from toolwright.planning.execute import Executor, Limits, ToolRefusedError
from toolwright.planning.journal import Journal
from toolwright.planning.protocol import Plan
from toolwright.planning.validate import PlanningError
from toolwright.selection import KeywordSelector
from toolwright.types import InputError, Step, Tool

TOOLS = [
    Tool(
        name="find_guest",
        description="Finds a guest by name.",
        returns={"type": "object", "properties": {"guest_id": {"type": "string"}}},
        extras={"effect": "search"},
    ),
    Tool(
        name="send_bill",
        description="Sends a guest the bill.",
        parameters={"type": "object", "properties": {"guest_id": {"type": "string"}}},
        extras={"effect": "create"},
    ),
]
STEPS = (Step(id="s1", tool="find_guest"), Step(id="s2", tool="send_bill", arguments={"guest_id": "$s1.guest_id"}))


class Fixed:
    """A planner that gives plans one after another."""

    name = "fixed"

    def __init__(self, *plans):
        self.plans = list(plans)
        self.contexts = []

    def plan(self, goal, tools, context):
        self.contexts.append(context)
        if not self.plans:
            raise PlanningError("nothing else comes to mind")
        return Plan(self.plans.pop(0), tokens=10)


@dataclass
class Said:
    outcome: str
    reasons: tuple[str, ...] = ("because",)
    question: str | None = None

    def decide(self, messages, tools):
        return self


def agent(call, planner, **settings):
    executor = Executor({tool.name: tool for tool in TOOLS}, call, limits=Limits(pause=0.001, attempts=1), keyed=settings.pop("keyed", True))
    return Agent(TOOLS, KeywordSelector().fit(TOOLS), planner, executor, **settings)


async def fine(call):
    return {"guest_id": "G-1"}


def go(agent, journal=None, goal="Send the guest the bill."):
    return anyio.run(lambda: agent.run(goal, journal, run_id="r"))


def test_a_goal_is_reached_and_everything_is_journalled():
    journal = Journal()
    ended = go(agent(fine, Fixed(STEPS)), journal)
    assert ended.outcome == "done"
    assert ended.said.splitlines()[0] == "find_guest: {'guest_id': 'G-1'}"
    kinds = ["goal", "selected", "decided", "planned", "plan", "began", "ended", "began", "ended", "finished"]
    assert [event["event"] for event in journal.events] == kinds
    assert journal.events[7]["arguments"] == {"guest_id": "G-1"}


@pytest.mark.parametrize(
    ("decided", "said"),
    [(Said("answer"), "No tool"), (Said("clarify", question="Which guest?"), "Which guest?"), (Said("unable"), "None of the tools")],
)
def test_what_wants_no_tool_is_not_planned(decided, said):
    journal = Journal()
    ended = go(agent(fine, Fixed(), decider=decided), journal)
    assert (ended.outcome, said in ended.said) == (decided.outcome, True)
    assert journal.events[2]["reasons"] == ["because"]


def test_a_model_tells_what_came_of_it():
    reporter = ScriptedModel(["The bill is sent."])
    assert go(agent(fine, Fixed(STEPS), reporter=reporter)).said == "The bill is sent."
    assert "G-1" in reporter.asked[0][1].content


def test_when_a_call_fails_the_rest_is_planned_anew_with_what_is_known():
    async def call(call):
        if call.id == "r/s2":
            raise ToolRefusedError("the printer is out of paper")
        return {"guest_id": "G-1"}

    again = (Step(id="s2", tool="send_bill", arguments={"guest_id": "$s1.guest_id"}),)
    planner = Fixed(STEPS, again)
    journal = Journal()
    ended = go(agent(call, planner), journal)
    assert ended.outcome == "done"
    assert "out of paper" in planner.contexts[1].failed
    assert planner.contexts[1].answers == {"s1": {"guest_id": "G-1"}}
    assert planner.contexts[1].budget.tokens == 100_000 - 10
    assert [step.id for step in ended.execution.steps] == ["s1", "s2_2"]
    assert go(agent(call, Fixed(STEPS))).outcome == "failed"


def test_no_plan_is_a_failure_that_says_why():
    ended = go(agent(fine, Fixed()))
    assert (ended.outcome, ended.said) == ("failed", "There is no plan: nothing else comes to mind")


@pytest.mark.parametrize("cut", range(1, 11))
def test_cut_after_any_event_it_goes_on_and_does_nothing_twice(tmp_path, cut):
    class Cut(BaseException):
        pass

    path = tmp_path / "run.jsonl"
    effects = {}

    async def call(call):
        effects.setdefault(call.id, []).append(call.name)
        return {"guest_id": "G-1"}

    def tear(event):
        if len(path.read_text().splitlines()) == cut:
            raise Cut

    planner = Fixed(STEPS, STEPS)
    with Journal(path, tear) as journal, contextlib.suppress(Cut, BaseExceptionGroup):
        go(agent(call, planner), journal)
    with Journal(path) as journal:
        ended = go(agent(call, planner), journal)
        assert ended.outcome == "done"
        assert [event["event"] for event in journal.events].count("planned") == 1
        assert set(effects) == {"r/s1", "r/s2"}
        with pytest.raises(InputError, match="journal of the goal"):
            go(agent(call, planner), journal, goal="Something else.")


def test_it_stops_in_time_and_can_go_on(tmp_path):
    async def slow(call):
        await anyio.sleep(1000)

    with Journal(tmp_path / "run.jsonl") as journal:
        assert go(agent(slow, Fixed(STEPS), settings=AgentSettings(seconds=0.05)), journal).outcome == "cut"
    with Journal(tmp_path / "run.jsonl") as journal:
        assert go(agent(fine, Fixed()), journal).outcome == "done"


MODULE = '''
"""Tools of a small hotel."""


def find_guest(name: str) -> dict[str, str]:
    """Finds a guest by name.

    Args:
        name: who is looked for.
    """
    return {"guest_id": "G-1", "name": name}
'''


@pytest.fixture
def chat_server():
    """A chat model that plans one call for any goal."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            parts = {"parts": [{"goal": "find Ann", "single": True}]}
            steps = {"steps": [{"id": "s1", "tool": "find_guest", "arguments": {"name": "Ann"}}]}
            first, last = body["messages"][0]["content"], body["messages"][-1]["content"]
            told = first.startswith("Tell the user") or len(body["messages"]) == 1  # a report, or an answer without tools
            said = f"As you wish. {last}" if told else json.dumps(parts if first.startswith("You split") else steps)
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
            written = json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1#m"
    server.shutdown()
    server.server_close()


def command(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "toolwright.cli.main", *map(str, arguments)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


def test_run_asks_before_calls_of_unknown_effect_and_journals(tmp_path, chat_server):
    (tmp_path / "mine.py").write_text(MODULE)
    base = ("run", "Find Ann.", "--tools", tmp_path / "mine.py", "--model", chat_server)
    refused = command(*base, "--journal", tmp_path / "a.jsonl", code=1)
    assert "Allow find_guest" in refused.stderr
    assert "refused" in refused.stdout
    done = command(*base, "--journal", tmp_path / "b.jsonl", "--yes")
    assert "G-1" in done.stdout
    assert "✓ s1 find_guest" in done.stderr
    again = command("run", "--tools", tmp_path / "mine.py", "--model", chat_server, "--journal", tmp_path / "b.jsonl")
    assert again.stdout == done.stdout
    assert "find_guest" in command("run", "--journal", tmp_path / "b.jsonl", "--replay").stdout
    asked = ("run", "Please don't look for Ann yet.", "--tools", tmp_path / "mine.py", "--model", chat_server, "--decider", "rules", "--selector", "hybrid")
    kept = command(*asked)
    assert kept.stdout == "As you wish. Please don't look for Ann yet.\n"
    assert "decided answer" in kept.stderr


def test_plan_prints_steps_and_graphs(tmp_path, chat_server):
    (tmp_path / "mine.py").write_text(MODULE)
    command("tools", "import", tmp_path / "mine.py", "--out", tmp_path / "tools.jsonl")
    base = ("plan", "Find Ann.", "--tools", tmp_path / "tools.jsonl", "--planner", "hierarchical", "--model", chat_server)
    assert json.loads(command(*base, "--json").stdout)["steps"][0]["arguments"] == {"name": "Ann"}
    assert command(*base, "--dot").stdout.startswith("digraph")
    assert command(*base, "--mermaid").stdout.startswith("flowchart")
    assert "find_guest" in command(*base).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "a goal is missing"),
        (["run", "x", "--world", "mars"], "--world: got 'mars'; allowed: "),
        (["run", "x"], "give either --tools MODULE"),
        (["run", "x", "--world", "hotel"], "--model is missing"),
        (["run", "x", "--world", "hotel", "--planner", "magic"], "--planner: got 'magic'; allowed: hierarchical"),
        (["evaluate", "planning", "--with", "react"], "got neither --public NAME nor both --tools and --data"),
        (["run", "x", "--world", "hotel", "--planner", "learned"], "name the folder"),
        (["run", "x", "--world", "hotel", "--decider", "coin"], "--decider: got 'coin'; allowed: rules, llm"),
        (["run", "--replay"], "--replay: got the journal 'None'"),
    ],
)
def test_wrong_input_is_one_line(arguments, said):
    done = command(*arguments, code=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_evaluate_planning_writes_metrics_and_every_case(tmp_path, chat_server):
    (tmp_path / "mine.py").write_text(MODULE)
    command("tools", "import", tmp_path / "mine.py", "--out", tmp_path / "tools.jsonl")
    goal = {"id": "g1", "goal": "Find Ann.", "steps": [{"id": "a", "tool": "find_guest", "arguments": {"name": "Ann"}}], "tags": ["steps_1"]}
    (tmp_path / "goals.jsonl").write_text(json.dumps(goal) + "\n")
    data = ("--tools", tmp_path / "tools.jsonl", "--data", tmp_path / "goals.jsonl")
    command("evaluate", "planning", "--with", "hierarchical", "--model", chat_server, *data, "--out", tmp_path / "r.json")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["metrics"]["planning.exact/steps_1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert written["examples"][0]["steps"][0]["arguments"] == {"name": "Ann"}
