"""`toolwright plan` and `toolwright run`: from a goal to a checked plan, and to done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolwright.models.chat import ChatModel
    from toolwright.planning.execute import Runner
    from toolwright.planning.protocol import Planner
    from toolwright.types import Step, Tool, ToolCall

Goal = Annotated[str, typer.Argument(help="What is wanted, in plain words.")]
PlannerName = Annotated[str, typer.Option("--planner", help="hierarchical, react, tree_search, or a folder that `train planner` wrote.")]
ModelName = Annotated[str | None, typer.Option("--model", help="A chat model: http(s)://HOST/v1#MODEL, nano, a folder or a hub id.")]
Now = Annotated[str, typer.Option(help="The moment of asking, ISO 8601; default: now.")]


def open_planner(name: str, tools: Sequence[Tool], model: ChatModel | None) -> Planner:
    """A planner by name, or a trained one from its folder."""
    from toolwright.planning import PLANNERS
    from toolwright.selection import SELECTORS
    from toolwright.types import InputError

    if Path(name).is_dir():
        from toolwright.planning.learned import LearnedPlanner

        return LearnedPlanner.load(Path(name))
    if name == "learned":
        raise InputError("--planner: 'learned' is what it learned; name the folder that `toolwright train planner` wrote")
    if name not in PLANNERS:
        raise InputError(f"--planner: got {name!r}; allowed: {', '.join(PLANNERS)}, or the folder of a trained planner")
    if model is None:
        raise InputError(f"--model is missing; the planner {name!r} asks a chat model")
    found: Planner = PLANNERS[name](model, SELECTORS["keyword"]().fit(tools))
    return found


def plan(
    goal: Goal,
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    planner: PlannerName,
    model: ModelName = None,
    now: Now = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the steps as JSON only.")] = False,
    as_dot: Annotated[bool, typer.Option("--dot", help="Print the graph in Graphviz' language only.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print the graph as a Mermaid flow chart only.")] = False,
) -> None:
    """Find the steps that reach a goal; nothing is run."""
    from toolwright.cli.models import open_chat_model
    from toolwright.planning.graph import DependencyGraph
    from toolwright.planning.protocol import Context
    from toolwright.planning.validate import PlanningError
    from toolwright.tools.catalog import read_catalog

    catalogue = read_catalog(tools)
    try:
        found = open_planner(planner, catalogue, open_chat_model(model) if model else None).plan(goal, catalogue, Context(now=now or _now()))
    except PlanningError as error:
        typer.echo(f"toolwright: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"steps": [step.model_dump(mode="json") for step in found.steps], "tokens": found.tokens}, ensure_ascii=False))
    elif as_dot:
        typer.echo(DependencyGraph(found.steps).to_dot(), nl=False)
    elif as_mermaid:
        typer.echo(DependencyGraph(found.steps).to_mermaid(), nl=False)
    else:
        from rich.console import Console

        from toolwright.cli.trace import drawn

        steps = [step.model_dump(mode="json") for step in found.steps]
        Console().print(drawn([{"event": "goal", "goal": goal}, {"event": "plan", "steps": steps}]))


def run(
    goal: Annotated[str | None, typer.Argument(help="What is wanted; not needed to go on with a journal.")] = None,
    tools: Annotated[str | None, typer.Option(help="A Python module whose functions are the tools: a dotted name or a .py file.")] = None,
    world: Annotated[str | None, typer.Option(help="Domains of the world instead, separated by commas.", metavar="DOMAIN,...")] = None,
    database: Annotated[Path | None, typer.Option(help="A file that keeps the world between runs; in memory when not given.")] = None,
    planner: PlannerName = "hierarchical",
    model: ModelName = None,
    selector: Annotated[str, typer.Option(help="What looks up candidates: a name, or a folder a selector was saved in.")] = "keyword",
    decider: Annotated[
        str | None, typer.Option(help="What decides whether a tool is wanted: rules, llm or a folder; without it every goal is planned.")
    ] = None,
    journal: Annotated[Path | None, typer.Option(help="Where every event goes; a run that was cut goes on from it.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Show the journal's run and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve every destructive call.")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="The longest run.")] = 600.0,
    steps: Annotated[int, typer.Option(min=1, help="The most steps of a plan.")] = 16,
    tokens: Annotated[int, typer.Option(min=1, help="The most tokens that planning may cost.")] = 100_000,
    now: Now = "",
) -> None:
    """Reach a goal: look up, decide, plan, call, observe; approvals are asked for, and everything is journalled."""
    import anyio
    from rich.console import Console

    from toolwright.agent import Agent, AgentSettings
    from toolwright.cli.decide import decider_of
    from toolwright.cli.models import open_chat_model
    from toolwright.cli.trace import drawn
    from toolwright.planning.execute import Executor
    from toolwright.planning.journal import Journal
    from toolwright.selection.opening import open_selector
    from toolwright.types import InputError

    if replay:
        if journal is None or not journal.is_file():
            raise InputError(f"--replay: got the journal {str(journal)!r}; expected a file that a run wrote")
        Console().print(drawn(Journal(journal).events))
        return
    shown = _Shown()
    with Journal(journal, shown.told) as kept:
        before = kept.last("goal")
        goal = goal or (before["goal"] if before else None)
        if goal is None:
            raise InputError("a goal is missing: got neither words nor a journal that holds one")
        catalogue, call, keyed = _open_tools(tools, world, database)
        executor = Executor({tool.name: tool for tool in catalogue}, call, keyed=keyed, approve=_approver(shown, yes), ask_doubt=shown.ask_doubt)
        chat = open_chat_model(model) if model else None
        decides = decider_of(decider, chat) if decider else None
        found = Agent(
            catalogue,
            open_selector(selector, catalogue, chat=chat),
            open_planner(planner, catalogue, chat),
            executor,
            decider=decides,
            reporter=chat,
            settings=AgentSettings(steps=steps, tokens=tokens, seconds=seconds),
        )
        with shown:
            shown.start(kept.events)
            ended = anyio.run(lambda: found.run(goal, kept, now=now or _now()))
    typer.echo(ended.said)
    if ended.outcome in ("failed", "cut"):
        raise typer.Exit(1)


class _Shown:
    """The tree on stderr: redrawn at each event on a terminal, drawn once at the end in a log."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self.console = Console(stderr=True)
        self.live: Live = Live(console=self.console, auto_refresh=False, transient=not self.console.is_terminal)
        self.events: list[Any] = []

    def start(self, events: Sequence[Any]) -> None:
        self.events = list(events)

    def told(self, event: Any) -> None:
        from toolwright.cli.trace import drawn

        self.events.append(event)
        if self.console.is_terminal:
            self.live.update(drawn(self.events), refresh=True)

    def __enter__(self) -> _Shown:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        from toolwright.cli.trace import drawn

        self.live.stop()
        if not self.console.is_terminal:
            self.console.print(drawn(self.events))

    def asked(self, question: str) -> bool:
        """Yes or no from the person at the terminal; no where there is none."""
        self.live.stop()
        try:
            return typer.confirm(question, err=True)
        except typer.Abort:
            return False
        finally:
            if self.console.is_terminal:
                self.live.start()

    async def ask_doubt(self, step: Step, call: ToolCall, why: str) -> Any:
        from toolwright.planning.execute import Verdict

        again = self.asked(f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)}) may have happened ({why}). Make the call again?")
        return Verdict("again" if again else "stop")


