"""Catalogues from OpenAPI files, tool JSON and Python functions."""

import json
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel

from toolwright.schema import check_arguments, write_tool
from toolwright.tools.catalog import import_source, import_tools, read_catalog, write_catalog
from toolwright.tools.functions import tool_of_function
from toolwright.tools.openapi import tools_of_openapi
from toolwright.types import InputError, Tool

OPENAPI = yaml.safe_load("""
openapi: 3.0.3
info: {title: Tree shop, version: "1"}
paths:
  /trees/{tree_id}:
    parameters:
      - {$ref: "#/components/parameters/TreeId"}
    get:
      operationId: trees/get-one
      summary: Get a tree
      description: Gives a tree with all its branches.
      tags: [trees]
      parameters:
        - {name: depth, in: query, schema: {type: integer, minimum: 0, exclusiveMinimum: true}}
        - {name: kind, in: query, description: Which kind, schema: {$ref: "#/components/schemas/Kind"}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}
    put:
      summary: Replace a tree
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}
      responses: {"204": {description: done}}
  /notes:
    post:
      operationId: addNote
      requestBody: {content: {text/plain: {}}}
      responses: {}
components:
  parameters:
    TreeId: {name: tree_id, in: path, required: true, schema: {type: string, nullable: true}}
  schemas:
    Kind: {type: string, enum: [oak, elm]}
    Node:
      type: object
      required: [name]
      properties:
        name: {type: string}
        kind: {$ref: "#/components/schemas/Kind"}
        children: {type: array, items: {$ref: "#/components/schemas/Node"}}
""")


def test_openapi_operations_become_tools_and_recursion_stays_a_reference():
    get, put, note = tools_of_openapi(OPENAPI, "trees.yaml")
    assert [get.name, put.name, note.name] == ["trees_get-one", "put_trees_tree_id", "addNote"]
    assert get.description == "Get a tree\nGives a tree with all its branches."
    assert get.extras["openapi"] == {"method": "get", "path": "/trees/{tree_id}", "in": {"tree_id": "path", "depth": "query", "kind": "query"}}
    assert get.required == ["tree_id"]
    assert get.properties["tree_id"]["type"] == ["string", "null"]
    assert get.properties["depth"] == {"type": "integer", "exclusiveMinimum": 0}
    assert get.parameters["$defs"]["Kind"] == {"type": "string", "enum": ["oak", "elm"]}
    assert get.returns is not None
    assert get.returns["$ref"] == "#/$defs/Node"
    assert put.properties["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert put.parameters["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert note.properties == {"body": {"type": "string", "description": "Body as text/plain"}}


def test_recursive_schemas_check_arguments():
    put = tools_of_openapi(OPENAPI, "trees.yaml")[1]
    good = {"tree_id": "t", "name": "root", "children": [{"name": "leaf", "children": []}]}
    assert check_arguments(put.parameters, good) == []
    assert check_arguments(put.parameters, {**good, "children": [{"kind": "palm"}]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"openapi": None, "swagger": "2.0"}, "'openapi' is None; expected 3.0.x or 3.1.x"),
        ({"paths": []}, "'paths' is list"),
        ({"paths": {"/a": {"get": {"parameters": [{"$ref": "other.yaml#/x"}]}}}}, "leads out of the file"),
        ({"paths": {"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/Gone"}]}}}}, "leads nowhere; 'Gone' is missing"),
    ],
)
def test_openapi_faults_are_named(change, said):
    with pytest.raises(InputError) as error:
        tools_of_openapi({**OPENAPI, **change}, "trees.yaml")
    assert said in str(error.value)


class Leg(BaseModel):
    to: str
    next: "Leg | None" = None


def plan_trip(start: str, legs: list[Leg], mode: Literal["train", "bus"] = "train", seats: int = 1) -> dict[str, float]:
    """Plan a trip over several legs.

    Prices are estimates.

    Args:
        start: Where the trip begins.
        seats: How many travel.
    """
    return {"price": len(start) + len(legs) + seats + len(mode)}


def test_a_function_becomes_a_tool():
    tool = tool_of_function(plan_trip)
    assert tool.name == "plan_trip"
    assert tool.description == "Plan a trip over several legs.\nPrices are estimates."
    assert tool.required == ["start", "legs"]
    assert tool.properties["start"] == {"type": "string", "description": "Where the trip begins."}
    assert tool.properties["mode"] == {"type": "string", "enum": ["train", "bus"], "default": "train"}
    assert tool.parameters["additionalProperties"] is False
    assert tool.returns == {"type": "object", "additionalProperties": {"type": "number"}}
    assert check_arguments(tool.parameters, {"start": "Lyon", "legs": [{"to": "Basel", "next": {"to": "Graz"}}]}) == []


def test_functions_without_types_are_refused():
    def bad(a, *rest):
        """Do."""

    with pytest.raises(InputError, match=r"test_tools\.py:\d+: bad: parameter 'a' has no type"):
        tool_of_function(bad)


def test_import_of_every_source(tmp_path):
    (tmp_path / "api.json").write_text(json.dumps(OPENAPI))
    (tmp_path / "mine.py").write_text('def roll(sides: int = 6) -> int:\n    """Roll a die."""\n    return sides\n')
    mcp = {"tools": [write_tool(Tool(name="m", description="d"), "mcp")]}
    (tmp_path / "mcp.json").write_text(json.dumps(mcp))
    tools = import_tools([str(tmp_path / name) for name in ("api.json", "mine.py", "mcp.json")])
    assert [tool.name for tool in tools] == ["trees_get-one", "put_trees_tree_id", "addNote", "roll", "m"]
    write_catalog(tmp_path / "tools.jsonl", tools)
    assert read_catalog(tmp_path / "tools.jsonl") == tools
    with pytest.raises(InputError, match="tool 'roll' comes from"):
        import_tools([str(tmp_path / "mine.py")] * 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", ":1: not JSON"),
        ("a.yaml", "a: ]", ":1: not YAML"),
        ("a.csv", "x", "got a .csv file"),
        ("a.json", "[3]", "item 0: got 3; expected a tool object"),
        ("a.py", "def f(:", ":1: not Python"),
        ("a.py", "x = 1", "defines no public function"),
        ("a.jsonl", '{"name": "f"}\n{"name": "f"}', ":2: tool 'f' stands on line 1 already"),
    ],
)
def test_bad_sources_are_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        import_source(str(tmp_path / name))
    assert said in str(error.value)
