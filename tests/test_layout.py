"""The import table of the design, held literally: data flows one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "toolwright"
GROUND = {"types", "schema"}
BEFORE_EVALUATION = {"encoders", "models", "tools", "world", "selection", "timing", "planning", "data"}

MAY_IMPORT = {
    "types": set(),
    "schema": {"types"},
    "encoders": GROUND,
    "models": GROUND,
    "tools": GROUND,
    "world": GROUND | {"tools"},
    "selection": GROUND | {"encoders", "models", "tools"},
    "timing": GROUND | {"selection", "encoders", "models", "tools"},
    "planning": GROUND | {"selection", "encoders", "models", "tools"},
    "agent": GROUND | {"timing", "planning", "selection", "models", "tools"},
    "data": GROUND | {"world", "tools", "selection", "planning"},
    "coreset": GROUND | {"encoders", "models", "data"},
    "continual": GROUND | {"encoders", "models", "data"},
    "training": GROUND | {"coreset", "continual", "data", "models", "encoders", "world", "timing", "planning", "selection", "tools"},
    "evaluation": GROUND | BEFORE_EVALUATION,
    "comparison": GROUND | {"training", "evaluation", "data", "models", "coreset", "continual", "encoders"},
    "report": {"types"},
    "serve": GROUND | BEFORE_EVALUATION | {"__init__"},
}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        parts |= {name.split(".")[1] for name in names if name.startswith("toolwright.")}
    return parts


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_part_imports_only_what_the_table_allows(path):
    part = part_of(path)
    if part in ("cli", "__init__"):
        return
    assert imports_of(path) - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize(
    "code",
    [
        "import toolwright.cli.main",
        "from toolwright.selection import SELECTORS; from toolwright.types import Tool\n"
        "SELECTORS['keyword']().fit([Tool(name='a', description='book a room')]).select('room')",
    ],
    ids=["help", "keyword select"],
)
def test_no_torch_where_it_is_not_needed(code):
    check = f"{code}\nimport sys; assert not {{'torch', 'transformers', 'matplotlib'}} & set(sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_no_file_or_function_outgrows_its_room():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert len(path.read_text().splitlines()) <= 350, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno <= 75, f"{path}:{node.lineno} {node.name}"
