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

LONGEST_KEPT = 65_536
"""Bytes of JSON of a schema and of what was made of it. A short schema can become a long one."""
MOST_KEPT = 4_000_000
"""Bytes in all, some 30 MB as Python's objects."""

_OF_REFUSALS = frozenset({"budget", "is_tool", "name"})
"""Arguments on which nothing else depends."""


def remembered(make: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """`make(schema, …)`, done once per schema and arguments; the oldest results are forgotten first. What it gives is JSON,
    shared, and must not be changed, as with everything a translator gets. Refusals are not kept."""
    kept: dict[Hashable, tuple[T, int]] = {}
    held = 0

    @wraps(make)
    def remembering(schema: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal held
        text = jsonio.encode(schema)
        key = (text, args, *((name, value) for name, value in kwargs.items() if name not in _OF_REFUSALS))
        if key in kept:
            return kept[key][0]
        made = make(schema, *args, **kwargs)
        size = len(text) + len(jsonio.encode(made))
        if size <= LONGEST_KEPT:
            kept[key] = made, size
            held += size
            while held > MOST_KEPT:
                held -= kept.pop(next(iter(kept)))[1]
        return made

    return remembering
