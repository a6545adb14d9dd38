"""Property names that Claude refuses at the top of a tool's parameters, and the object that is put around them.

It wants letters, digits, `_`, `.` and `-`, 64 at most (`tools.0.custom.input_schema.properties: Property keys should match
pattern '^[a-zA-Z0-9_.-]{1,64}$'`, also by Bedrock's Converse; public issue threads, 2025 and 2026), and looks at the top
level only. Servers that wrap other APIs have `filter[id]`, `$top` and `Account Number` there. One level down they may keep
their names, and whatever else in the schema judges by them.
"""

from __future__ import annotations

import re

from proxy.schemas.keywords import Schema, without
from proxy.schemas.top import ALWAYS

WRAPPED = "value"
"""The one property of an object that is there for what is in it."""

_PLAIN = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


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