def _approver(shown: _Shown, yes: bool) -> Any:
    async def approve(step: Step, call: ToolCall) -> bool:
        return yes or shown.asked(f"Allow {call.name}({json.dumps(call.arguments, ensure_ascii=False)})?")

    return approve


def _open_tools(tools: str | None, world: str | None, database: Path | None) -> tuple[list[Tool], Runner, bool]:
    """The tools, who runs them, and whether they know calls by their ids."""
    from toolwright.planning.execute import in_thread
    from toolwright.tools.functions import functions_of_module, tool_of_function
    from toolwright.types import InputError

    if (tools is None) == (world is None):
        raise InputError("what runs: give either --tools MODULE, whose functions are called, or --world DOMAIN,...")
    if tools is not None:
        functions = {function.__name__: function for function in functions_of_module(tools)}
        return [tool_of_function(function) for function in functions.values()], in_thread(lambda call: functions[call.name](**call.arguments)), False
    from toolwright.world.engine import World
    from toolwright.world.load import DOMAINS, load_domains

    allowed = sorted(path.stem for path in DOMAINS.glob("*.yaml"))
    names = (world or "").split(",")
    for name in names:
        if name not in allowed:
            raise InputError(f"--world: got {name!r}; allowed: {', '.join(allowed)}")
    opened = World(load_domains([DOMAINS / f"{name}.yaml" for name in dict.fromkeys(names)]), path=database)

    async def call(call: ToolCall) -> object:
        return opened.call(call).content

    return list(opened.tools.values()), call, True


def _now() -> str:
    from datetime import datetime

    return datetime.now().isoformat(timespec="minutes")
