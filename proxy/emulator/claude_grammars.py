"""What Claude refuses in schemas: of all tools, and in those that it compiles, of strict tools and of the answer, alone and
together.

Sources: Anthropic API documentation, "Tool use", "Structured outputs" and "Strict tool use" (October 2026); public issues
for the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import meta

from proxy.emulator.refusal import invalid

_DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
_MOST = {"strict tools": 20, "optional parameters": 24, "parameters with union types": 16}
_UNSUPPORTED = frozenset({
    "exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength", "maximum", "minLength", "minimum", "multipleOf",
    "patternProperties", "uniqueItems",
})  # fmt: skip


_MOST_NODES = 10_000
"""With definitions counted wherever they are referred to. The service's own limit is not known."""


def check_draft(schema: dict[str, Any], path: str) -> None:
    """The schema of any tool, whatever draft it says it is of."""
    if not meta.is_valid({**schema, **_DRAFT}):
        raise invalid(
            f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 "
            "(https://json-schema.org/draft/2020-12)."
        )


def check_grammars(body: Mapping[str, Any]) -> None:
    """`tools` and `output_config` are sound already. Raises `Refusal`."""
    tools = [(index, tool) for index, tool in enumerate(body.get("tools", [])) if tool.get("strict") is True]
    schemas = [(f"tools.{index}.custom.input_schema", tool["input_schema"]) for index, tool in tools]
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is not None:
        schemas.append(("output_config.format.schema", wanted["schema"]))
    found = {"strict tools": len(tools), "optional parameters": 0, "parameters with union types": 0}
    for path, schema in schemas:
        for number, node in enumerate(_nodes(schema, _mapping(schema.get("$defs")), ())):
            if number >= _MOST_NODES:
                raise invalid("Schema is too complex for compilation.")
            _check_node(node, path)
            required = _array(node.get("required"))
            found["optional parameters"] += sum(name not in required for name in _mapping(node.get("properties")))
            found["parameters with union types"] += "anyOf" in node or isinstance(node.get("type"), list)
    for what, number in found.items():
        if number > _MOST[what]:
            raise invalid(
                f"Schema is too complex for compilation. Too many {what}: {number}, the limit is {_MOST[what]}."
            )


def _check_node(node: Mapping[str, Any], path: str) -> None:
    if node.get("type") == "object" and node.get("additionalProperties") is not False:
        raise invalid(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    unsupported = sorted(_UNSUPPORTED & node.keys())
    if unsupported:
        raise invalid(f"{path}: For '{node.get('type')}' type, properties {', '.join(unsupported)} are not supported")
    if node.get("minItems", 0) not in (0, 1):
        raise invalid(f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")


def _nodes(schema: Any, defs: Mapping[str, Any], inside: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Every schema within, a definition wherever it is referred to."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        if name in inside:
            raise invalid("Recursive schemas are not supported")
        yield from _nodes(defs.get(name), defs, (*inside, name))
        return
    yield schema
    for inner in (*_mapping(schema.get("properties")).values(), *_array(schema.get("anyOf")), schema.get("items")):
        yield from _nodes(inner, defs, inside)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
