"""Python functions as tools: parameters from the signature, descriptions from the docstring."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_type_hints

import docstring_parser
from pydantic import ConfigDict, Field, PydanticSchemaGenerationError, PydanticUndefinedAnnotation, TypeAdapter, create_model
from pydantic.errors import PydanticInvalidForJsonSchema

from toolwright.types import JSON, InputError, Tool


def tools_of_module(source: str) -> list[Tool]:
    """Every public function that a module defines (those of `__all__` where it has one), in the order of the file.

    `source` is a dotted module name or the path of a `.py` file. The module is imported: its code runs.
    """
    return [tool_of_function(function) for function in functions_of_module(source)]


def functions_of_module(source: str) -> list[Callable[..., Any]]:
    """The functions that `tools_of_module` describes, to call them."""
    module = _import(source)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    functions = [getattr(module, name) for name in names]
    own: list[Callable[..., Any]] = [f for f in functions if inspect.isfunction(f) and f.__module__ == module.__name__]
    if not own:
        raise InputError(f"{source}: defines no public function; expected annotated functions with docstrings")
    return own


def tool_of_function(function: Callable[..., Any]) -> Tool:
    """One annotated function as a tool. Raises `InputError` for parameters without a type, without JSON form, or positional-only."""
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    said = {param.arg_name: param.description for param in doc.params if param.description}
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise InputError(f"{_place(function)}: an annotation names something unknown: {error}") from error
    fields: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise InputError(f"{_place(function)}: parameter {name!r} can only be given by position; tools are called by name")
        if name not in hints:
            raise InputError(f"{_place(function)}: parameter {name!r} has no type; expected an annotation such as `{name}: str`")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default=default, description=said.get(name)))
    try:
        model = create_model("Arguments", __config__=ConfigDict(extra=extra, arbitrary_types_allowed=False), **fields)
        parameters = untitled(model.model_json_schema())
        returns = untitled(TypeAdapter(hints["return"]).json_schema(mode="serialization")) if hints.get("return", Any) is not Any else None
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticInvalidForJsonSchema) as error:
        raise InputError(f"{_place(function)}: a type has no JSON form: {str(error).splitlines()[0]}") from error
    parameters.setdefault("properties", {})
    text = "\n".join(part for part in (doc.short_description, doc.long_description) if part)
    return Tool(name=function.__name__, description=text, parameters=parameters, returns=returns)


def untitled(schema: JSON) -> JSON:
    """The schema without the titles that pydantic makes up from names."""

    def clean(value: Any, names: bool) -> Any:
        if isinstance(value, list):
            return [clean(item, names=False) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {key: item for key, item in value.items() if names or key != "title" or not isinstance(item, str)}
        return {key: item if key in ("default", "const", "enum") else clean(item, names=key in ("properties", "$defs")) for key, item in kept.items()}

    cleaned: JSON = clean(schema, names=False)
    return cleaned


def _import(source: str) -> ModuleType:
    if source.endswith(".py"):
        path = Path(source)
        if not path.is_file():
            raise InputError(f"{source}: no such Python file")
        name = f"_toolwright_source_{path.stem}"  # never the name of a module that others import
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            raise InputError(f"{source}:{error.lineno}: not Python: {error.msg}") from error
        except ImportError as error:
            raise InputError(f"{source}: cannot be imported: {error}") from error
        return module
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        raise InputError(f"{source!r}: {error}; expected a file, or the dotted name of an installed module") from error


def _place(function: Callable[..., Any]) -> str:
    code = function.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}: {function.__name__}"
