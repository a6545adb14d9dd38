"""How deep a Claude model is to think, in the way its generation is told.

    {"thinking": {"type": "enabled", "budget_tokens": 4096}}                                 up to 4.6
    {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}}    from 4.6 on
    {"thinking": {"type": "disabled"}}                                                       where it can be had without

Source: Anthropic API documentation, "Extended thinking", "Adaptive thinking" and "Effort", 2026; which model has what is in
the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model, Thinking

_SMALLEST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 4096, "high": 8192, "xhigh": 16_384, "max": 32_768}
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(slots=True)
class Plan:
    thinking: dict[str, Any] | None = None
    """None: left to the model."""
    effort: str | None = None
    is_on: bool = False
    """Will it think? Then it samples as it likes, and cannot be made to call a tool."""
    is_asked: bool = False
    """Did the client ask for it, or is it the model's habit?"""
    param: str = "reasoning_effort"
    """How the client asked for it."""


def plan(request: Request, model: Model, max_tokens: int, adapted: Adaptations) -> Plan:
    """What the client asks for, in the model's own way."""
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    param = request.param("reasoning_effort")
    raw = request.extra.get("thinking")
    if isinstance(raw, dict):
        # Claude's own field, sent as it is.
        if effort is not None or tokens is not None:
            adapted.drop(param, "The request has Claude's own field `thinking`.")
        return Plan(raw, is_on=raw.get("type") != "disabled", is_asked=True, param="thinking")
    facts = model.thinking
    if facts is None:
        if tokens is not None or effort not in (None, "none"):
            adapted.drop(param, "This model does not reason.")
        return Plan()
    if effort is None and tokens is None:
        return Plan(is_on=facts.default != "off")
    if effort == "none":
        return off(facts, param, adapted)
    if "adaptive" in facts.modes:
        return _adaptive(facts, effort or _effort_of(tokens or 0), param, adapted)
    return _budgeted(tokens or _BUDGETS[effort or "medium"], max_tokens, param, adapted)


def off(facts: Thinking, param: str, adapted: Adaptations) -> Plan:
    """Not at all, or as little as the model can."""
    if facts.default == "off":
        return Plan()
    if "disabled" in facts.modes:
        return Plan({"type": "disabled"})
    if "between_tools" in facts.modes:
        adapted.change(param, "between-tools", "This model always thinks between the calls of tools.")
        return Plan({"type": "between_tools"}, is_on=True, is_asked=True)
    least = facts.efforts[0] if facts.efforts else None
    adapted.change(param, least or "always-on", "This model always thinks.")
    return Plan(None, effort=least, is_on=True, is_asked=True)


def _adaptive(facts: Thinking, effort: str, param: str, adapted: Adaptations) -> Plan:
    used = _nearest(effort, facts.efforts)
    if used is not None and used != effort:
        adapted.change(param, f"{effort}->{used}", "It is the nearest depth that the model has.")
    thinking = {"type": "adaptive"}
    if facts.display == "omitted":
        # Who asks a model to think by this API reads its thoughts; they cost the same unseen.
        thinking["display"] = "summarized"
    return Plan(thinking, used, is_on=True, is_asked=True)


def _budgeted(budget: int, max_tokens: int, param: str, adapted: Adaptations) -> Plan:
    """The budget is a part of `max_tokens`, and the answer needs some of it too."""
    largest = max_tokens * 3 // 4
    if largest < _SMALLEST_BUDGET:
        adapted.drop(param, "max_tokens leaves no room to think.")
        return Plan()
    used = min(max(budget, _SMALLEST_BUDGET), largest)
    if used != budget:
        adapted.take(param, budget, used)
    return Plan({"type": "enabled", "budget_tokens": used}, is_on=True, is_asked=True)


def _nearest(effort: str, available: tuple[str, ...]) -> str | None:
    """The same word, else the next one up, else the highest there is."""
    if not available:
        return None
    wanted = _EFFORTS.index(effort)
    higher = [word for word in available if _EFFORTS.index(word) >= wanted]
    return min(higher or available[-1:], key=_EFFORTS.index)


def _effort_of(tokens: int) -> str:
    """The effort that goes with a budget, for models that know no budgets."""
    return next((word for word in _EFFORTS if _BUDGETS[word] >= tokens), "max")
