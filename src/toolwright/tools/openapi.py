"""OpenAPI 3.0 and 3.1 descriptions as tools: one operation, one tool.

Schemas keep their references: `#/components/schemas/X` becomes `#/$defs/X`, and a tool carries the definitions it reaches, each once, so that
recursive schemas stay finite. Path, query, header and cookie parameters and the members of a JSON body become the tool's parameters; where each
goes stands in the tool's extras (`openapi`: method, path, in), enough to build the request. Not covered: Swagger 2, references into other
files, bodies that are not JSON (they become one `body` string), callbacks, links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from toolwright.schema import check_schema
from toolwright.types import JSON, InputError, Tool

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
COMPONENT = "#/components/schemas/"
NAMED = ("properties", "patternProperties", "$defs")  # keys whose value maps names to schemas
LITERAL = ("example", "examples", "default", "enum", "const")  # keys whose value is data, not a schema


def tools_of_openapi(document: JSON, place: str) -> list[Tool]:
    """Every operation of the description, in the order of the file. `place` names the file in errors."""
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        raise InputError(f"{place}: 'openapi' is {document.get('openapi', document.get('swagger'))!r}; expected 3.0.x or 3.1.x")
    paths = document.get("paths")
    if not isinstance(paths, Mapping):
        raise InputError(f"{place}: 'paths' is {type(paths).__name__}; expected an object of paths")
    tools = [_tool(document, path, method, item, f"{place}: {method.upper()} {path}") for path, method, item in _operations(document, paths)]
    taken: dict[str, int] = {}
    named = []
    for tool in tools:
        count = taken[tool.name] = taken.get(tool.name, 0) + 1
        named.append(tool if count == 1 else tool.model_copy(update={"name": f"{tool.name}_{count}"}))
    return named


def _operations(document: JSON, paths: Mapping[str, Any]) -> Iterator[tuple[str, str, JSON]]:
    for path, item in paths.items():
        item = _resolve(document, item)
        for method in METHODS:
            if method in item:
                operation = item[method]
                if not isinstance(operation, Mapping):
                    raise InputError(f"{method.upper()} {path}: got {operation!r:.60}; expected an operation object")
                yield path, method, {**operation, "parameters": [*(item.get("parameters") or []), *(operation.get("parameters") or [])]}


def _tool(document: JSON, path: str, method: str, operation: JSON, place: str) -> Tool:
    properties: dict[str, JSON] = {}
    required: list[str] = []
    where: dict[str, str] = {}
    for raw in operation["parameters"]:
        try:
            parameter = _resolve(document, raw)
            name, sent_in = str(parameter["name"]), str(parameter["in"])
        except (InputError, KeyError) as error:
            raise InputError(f"{place}: a parameter without name or place, or a lost reference: {error}") from error
        if where.get(name, sent_in) != sent_in:
            name = f"{sent_in}_{name}"  # the same name in the path and the query, say
        content: JSON = next(iter(parameter.get("content", {}).values()), {})
        schema = dict(parameter.get("schema") or content.get("schema") or {"type": "string"})
        if description := parameter.get("description"):
            schema = {"allOf": [schema], "description": description} if "$ref" in schema else {**schema, "description": description}
        properties[name], where[name] = schema, sent_in
        if parameter.get("required") and name not in required:
            required.append(name)
    for name, schema, needed in _body(document, operation, set(properties)):
        properties[name], where[name] = schema, "body"
        if needed:
            required.append(name)
    parameters = {"type": "object", "properties": properties, **({"required": required} if required else {})}
    parameters = _with_definitions(document, parameters, place)
    check_schema(parameters, place)
    answer = _answer(document, operation)
    returns = _with_definitions(document, answer, place) if answer else None
    text = "\n".join(dict.fromkeys(part.strip() for part in (operation.get("summary"), operation.get("description")) if part))
    extras: JSON = {"openapi": {"method": method, "path": path, "in": where}}
    if tags := operation.get("tags"):
        extras["category"] = tags[0]
    name = re.sub(r"[^\w.-]+", "_", str(operation.get("operationId") or "") or f"{method}{path}").strip("_")
    return Tool(name=name, description=text, parameters=parameters, returns=returns, extras=extras)


def _body(document: JSON, operation: JSON, taken: set[str]) -> Iterator[tuple[str, JSON, bool]]:
    """The body's members as parameters; one parameter `body` where it is no plain object or a name is taken."""
    if "requestBody" not in operation:
        return
    body = _resolve(document, operation["requestBody"])
    content = body.get("content", {})
    kind = next((kind for kind in content if "json" in kind), None)
    schema = content[kind].get("schema", {}) if kind else {"type": "string", "description": f"Body as {', '.join(content) or 'text'}"}
    whole = _resolve(document, schema)
    members = whole.get("properties", {})
    plain = members and not any(key in whole for key in ("allOf", "anyOf", "oneOf", "discriminator")) and not taken & set(members)
    if plain:
        yield from ((name, member, body.get("required", False) and name in whole.get("required", [])) for name, member in members.items())
    else:
        yield ("body" if "body" not in taken else "request_body"), schema, bool(body.get("required", False))


