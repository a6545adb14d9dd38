"""What cannot stand at the top of a tool's parameters, one level down: as the one property of an object around it.

Claude wants property names of letters, digits, `_`, `.` and `-`, 64 at most (`tools.0.custom.input_schema.properties:
Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'`, by Converse too; public issue threads, 2025 and 2026), and
looks at the top level only. Servers that wrap other APIs have `filter[id]`, `$top` and `Account Number` there. Amazon
Nova has four keywords at the top; and an answer that is given by a tool may be no object at all.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.schemas.document import Document
from proxy.schemas.keywords import ANNOTATIONS, Schema, without
from proxy.schemas.place import Budget, response_format
from proxy.schemas.remembered import remembered
from proxy.schemas.shapes import SHAPES
from proxy.schemas.tools import parameters
from proxy.schemas.top import ALWAYS, Top
from proxy.schemas.writer import written

WRAPPED = "value"
"""The one property of an object that is there for what is in it."""

_PLAIN = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_BARE = ("type", "properties", "required", "additionalProperties")


def has_odd_names(schema: Schema) -> bool:
    """Would Claude refuse a property of these parameters by its name?"""
    return any(_PLAIN.fullmatch(name) is None for name in schema.get("properties", ()))


def wrapped(schema: Schema) -> Schema:
    """An object whose one property, `WRAPPED`, accepts what a written schema does."""
    inner = without(schema, "$defs")
    below = inner.get("then", {}) if inner.get("if") == ALWAYS else {}
    if below and (rest := without(inner, "if", "then")).keys().isdisjoint(below):
        # What `for_tool` has moved away from the top can stand here as it was.
        inner = rest | below
    properties = {WRAPPED: inner}
    outer = {"type": "object", "properties": properties, "required": [WRAPPED], "additionalProperties": False}
    return {**outer, "$defs": schema["$defs"]} if "$defs" in schema else outer


def bare(schema: Schema) -> Schema | None:
    """Parameters without annotations at the top, or None where something judges there that Amazon Nova does not know.

    It has `type`, `properties` and `required` there, and lets `additionalProperties: false` pass. Of other keywords it
    refuses some (`inputSchema/json: extraneous key [$defs] is not permitted`, public issue threads, 2025) and may overlook
    a tool for others, `description` and `title` among them (Amazon Nova user guide, "Troubleshooting tool calls", 2026).
    """
    kept = {keyword: value for keyword, value in schema.items() if keyword in _BARE}
    if kept.get("additionalProperties") in (True, {}):
        del kept["additionalProperties"]
    has_more = any(
        keyword in SHAPES for keyword in schema.keys() - kept.keys() - ANNOTATIONS - {"additionalProperties"}
    )
    return None if has_more or kept.get("additionalProperties") else kept


@remembered
def wrap_for_tool(
    schema: Any, param: str, *, name: str | None = None, takes_refs: bool = False, budget: Budget | None = None
) -> tuple[Schema, str | None]:
    """(parameters of a synthetic tool, key): with a key, the answer is the value under that key of the tool's input.

    A schema of objects with a plain top is used as it is; any other becomes the one property of an object, which accepts
    the same values. Raises `InvalidRequest` like `tools.for_tool`.
    """
    place = response_format(param, name, budget)
    inner = written(Document(schema, place), keep_refs=takes_refs, is_typed=True)
    if Top(inner, place).is_plain:
        return parameters(inner, place), None
    return wrapped(inner), WRAPPED
