"""The top of a schema that must describe an object: a plain one wherever that is possible.

Services want `type: object` at the top, and Claude refuses `oneOf`, `anyOf` and `allOf` there (`input_schema does not support
oneOf, allOf, or anyOf at the top level`) while it takes them further down.
"""

from __future__ import annotations

from typing import Any

from proxy.schemas.keywords import Schema, without
from proxy.schemas.kinds import kinds
from proxy.schemas.merge import joined, merge
from proxy.schemas.place import Place
from proxy.schemas.references import name_of, referred

UNIONS = ("anyOf", "oneOf")
ALWAYS: Schema = {"type": "object"}
"""As an `if` at the top of what must be an object, it always holds."""


class Top:
    """The top of a written schema, taken apart. `Top(schema, place)` settles it.

    `node` is the top without `$defs`, its own `$ref` followed, its `allOf` laid into it as far as that can be, its unions
    without the alternatives that are no objects, a union of one alternative laid into it. It accepts the same objects.
    `is_object` says that it accepts no other values than objects, `may_be_object` that it accepts some, `is_plain` that it
    is one object, without alternatives.
    """

    def __init__(self, schema: Schema, place: Place) -> None:
        self.defs: Schema = schema.get("$defs", {})
        whole = without(schema, "$defs")
        self.place = place
        self.is_object = self._kinds(whole) == {"object"}
        self.node = whole
        while (settled := self._settled(self.node)) is not None:
            self.node = settled
        self.is_plain = self.is_object and not any(keyword in self.node for keyword in (*UNIONS, "allOf"))
        self.may_be_object = "object" in self._kinds(self.node)

    def resolve(self, reference: str) -> Any:
        """What a reference in a written schema leads to."""
        return self.defs[name_of(reference)]

    def _kinds(self, schema: Any) -> frozenset[str]:
        return kinds(schema, self.defs, self.place)

    def look(self, branch: Schema) -> Schema:
        """The branch of a union, or what it refers to with what stands beside the reference."""
        if "$ref" not in branch:
            return branch
        return joined(without(branch, "$ref"), self.resolve(branch["$ref"]), self.place)

    def used(self, node: Schema) -> Schema:
        """The definitions that the node needs, in the order they were in."""
        names = dict.fromkeys(referred(node))
        rest = [*names]
        for name in rest:
            new = [one for one in referred(self.defs[name]) if one not in names]
            names |= dict.fromkeys(new)
            rest += new
        return {name: definition for name, definition in self.defs.items() if name in names}

    def _settled(self, node: Schema) -> Schema | None:
        """The node one step nearer to plain, or None when it is as plain as can be."""
        if "$ref" in node:
            return joined(without(node, "$ref"), self.resolve(node["$ref"]), self.place)
        parts = node.get("allOf", ())
        for at, part in enumerate(parts):
            rest = [*parts[:at], *parts[at + 1 :]]
            base = {**node, "allOf": rest} if rest else without(node, "allOf")
            merged = merge(base, part, self.place)
            if merged is not None:
                return merged
        for keyword in UNIONS:
            if keyword in node:
                branches = [branch for branch in node[keyword] if "object" in self._kinds(branch)]
                if len(branches) == 1:
                    return joined(without(node, keyword), branches[0], self.place)
                if len(branches) < len(node[keyword]):
                    return {**node, keyword: branches}
        return None
