"""The README's file tree is the tree."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "toolwright"


def expected():
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__init__.py":
            said = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0].rstrip(".")
            indent = "    " if path.parent != PACKAGE else "  "
            yield f"{indent}{path.name:<{28 - len(indent)}}{said}"


def test_every_file_stands_in_the_tree_with_what_it_is():
    readme = (ROOT / "README.md").read_text()
    missing = [line for line in expected() if line not in readme]
    assert not missing, "\n".join(missing)
