"""`toolwright train`: train models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Train models.", no_args_is_help=True)

TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,), "Adapter": (str,)}


@app.callback()
def _group() -> None:
    """Train models."""


@app.command()
def nano(
    overrides: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as tokens=1000000.")] = None,
    out: Annotated[Path, typer.Option(help="Where checkpoints, the log and the model go.")] = Path("runs/nano"),
) -> None:
    """Pre-train the small base model; cut off, it goes on from its last checkpoint."""
    from toolwright.cli.progress import Bars
    from toolwright.training.nano import NanoSettings, train_nano

    settings = NanoSettings(**read_settings(overrides or [], NanoSettings))
    with Bars() as bars:
        folder = train_nano(settings, out, lambda done, total, word: bars.told("nano", done, total, word))
    typer.echo(f"model: {folder}")


@app.command()
def sft(
    settings: Annotated[list[str], typer.Argument(help="A recipe (YAML), then settings such as model=nano steps=100.")],
    data: Annotated[Path, typer.Option(help="Data built by `toolwright data build`.")] = Path("data"),
    out: Annotated[Path, typer.Option(help="Where the audit, checkpoints and the adapter go.")] = Path("runs/sft"),
    export: Annotated[str | None, typer.Option(help="`merged`: also a plain checkpoint in OUT/merged, which transformers loads.")] = None,
    look_steps: Annotated[int, typer.Option(help="Steps between two looks at dev, written to OUT/curve.jsonl; 0: none.")] = 100,
    look_items: Annotated[int, typer.Option(min=4, help="Examples of each task of dev that a look takes, at most.")] = 60,
    metric: Annotated[str, typer.Option(help="Of a look's figures, the one that tells whether training still helps.")] = "selection.top_1",
    patience: Annotated[int, typer.Option(help="Looks without a new best after which training ends with the best weights; 0: never.")] = 0,
    log_to: Annotated[str, typer.Option(help="Where losses and looks go besides: tensorboard, trackio, wandb, none.")] = "tensorboard",
) -> None:
    """Fine-tune a model on agent_sft; prints the mask audit first; cut off, it goes on from its last checkpoint."""
    from typing import cast

    from toolwright.cli.progress import Bars
    from toolwright.data.build import open_data
    from toolwright.evaluation.dev import dev_metrics
    from toolwright.evaluation.models import ModelPredictor
    from toolwright.training.sft import AgentSFTTrainer, SFTSettings
    from toolwright.training.watch import LogTo, Watch
    from toolwright.types import InputError

    if export not in (None, "merged"):
        raise InputError(f"--export: got {export!r}; allowed: merged")
    given = read_settings(settings, SFTSettings)
    if "model" not in given:
        raise InputError("setting 'model' is missing; it has no default")
    chosen, dataset = SFTSettings(**given), open_data(data)
    if not look_steps and patience:
        raise InputError(f"--patience: got {patience} without looks; set --look-steps to 1 or more")
    look = Watch(look_steps, lambda lm: dev_metrics(ModelPredictor(lm), dataset, look_items), metric, patience=patience) if look_steps else None
    with Bars() as bars:
        trainer = AgentSFTTrainer(chosen, out, lambda done, total, word: bars.told("sft", done, total, word), watch=look, log_to=cast(LogTo, log_to))
        trained = trainer.train(dataset.dialogues("train"), dataset.tools)
    typer.echo(f"adapter: {trained.adapter} (sha256 {trained.sha256[:12]}, {trained.seconds:.0f} s, {trained.tokens:,} tokens)")
    if export:
        from toolwright.training.export import export_merged

        typer.echo(f"merged: {export_merged(chosen.model, trained.adapter, out / 'merged')}")


@app.command()
def decider(
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    data: Annotated[Path, typer.Option(help="Conversations with their labels to train on: timing JSON Lines.")],
    held_out: Annotated[Path, typer.Option(help="Others, to calibrate on.")],
    out: Annotated[Path, typer.Option(help="Where checkpoints and the decider go.")],
    calls: Annotated[Path | None, typer.Option(help="Conversations with their calls, shown with, without and with a changed tool: calls JSON Lines.")] = None,
    costs: Annotated[Path | None, typer.Option(help="What each mistake costs, as JSON: right outcome → decided outcome → cost; default: 1 each.")] = None,
    settings: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as epochs=8.")] = None,
) -> None:
    """Train the timing classifier; cut off, it goes on from its last checkpoint."""
    import json

    from toolwright.cli.progress import Bars
    from toolwright.timing.classifier import EQUAL
    from toolwright.tools.catalog import read_catalog
    from toolwright.training.decider import DeciderSettings, train_decider
    from toolwright.types import CallExample, InputError, TimingExample, read_records

    chosen = DeciderSettings(**read_settings(settings or [], DeciderSettings))
    matrix = EQUAL
    if costs is not None:
        try:
            matrix = json.loads(costs.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"--costs: {costs}: no JSON file ({' '.join(str(error).split())[:100]})") from error
    catalogue = {tool.name: tool for tool in read_catalog(tools)}
    examples, held = read_records(data, TimingExample), read_records(held_out, TimingExample)
    with Bars() as bars:
        train_decider(
            chosen,
            catalogue,
            examples,
            held,
            read_records(calls, CallExample) if calls else [],
            out,
            matrix,
            lambda stage: lambda done, total, word: bars.told(stage, done, total, word),
        )
    typer.echo(f"decider: {out}")


@app.command()
def bands(
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    data: Annotated[Path, typer.Option(help="Conversations that no stage was trained on: timing JSON Lines.")],
    stage: Annotated[list[str], typer.Option(help="The stages, the cheapest first: rules, a folder of `train decider`, llm.")],
    out: Annotated[Path, typer.Option(help="The folder of the hybrid.")],
    model: Annotated[str | None, typer.Option(help="What llm asks: http(s)://HOST/v1#MODEL, nano, a folder or a hub id.")] = None,
) -> None:
    """Fit from which confidence on each stage of a hybrid decider is taken at its word."""
    from toolwright.cli.decide import decider_of
    from toolwright.cli.models import open_chat_model
    from toolwright.cli.progress import track
    from toolwright.timing.opening import write_hybrid
    from toolwright.tools.catalog import read_catalog
    from toolwright.training.bands import train_bands
    from toolwright.types import TimingExample, read_records

    chat = open_chat_model(model) if model else None
    deciders = [decider_of(name, chat, "--stage") for name in stage]
    catalogue = {tool.name: tool for tool in read_catalog(tools)}
    found = train_bands(deciders, read_records(data, TimingExample), catalogue, track)
    write_hybrid(out, stage, found.sure)
    for name, sure, share, alone in zip(stage, found.sure, found.shares, found.alone, strict=True):
        typer.echo(f"{name}: decides {100 * share:.0f} %, from confidence {sure:.2f} on; alone right in {100 * alone:.1f} %")
    typer.echo(f"together right in {100 * found.together:.1f} % → {out}")


@app.command()
def rules(
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    data: Annotated[Path, typer.Option(help="Conversations with their labels: timing JSON Lines.")],
    out: Annotated[Path, typer.Option(help="The file of points, such as rules.json.")],
) -> None:
    """Fit the points of the timing rules."""
    from toolwright.cli.progress import track
    from toolwright.tools.catalog import read_catalog
    from toolwright.training.rules import fit_rules, write_rules
    from toolwright.types import TimingExample, read_records

    catalogue = {tool.name: tool for tool in read_catalog(tools)}
    write_rules(fit_rules(read_records(data, TimingExample), catalogue, lambda items: track(items, "reading")), out)
    typer.echo(f"points: {out}")


@app.command()
def planner(
    settings: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as encoder=minilm trees=200.")] = None,
    data: Annotated[Path, typer.Option(help="Data built by `toolwright data build`.")] = Path("data"),
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("runs/planner"),
) -> None:
    """Learn to plan from agent_benchmark's plans, without a language model."""
    from toolwright.cli.progress import Bars
    from toolwright.data.build import open_data
    from toolwright.training.planner import PlannerSettings, train_planner

    chosen, dataset = PlannerSettings(**read_settings(settings or [], PlannerSettings)), open_data(data)
    requests = [example for example in dataset.selection("train") if "zh" not in example.tags]
    with Bars() as bars:
        train_planner(chosen, list(dataset.tools.values()), dataset.planning("train"), requests, out, bars.told)
    typer.echo(f"planner: {out}")


