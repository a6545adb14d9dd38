"""How deep to think: OpenAI's `reasoning_effort`, and the `reasoning` object that many clients send in its place.

"reasoning": {"effort": "high", "max_tokens": 2000, "enabled": true, "exclude": false}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.unknown import note_unknown
from proxy.neutral.adaptations import Adaptations

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_MOST_TOKENS = 2**31 - 1


@dataclass(slots=True)
class Depth:
    effort: str | None = None
    tokens: int | None = None
    is_shown: bool = True
    """Does the client want to read it?"""


def parse_depth(body: Mapping[str, Any], adapted: Adaptations) -> Depth:
    """Raises `InvalidRequest`."""
    depth = Depth(effort=fields.word(body, "reasoning_effort", _EFFORTS))
    if fields.boolean(body, "include_reasoning") is False:
        depth.is_shown = False
    inner = fields.mapping(body, "reasoning")
    if inner is None:
        return depth
    note_unknown(inner, {"effort", "max_tokens", "enabled", "exclude"}, "reasoning", adapted)
    effort = fields.word(inner, "effort", _EFFORTS, "reasoning")
    if depth.effort is None:
        depth.effort = effort
    elif effort not in (None, depth.effort):
        adapted.drop("reasoning.effort", "'reasoning_effort' says something else.")
    depth.tokens = fields.integer(inner, "max_tokens", 1, _MOST_TOKENS, "reasoning")
    is_enabled = fields.boolean(inner, "enabled", "reasoning")
    if is_enabled is False:
        depth.effort, depth.tokens = "none", None
    elif is_enabled and depth.effort is None and depth.tokens is None:
        depth.effort = "medium"
    if fields.boolean(inner, "exclude", "reasoning"):
        depth.is_shown = False
    return depth
