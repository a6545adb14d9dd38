"""Older drafts read as draft 2020-12.

Claude validates tools against that one (`tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft
2020-12`, public issue threads 2025 and 2026), so what older drafts spell otherwise is respelt.
"""

from __future__ import annotations

from proxy.schemas.keywords import Schema

_DROPPED = frozenset({
    "$anchor", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "definitions",
})  # fmt: skip
"""They name the schema or hold others; references to those are written anew."""
_RESPELT = _DROPPED | {"additionalItems", "dependencies", "examples", "exclusiveMaximum", "exclusiveMinimum"}
_TEXTS = ("title", "description", "$comment")
_LISTS = ("type", "required")


def is_old(root: Schema) -> bool:
    """Does the document say that it is of a draft in which a `$ref` hides what stands beside it?"""
    return any(draft in str(root.get("$schema", "")) for draft in ("draft-03", "draft-04", "draft-06", "draft-07"))


def modern(node: Schema) -> Schema:
    """The node, without its subschemas being looked at, in the words of draft 2020-12; the same object if nothing changes.

    `items: [a, b], additionalItems: c` becomes `prefixItems: [a, b], items: c`; `minimum: 1, exclusiveMinimum: true` becomes
    `exclusiveMinimum: 1`; `dependencies` becomes `dependentRequired` and `dependentSchemas`. Names that repeat in `type` and
    `required`, which 2020-12 refuses, are said once; texts that are null are not given.
    """
    if node.keys().isdisjoint(_RESPELT) and not _is_respelt(node):
        return node
    out = {
        keyword: value
        for keyword, value in node.items()
        if keyword not in _DROPPED and not (value is None and keyword in _TEXTS)
    }
    for keyword in _LISTS:
        if isinstance(out.get(keyword), list):
            out[keyword] = [*dict.fromkeys(out[keyword])]
    if isinstance(out.get("items"), list):
        out["prefixItems"] = out.pop("items")
    rest = out.pop("additionalItems", True)
    if "prefixItems" in out and "items" not in out and rest is not True:
        out["items"] = rest
    if not out.get("prefixItems", True):
        del out["prefixItems"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(out.get(exclusive), bool) and out.pop(exclusive) and bound in out:
            out[exclusive] = out.pop(bound)
    if not isinstance(out.get("examples", []), list):
        out["examples"] = [out["examples"]]
    if "dependencies" in out:
        _depend(out, out.pop("dependencies"))
    return out


def spelt(node: Schema, keyword: str) -> str:
    """The keyword under which the client's node has what `modern` gives under this one."""
    if isinstance(node.get("items"), list):
        keyword = {"prefixItems": "items", "items": "additionalItems"}.get(keyword, keyword)
    return "dependencies" if keyword == "dependentSchemas" and keyword not in node else keyword


def _is_respelt(node: Schema) -> bool:
    """By its values; by its keywords it is not."""
    for keyword in _LISTS:
        value = node.get(keyword)
        if isinstance(value, list) and len(set(value)) < len(value):
            return True
    return isinstance(node.get("items"), list) or any(node.get(keyword, "") is None for keyword in _TEXTS)


def _depend(out: Schema, dependencies: Schema) -> None:
    required = dict(out.get("dependentRequired", {}))
    schemas = dict(out.get("dependentSchemas", {}))
    for name, item in dependencies.items():
        if isinstance(item, list):
            required[name] = [*dict.fromkeys([*required.get(name, ()), *item])]
        else:
            schemas[name] = {"allOf": [schemas[name], item]} if name in schemas else item
    out |= {
        keyword: value for keyword, value in (("dependentRequired", required), ("dependentSchemas", schemas)) if value
    }