@app.command()
def fusion(
    settings: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as joined=600.")] = None,
    encoder: Annotated[str, typer.Option(help="What meaning is read with; each encoder has weights of its own.")] = "minilm",
    data: Annotated[Path | None, typer.Option(help="Built data: abstention is fitted on its selection train split.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the weights go; default: those that ship.")] = None,
) -> None:
    """Fit how `hybrid` weighs words, meaning and values, on requests to the ten foundation services."""
    from toolwright.cli.progress import Bars
    from toolwright.data.build import open_data
    from toolwright.selection.fusion import FITTED
    from toolwright.training.fusion import FusionSettings, fit_fusion

    chosen = FusionSettings(**read_settings(settings or [], FusionSettings))
    with Bars() as bars:
        judged = None
        if data is not None:
            built = open_data(data)
            judged = (list(built.tools.values()), built.selection("train"))
        fit_fusion(encoder, chosen, out or FITTED, lambda done, total: bars.told("evidence", done, total), judged)
    typer.echo(f"weights of {encoder}: {out or FITTED}")


@app.command()
def encoder(
    settings: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as dimension=256.")] = None,
    out: Annotated[Path, typer.Option(help="Where checkpoints and the encoder go.")] = Path("runs/static"),
) -> None:
    """Distil a static encoder from MiniLM and tune it on tools; cut off, it goes on from its last checkpoint."""
    from toolwright.cli.progress import Bars
    from toolwright.training.static_encoder import StaticSettings, train_static

    chosen = StaticSettings(**read_settings(settings or [], StaticSettings))
    with Bars() as bars:
        folder = train_static(chosen, out, bars.told)
    typer.echo(f"encoder: {folder}")


