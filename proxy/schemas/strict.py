"""What OpenAI demands of a schema that is sent with `strict: true`, refused in its words.

Source: OpenAI's guide on structured outputs, and the answers of its API in public issue threads (2024 to 2026).
"""

from __future__ import annotations

from typing import Any

from proxy.schemas.document import Document
from proxy.schemas.keywords import Schema, children
from proxy.schemas.place import Path, steps

_LONGEST_SHOWN = 64


def check_strict(document: Document, *, is_object: bool) -> None:
    """Every object closed, by `additionalProperties: false`, and with all of its properties in `required`; an object at the
    top, as `Top.is_object` has it. Raises `InvalidRequest` with the `param` of the document's place, and in OpenAI's words:
    `In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false.`"""
    place = document.place
    if not is_object:
        got = document.root.get("type")
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
                f"Missing '{name[:_LONGEST_SHOWN]}'."
            )
    return None
