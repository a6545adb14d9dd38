"""How much grammar one request to Claude may hold.

What the service keeps a model to is compiled: the schemas of strict tools and that of the answer, together. It refuses more
than 20 strict tools, 24 properties that may be left out and 16 of several types (`Schema is too complex for compilation`).
Source: Anthropic API documentation, "Structured outputs", 2026.
"""

from __future__ import annotations

from typing import Any

from proxy.schemas.keywords import Schema
from proxy.schemas.references import name_of

_MOST_TOOLS = 20
_MOST_OPTIONAL = 24
_MOST_UNIONS = 16


class GrammarRoom:
    """What is left of it."""

    __slots__ = ("_optional", "_tools", "_unions")

    def __init__(self) -> None:
        self._tools = _MOST_TOOLS
        self._optional = _MOST_OPTIONAL
        self._unions = _MOST_UNIONS

    def takes(self, grammar: Schema, *, is_tool: bool = False) -> bool:
        """Is there room for a schema that `grammar.grammar_of` gave? If so, it is taken."""
        optional, unions = _counted(grammar, grammar.get("$defs", {}), {})
        left = (self._tools - is_tool, self._optional - optional, self._unions - unions)
        if min(left) < 0:
            return False
        self._tools, self._optional, self._unions = left
        return True


def _counted(node: Any, defs: Schema, known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """(properties that may be left out, places of several types). A definition counts wherever it is referred to."""
    if not isinstance(node, dict):
        return 0, 0
    if "$ref" in node:
        name = name_of(node["$ref"])
        if name not in known:
            known[name] = _counted(defs[name], defs, known)
        return known[name]
    properties = node.get("properties", {})
    optional = len(properties.keys() - set(node.get("required", ())))
    unions = int("anyOf" in node or isinstance(node.get("type"), list))
    for child in (*properties.values(), *node.get("anyOf", ()), node.get("items")):
        more_optional, more_unions = _counted(child, defs, known)
        optional, unions = optional + more_optional, unions + more_unions
    return optional, unions
