"""The references of a written schema: all are `#/$defs/name`, to the definitions at its top."""

from __future__ import annotations

from typing import Any

from proxy.schemas.keywords import IN_PLACE, Schema, children

_DEFS = "#/$defs/"


def reference_to(name: str) -> str:
    return _DEFS + name


def name_of(reference: str) -> str:
    return reference.removeprefix(_DEFS)


def referred(node: Any, *, in_place: bool = False) -> list[str]:
    """The definitions that a schema refers to, or only those that look at the same value as itself."""
    names: list[str] = []
    rest = [node]
    for one in rest:
        if isinstance(one, dict):
            names += [name_of(one["$ref"])] if "$ref" in one else []
            rest += [child for keyword, _, child in children(one) if keyword in IN_PLACE or not in_place]
    return names


def inner_first(defs: Schema, *, in_place: bool = False) -> tuple[list[str], set[str]]:
    """(all names, each after those that its definition refers to; those names at which this leads back to itself)."""
    order: dict[str, None] = {}
    endless: set[str] = set()
    seen: set[str] = set()
    for first in defs:
        # By hand, since definitions can refer to each other in a row of thousands.
        rest = [(first, iter(referred(defs[first], in_place=in_place)))] if first not in seen else []
        seen.add(first)
        while rest:
            name, inner = rest[-1]
            for one in inner:
                if one not in seen:
                    seen.add(one)
                    rest.append((one, iter(referred(defs[one], in_place=in_place))))
                    break
                if one not in order:
                    endless.add(one)
            else:
                rest.pop()
                order[name] = None
    return [*order], endless
