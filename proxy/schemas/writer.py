"""A document written anew, as one schema of draft 2020-12 that accepts the same values.

What comes out: no `$schema`, `$id` or anchors, and references only as `#/$defs/name` with the `$defs` at the top, or none at
all because each is written out in its place. Parts that need no change are shared with the client's own schema.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.errors import InvalidRequest
from proxy.schemas.document import MOST_LEVELS, Document
from proxy.schemas.drafts import modern, spelt
from proxy.schemas.keywords import ANNOTATIONS, IN_PLACE, MANY, NAMED, ONE, Schema, weight, without
from proxy.schemas.kinds import kind_of
from proxy.schemas.merge import joined
from proxy.schemas.place import Path, shown, steps
from proxy.schemas.references import inner_first, reference_to

_OF_VALUES = frozenset({"additionalProperties", "items", "patternProperties", "prefixItems", "properties"})
"""Keywords whose schemas say all that there is to say about a value, or at least its type."""

_MAY_BE_BOOLEAN = frozenset({"additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"})
"""Where `false` is what everybody writes. Elsewhere `{}` and `{"not": {}}` say the same to more readers."""

_PLACES = ONE | MANY | NAMED

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_NAME = 60


class NotWrittenOut(InvalidRequest):
    """For a model that follows no references; one that does takes the same schema."""


def written(document: Document, *, keep_refs: bool, is_typed: bool = False) -> Schema:
    """`keep_refs` keeps references, as `#/$defs/name`; without it each is written out, and `NotWrittenOut` raised for one
    that leads back to itself, or too deep.

    `is_typed` adds the `type` that is missing: where `enum` or `const` leaves no other, which changes nothing; and, as the
    one liberty taken, `object` beside `properties` and `array` beside `items`, for a value that nothing else is said about.
    Without a `type` those keywords hold for objects and arrays only and let all else pass, which their authors do not mean;
    models and services take the type for granted.
    """
    return _Writer(document, keep_refs, is_typed).document()


def is_untyped(node: Any) -> bool:
    """Is it the one thing said about a value that, if it is an object, has these properties, or if an array, these items?"""
    if not isinstance(node, dict) or "type" in node or "enum" in node or "const" in node:
        return False
    if any(keyword in node for keyword in IN_PLACE):
        return False
    return ("properties" in node) != ("items" in node or "prefixItems" in node)


class _Writer:
    def __init__(self, source: Document, keep_refs: bool, is_typed: bool) -> None:
        self._source = source
        self._keep_refs = keep_refs
        self._is_typed = is_typed
        self._open: set[int] = set()
        self._names: dict[tuple[int, bool], str] = {}
        self._numbers: dict[str, int] = {}
        self._wanted: list[tuple[str, Any, Path, Schema, bool]] = []

    def document(self) -> Schema:
        root = self._source.root
        top: Schema = self._node(root, None, root, 0, is_value=False)
        # The list grows while it is walked: a definition can want another.
        defs = {
            name: _as_object(self._node(target, way, home, 0, is_value))
            for name, target, way, home, is_value in self._wanted
        }
        self._refuse_endless(defs)
        return {**top, "$defs": defs} if defs else top

    def _refuse_endless(self, defs: Schema) -> None:
        """A definition that refers to itself without looking at a part of the value means nothing: the specification leaves
        it undefined, and no reader of it would come to an end."""
        _, endless = inner_first(defs, in_place=True)
        for name, _, way, _, _ in self._wanted:
            if name in endless:
                raise self._source.place.refusal(way, "it leads back to itself without end.")

    def _node(self, node: Any, path: Path, base: Schema, level: int, is_value: bool) -> Any:
        if isinstance(node, bool):
            return node
        self._source.place.spend(weight(node))
        if level > MOST_LEVELS:
            raise self._source.place.refusal(path, "it is too deep with its references written out.", NotWrittenOut)
        base = self._source.resource(node, base)
        out = modern(node)
        if "$ref" in out and self._source.is_old:
            out = {keyword: value for keyword, value in out.items() if keyword == "$ref" or keyword in ANNOTATIONS}
        changes: Schema = {}
        for keyword, value in out.items():
            if keyword not in _PLACES:
                continue
            way = (path, keyword if out is node else spelt(node, keyword))
            if keyword in ONE:
                new = self._node(value, way, base, level + 1, keyword in _OF_VALUES)
                new = new if keyword in _MAY_BE_BOOLEAN else _as_object(new)
            else:
                write = self._many if keyword in MANY else self._named
                new = write(value, way, base, level + 1, keyword in _OF_VALUES)
            if new is not value:
                changes[keyword] = new
        if changes:
            out = {**out, **changes}
        if "$ref" in out:
            return self._reference(out, path, base, level, is_value)
        return _typed(out, is_value) if self._is_typed and "type" not in out else out

    def _many(self, items: list[Any], path: Path, base: Schema, level: int, is_value: bool) -> list[Any]:
        new = [_as_object(self._node(item, (path, at), base, level, is_value)) for at, item in enumerate(items)]
        return new if any(one is not other for one, other in zip(new, items, strict=True)) else items

    def _named(self, items: Schema, path: Path, base: Schema, level: int, is_value: bool) -> Schema:
        new = {at: _as_object(self._node(item, (path, at), base, level, is_value)) for at, item in items.items()}
        return new if any(new[at] is not item for at, item in items.items()) else items

    def _reference(self, out: Schema, path: Path, base: Schema, level: int, is_value: bool) -> Any:
        reference = out["$ref"]
        path = (path, "$ref")
        target, way, home = self._source.follow(reference, path, base)
        is_value = is_value and all(keyword == "$ref" or keyword in ANNOTATIONS for keyword in out)
        if self._keep_refs:
            name = reference_to(self._definition(target, way, home, is_value))
            return out if name == reference else {**out, "$ref": name}
        if id(target) in self._open:
            raise self._source.place.refusal(
                path,
                f"{shown(reference)} leads back to itself, and this model takes no recursive schemas.",
                NotWrittenOut,
            )
        self._open.add(id(target))
        inner = self._node(target, way, home, level + 1, is_value)
        self._open.discard(id(target))
        return joined(without(out, "$ref"), _as_object(inner), self._source.place)

    def _definition(self, target: Any, way: Path, home: Schema, is_value: bool) -> str:
        is_value = is_value and self._is_typed and is_untyped(target)
        name = self._names.get((id(target), is_value))
        if name is None:
            last = str((steps(way) or ["root"])[-1])
            name = numbered(_UNSAFE.sub("_", last)[:_LONGEST_NAME] or "schema", self._numbers)
            self._names[id(target), is_value] = name
            self._wanted.append((name, target, way, home, is_value))
        return name


def _as_object(schema: Any) -> Schema:
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    node: Schema = schema
    return node


def _typed(node: Schema, is_value: bool) -> Schema:
    literals = node["enum"] if "enum" in node else [node["const"]] if "const" in node else []
    kinds = {kind_of(literal) for literal in literals}
    if len(kinds) == 1:
        return {"type": kinds.pop(), **node}
    if is_value and is_untyped(node):
        return {"type": "object" if "properties" in node else "array", **node}
    return node


def numbered(name: str, given: dict[str, int]) -> str:
    """The name, or `name_2` and so on when it was given before. `given` has all names, each with its last number."""
    unique = name
    while unique in given:
        given[name] += 1
        unique = f"{name}_{given[name]}"
    given[unique] = 1
    return unique
