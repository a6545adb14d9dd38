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
from proxy.families import sampling
from proxy.families.thinking import OWN_FIELDS
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model

NATIVE_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "amazon": frozenset({"inferenceConfig", "reasoningConfig"}),
        "anthropic": OWN_FIELDS,
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

_BEDROCKS_OWN = "amazon-bedrock-"

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The least first."""
_BUDGETS = {"low": 2_048, "medium": 4_096, "high": 8_192}
"""Effort -> the most tokens it stands for, as of Claude's budgets."""


def own_fields(request: Request, model: Model, adapted: Adaptations) -> dict[str, Any]:
    """What the client sent under the model's own names. Unknown fields are dropped and reported."""
    fields: dict[str, Any] = {}
    known = {*NATIVE_FIELDS.get(model.provider, ()), (model.effort_field or "").split(".")[0]}
    for name, value in request.extra.items():
        if name in known:
            fields[name] = value
        elif name not in _PASSED_ON and not (name == "top_k" and model.provider in _TOP_K):
            adapted.drop_unknown(name)
    given = request.extra.get("additionalModelRequestFields", {})
    if not isinstance(given, dict):
        raise InvalidRequest(
            "Invalid type for 'additionalModelRequestFields': expected an object.",
            param="additionalModelRequestFields",
            code="invalid_type",
        )
    for name in given:
        # They would speak to Bedrock, not to the model, and past what the operator has set.
        if name.lower().startswith(_BEDROCKS_OWN):
            raise InvalidRequest(
                f"Unsupported parameter: 'additionalModelRequestFields.{name[:100]}' is for 'guardrailConfig' to say.",
                param=f"additionalModelRequestFields.{name[:100]}",
                code="unsupported_parameter",
            )
    for name in fields.keys() & given.keys():
        adapted.drop(name, "It stands in 'additionalModelRequestFields' as well.")
    return {**fields, **given}


def put_top_k(request: Request, model: Model, adapted: Adaptations, fields: dict[str, Any]) -> None:
    if "top_k" not in request.extra or model.provider not in _TOP_K:
        return
    path = _TOP_K[model.provider]
    if model.sampling == "none":
        adapted.drop("top_k", "This model chooses its own sampling.")
    elif _at(fields, path) is not None:
        adapted.drop("top_k", f"The request has the model's own field '{path}'.")
    else:
        _put(fields, path, sampling.top_k(request, model, adapted))


def put_effort(request: Request, model: Model, adapted: Adaptations, fields: dict[str, Any]) -> None:
    """How deep the models think that are not Claude. One that does not, or not unasked, has nothing to be switched off."""
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    param, tokens_param = request.param("reasoning_effort"), request.param("reasoning_tokens")
    if effort is None and tokens is None:
        return
    if effort == "none" and tokens is None and ("reasoning" not in model.features or not model.reasons_unasked):
        return
    field = model.effort_field
    if field is None or not model.efforts or field.split(".")[0] in fields:
        why = "The request has the model's own field." if field else "Its depth of reasoning cannot be chosen here."
        for name, value in ((param, effort), (tokens_param, tokens)):
            if value is not None:
                adapted.drop(name, why)
        return
    if effort is not None and tokens is not None:
        adapted.drop(tokens_param, "The request has an effort, and this model is told no numbers.")
    if effort == "none" and "none" not in model.efforts and model.provider == "amazon":
        fields["reasoningConfig"] = {"type": "disabled"}
        return
    used = _nearest(effort or _effort_of(tokens or 0), model.efforts)
    if used != effort:
        adapted.change(param if effort else tokens_param, f"{effort or tokens}->{used}", "It is the nearest there is.")
    _put(fields, field, used)
    if model.provider == "amazon":
        fields["reasoningConfig"]["type"] = "enabled"


def effort_used(fields: Mapping[str, Any], model: Model) -> str | None:
    """What stands in the model's effort field."""
    value = _at(fields, model.effort_field or "")
    return value if isinstance(value, str) else None


def _nearest(wanted: str, efforts: tuple[str, ...]) -> str:
    rank = _EFFORTS.index(wanted)
    return min(efforts, key=lambda effort: abs(_EFFORTS.index(effort) - rank))


def _effort_of(tokens: int) -> str:
    """The effort that goes with a number of tokens."""
    return next((effort for effort, most in _BUDGETS.items() if tokens <= most), "xhigh")


def _at(fields: Any, path: str) -> Any:
    for key in path.split("."):
        fields = fields.get(key) if isinstance(fields, dict) else None
    return fields


def _put(fields: dict[str, Any], path: str, value: Any) -> None:
    """`_put({}, "reasoning.effort", "low")` -> `{"reasoning": {"effort": "low"}}`, beside what is there."""
    outer, _, inner = path.partition(".")
    if not inner:
        fields[outer] = value
        return
    there = fields.get(outer)
    fields[outer] = {**there, inner: value} if isinstance(there, dict) else {inner: value}
