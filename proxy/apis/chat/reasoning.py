"""How deep to think: OpenAI's `reasoning_effort`, and the `reasoning` object that many clients send in its place.

"reasoning": {"effort": "high", "max_tokens": 2000, "enabled": true, "exclude": false}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    spelled: dict[str, str] = field(default_factory=dict, compare=False)
    """What the client called the two, where not `reasoning_effort`: for `Request.spelled`."""


def parse_depth(body: Mapping[str, Any], adapted: Adaptations) -> Depth:
    """OpenAI's own spelling comes before the other, and off is off, whatever else is said. Raises `InvalidRequest`."""
    depth = Depth(effort=fields.word(body, "reasoning_effort", _EFFORTS))
    if fields.boolean(body, "include_reasoning") is False:
        depth.is_shown = False
    inner = fields.mapping(body, "reasoning")
    if inner is None:
        return depth
    note_unknown(inner, {"effort", "max_tokens", "enabled", "exclude"}, "reasoning", adapted)
    if fields.boolean(inner, "exclude", "reasoning"):
        depth.is_shown = False
    effort = fields.word(inner, "effort", _EFFORTS, "reasoning")
    if depth.effort is None and effort is not None:
        depth.effort = effort
        depth.spelled["reasoning_effort"] = "reasoning.effort"
    elif effort not in (None, depth.effort):
        adapted.drop("reasoning.effort", "'reasoning_effort' says something else.")
    depth.tokens = fields.integer(inner, "max_tokens", 1, _MOST_TOKENS, "reasoning")
    if depth.tokens is not None:
        depth.spelled["reasoning_tokens"] = "reasoning.max_tokens"
    _switch(depth, fields.boolean(inner, "enabled", "reasoning"), adapted)
    return depth


def _switch(depth: Depth, is_enabled: bool | None, adapted: Adaptations) -> None:
    effort = depth.spelled.get("reasoning_effort", "reasoning_effort")
    if is_enabled is False:
        if depth.effort not in (None, "none"):
            adapted.drop(effort, "'reasoning.enabled' is false.")
        depth.effort, depth.spelled["reasoning_effort"] = "none", "reasoning.enabled"
    elif is_enabled and depth.effort == "none":
        adapted.drop("reasoning.enabled", f"'{effort}' says something else.")
    elif is_enabled and depth.effort is None and depth.tokens is None:
        depth.effort, depth.spelled["reasoning_effort"] = "medium", "reasoning.enabled"
    if depth.effort == "none" and depth.tokens is not None:
        adapted.drop("reasoning.max_tokens", "Reasoning is switched off.")
        depth.tokens = None
