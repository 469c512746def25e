"""`toolwright evaluate`: how good a selector or a decider is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from toolwright.data.public_timing import TimingSet
    from toolwright.evaluation.planning import PlanningReport
    from toolwright.evaluation.selectors import SelectionReport
    from toolwright.evaluation.timing import TimingReport

app = typer.Typer(help="Measure selectors and models.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure selectors and models."""


@app.command()
def selection(
    tools: Annotated[Path | None, typer.Option(help="A catalogue: tools.jsonl.")] = None,
    data: Annotated[Path | None, typer.Option(help="Requests with their gold tools: selection JSON Lines.")] = None,
    public: Annotated[str | None, typer.Option(help="A public set instead of --tools and --data, such as metatool-single.")] = None,
    public_data: Annotated[Path | None, typer.Option(help="Where the public files are; default: $TOOLWRIGHT_PUBLIC_DATA.")] = None,
    selector: Annotated[str, typer.Option("--with", help="Which selector to measure: a name, or a folder one was saved in.")] = "keyword",
    encoder: Annotated[str | None, typer.Option(help="What reads meaning: minilm, a sentence-transformers folder or hub id, http(s)://HOST/v1#MODEL.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The cross-encoder of two_stage (folder or hub id), or the chat model of llm (also http(s)://HOST/v1#MODEL).")
    ] = None,
    all_tools: Annotated[bool, typer.Option("--all-tools", help="Rank the whole catalogue, also for requests that offer candidates.")] = False,
    fail_under: Annotated[Path | None, typer.Option(help="Results of before, as --out writes them: exit code 1 when a figure is below its interval.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write metrics, configuration and every case as JSON.")] = None,
) -> None:
    """Score a selector on requests with known tools; random and majority stand beside it."""
    from toolwright.cli.models import open_chat_model
    from toolwright.cli.progress import track
    from toolwright.data.public import SELECTION_SETS, SelectionSet, public_directory
    from toolwright.evaluation.selectors import evaluate_selector, worse_than
    from toolwright.selection.opening import open_selector
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError, SelectionExample, read_records, write_text

    if public is not None:
        if public not in SELECTION_SETS:
            raise InputError(f"--public: got {public!r}; allowed: {', '.join(SELECTION_SETS)}")
        chosen = SELECTION_SETS[public](public_directory(public_data))
    elif tools is not None and data is not None:
        chosen = SelectionSet(tuple(read_catalog(tools)), tuple(read_records(data, SelectionExample)))
    else:
        raise InputError("what to evaluate on: got neither --public NAME nor both --tools and --data")
    examples = [example.model_copy(update={"candidates": ()}) for example in chosen.examples] if all_tools else chosen.examples
    chat = open_chat_model(model) if selector == "llm" and model else None
    ranker = open_selector(selector, chosen.tools, encoder=encoder, model=model, chat=chat, option="--with")
    config = {"selector": selector, "encoder": encoder, "model": model, "data": public or str(data), "all_tools": all_tools}
    report = evaluate_selector(ranker, chosen.tools, examples, config=config, progress=lambda items: track(items, "ranking"))
    if out is not None:
        write_text(out, json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    show(report, selector)
    if fail_under is not None and (worse := worse_than(report.metrics, fail_under)):
        typer.echo("\n".join(("below what it was:", *worse)), err=True)
        raise typer.Exit(1)


@app.command()
def planning(
    planner: Annotated[str, typer.Option("--with", help="hierarchical, react, tree_search, or a folder that `train planner` wrote.")],
    tools: Annotated[Path | None, typer.Option(help="A catalogue: tools.jsonl.")] = None,
    data: Annotated[Path | None, typer.Option(help="Goals with their plans: planning JSON Lines.")] = None,
    public: Annotated[str | None, typer.Option(help="A public set instead of --tools and --data: ultratool-plan (its test requests), tmdb-plan.")] = None,
    public_data: Annotated[Path | None, typer.Option(help="Where the public files are; default: $TOOLWRIGHT_PUBLIC_DATA.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="A chat model: http(s)://HOST/v1#MODEL, nano, a folder or a hub id.")] = None,
    gold_tools: Annotated[bool, typer.Option("--gold-tools", help="Give the planner the gold plan's tools alone.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many goals only.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write metrics, configuration and every case as JSON.")] = None,
) -> None:
    """Score a planner: steps, links, and, where goals name a world, whether running the plan reaches the goal."""
    from toolwright.cli.models import open_chat_model
    from toolwright.cli.plan import open_planner
    from toolwright.cli.progress import track
    from toolwright.data.public import public_directory
    from toolwright.data.public_plans import PLAN_SETS
    from toolwright.evaluation.planning import evaluate_planner
    from toolwright.planning.protocol import Context
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError, PlanExample, read_records, write_text
    from toolwright.world.engine import World
    from toolwright.world.load import load_domains
    from toolwright.world.tables import TODAY

    if public is not None:
        if public not in PLAN_SETS:
            raise InputError(f"--public: got {public!r}; allowed: {', '.join(PLAN_SETS)}")
        chosen = PLAN_SETS[public](public_directory(public_data))
        catalogue, examples = list(chosen.tools), list(chosen.only(chosen.test_ids))
    elif tools is not None and data is not None:
        catalogue, examples = read_catalog(tools), read_records(data, PlanExample)
    else:
        raise InputError("what to evaluate on: got neither --public NAME nor both --tools and --data")
    examples = examples[:limit]
    report = evaluate_planner(
        open_planner(planner, catalogue, open_chat_model(model) if model else None),
        catalogue,
        examples,
        config={"planner": planner, "model": model, "data": public or str(data)},
        world=World(load_domains()) if any(example.goal_state is not None or example.answer is not None for example in examples) else None,
        gold_tools=gold_tools,
        context=lambda _: Context(now=f"{TODAY.isoformat()}T09:00"),
        progress=lambda items: track(items, "planning"),
    )
    if out is not None:
        write_text(out, json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    show_plans(report)


def show_plans(report: PlanningReport) -> None:
    """Print the figures as a table, and what most often went wrong."""
    from rich.console import Console
    from rich.table import Table

    console, about = Console(), report.config
    console.print(f"{about['goals']:,} goals, {about['tools']:,} tools, {about['milliseconds_p50']:.0f} ms a plan (median); 95 % intervals", highlight=False)
    table = Table("metric", "value", "n", box=None, pad_edge=False, header_style="bold")
    for key, metric in report.metrics.items():
        if "/domain_" not in key:
            table.add_row(key, f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]", f"{metric.n:,}")
    console.print(table)
    for error, count in about["errors"]:
        console.print(f"[dim]{count} times: {error[:140]}[/dim]", highlight=False)


def show(report: SelectionReport, name: str) -> None:
    """Print the figures as a table: the selector, and the baselines beside it."""
    from rich.console import Console

    console = Console()
    about = report.config
    console.print(
        f"{about['requests']:,} requests, {about['tools']:,} tools, {about['milliseconds_per_query']:.2f} ms a query (median); 95 % intervals", highlight=False
    )
    console.print(table_of(report, name))


def table_of(report: SelectionReport | TimingReport, name: str) -> Table:
    """The metrics, and those of the baselines beside them; figures of single domains are for `--out`."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for column in (name, "random", "majority"):
        table.add_column(column, justify="right")
    for key, metric in report.metrics.items():
        if "/domain_" in key:
            continue
        base = [report.baselines[row].get(key) for row in ("random", "majority")]
        table.add_row(key, f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]", *(f"{100 * b.value:.1f}" if b else "" for b in base))
    return table


@app.command()
def timing(
    tools: Annotated[Path | None, typer.Option(help="A catalogue: tools.jsonl.")] = None,
    data: Annotated[Path | None, typer.Option(help="Conversations with their labels: timing JSON Lines.")] = None,
    public: Annotated[str | None, typer.Option(help="A public set instead of --tools and --data, such as metatool-task1.")] = None,
    public_data: Annotated[Path | None, typer.Option(help="Where the public files are; default: $TOOLWRIGHT_PUBLIC_DATA.")] = None,
    decider: Annotated[str, typer.Option("--with", help="rules, llm, or a folder that `train decider` or `train bands` wrote.")] = "rules",
    model: Annotated[str | None, typer.Option(help="What llm asks: http(s)://HOST/v1#MODEL, nano, a folder or a hub id.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write metrics, curves, configuration and every case as JSON.")] = None,
    charts: Annotated[Path | None, typer.Option(help="Draw the confusion matrix, risk and cost curves into this folder.")] = None,
) -> None:
    """Score a decider on conversations with known outcomes; random and majority stand beside it."""
    from rich.console import Console

    from toolwright.cli.decide import decider_of
    from toolwright.cli.models import open_chat_model
    from toolwright.cli.progress import track
    from toolwright.evaluation.timing import evaluate_decider
    from toolwright.types import write_text

    measured = decider_of(decider, open_chat_model(model) if model else None, "--with")
    chosen = _timing_set(tools, data, public, public_data)
    config = {"decider": decider, "model": model, "data": public or str(data)}
    report = evaluate_decider(measured, chosen.tools, chosen.examples, scoring=chosen.scoring, config=config, progress=lambda items: track(items, "deciding"))
    if out is not None:
        write_text(out, json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    if charts is not None:
        from toolwright.report.timing import draw

        draw(report.to_json(), charts)
    about, console = report.config, Console()
    stages = "".join(f"; {stage} decided {100 * share:.0f} %" for stage, share in about["stages"].items())
    told = f"{about['conversations']:,} conversations, {about['milliseconds_p50']:.2f} ms a decision (median); 95 % intervals{stages}"
    console.print(told, highlight=False)
    console.print(table_of(report, decider))


def _timing_set(tools: Path | None, data: Path | None, public: str | None, public_data: Path | None) -> TimingSet:
    from toolwright.data.public import public_directory
    from toolwright.data.public_timing import TIMING_SETS, TimingSet
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError, TimingExample, read_records

    if public is not None:
        if public not in TIMING_SETS:
            raise InputError(f"--public: got {public!r}; allowed: {', '.join(TIMING_SETS)}")
        return TIMING_SETS[public](public_directory(public_data))
    if tools is None or data is None:
        raise InputError("what to evaluate on: got neither --public NAME nor both --tools and --data")
    return TimingSet({tool.name: tool for tool in read_catalog(tools)}, tuple(read_records(data, TimingExample)), "four")
