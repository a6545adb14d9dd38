"""Property names that Claude refuses at the top of a tool's parameters, renamed for the model and back for the client.

It wants letters, digits, `_`, `.` and `-`, 64 at most (`tools.0.custom.input_schema.properties: Property keys should match
pattern '^[a-zA-Z0-9_.-]{1,64}$'`, also by Bedrock's Converse; public issue threads, 2025 and 2026), and looks at the top
level only. Servers that wrap other APIs have `filter[id]`, `$top` and `Account Number` there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy import jsonio
from proxy.schemas.document import MOST_LEVELS
from proxy.schemas.keywords import MANY, NAMED, Schema, weight, without
from proxy.schemas.merge import joined
from proxy.schemas.place import Place, function, numbered

_LONGEST_STEM = 58
"""Which leaves room for a number."""
_SAFE = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_.-]")

Names = dict[str, str]
"""The name in the model's eyes -> the client's own. Names that stay are not in it."""


def rename(schema: Schema, param: str, *, name: str | None = None) -> tuple[Schema, Names]:
    """What `tools.for_tool` gave, with names that Claude takes; it accepts the same objects under those names.

    Raises `InvalidRequest`, with the path, for a name that cannot be changed without changing what is accepted, since
    patterns judge by it too.
    """
    properties = schema["properties"]
    unsafe = [own for own in properties if not _SAFE.fullmatch(own)]
    if not unsafe:
        return schema, {}
    given = dict.fromkeys(properties, 1)
    names: Names = {numbered(_UNSAFE.sub("_", own)[:_LONGEST_STEM] or "_", given): own for own in unsafe}
    place = function(param, name)
    renaming = _Renaming({own: safe for safe, own in names.items()}, schema.get("$defs", {}), place)
    out = renaming.node(without(schema, "$defs"), 0)
    if out is None:
        raise place.refusal(
            ((None, "properties"), unsafe[0]),
            "this model takes property names of 1 to 64 letters, digits, '_', '.' and '-' only.",
        )
    return (out | {"$defs": schema["$defs"]} if "$defs" in schema else out), names


class _Renaming:
    """Goes through all that judges the object itself, and leaves what judges its values."""

    def __init__(self, names: Mapping[str, str], defs: Schema, place: Place) -> None:
        self._names = names
        self._defs = defs
        self._place = place

    def node(self, node: Schema, level: int) -> Schema | None:
        """None when something judges names in a way that cannot be said of other names."""
        self._place.spend(weight(node))
        if level > MOST_LEVELS or not node.keys().isdisjoint(_JUDGING_BY_NAME):
            return None
        if "$ref" in node:
            return self.node(
                joined(without(node, "$ref"), self._defs[node["$ref"].removeprefix("#/$defs/")], self._place), level + 1
            )
        out = dict(node)
        for keyword in ("properties", "dependentRequired", "dependentSchemas"):
            if keyword in node:
                out[keyword] = self._keys(node[keyword])
        if "required" in node:
            out["required"] = self._list(node["required"])
        if "dependentRequired" in node:
            out["dependentRequired"] = {key: self._list(value) for key, value in out["dependentRequired"].items()}
        for keyword in _OF_THE_OBJECT & node.keys():
            value = out[keyword]
            places = value.items() if keyword in NAMED else enumerate(value) if keyword in MANY else [(None, value)]
            inner = {at: self.node(child, level + 1) if isinstance(child, dict) else child for at, child in places}
            if None in inner.values():
                return None
            out[keyword] = inner if keyword in NAMED else [*inner.values()] if keyword in MANY else inner[None]
        return out

    def _keys(self, value: Schema) -> Schema:
        return {self._names.get(key, key): item for key, item in value.items()}

    def _list(self, value: list[str]) -> list[str]:
        return [self._names.get(key, key) for key in value]


_JUDGING_BY_NAME = frozenset({"const", "enum", "patternProperties", "propertyNames"})
_OF_THE_OBJECT = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})


def renamed(arguments: Schema, names: Mapping[str, str]) -> Schema:
    """Arguments with other names, either way; `{own: safe}` is the way to the model."""
    return {names.get(key, key): value for key, value in arguments.items()}


class KeyStream:
    """The same for arguments that arrive as text in parts: `feed(part)` gives what is known of the text in the client's
    names. Only a name that is not yet complete is held back; `close()` gives what is left when the text ended within one."""

    __slots__ = ("_depth", "_is_escaped", "_is_key", "_is_object", "_is_string", "_name", "_names")

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._depth = 0
        self._is_object = False
        self._is_string = False
        self._is_escaped = False
        self._is_key = False
        """Is the next string at the top, or the one that is read, a name?"""
        self._name = ""
        """What is read of one, with its quote."""

    def feed(self, part: str) -> str:
        out: list[str] = []
        for character in part:
            if self._is_string:
                self._in_string(character, out)
            else:
                self._between(character, out)
        return "".join(out)

    def close(self) -> str:
        rest, self._name = self._name, ""
        return rest

    def _in_string(self, character: str, out: list[str]) -> None:
        is_end = character == '"' and not self._is_escaped
        self._is_escaped = character == "\\" and not self._is_escaped
        self._is_string = not is_end
        if not self._is_key:
            out.append(character)
            return
        self._name += character
        if is_end:
            out.append(self._own(self._name))
            self._name = ""
            self._is_key = False

    def _between(self, character: str, out: list[str]) -> None:
        if character == '"':
            self._is_string = True
            if self._is_key:
                self._name = character
                return
        elif character in "{[":
            self._depth += 1
            self._is_key = self._depth == 1 and character == "{"
            self._is_object = self._is_key if self._depth == 1 else self._is_object
        elif character in "}]":
            self._depth -= 1
            self._is_key = False
        elif character == "," and self._depth == 1:
            self._is_key = self._is_object
        out.append(character)

    def _own(self, quoted: str) -> str:
        try:
            name: Any = jsonio.decode(quoted)
        except jsonio.UNREADABLE:
            return quoted
        return jsonio.encode(self._names[name]).decode() if name in self._names else quoted