@app.command()
def selector(
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    data: Annotated[Path, typer.Option(help="Requests with their gold tools: selection JSON Lines.")],
    out: Annotated[Path, typer.Option(help="Where the selector goes; cut off, a run goes on there.")],
    settings: Annotated[list[str] | None, typer.Argument(help="A recipe (YAML), then settings such as rank=64.")] = None,
) -> None:
    """Learn selection from requests and the tools that served them; tells the gain on a part held out."""
    from toolwright.cli.progress import Bars
    from toolwright.tools.catalog import read_catalog
    from toolwright.training.selector import SelectorSettings, SelectorTrainer
    from toolwright.types import SelectionExample, read_records

    chosen = SelectorSettings(**read_settings(settings or [], SelectorSettings))
    with Bars() as bars:
        report = SelectorTrainer(read_catalog(tools), read_records(data, SelectionExample), chosen, out, bars.told).train()
    for row, groups in report.items():
        for group, figures in groups.items():
            shown = "  ".join(f"{name} {100 * value:.1f}" for name, value in figures.items() if name != "n")
            typer.echo(f"{row:<14} {group:<11} {shown}  (n = {figures['n']})")
    typer.echo(f"selector: {out}")


def read_settings(arguments: list[str], kind: Any) -> dict[str, Any]:
    """Settings from recipe files and `key=value` words, later ones over earlier; keys and types are those of the dataclass `kind`."""
    from dataclasses import fields

    import yaml

    from toolwright.types import InputError

    allowed = {field.name: str(field.type) for field in fields(kind)}
    values: dict[str, Any] = {}
    for argument in arguments:
        if "=" in argument:
            key, _, text = argument.partition("=")
            found, where = {key: yaml.safe_load(text)}, argument
        else:
            path = Path(argument)
            if not path.is_file():
                raise InputError(f"{argument}: no such recipe file, and no key=value")
            try:
                found, where = yaml.safe_load(path.read_text(encoding="utf-8")) or {}, argument
            except yaml.YAMLError as error:
                raise InputError(f"{argument}: not YAML: {' '.join(str(error).split())}") from error
            if not isinstance(found, dict):
                raise InputError(f"{argument}: got {type(found).__name__}; expected settings as key: value")
        for key, value in found.items():
            if key not in allowed:
                raise InputError(f"{where}: unknown setting {key!r}; allowed: {', '.join(allowed)}")
            if isinstance(value, str) and allowed[key] == "float":
                value = _number(value, where)  # YAML reads 1e-3 as text
            if not isinstance(value, TYPES[allowed[key]]) or isinstance(value, bool) != (allowed[key] == "bool"):
                raise InputError(f"{where}: {key} is {value!r}; expected {allowed[key]}")
            values[key] = value
    return values


def _number(text: str, where: str) -> float:
    from toolwright.types import InputError

    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{where}: got {text!r}; expected a number") from error
