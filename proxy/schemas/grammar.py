"""The subset of JSON Schema that the service itself keeps a model to, compiled into a grammar.

`output_config.format` of Claude, `outputConfig.textFormat` of Converse and strict tools of both take it: objects with
`additionalProperties: false`, arrays, `enum`, `const`, `anyOf`, references without recursion, ten formats of strings, and
`minItems` of 0 or 1; anything else is a 400 (`output_config.format.schema: For 'number' type, properties maximum, minimum are
not supported`). Sources: Anthropic's and AWS's documentation of structured outputs, `anthropic` 2.11 for Python, public issue
threads (2026).

An answer is checked against the client's own schema afterwards, so a grammar that lets too much pass is no harm, and one that
keeps an answer from passing would be.
"""

from __future__ import annotations

from typing import Any

from proxy import jsonio
from proxy.schemas.document import MOST_LEVELS, Document
from proxy.schemas.keywords import ANNOTATIONS, Schema, children, weight, without
from proxy.schemas.merge import joined, merge
from proxy.schemas.place import Budget, function, response_format
from proxy.schemas.references import name_of
from proxy.schemas.remembered import remembered
from proxy.schemas.shapes import SHAPES
from proxy.schemas.top import UNIONS, Top
from proxy.schemas.writer import written

_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip

_WORDS = frozenset({
    "dependentRequired", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength", "maxProperties",
    "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "uniqueItems",
})  # fmt: skip
"""What a grammar cannot hold and a sentence can."""

_KEPT = frozenset({
    "additionalProperties", "const", "default", "description", "enum", "items", "properties", "required", "title", "type",
})  # fmt: skip
_SAYING = ("title", "description", "default")
_KNOWN = _KEPT | _WORDS | ANNOTATIONS

_NUMERIC = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"})
_OF_TYPE = {
    "array": frozenset({"items", "maxItems", "minItems", "uniqueItems"}),
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "object": frozenset({
        "additionalProperties", "dependentRequired", "maxProperties", "minProperties", "properties", "required",
    }),
    "string": frozenset({"format", "maxLength", "minLength", "pattern"}),
}  # fmt: skip
"""The keywords that judge values of one type and let all others pass."""

_COMPOSED = frozenset({"array", "object"})
_SCALARS = (str, int, float, bool, type(None))


@remembered
def grammar_of(
    schema: Any, param: str, *, name: str | None = None, is_tool: bool = False, budget: Budget | None = None
) -> Schema | None:
    """The schema in the words of the native subset, or None when those cannot say it: recursion, objects with free keys,
    values of any kind, tuples, `not`, `if`, a top that is not one object. Emulate then.

    Objects that leave `additionalProperties` out get `false`. Bounds, patterns, lengths and other formats go into the
    description: `Constraints: minimum 1, maximum 5.` Raises `InvalidRequest` for what is not a schema, and when the `budget`
    is spent. `is_tool`: it says so of a function, and not of the answer.
    """
    document = Document(schema, (function if is_tool else response_format)(param, name, budget))
    top = Top(written(document, keep_refs=True, is_typed=True), document.place)
    if not top.is_plain:
        return None
    try:
        return _Grammar(top).document()
    except _NotNative:
        return None


@remembered
def is_loosened(schema: Schema) -> bool:
    """Does `grammar_of` tell something of this written schema that the grammar does not hold: a bound, a pattern?"""
    rest: list[Any] = [schema]
    for node in rest:
        if isinstance(node, dict):
            names = _names(node)
            if any(keyword in _WORDS and _concerns(keyword, names) and not _is_held(keyword, node) for keyword in node):
                return True
            rest += [child for _, _, child in children(node)]
    return False


class _NotNative(Exception):
    """The native subset has no words for it."""


