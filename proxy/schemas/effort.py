"""How long can it take to check a value by a schema? Known before there is one.

A validator looks at every value once for each schema that applies to it, and where schemas refer to each other in a ring of
unions it collects failures that double with every level of the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.schemas.keywords import IN_PLACE, Schema, children, weight
from proxy.schemas.place import Place
from proxy.schemas.references import inner_first, name_of

_PATTERN_STEPS = 500
"""To compile one takes up to 2 ms with the size that it may have, and most of a millisecond for every KB of text."""
_PATTERN = 20
_LITERAL = 20
"""Checks in whose time one value is matched, or compared with one literal; strings are looked up."""
_MULTIPLE = 450
"""And divided: exactly, as fractions with 300 digits where it has such an exponent."""

_BESIDE = frozenset({"contains", "patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"})
"""They look at parts that other keywords look at too."""


@dataclass(frozen=True, slots=True)
class Effort:
    per_value: int
    """Checks for each value within the value, at the most."""
    growth: int
    """And with all failures collected so many times more on each level of it; 0 where no schema leads back to itself."""


def effort(schema: Schema, place: Place) -> Effort:
    """Of a written schema with its references kept. Its place pays, for the building of the validator too."""
    measure = _Measure(schema.get("$defs", {}), place)
    top = measure.node(schema)
    again = [measure.known[name] for name in measure.endless]
    return Effort(top.per_value + sum([one.per_value for one in again]), max([one.growth for one in again], default=0))


class _Measure:
    def __init__(self, defs: Schema, place: Place) -> None:
        self.known: dict[str, Effort] = {}
        self._place = place
        self._patterns: set[str] = set()
        order, self.endless = inner_first(defs)
        """Those that lead back to themselves: a validator knows there what it has seen."""
        for name in order:
            self.known[name] = self.node(defs[name])

    def node(self, node: Any) -> Effort:
        if not isinstance(node, dict):
            return Effort(1, 0)
        self._place.spend(2 * weight(node))
        one, growth = self._own(node), 0
        part = Effort(0, 0)
        if "$ref" in node:
            # What is not known yet is what leads back.
            target = self.known.get(name_of(node["$ref"]), Effort(1, 1))
            one, growth = one + target.per_value, target.growth
        for keyword, _, child in children(node):
            if keyword == "$defs":
                continue
            inner = self.node(child)
            if keyword in IN_PLACE or keyword in _BESIDE:
                one, growth = one + inner.per_value, growth + inner.growth
            else:
                part = Effort(max(part.per_value, inner.per_value), max(part.growth, inner.growth))
        return Effort(one + part.per_value, growth + part.growth)

    def _own(self, node: Schema) -> int:
        for pattern in (node.get("pattern"), *node.get("patternProperties", ())):
            if pattern is not None and pattern not in self._patterns:
                self._patterns.add(pattern)
                self._place.spend(_PATTERN_STEPS + len(pattern) // 4)
        literals = node.get("enum", ())
        compared = 0 if all(isinstance(literal, str) for literal in literals) else len(literals)
        matched = ("pattern" in node) + len(node.get("patternProperties", ()))
        return 1 + _PATTERN * matched + _LITERAL * compared + _MULTIPLE * ("multipleOf" in node)
