"""What goes to the model past Converse: `additionalModelRequestFields`, by the model's provider.

Most models refuse a field that they do not know, so each gets its own and nothing else; the others are reported. Sources:
AWS Bedrock user guide, "Inference parameters by provider", "Nova 2: extended thinking", 2026; Anthropic API
documentation, "Extended thinking", "Effort", 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model

NATIVE_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "amazon": frozenset({"inferenceConfig", "reasoningConfig"}),
        "anthropic": frozenset({"anthropic_beta", "output_config", "thinking"}),
        "cohere": frozenset({"documents", "k", "search_queries_only"}),
        "qwen": frozenset({"reasoning_config"}),
    }
)
"""By provider, beside `top_k` and the field of the model's effort."""
_TOP_K: Mapping[str, str] = MappingProxyType(
    {"amazon": "inferenceConfig.topK", "anthropic": "top_k", "cohere": "k", "mistral": "top_k"}
)
_PASSED_ON = ("additionalModelRequestFields", "additionalModelResponseFieldPaths")
"""Members of Converse's own body that a client may send; `request.py` takes them."""

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The least first."""
_BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 4_096, "high": 8_192, "xhigh": 16_384, "max": 32_768}
"""Effort -> tokens, for models that count."""
_LEAST_BUDGET = 1_024


def native_fields(request: Request, model: Model, adapted: Adaptations) -> dict[str, Any]:
    """Reasoning, and what the client sent under the model's own names. Unknown fields are dropped and reported."""
    fields: dict[str, Any] = {}
    known = {*NATIVE_FIELDS.get(model.provider, ()), (model.effort_field or "").split(".")[0]}
    for name, value in request.extra.items():
        if name in known:
            fields[name] = value
        elif name not in _PASSED_ON and not (name == "top_k" and model.provider in _TOP_K):
            adapted.drop_unknown(name)
    _reason(request, model, adapted, fields)
    if "top_k" in request.extra and model.provider in _TOP_K:
        if model.sampling == "none" or is_thinking(fields, model):
            adapted.drop("top_k", "This model chooses its own sampling.")
        else:
            _put(fields, _TOP_K[model.provider], request.extra["top_k"])
    given = request.extra.get("additionalModelRequestFields", {})
    if not isinstance(given, dict):
        raise InvalidRequest(
            "Invalid type for 'additionalModelRequestFields': expected an object.",
            param="additionalModelRequestFields",
            code="invalid_type",
        )
    return {**fields, **given}


def is_thinking(fields: Mapping[str, Any], model: Model) -> bool:
    """Does Claude think, asked to or by itself?"""
    thinking = fields.get("thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") != "disabled"
    return model.thinking is not None and model.thinking.default != "off"


def _reason(request: Request, model: Model, adapted: Adaptations, fields: dict[str, Any]) -> None:
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    if effort is None and tokens is None:
        return
    param = request.param("reasoning_effort" if tokens is None else "reasoning_tokens")
    if model.provider == "anthropic":
        if "thinking" not in fields:
            _think(request, model, adapted, fields, param)
        return
    if model.effort_field is None or not model.efforts:
        adapted.drop(param, "Its depth of reasoning cannot be chosen here.")
        return
    if model.effort_field.split(".")[0] in fields:
        return
    wanted = effort if tokens is None or effort is not None else _effort_of(tokens)
    assert wanted is not None
    if wanted == "none" and "none" not in model.efforts and model.provider == "amazon":
        fields["reasoningConfig"] = {"type": "disabled"}
        return
    used = _nearest(wanted, model.efforts)
    if used != effort:
        adapted.change(param, f"{tokens if effort is None else effort}->{used}", "It is the nearest this model has.")
    _put(fields, model.effort_field, used)
    if model.provider == "amazon":
        fields["reasoningConfig"]["type"] = "enabled"


def effort_used(fields: Mapping[str, Any], model: Model) -> str | None:
    """What stands in the model's effort field."""
    value: Any = fields
    for key in (model.effort_field or "").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _think(request: Request, model: Model, adapted: Adaptations, fields: dict[str, Any], param: str) -> None:
    """Claude's own: by effort where it adapts, by a budget where it does not."""
    thinking = model.thinking
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    if thinking is None:
        adapted.drop(param, "This model does not reason.")
        return
    wanted = effort if effort is not None else _effort_of(tokens or 0)
    if wanted == "none":
        if "disabled" in thinking.modes:
            fields["thinking"] = {"type": "disabled"}
            return
        if "between_tools" in thinking.modes:
            fields["thinking"] = {"type": "between_tools"}
            return
    if "adaptive" in thinking.modes and not (tokens is not None and "enabled" in thinking.modes):
        fields["thinking"] = {"type": "adaptive"}
        if thinking.efforts:
            used = _nearest(wanted, thinking.efforts)
            if used != effort:
                adapted.change(param, f"{tokens if effort is None else effort}->{used}", "It is the nearest there is.")
            fields["output_config"] = {"effort": used, **fields.get("output_config", {})}
        return
    budget = max(_LEAST_BUDGET, tokens if tokens is not None else _BUDGETS[wanted])
    room = request.sampling.max_tokens or model.max_output_tokens
    # The budget is part of the output: half of that is left to the answer.
    budget = max(_LEAST_BUDGET, min(budget, room // 2))
    if budget >= room:
        adapted.drop(param, "The output is too short to reason in.")
        return
    if tokens is not None and budget != tokens:
        adapted.take(param, tokens, budget)
    fields["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _nearest(wanted: str, efforts: tuple[str, ...]) -> str:
    rank = _EFFORTS.index(wanted)
    return min(efforts, key=lambda effort: abs(_EFFORTS.index(effort) - rank))


def _effort_of(tokens: int) -> str:
    return next((effort for effort in ("low", "medium", "high") if tokens <= _BUDGETS[effort]), "xhigh")


def _put(fields: dict[str, Any], path: str, value: Any) -> None:
    """`_put({}, "reasoning.effort", "low")` -> `{"reasoning": {"effort": "low"}}`, beside what is there."""
    outer, _, inner = path.partition(".")
    if not inner:
        fields[outer] = value
        return
    there = fields.get(outer)
    fields[outer] = {**there, inner: value} if isinstance(there, dict) else {inner: value}
