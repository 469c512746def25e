"""The command line: exit codes, one-line errors, JSON on stdout alone."""

import json
import re
import subprocess
import sys

import pytest

from toolwright.cli import progress
from toolwright.cli.progress import track
from toolwright.schema import write_tool
from toolwright.tools.catalog import read_catalog
from toolwright.types import Tool


def run(*arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "toolwright.cli.main", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.fixture
def tools(tmp_path):
    path = tmp_path / "tools.jsonl"
    found = [Tool(name="book_room", description="Books a hotel room."), Tool(name="get_weather", description="Gives the weather of a city.")]
    path.write_text("".join(json.dumps(write_tool(tool, "mcp")) + "\n" for tool in found))
    return path


def test_help_names_every_command():
    shown = run("--help").stdout
    assert all(command in shown for command in ("tools", "select", "data", "evaluate", "train", "compare", "report"))


def test_import_then_select(tools, tmp_path):
    run("tools", "import", tools, "--out", tmp_path / "mine.jsonl")
    assert [tool.name for tool in read_catalog(tmp_path / "mine.jsonl")] == ["book_room", "get_weather"]
    answer = json.loads(run("select", "weather in Rome", "--tools", tmp_path / "mine.jsonl", "--json").stdout)
    assert answer["tools"][0]["name"] == "get_weather"
    assert answer["total_matches"] == 1
    assert "book_room" in run("select", "book a room", "--tools", tools).stdout


def test_lint_tells_findings_and_drift(tools, tmp_path):
    told = json.loads(run("tools", "lint", tools, "--pins", tmp_path / "pins.json", "--pin", "--json").stdout)
    assert set(told) == {"findings", "tokens", "drift"}
    (tmp_path / "changed.jsonl").write_text(tools.read_text().replace("hotel", "house"))
    done = run("tools", "lint", tmp_path / "changed.jsonl", "--pins", tmp_path / "pins.json", code=1)
    assert "changed since it was pinned" in done.stdout
    assert "--pins FILE" in run("tools", "lint", tools, "--pin", code=2).stderr


def test_evaluation_fails_under_a_baseline(tools, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "1", "query": "hotel", "tools": ["book_room"]}\n')
    ask = ("evaluate", "selection", "--tools", tools, "--data", tmp_path / "q.jsonl")
    run(*ask, "--out", tmp_path / "r.json")
    run(*ask, "--fail-under", tmp_path / "r.json")
    (tmp_path / "q.jsonl").write_text('{"id": "1", "query": "zzz", "tools": ["book_room"]}\n')
    assert "selection.top_1: 0.0, before 100.0" in run(*ask, "--fail-under", tmp_path / "r.json", code=1).stderr


def test_evaluate_writes_metrics_and_every_case(tools, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "1", "query": "hotel", "tools": ["book_room"], "tags": ["x"]}\n{"id": "2", "query": "zzz", "tools": []}\n')
    run("evaluate", "selection", "--tools", tools, "--data", tmp_path / "q.jsonl", "--out", tmp_path / "r.json")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["metrics"]["selection.top_1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert written["config"]["unserved"] == 1
    assert "selection.mrr/x" in written["metrics"]
    assert len(written["examples"]) == 2


def test_all_tools_are_ranked_on_demand(tools, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "1", "query": "hotel weather", "tools": ["book_room"], "candidates": ["book_room"]}\n')
    ask = ("evaluate", "selection", "--tools", tools, "--data", tmp_path / "q.jsonl", "--out", tmp_path / "r.json")
    run(*ask)
    assert len(json.loads((tmp_path / "r.json").read_text())["examples"][0]["ranking"]) == 1
    run(*ask, "--all-tools")
    assert len(json.loads((tmp_path / "r.json").read_text())["examples"][0]["ranking"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["select", "x", "--tools", "gone.jsonl"], "gone.jsonl: no such file"),
        (["select", "x", "--tools", "TOOLS", "--selector", "magic"], "--selector: got 'magic'; allowed: keyword"),
        (["tools", "import", "gone.yaml"], "gone.yaml: no such file; expected an OpenAPI 3 file"),
        (["evaluate", "selection"], "got neither --public NAME nor both --tools and --data"),
        (["evaluate", "selection", "--public", "nope"], "--public: got 'nope'; allowed: metatool-single"),
        (["compare"], "neither --quick nor --full"),
        (["compare", "--quick", "--method", "Z9"], "--method: got 'Z9'; allowed: A_baseline, B1_coreset_loss, B2_coreset_diversity"),
        (["compare", "--quick", "--model", "no-such-folder"], "--model: got 'no-such-folder'"),
        (["compare", "--quick", "--seeds", "a"], "--seeds: got 'a'"),
        (["compare", "--quick", "--data", "gone"], "gone: holds no manifest.json"),
        (["compare", "--quick", "--methods-file", "gone.yaml"], "--methods-file: gone.yaml: no such file"),
        (["train", "sft", "model=nano", "steps=1", "--export", "gguf"], "--export: got 'gguf'; allowed: merged"),
        (["train", "sft", "model=nano"], "steps is 0 and epochs 0; expected 1 or more of one of them"),
        (["train", "sft", "model=nano", "steps=1", "adapter=lorra"], "adapter is 'lorra'; allowed: lora, dora"),
        (["report", "gone"], "no such file"),
        (["data", "check", "--domain", "mars"], "--domain: got 'mars'; allowed:"),
        (["train", "nano", "widht=3"], "unknown setting 'widht'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, tools):
    done = run(*[tools if argument == "TOOLS" else argument for argument in arguments], code=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_malformed_lines_are_named_with_file_and_line(tools, tmp_path):
    with tools.open("a") as lines:
        lines.write('{"name": "f", "inputSchema": {"type": "object"}, "color": "red"}\n')
    done = run("select", "x", "--tools", tools, code=2)
    assert f"{tools}:3: unknown key 'color' in a tool; allowed: name, description, inputSchema" in done.stderr


def test_unknown_options_are_exit_code_2():
    run("select", "--nope", code=2)


def test_progress_in_a_log_is_a_line_a_stage(capsys):
    assert list(track(["a", "b"], "counting")) == ["a", "b"]
    assert re.fullmatch(r"counting: 2 in \d+ s\n", capsys.readouterr().err)


def test_progress_in_a_log_is_a_line_every_minute_of_a_long_stage(capsys, monkeypatch):
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    with progress.Bars() as bars:
        bars.told("training", 1, 3, "loss 2.0")
    assert re.fullmatch(r"training: 1 of 3 in \d+ s loss 2.0\n", capsys.readouterr().err)