def _answer(document: JSON, operation: JSON) -> JSON | None:
    for status, raw in operation.get("responses", {}).items():
        if str(status).startswith("2"):
            for kind, media in _resolve(document, raw).get("content", {}).items():
                if "json" in kind and media.get("schema"):
                    return dict(media["schema"])
    return None


def _resolve(document: JSON, value: Any) -> JSON:
    """Follow a reference to what it names, never round in a circle."""
    seen: list[str] = []
    while isinstance(value, Mapping) and "$ref" in value:
        reference = value["$ref"]
        if reference in seen:
            raise InputError(f"reference {reference!r} refers to itself")
        seen.append(reference)
        value = _lookup(document, reference)
    if not isinstance(value, Mapping):
        raise InputError(f"got {value!r:.60}; expected an object")
    return dict(value)


def _lookup(document: JSON, reference: str) -> Any:
    if not reference.startswith("#/"):
        raise InputError(f"reference {reference!r} leads out of the file; expected one that begins with '#/'")
    found: Any = document
    for part in reference[2:].split("/"):
        part = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping) and part in found:
            found = found[part]
        else:
            raise InputError(f"reference {reference!r} leads nowhere; {part!r} is missing")
    return found


def _with_definitions(document: JSON, schema: JSON, place: str) -> JSON:
    """The schema in JSON Schema's terms, with every definition it reaches under `$defs`."""
    definitions: dict[str, Any] = {}
    try:
        result = _convert(document, schema, definitions)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    return {**result, "$defs": definitions} if definitions else dict(result)


def _convert(document: JSON, value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_convert(document, item, definitions) for item in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(reference := value.get("$ref"), str):
        name = _definition_name(reference)
        if name not in definitions:
            definitions[name] = {}  # stands while its own references are followed: recursion ends here
            definitions[name] = _convert(document, _lookup(document, reference), definitions)
        return {"$ref": f"#/$defs/{name}"}
    converted = {}
    for key, item in value.items():
        if key in NAMED and isinstance(item, Mapping):
            converted[key] = {name: _convert(document, schema, definitions) for name, schema in item.items()}
        else:
            converted[key] = item if key in LITERAL else _convert(document, item, definitions)
    return _modern(converted)


def _definition_name(reference: str) -> str:
    name = reference.removeprefix(COMPONENT) if reference.startswith(COMPONENT) else reference.removeprefix("#/")
    return re.sub(r"[^\w.-]+", "_", unquote(name))


def _modern(schema: JSON) -> JSON:
    """OpenAPI 3.0's own words in JSON Schema 2020-12: `nullable`, boolean exclusive bounds."""
    if schema.get("nullable") is True:
        schema = {key: value for key, value in schema.items() if key != "nullable"}
        if isinstance(kind := schema.get("type"), str):
            schema["type"] = [kind, "null"]
            if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
        else:
            schema = {"anyOf": [schema, {"type": "null"}]}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(exclusive), bool):
            strict = schema.pop(exclusive)
            if strict and bound in schema:
                schema[exclusive] = schema.pop(bound)
    return schema
