"""Keys that nobody here knows, inside of what is known."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from proxy.neutral.adaptations import Adaptations


def note_unknown(source: Mapping[str, Any], known: Set[str], path: str, adapted: Adaptations) -> None:
    """SDKs give back what they were given, so the empty ones pass: `annotations: []`, `audio: null`."""
    for name, value in source.items():
        if name not in known and value not in (None, "", [], {}):
            adapted.drop_unknown(f"{path}.{name}")
