"""Reading a model's JSON: mended where it can be, asked for again where it cannot, each time with what was wrong.

`json-repair` mends commas, quotes, code fences and cut ends. What is then still no object of the wanted schema, or has problems of its own (a plan that fails
validation), goes back to the model with those problems alone. Nothing is filled in on the model's behalf.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import json_repair

from toolwright.models.chat import ChatModel
from toolwright.planning.protocol import Spending
from toolwright.planning.validate import PlanningError, Problem
from toolwright.schema import schema_errors
from toolwright.types import JSON, Message

T = TypeVar("T")
LONGEST = 100_000  # characters of an answer that are read; mending is slow on endless ones
SHOWN = 12  # problems told to the model at once


def read_object(text: str) -> JSON | None:
    """The JSON object in a model's text, mended; None when there is none."""
    begin = text.find("{")
    if begin < 0 or len(text) > LONGEST:
        return None
    try:
        value: object = json.loads(text[begin : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        try:
            value = json_repair.loads(text[begin:])
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    return value if isinstance(value, dict) else None


def ask(
    model: ChatModel,
    messages: Sequence[Message],
    schema: JSON,
    read: Callable[[JSON], tuple[T, Sequence[Problem]]],
    spending: Spending,
    *,
    attempts: int = 3,
    max_tokens: int = 1024,
) -> T:
    """What the model answers, as `read` understands it, without problems.

    Args:
        model: who is asked.
        messages: the conversation up to the question.
        schema: JSON Schema of the answer.
        read: the value of an answer that follows the schema, and its problems.
        spending: what planning has cost; each question counts.
        attempts: questions at most, the first included.
        max_tokens: the longest answer.

    Raises:
        PlanningError: the last answer has problems still, or the budget is spent.
    """
    said = list(messages)
    problems: Sequence[Problem] = ()
    for _ in range(attempts):
        spending.check()
        reply = model.chat(said, schema=schema, max_tokens=max_tokens)
        spending.add(reply)
        found = read_object(reply.text)
        if found is None:
            problems = (Problem("no_json", "", "", f"no JSON object in the answer {reply.text[:80]!r}", "answer with one JSON object and nothing else"),)
        elif errors := schema_errors(schema, found):
            problems = tuple(Problem("wrong_form", "", ".".join(map(str, error.path)), error.message[:200], "follow the form asked for") for error in errors)
        else:
            value, problems = read(found)
            if not problems:
                return value
        listed = "\n".join(f"- {problem}" for problem in problems[:SHOWN])
        again = f"That has {len(problems)} problem{'s' if len(problems) > 1 else ''}:\n{listed}\nGive the whole JSON object again with these mended."
        said = [*messages, Message(role="assistant", content=reply.text[:4000]), Message(role="user", content=again)]
    raise PlanningError(f"{model.name} gave no usable answer in {attempts} attempts", problems)
