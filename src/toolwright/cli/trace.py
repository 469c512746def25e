"""A journal drawn as a tree: what was decided and why, what was planned, what each call answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolwright.types import JSON

if TYPE_CHECKING:
    from rich.tree import Tree

MARKS = {"done": "[green]✓[/green]", "failed": "[red]✗[/red]", "refused": "[yellow]–[/yellow]", "unknown": "[magenta]?[/magenta]", "skipped": "[dim]·[/dim]"}


def drawn(events: Sequence[JSON]) -> Tree:
    """The tree of a journal's events, as far as they go."""
    from rich.markup import escape
    from rich.tree import Tree

    goal = next((event["goal"] for event in events if event["event"] == "goal"), "plan")
    tree = Tree(f"[bold]{escape(goal)}[/bold]")
    ended = {event["step"]: event for event in events if event["event"] == "ended"}
    began = {event["step"]: event for event in events if event["event"] == "began"}
    for event in events:
        match event["event"]:
            case "selected":
                tree.add(f"selected [dim]{escape(', '.join(tool['name'] for tool in event['tools'][:5]))} of {event['matches']}[/dim]")
            case "decided":
                tree.add(f"decided [cyan]{event['outcome']}[/cyan] [dim]{escape('; '.join(event['reasons'][:3]))}[/dim]")
            case "plan" | "replanned":
                branch = tree.add(f"{'planned' if event['event'] == 'plan' else 'planned anew'} [dim]{len(event['steps'])} steps[/dim]")
                for step in event["steps"]:
                    _add_step(branch, step, began.get(step["id"]), ended.get(step["id"]))
            case "finished":
                tree.add(f"[bold]{event['outcome']}[/bold]: {escape(_short(event['said'], 300))}")
    return tree


def _add_step(branch: Tree, step: JSON, began: JSON | None, ended: JSON | None) -> None:
    from rich.markup import escape

    mark = MARKS[ended["status"]] if ended else "[blue]…[/blue]" if began else "[dim]·[/dim]"
    arguments = began["arguments"] if began else step["arguments"]
    node = branch.add(f"{mark} {step['id']} [cyan]{escape(step['tool'])}[/cyan]({escape(_short(json.dumps(arguments, ensure_ascii=False)))})")
    if ended:
        said = ended["error"] if ended["error"] else json.dumps(ended["answer"], ensure_ascii=False)
        node.add(f"[dim]{escape(_short(said))}[/dim]")


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
