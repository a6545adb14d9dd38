"""What OpenAI demands of a schema that is sent with `strict: true`, refused in its words.

Source: OpenAI's guide on structured outputs, and the answers of its API in public issue threads (2024 to 2026).
"""

from __future__ import annotations

import re
from typing import Any

from proxy.errors import InvalidRequest
from proxy.schemas.document import Document
from proxy.schemas.keywords import Schema, children
from proxy.schemas.place import Path, Place, steps
from proxy.schemas.top import Top
from proxy.schemas.writer import written

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 64


def check_name(name: Any, param: str) -> str:
    """The name of a `json_schema`, or `InvalidRequest`: 1 to 64 of a-z, A-Z, 0-9, underscores and dashes."""
    if name is None:
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    if not isinstance(name, str):
        raise InvalidRequest(f"Invalid type for '{param}': expected a string.", param=param, code="invalid_type")
    if len(name) > _LONGEST_NAME:
        raise InvalidRequest(
            f"Invalid '{param}': string too long. Expected a string with maximum length {_LONGEST_NAME}, "
            f"but got a string with length {len(name)} instead.",
            param=param,
            code="string_above_max_length",
        )
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"Invalid '{param}': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            param=param,
            code="invalid_value",
        )
    return name


def check_strict(schema: Any, place: Place) -> None:
    """Every object closed, by `additionalProperties: false`, and with all of its properties in `required`; an object at the
    top. Raises `InvalidRequest`: what is not a schema with its path; what is not strict with the `param` of the place, and
    OpenAI's `In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false.`"""
    document = Document(schema, place)
    if not Top(written(document, keep_refs=True), place).is_object:
        got = schema.get("type")
        raise place.refusal(None, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'.")
    rest: list[tuple[Any, Path]] = [(document.root, None)]
    while rest:
        node, path = rest.pop()
        if isinstance(node, dict):
            problem = _looseness(node)
            if problem:
                context = tuple(str(step) for step in steps(path))
                raise place.refusal(None, f"In context={context}, {problem}")
            rest += [
                (child, (path, keyword) if at is None else ((path, keyword), at))
                for keyword, at, child in reversed([*children(node)])
            ]


def _looseness(node: Schema) -> str | None:
    types = node.get("type")
    if "properties" not in node and types != "object" and not (isinstance(types, list) and "object" in types):
        return None
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = {*node.get("required", ())}
    for name in node.get("properties", ()):
        if name not in required:
            return (
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{name[:_LONGEST_NAME]}'."
            )
    return None
