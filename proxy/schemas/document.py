"""A client's schema as a document: looked over once, and its references followed.

What may stand in the document: drafts 4 to 2020-12; references to `$defs`, `definitions` or any other place in it, to
anchors, to embedded schemas by their `$id`, to itself. Nothing is ever fetched: a reference that leads out of the document
is refused, as is one that leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from proxy.schemas.drafts import is_old
from proxy.schemas.keywords import Schema, children, weight
from proxy.schemas.place import Path, Place, shown
from proxy.schemas.shapes import SHAPES

MOST_LEVELS = 64
"""Schemas within schemas. OpenAI takes 10 (its documentation on structured outputs, 2026)."""


class Document:
    """`Document(schema, place)` raises `InvalidRequest` with the path of the first thing that is not a schema."""

    def __init__(self, schema: Any, place: Place) -> None:
        if not isinstance(schema, dict):
            raise place.refusal(None, f"{shown(schema)} is not an object.")
        self.place = place
        self.root: Schema = schema
        self.is_old = is_old(schema)
        """Is it of a draft in which a `$ref` hides what stands beside it?"""
        self._seen: set[int] = set()
        self._anchors: dict[tuple[int, str], tuple[Schema, Path]] = {}
        self._resources: dict[str, tuple[Schema, Path]] = {"": (schema, None)}
        self._uris: dict[int, str] = {id(schema): ""}
        self._look_over(schema, None, schema)

    def resource(self, node: Schema, base: Schema) -> Schema:
        """The node itself when it is a schema with an `$id`, to which references within it are relative; else `base`."""
        return node if id(node) in self._uris else base

    def follow(self, reference: str, path: Path, base: Schema) -> tuple[Any, Path, Schema]:
        """What a `$ref` that stands in the resource `base` leads to, where that is, and the resource it is in."""
        self.place.spend(1 + len(reference) // 8)
        if reference[:1] in ("#", ""):
            node, way = self._resources[self._uris[id(base)]]
        else:
            uri = self._absolute(reference, base, path).partition("#")[0]
            if uri not in self._resources:
                raise self.place.refusal(path, f"{shown(reference)} leads out of the schema, and nothing is fetched.")
            node, way = self._resources[uri]
        home = node
        found: Any = node
        fragment = reference.partition("#")[2]
        if fragment.startswith("/"):
            for step, found in trail(node, fragment):
                way = (way, step)
                if isinstance(found, dict):
                    home = self.resource(found, home)
        elif fragment:
            found, way = self._anchors.get((id(home), fragment), (None, None))
        if not isinstance(found, dict | bool):
            raise self.place.refusal(path, f"{shown(reference)} does not lead to a schema.")
        self._look_over(found, way, home)
        return found, way, home

    def _look_over(self, start: Any, path: Path, base: Schema) -> None:
        rest: list[tuple[Any, Path, int, Schema]] = [(start, path, 0, base)]
        for node, path, level, base in rest:
            if isinstance(node, bool) or id(node) in self._seen:
                continue
            if not isinstance(node, dict):
                raise self.place.refusal(path, f"{shown(node)} is not a schema, which is an object or a boolean.")
            if level > MOST_LEVELS:
                raise self.place.refusal(path, f"it is nested deeper than {MOST_LEVELS} levels.")
            self._seen.add(id(node))
            self._look_at(node, path)
            self.place.spend(weight(node))
            base = self._name(node, path, base)
            for keyword, at, child in children(node):
                rest.append((child, (path, keyword) if at is None else ((path, keyword), at), level + 1, base))

    def _look_at(self, node: Schema, path: Path) -> None:
        for keyword, value in node.items():
            shape = SHAPES.get(keyword)
            if shape is not None and not shape[0](value):
                raise self.place.refusal((path, keyword), f"{shown(value)} is not {shape[1]}.")

    def _name(self, node: Schema, path: Path, base: Schema) -> Schema:
        """Notes the names by which the node can be referred to, and gives the resource that it and its children are in."""
        name = node.get("$id", "")
        self.place.spend(len(name) // 8)
        if name.startswith("#"):
            self._anchors[id(base), name[1:]] = node, path
        elif name:
            uri = self._absolute(name, base, (path, "$id")).partition("#")[0]
            self._resources[uri] = node, path
            self._uris[id(node)] = uri
            base = node
        if "$anchor" in node:
            self._anchors[id(base), node["$anchor"]] = node, path
        return base

    def _absolute(self, reference: str, base: Schema, path: Path) -> str:
        try:
            return urljoin(self._uris[id(base)], reference)
        except ValueError:
            raise self.place.refusal(path, f"{shown(reference)} is not a URI reference.") from None


def trail(node: Any, pointer: str) -> Iterator[tuple[str | int, Any]]:
    """(step, what is there) for each step of a JSON pointer as it stands in a URI's fragment; None where nothing is."""
    for raw in unquote(pointer).split("/")[1:]:
        step: str | int = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and raw.isdecimal() and len(raw) <= len(str(len(node))):
            step = int(raw)
            node = node[step] if step < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
        yield step, node
