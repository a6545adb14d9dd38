"""How deep a Claude model is to think, in the way its generation is told; the same fields on either wire.

    {"thinking": {"type": "enabled", "budget_tokens": 4096}}                                 up to 4.6
    {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}}    from 4.6 on
    {"thinking": {"type": "disabled"}}                                                       where it can be had without

Source: Anthropic API documentation, "Extended thinking", "Adaptive thinking" and "Effort", 2026; which model has what is in
the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxy.errors import InvalidRequest
from proxy.families import sampling
from proxy.families.loops import begins_without_thought, calls_without_thoughts
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model, Thinking

Json = dict[str, Any]

OWN_FIELDS = frozenset({"anthropic_beta", "output_config", "thinking"})
"""Claude's own, that a client may send under their own names."""
_SMALLEST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 4096, "high": 8192, "xhigh": 16_384, "max": 32_768}
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
_OFF_NOW = "off-for-this-turn"


@dataclass(slots=True)
class Plan:
    max_tokens: int
    """What goes out: thoughts are a part of it."""
    thinking: Json | None = None
    """None: left to the model."""
    effort: str | None = None
    is_on: bool = False
    """Will it think? Then it samples as it likes, and cannot be made to call a tool."""
    is_asked: bool = False
    """Did the client ask for it, or is it the model's habit?"""
    param: str = "reasoning_effort"
    """How the client asked for it."""

    @property
    def mode(self) -> str | None:
        return None if self.thinking is None else self.thinking.get("type")


def plan(request: Request, own: Json, model: Model, adapted: Adaptations, *, answers_by_call: bool = False) -> Plan:
    """What the client asks for, in the model's own way.

    `own`: what it sent of `OWN_FIELDS`. `answers_by_call`: only the call of a tool can bring the answer in its form. Raises
    `InvalidRequest` for a `thinking` that the model cannot do or that contradicts `max_tokens`.
    """
    _check(own)
    facts = model.thinking
    made = _asked(request, model, adapted) if "thinking" not in own else _raw(request, own, model, adapted)
    if made.is_on:
        made = _after_calls(made, request, facts, adapted)
    if not made.is_on or facts is None or model.forced_tools == "no" or "disabled" not in facts.modes:
        return made
    if not made.is_asked and (request.must_call or answers_by_call):
        # Thinking is this model's habit, the call is the client's word.
        return _off(facts, made, adapted)
    if model.forced_tools == "yes" and request.must_call and made.param != "thinking":
        adapted.change(made.param, _OFF_NOW, "This model does not think where it is told what to call.")
        return _off(facts, made, adapted)
    return made


def native_fields(made: Plan, request: Request, own: Json, model: Model, adapted: Adaptations) -> Json:
    """The plan as Claude's own fields, with what the client sent of them."""
    config, flags = own.get("output_config", {}), own.get("anthropic_beta", [])
    if made.effort is not None and "effort" in config:
        adapted.drop(made.param, "The request has Claude's own field `output_config`.")
    elif made.effort is not None:
        config = {"effort": made.effort, **config}
    if model.is_listed and "effort" in config and not (model.thinking is not None and model.thinking.efforts):
        raise InvalidRequest(
            "Unsupported parameter: 'output_config.effort' is not supported with this model.",
            param="output_config.effort",
            code="unsupported_parameter",
        )
    config = _below_ceiling(config, made, model, adapted)
    flags = flags + [flag for flag in _flags(made, config, request, model) if flag not in flags]
    fields = {"thinking": made.thinking, "output_config": config, "anthropic_beta": flags}
    return {name: value for name, value in fields.items() if value}


