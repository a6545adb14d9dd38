"""The parameters of a function, as Claude and Converse take them.

Both want `type: object` at the top; Claude refuses `oneOf`, `anyOf` and `allOf` there and reads all as draft 2020-12
(`tools.0.custom.input_schema.type: Field required`; `input_schema does not support oneOf, allOf, or anyOf at the top level`;
Anthropic's documentation of tools and public issue threads, 2025 and 2026).
"""

from __future__ import annotations

from typing import Any

from proxy.schemas.document import Document
from proxy.schemas.keywords import Schema, weight
from proxy.schemas.merge import same, text_of
from proxy.schemas.place import Budget, Place, function, shown
from proxy.schemas.remembered import remembered
from proxy.schemas.top import ALWAYS, UNIONS, Top
from proxy.schemas.writer import written

_UNIONS_AT_TOP = (*UNIONS, "allOf")
_MOST_HINTS = 20_000
"""Names times branches of a union. With more, what follows from them stays unsaid at the top."""

_MOVED = (*_UNIONS_AT_TOP, "if", "then", "else")


@remembered
def for_tool(
    schema: Any, param: str, *, name: str | None = None, takes_refs: bool = False, budget: Budget | None = None
) -> Schema:
    """The schema of an object, with `type: object` and `properties` at the top, that accepts the objects that `schema` does.

    None, which is no parameters, gives `{"type": "object", "properties": {}}`. `takes_refs` says that the target resolves
    `#/$defs/…`; for others references are written out. What stands at the top and cannot be laid into one plain object,
    `anyOf` say, moves below an `if` that always holds; Claude takes that at the top, and what it means does not change:

        {"anyOf": [A, B]}  ->  {"type": "object", "properties": {…}, "if": {"type": "object"}, "then": {"anyOf": [A, B]}}

    with what follows from A and B (names, types, what both require) at the top, for models that look there only.

    Raises `InvalidRequest`, code `invalid_function_parameters`, with the path at fault: for what is not a schema, accepts no
    object, refers to what is not there, or to itself without `takes_refs`; and when the `budget` is spent.
    """
    if schema is None:
        return {"type": "object", "properties": {}}
    place = function(param, name, budget)
    return parameters(written(Document(schema, place), keep_refs=takes_refs, is_typed=True), place)


def parameters(schema: Schema, place: Place) -> Schema:
    """A written schema -> one with a plain top that accepts the same objects, and nothing else."""
    if schema.get("type") == "object" and "properties" in schema and not _has_any(schema, (*_UNIONS_AT_TOP, "$ref")):
        return schema
    top = Top(schema, place)
    if not top.may_be_object:
        kind = schema.get("type", "object")
        got = "one that accepts no object" if kind == "object" else f"'type: {shown(kind)}'"
        raise place.refusal(None, f"schema must be a JSON Schema of 'type: \"object\"', got {got}.")
    node = {"type": "object", "properties": {}} | top.node | {"type": "object"}
    if _has_any(node, _UNIONS_AT_TOP):
        node = _moved_below(node, top)
    defs = top.used(node)
    return {**node, "$defs": defs} if defs else node


def _has_any(node: Schema, keywords: tuple[str, ...]) -> bool:
    return any(keyword in node for keyword in keywords)


def _moved_below(node: Schema, top: Top) -> Schema:
    """Under an `if` that holds for every object there is room for what may not stand at the top."""
    out = {keyword: value for keyword, value in node.items() if keyword not in _MOVED}
    below = {keyword: node[keyword] for keyword in _MOVED if keyword in node}
    for keyword in UNIONS:
        branches = [top.look(branch) for branch in below.get(keyword, ())]
        top.place.spend(sum([weight(branch) for branch in branches]))
        names = dict.fromkeys(name for branch in branches for name in branch.get("properties", ()))
        if len(names) * len(branches) > _MOST_HINTS:
            continue
        # Who judges the properties that are not named would no longer judge those that are named now.
        if out.get("additionalProperties", True) in (True, {}) and "unevaluatedProperties" not in out:
            out["properties"] = {name: _hint(name, branches, top.place) for name in names} | out["properties"]
        required = [branch.get("required", ()) for branch in branches]
        common = {*required[0]}.intersection(*required) if required else ()
        if common:
            ordered = [name for name in required[0] if name in common]
            out["required"] = [*dict.fromkeys([*out.get("required", ()), *ordered])]
    return {**out, "if": ALWAYS, "then": below}


def _hint(name: str, branches: list[Schema], place: Place) -> Schema:
    """What holds for a property whichever of the branches does. A branch that closes itself to the name has no say."""
    found: list[Schema] = []
    is_free = False
    for branch in branches:
        if name in branch.get("properties", ()):
            found.append(branch["properties"][name])
        elif branch.get("additionalProperties") is not False or "patternProperties" in branch:
            is_free = True
    out: Schema = {keyword: found[0][keyword] for keyword in ("title", "description") if keyword in found[0]}
    if is_free:
        return out
    if len({text_of(one, place) for one in found}) == 1:
        return found[0]
    if all("const" in one or "enum" in one for one in found):
        literals = [literal for one in found for literal in one.get("enum", [one.get("const")])]
        out["enum"] = [*{text_of(literal, place): literal for literal in literals}.values()]
    if "type" in found[0] and all(same(one.get("type"), found[0]["type"], place) for one in found):
        out["type"] = found[0]["type"]
    return out