class _Grammar:
    """Writes one settled schema in the native subset."""

    def __init__(self, top: Top) -> None:
        self._top = top
        self._place = top.place
        self._defs: Schema = {}
        self._open: set[str] = set()

    def document(self) -> Schema:
        out = self._node(self._top.node, 0)
        return {**out, "$defs": self._defs} if self._defs else out

    def _node(self, node: Any, level: int) -> Schema:
        if not isinstance(node, dict) or level > MOST_LEVELS:
            raise _NotNative
        self._place.spend(weight(node))
        if "$ref" in node:
            return self._reference(node, level)
        if "allOf" in node:
            return self._node(self._laid_together(node), level + 1)
        for keyword in UNIONS:
            if keyword in node:
                return self._union(node, keyword, level)
        if any(keyword in SHAPES and keyword not in _KNOWN for keyword in node):
            raise _NotNative
        return self._plain(node, level)

    def _reference(self, node: Schema, level: int) -> Schema:
        reference = node["$ref"]
        if reference in self._open:
            raise _NotNative
        self._open.add(reference)
        target = self._top.resolve(reference)
        if len(node) > 1:
            # Nothing may stand beside a reference; a definition with another description is another definition.
            out = self._node(joined(without(node, "$ref"), target, self._place), level + 1)
        else:
            name = name_of(reference)
            if name not in self._defs:
                self._defs[name] = self._node(target, level + 1)
            out = node
        self._open.discard(reference)
        return out

    def _laid_together(self, node: Schema) -> Schema:
        out = without(node, "allOf")
        for part in node["allOf"]:
            merged = merge(out, self._top.look(part), self._place)
            if merged is None:
                raise _NotNative
            out = merged
        return out

    def _union(self, node: Schema, keyword: str, level: int) -> Schema:
        """`oneOf` is said as `anyOf`. What stands beside it goes into each branch."""
        rest = without(node, keyword, *_SAYING)
        is_alone = rest.keys() <= ANNOTATIONS
        return {
            **_said(node),
            "anyOf": [
                self._node(branch if is_alone else merge(rest, self._top.look(branch), self._place), level + 1)
                for branch in node[keyword]
            ],
        }

    def _plain(self, node: Schema, level: int) -> Schema:
        """A node whose keywords are all its own."""
        types, names = node.get("type"), _names(node)
        literals = [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]
        if isinstance(types, list) and not _COMPOSED.isdisjoint(types):
            each = without(node, *_SAYING)
            return {**_said(node), "anyOf": [self._plain({**each, "type": name}, level) for name in types]}
        if literals and not (_COMPOSED.isdisjoint(names) and all(isinstance(one, _SCALARS) for one in literals)):
            raise _NotNative
        own = {keyword: value for keyword, value in node.items() if _concerns(keyword, names)}
        out = {keyword: value for keyword, value in own.items() if keyword in _KEPT}
        if types == "object":
            out |= self._object(own, level)
        elif types == "array" and "items" in own:
            out["items"] = self._node(own["items"], level + 1)
        elif types == "array" or not (types or literals):
            raise _NotNative
        out |= {
            keyword: own[keyword] for keyword in ("format", "minItems") if keyword in own and _is_held(keyword, own)
        }
        spoken = [keyword for keyword in own if keyword in _WORDS and keyword not in out]
        if spoken:
            sentence = ", ".join(f"{keyword} {jsonio.encode(own[keyword]).decode()}" for keyword in spoken)
            before = f"{own['description']}\n\n" if own.get("description") else ""
            out["description"] = f"{before}Constraints: {sentence}."
        return out

    def _object(self, node: Schema, level: int) -> Schema:
        properties = node.get("properties", {})
        # An object of which nothing is said is one of any keys; once closed it would be empty for ever.
        rule = node.get("additionalProperties", "properties" not in node)
        if rule is not False or not set(node.get("required", ())) <= properties.keys():
            raise _NotNative
        inner = {name: self._node(item, level + 1) for name, item in properties.items()}
        return {"properties": inner, "additionalProperties": False}


def _said(node: Schema) -> Schema:
    return {keyword: node[keyword] for keyword in _SAYING if keyword in node}


def _names(node: Schema) -> list[Any]:
    """Of its types; None where it names none."""
    types = node.get("type")
    return types if isinstance(types, list) else [types]


def _is_held(keyword: str, node: Schema) -> bool:
    """Can a grammar keep an answer to what the node says by this keyword, one of `_WORDS`?"""
    value = node[keyword]
    return value in _FORMATS if keyword == "format" else keyword == "minItems" and value in (0, 1)


def _concerns(keyword: str, types: list[Any]) -> bool:
    """Does the keyword judge values of one of these types? None of them is known when literals stand alone."""
    concerned = [name for name, keywords in _OF_TYPE.items() if keyword in keywords]
    return not concerned or types == [None] or not set(concerned).isdisjoint(types)
