"""Arguments that came as strings, given the type that their schema wants.

Models that write calls as text, Llama above all, put `"5"`, `"true"` and `"[1, 2]"` where the schema says integer, boolean
and array. What such a string says in JSON is taken where that loses nothing and the schema does not allow the string itself.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, TypeAlias

from proxy import jsonio
from proxy.schemas.document import trail
from proxy.schemas.keywords import Schema
from proxy.schemas.kinds import kind_of, own_kinds
from proxy.schemas.top import ALWAYS

_MOST_LEVELS = 64
_MOST_STEPS = 200
"""Of taking one place's unions apart, and"""
_MOST_STEPS_IN_ALL = 100_000
"""of all places', some 100 ms. A schema made for it could take for ever."""
_EXACT = 2**53
"""Up to here a float that is a whole number is that number."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,4})?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}
"""Also as Python writes them."""

Alternative: TypeAlias = list[Schema]
"""Schemas that all hold at once, without unions, references and `allOf`: those are taken apart."""


def coerce(value: Any, schema: Any) -> Any:
    """`value`, or a copy with other types where strings stood for them; never raises.

    `schema` is the client's or what `for_tool` made of it; `$ref` is followed within it. Of a union those branches count
    which the value may be meant for: all that it requires is there, and no `const` or `enum` contradicts. A string stays when
    one of those allows it, and when it does not read as JSON of a type that one of them allows.
    """
    return _Coercion(schema).at(value, [schema], 0) if _says_something(value) else value


class _Coercion:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST_STEPS_IN_ALL

    def at(self, value: Any, schemas: list[Any], level: int) -> Any:
        """`schemas` are alternatives too: the value is to conform to one of them."""
        if level > _MOST_LEVELS or not isinstance(value, str | list | dict):
            return value
        alternatives = self._alternatives(schemas)
        if isinstance(value, str):
            value = _read(value, alternatives)
        if isinstance(value, dict):
            return self._object(value, alternatives, level)
        if isinstance(value, list):
            parts = [
                self.at(item, [_of_item(one, at) for one in alternatives], level + 1) for at, item in enumerate(value)
            ]
            return parts if any(one is not item for one, item in zip(parts, value, strict=True)) else value
        return value

    def _object(self, value: Schema, alternatives: list[Alternative], level: int) -> Schema:
        objects = [one for one in alternatives if "object" in _kinds(one)]
        meant = [one for one in objects if self._may_be_meant(one, value)] or objects
        out = {
            name: self.at(item, [_of_property(one, name) for one in meant], level + 1) for name, item in value.items()
        }
        return out if any(out[name] is not item for name, item in value.items()) else value

    def _may_be_meant(self, alternative: Alternative, value: Schema) -> bool:
        for part in alternative:
            if any(isinstance(name, str) and name not in value for name in _listed(part, "required")):
                return False
            for name, schema in _mapping(part, "properties").items():
                literal = isinstance(schema, dict) and schema.keys() & {"const", "enum"}
                if literal and name in value and not _is_among(_read(value[name], [[schema]]), schema):
                    return False
        return True

    def _alternatives(self, schemas: list[Any]) -> list[Alternative]:
        """Unions taken apart; none when that are too many, which leaves the value as it is."""
        out: list[Alternative] = []
        rest: list[tuple[Alternative, list[Any]]] = [([], [schema]) for schema in schemas]
        for _ in range(_MOST_STEPS):
            if not rest:
                return out
            self._left -= 1
            if self._left < 0:
                break
            done, todo = rest.pop()
            if not todo:
                out.append(done)
                continue
            node, *todo = todo
            if node is False:
                continue
            if isinstance(node, dict):
                done = [*done, node]
                todo = [*_listed(node, "allOf"), *todo]
                if node.get("type") == "object" and node.get("if") == ALWAYS:
                    todo.append(node.get("then"))
                if isinstance(node.get("$ref"), str):
                    todo.append(self._resolve(node["$ref"]))
            unions = [union for union in (_listed(node, "anyOf"), _listed(node, "oneOf")) if union]
            if unions:
                others = [{"anyOf": union} for union in unions[1:]]
                rest += [(done, [branch, *others, *todo]) for branch in unions[0]]
            else:
                rest.append((done, todo))
        return []

    def _resolve(self, reference: str) -> Any:
        """What the reference leads to, or True, which says nothing."""
        if not reference.startswith("#") or reference[1:2] not in ("", "/"):
            return True
        found = self._root
        for _, step in trail(self._root, reference[1:]):
            found = step
        return found if isinstance(found, dict | bool) else True


def _says_something(value: Any) -> bool:
    """Is there a string in it that reads as JSON? Most arguments have none, and are done."""
    rest = [value]
    for item in rest:
        if isinstance(item, str):
            text = item.strip()
            if text[:1] in ("[", "{") or text.lower() in _WORDS or _NUMBER.fullmatch(text):
                return True
        elif isinstance(item, dict | list):
            rest += item.values() if isinstance(item, dict) else item
    return False


def _read(value: Any, alternatives: list[Alternative]) -> Any:
    """What the string says, if that is wanted and the string is not."""
    if not isinstance(value, str) or any(_admits(one, value) for one in alternatives):
        return value
    text = value.strip()
    said: Any = value
    if text.lower() in _WORDS:
        said = _WORDS[text.lower()]
    elif _NUMBER.fullmatch(text):
        said = _number(text, value)
    elif text[:1] in ("[", "{"):
        said = _composed(text, value)
    return said if any(_admits(one, said) for one in alternatives) else value


def _number(text: str, otherwise: str) -> Any:
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    if Decimal(text) != Decimal(repr(number)):
        return otherwise
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _composed(text: str, otherwise: str) -> Any:
    try:
        return jsonio.decode_strictly(text.encode(errors="surrogatepass"))
    except jsonio.BadJSON:
        return otherwise


def _kinds(alternative: Alternative) -> frozenset[str]:
    kinds = own_kinds({})
    for part in alternative:
        kinds &= own_kinds(part)
    return kinds


def _admits(alternative: Alternative, value: Any) -> bool:
    """By type and by the literals there are; bounds and patterns are for the validator."""
    return kind_of(value) in _kinds(alternative) and all(_is_among(value, part) for part in alternative)


def _is_among(value: Any, part: Schema) -> bool:
    literals = [*_listed(part, "enum"), *([part["const"]] if "const" in part else ())]
    return not literals or any(kind_of(literal) == kind_of(value) and literal == value for literal in literals)


def _of_property(alternative: Alternative, name: str) -> Schema:
    schemas: list[Any] = []
    for part in alternative:
        if name in _mapping(part, "properties"):
            schemas.append(part["properties"][name])
        elif not _mapping(part, "patternProperties"):
            schemas.append(part.get("additionalProperties", True))
    return {"allOf": schemas}


def _of_item(alternative: Alternative, at: int) -> Schema:
    schemas: list[Any] = []
    for part in alternative:
        first, rest = _listed(part, "prefixItems"), part.get("items", True)
        if isinstance(rest, list):
            first, rest = rest, part.get("additionalItems", True)
        schemas.append(first[at] if at < len(first) else rest)
    return {"allOf": schemas}


def _listed(node: Any, keyword: str) -> list[Any]:
    value = node.get(keyword) if isinstance(node, dict) else None
    return value if isinstance(value, list) else []


def _mapping(node: Schema, keyword: str) -> Schema:
    value = node.get(keyword)
    return value if isinstance(value, dict) else {}
