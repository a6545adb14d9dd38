"""What was made of a schema, kept for the next request that sends the same one.

Agents send all of their tools again with every turn. Making one fit takes 40 to 150 us, finding it here about 3.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from proxy import jsonio

P = ParamSpec("P")
T = TypeVar("T")

MOST_KEPT = 256
LONGEST_KEPT = 16_384
"""Bytes of a schema's JSON. With 256 of them that is some 20 MB at the worst, as Python's objects."""


def remembered(make: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """`make(schema, …)`, done once per schema and arguments; the oldest results are forgotten first. What it gives is shared
    and must not be changed, as with everything a translator gets. Refusals are not kept."""
    kept: dict[Hashable, T] = {}

    @wraps(make)
    def remembering(schema: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        text = jsonio.encode(schema)
        key = (text, args, *kwargs.items())
        if key in kept:
            return kept[key]
        made = make(schema, *args, **kwargs)
        if len(text) <= LONGEST_KEPT:
            if len(kept) >= MOST_KEPT:
                del kept[next(iter(kept))]
            kept[key] = made
        return made

    return remembering