def _asked(request: Request, model: Model, adapted: Adaptations) -> Plan:
    """By `reasoning_effort` and its kin, or not at all."""
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    facts, room = model.thinking, sampling.max_tokens(request, model, adapted)
    param, tokens_param = request.param("reasoning_effort"), request.param("reasoning_tokens")
    if facts is None:
        if effort not in (None, "none"):
            adapted.drop(param, "This model does not reason.")
        if tokens is not None:
            adapted.drop(tokens_param, "This model does not reason.")
        return Plan(room)
    if effort is None and tokens is None:
        return Plan(room, is_on=facts.default != "off")
    if tokens is not None and effort != "none" and "enabled" in facts.modes:
        if effort is not None:
            adapted.drop(param, "The request has a number of tokens, which says more.")
        return _budgeted(tokens, request, model, tokens_param, adapted)
    if tokens is not None and effort is not None:
        adapted.drop(tokens_param, "The request has an effort, and this is none of its ways to be told more.")
    if effort == "none":
        return _off(facts, Plan(room, param=param), adapted)
    if "adaptive" not in facts.modes:
        return _budgeted(_BUDGETS[effort or "medium"], request, model, param, adapted)
    made = Plan(room, {"type": "adaptive"}, is_on=True, is_asked=True, param=param if effort else tokens_param)
    if facts.display == "omitted":
        # Who asks a model to think by this API reads its thoughts; they cost the same unseen.
        made.thinking = {"type": "adaptive", "display": "summarized"}
    made.effort = _nearest(effort or _effort_of(tokens or 0), facts.efforts)
    asked = effort or str(tokens)
    if made.effort != asked and facts.efforts:
        adapted.change(made.param, f"{asked}->{made.effort}", "It is the nearest depth that the model has.")
    return made


def _off(facts: Thinking, made: Plan, adapted: Adaptations) -> Plan:
    """Not at all, or as little as the model can."""
    made = Plan(made.max_tokens, param=made.param)
    if facts.default == "off":
        return made
    if "disabled" in facts.modes:
        return replace(made, thinking={"type": "disabled"})
    if "between_tools" in facts.modes:
        adapted.change(made.param, "between-tools", "This model always thinks between the calls of tools.")
        return replace(made, thinking={"type": "between_tools"}, is_on=True, is_asked=True)
    least = facts.efforts[0] if facts.efforts else None
    adapted.change(made.param, least or "always-on", "This model always thinks.")
    return replace(made, effort=least, is_on=True, is_asked=True)


def _budgeted(budget: int, request: Request, model: Model, param: str, adapted: Adaptations) -> Plan:
    """The budget is a part of `max_tokens`, and the answer needs some of it too."""
    room = _room_for(budget, request, model, adapted)
    largest = room * 3 // 4
    if largest < _SMALLEST_BUDGET:
        adapted.drop(param, "max_tokens leaves no room to think.")
        return Plan(room)
    used = min(max(budget, _SMALLEST_BUDGET), largest)
    if used != budget:
        adapted.take(param, budget, used)
    return Plan(room, {"type": "enabled", "budget_tokens": used}, is_on=True, is_asked=True, param=param)


def _raw(request: Request, own: Json, model: Model, adapted: Adaptations) -> Plan:
    """By Claude's own field, which goes out as it came where the model can do it."""
    raw, facts, room = own["thinking"], model.thinking, sampling.max_tokens(request, model, adapted)
    for name, value in (
        ("reasoning_effort", request.sampling.reasoning_effort),
        ("reasoning_tokens", request.sampling.reasoning_tokens),
    ):
        if value is not None:
            adapted.drop(request.param(name), "The request has Claude's own field `thinking`.")
    mode = raw.get("type")
    if mode is None:
        raise InvalidRequest(
            "Missing required parameter: 'thinking.type'.", param="thinking.type", code="missing_required_parameter"
        )
    if model.is_listed and facts is None and mode == "disabled":
        return Plan(room, param="thinking")  # it is what this model does anyway, but it has no word for it
    modes = facts.modes if facts is not None else ()
    if model.is_listed and mode not in modes:
        raise InvalidRequest(
            f"Unsupported value: 'thinking.type' does not support {str(mode)[:50]!r} with this model. "
            f"Supported values are: {', '.join(map(repr, modes)) or 'none'}.",
            param="thinking.type",
            code="unsupported_value",
        )
    if mode == "enabled":
        room, raw = _raw_budget(raw, own, request, model, adapted)
    return Plan(room, raw, is_on=mode != "disabled", is_asked=True, param="thinking")


