"""Cache marks, which are no part of OpenAI's older API but of everyone's habit.

"cache_control": {"type": "ephemeral", "ttl": "1h"}               on parts, messages and tools
"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}     on parts: OpenAI's own, since 2026
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.apis import fields
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark

MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
_TTLS = {"5m": "5m", "1h": "1h", "30m": "1h", "12h": "1h"}
"""Bedrock has two. OpenAI's are longer than the first, and become the second."""


def cache_mark(source: Mapping[str, Any], path: str, adapted: Adaptations) -> CacheMark | None:
    """Raises `InvalidRequest` for a mark that is none."""
    for name in ("cache_control", "prompt_cache_breakpoint"):
        mark = fields.mapping(source, name, path)
        if mark is not None:
            at = f"{path}.{name}"
            ttl = fields.word(mark, "ttl", tuple(_TTLS), at)
            if ttl is not None and _TTLS[ttl] != ttl:
                adapted.change(f"{at}.ttl", f"{ttl}->{_TTLS[ttl]}", "Bedrock keeps prompts for 5m or 1h.")
            return CacheMark(at, _TTLS[ttl] if ttl else None)
    return None
