"""Cache marks, which are no part of OpenAI's older API but of everyone's habit.

"cache_control": {"type": "ephemeral", "ttl": "1h"}               on parts, messages and tools
"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}     on parts: OpenAI's own, since 2026
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.unknown import note_unknown
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark

_KINDS = {"cache_control": ("type", "ephemeral"), "prompt_cache_breakpoint": ("mode", "explicit")}
MARKS = frozenset(_KINDS)
TTLS = {"5m": "5m", "1h": "1h", "30m": "1h", "12h": "1h"}
"""Bedrock has two. OpenAI's are longer than the first, and become the second."""


def cache_mark(source: Mapping[str, Any], path: str, adapted: Adaptations) -> CacheMark | None:
    """Of two, which say the same, the first. Raises `InvalidRequest` for a mark that is none."""
    marks = [
        _read(mark, name, fields.join(path, name), adapted)
        for name in _KINDS
        if (mark := fields.mapping(source, name, path)) is not None
    ]
    return marks[0] if marks else None


def _read(mark: Mapping[str, Any], name: str, path: str, adapted: Adaptations) -> CacheMark:
    key, kind = _KINDS[name]
    fields.word(mark, key, (kind,), path)
    ttl = fields.word(mark, "ttl", tuple(TTLS), path)
    note_unknown(mark, {key, "ttl"}, path, adapted)
    if ttl is not None and TTLS[ttl] != ttl:
        adapted.change(f"{path}.ttl", f"{ttl}->{TTLS[ttl]}", "Bedrock keeps prompts for 5m or 1h.")
    return CacheMark(path, TTLS[ttl] if ttl else None)