def _raw_budget(raw: Json, own: Json, request: Request, model: Model, adapted: Adaptations) -> tuple[int, Json]:
    """(`max_tokens`, `thinking`), so that the one leaves room for the other. What the client says of both is its own word."""
    param, budget, asked = "thinking.budget_tokens", raw.get("budget_tokens"), request.sampling.max_tokens
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < _SMALLEST_BUDGET:
        raise InvalidRequest(
            f"Invalid '{param}': expected an integer of at least {_SMALLEST_BUDGET}.", param=param, code="invalid_value"
        )
    room = _room_for(budget, request, model, adapted)
    if budget < room or _INTERLEAVED in own.get("anthropic_beta", ()):
        return room, raw
    if asked is not None and budget >= asked:
        name = request.param("max_tokens")
        raise InvalidRequest(
            f"Invalid '{param}': {budget} has to be less than '{name}', which is {asked}.",
            param=param,
            code="invalid_value",
        )
    adapted.take(param, budget, room * 3 // 4)
    return room, {**raw, "budget_tokens": room * 3 // 4}


_INTERLEAVED = "interleaved-thinking-2025-05-14"
"""With this flag a budget spans all thoughts between the calls of a turn, and may exceed `max_tokens`."""


def _room_for(budget: int, request: Request, model: Model, adapted: Adaptations) -> int:
    """`max_tokens`: the client's, or enough for the budget and a quarter more for the answer."""
    room = sampling.max_tokens(request, model, adapted)
    if request.sampling.max_tokens is not None:
        return room
    return min(model.max_output_tokens, max(room, -(-budget * 4 // 3)))


def _after_calls(made: Plan, request: Request, facts: Thinking | None, adapted: Adaptations) -> Plan:
    """The results of calls may come without the thoughts that led there: the client kept none, nor have we."""
    if made.mode == "enabled" and begins_without_thought(request.messages):
        adapted.change(made.param, _OFF_NOW, "The thought behind the last call of a tool has not come back.")
        return Plan(made.max_tokens, is_on=facts is not None and facts.default != "off", param=made.param)
    for param in calls_without_thoughts(request.messages):
        adapted.tell(param, "without-thoughts")
    return made


def _below_ceiling(config: Json, made: Plan, model: Model, adapted: Adaptations) -> Json:
    """Some modes take no more than some effort."""
    ceilings: Mapping[str, str] = model.thinking.effort_ceilings if model.thinking is not None else {}
    ceiling, effort = ceilings.get(made.mode or ""), config.get("effort")
    if ceiling is None or effort not in _EFFORTS or _EFFORTS.index(effort) <= _EFFORTS.index(ceiling):
        return config
    param = "output_config.effort"
    if made.param == "thinking":
        raise InvalidRequest(
            f"Unsupported value: '{param}' does not support {effort!r} with 'thinking.type' {made.mode!r} on this model.",
            param=param,
            code="unsupported_value",
        )
    adapted.change(param, f"{effort}->{ceiling}", f"It is the most that goes with thinking {made.mode}.")
    return {**config, "effort": ceiling}


def _flags(made: Plan, config: Json, request: Request, model: Model) -> Iterator[str]:
    """The flags of `anthropic_beta` that this takes."""
    facts = model.thinking
    if facts is None:
        return
    if facts.effort_beta is not None and "effort" in config:
        yield facts.effort_beta
    if facts.interleaved_beta is not None and made.mode == "enabled" and request.offers_tools:
        yield facts.interleaved_beta


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


def _check(own: Json) -> None:
    for param, kind, expected in (
        ("thinking", dict, "an object"),
        ("output_config", dict, "an object"),
        ("anthropic_beta", list, "an array of strings"),
    ):
        if not isinstance(own.get(param, kind()), kind):
            raise InvalidRequest(f"Invalid type for '{param}': expected {expected}.", param=param, code="invalid_type")
    for number, flag in enumerate(own.get("anthropic_beta", ())):
        if not isinstance(flag, str):
            param = f"anthropic_beta[{number}]"
            raise InvalidRequest(f"Invalid type for '{param}': expected a string.", param=param, code="invalid_type")
