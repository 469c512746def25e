"""How written calls fare against those expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from toolwright.data.render import parse_calls
from toolwright.schema import check_arguments
from toolwright.types import ExpectedCall, Tool, ToolCall

CALL_SCORES = ("exact", "name_f1", "argument_f1", "parsed", "schema_valid", "invented", "copied")


def call_scores(expected: Sequence[ExpectedCall], text: str, tools: Sequence[Tool]) -> dict[str, float]:
    """How one written answer fares against the calls expected of it, in any order.

    `parsed`: it holds calls, all well formed. `name_f1`, `argument_f1`: F1 over tool names and over (call, argument, value), each counted as often as it
    stands. `exact`: these calls and no other, with exactly these arguments. `schema_valid`: parsed, and every call is to a tool on offer with arguments that
    its schema allows. `invented`: share of the calls that name no tool on offer (absent when there is no call). `copied`: share of the arguments that stand
    word for word in the conversation and were given so (absent when there is none).
    """
    calls = parse_calls(text) or []
    pairs = _pairs(expected, calls)
    right = sum(_right(one, call) for one, call in pairs)
    wanted, given = sum(len(one.arguments) for one in expected), sum(len(call.arguments) for call in calls)
    names = Counter(one.name for one in expected) & Counter(call.name for call in calls)
    whole = len(calls) == len(expected) == len(pairs) and right == wanted == given
    scores = {
        "parsed": float(bool(calls)),
        "name_f1": 2 * names.total() / (len(expected) + len(calls)),
        "argument_f1": 2 * right / (wanted + given) if wanted or given else float(len(pairs) == len(expected)),
        "exact": float(whole),
    }
    schemas = {tool.name: tool.parameters for tool in tools}
    known = [call for call in calls if call.name in schemas]
    scores["schema_valid"] = float(bool(calls) and len(known) == len(calls) and not any(check_arguments(schemas[c.name], c.arguments) for c in known))
    if calls:
        scores["invented"] = 1 - len(known) / len(calls)
    if copied := sum(len(one.copied) for one in expected):
        scores["copied"] = sum(_fits(one, call, name) for one, call in pairs for name in one.copied) / copied
    return scores


def same_value(accepted: Sequence[Any], value: Any) -> bool:
    """Whether a value is one of those accepted; 3 and 3.0 are the same, 1 and true are not."""
    return any(type(one) is type(value) and one == value if isinstance(one, bool) or isinstance(value, bool) else one == value for one in accepted)


def _pairs(expected: Sequence[ExpectedCall], calls: Sequence[ToolCall]) -> list[tuple[ExpectedCall, ToolCall]]:
    """Expected and written calls of one name, those with the most right arguments first; each stands in one pair at most."""
    possible = [(i, j) for i, one in enumerate(expected) for j, call in enumerate(calls) if one.name == call.name]
    possible.sort(key=lambda pair: (-_right(expected[pair[0]], calls[pair[1]]), pair))
    pairs: dict[int, int] = {}
    for i, j in possible:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [(expected[i], calls[j]) for i, j in pairs.items()]


def _right(expected: ExpectedCall, call: ToolCall) -> int:
    return sum(_fits(expected, call, name) for name in expected.arguments)


def _fits(expected: ExpectedCall, call: ToolCall, name: str) -> bool:
    return name in call.arguments and same_value(expected.arguments[name], call.arguments[name])
