"""Tools in the forms of OpenAI, Anthropic and MCP: no form loses what another carried."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.schema import check_arguments, form_of, read_tool, write_tool
from toolwright.types import InputError, Tool

FORMS = ("openai", "openai_flat", "anthropic", "mcp")

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
leaves = st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 0}, {"enum": ["a", "b"]}, {"type": ["number", "null"]}, {"$ref": "#/$defs/Node"}])
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda properties: {"type": "object", "properties": properties}, st.dictionaries(names, inner, max_size=3)),
    ),
    max_leaves=6,
)


@st.composite
def tools(draw):
    properties = draw(st.dictionaries(names, nested, max_size=4))
    parameters = {"type": "object", "properties": properties, "required": sorted(draw(st.sets(st.sampled_from(sorted(properties) or ["x"]))) & set(properties))}
    if "$ref" in json.dumps(parameters):
        parameters["$defs"] = {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}}
    extras = draw(st.dictionaries(st.sampled_from(["category", "effect", "keywords"]), st.text(max_size=8), max_size=2))
    own = {
        "openai": {"strict": True},
        "anthropic": {"cache_control": {"type": "ephemeral"}},
        "mcp": {"title": "A title", "annotations": {"readOnlyHint": True}},
    }
    extras |= draw(st.sampled_from([{}, {"openai": own["openai"]}, {"anthropic": own["anthropic"]}, {"mcp": own["mcp"]}, own]))
    returns = draw(st.none() | st.just({"type": "object", "properties": {"id": {"type": "string"}}}))
    return Tool(name=draw(names), description=draw(st.text(max_size=40)), parameters=parameters, returns=returns, extras=extras)


@given(tool=tools(), path=st.lists(st.sampled_from(FORMS), min_size=1, max_size=5))
def test_any_way_through_the_forms_gives_the_tool_back(tool, path):
    found = tool
    for form in path:
        written = json.loads(json.dumps(write_tool(found, form)))
        assert form_of(written) == form
        found = read_tool(written)
    assert found == tool


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"nothing": 1}, "not a tool: got keys ['nothing']"),
        ({"type": "function", "function": {"name": "f", "paramters": {}}}, "unknown key 'paramters'"),
        ({"type": "function", "function": {"name": ""}}, "'name': got ''"),
        ({"name": "f", "input_schema": {"type": "objekt"}}, "'input_schema' of 'f' is no valid JSON Schema"),
        ({"type": "tool", "function": {"name": "f"}}, "'type': got 'tool'; expected 'function'"),
    ],
)
def test_what_is_no_tool_is_refused_in_words(value, said):
    with pytest.raises(InputError, match=r"^.*$") as error:
        read_tool(value)
    assert said in str(error.value)


def test_arguments_are_checked_with_formats():
    schema = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}, "n": {"type": "integer"}}, "required": ["day"]}
    assert check_arguments(schema, {"day": "2026-03-02", "n": 1}) == []
    assert len(check_arguments(schema, {"day": "tomorrow", "n": "1"})) == 2
    assert "required" in check_arguments(schema, {})[0]
