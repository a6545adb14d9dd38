"""`POST /v1/chat/completions`: the body -> `Request`.

Every field that OpenAI documents is translated, emulated, noted as adapted, or refused; `_HANDLED` names them all. Fields
beyond those go on as `extra`. Source: OpenAI's published OpenAPI document 2.3, August 2026; error texts as in `fields.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.caching import CACHING, parse_caching
from proxy.apis.chat.messages import parse_messages
from proxy.apis.chat.output import parse_output
from proxy.apis.chat.reasoning import Depth, parse_depth
from proxy.apis.chat.tools import parse_tools
from proxy.apis.chat.unknown import note_unknown
from proxy.apis.guardrail import parse_guardrail
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request, Sampling

_MAX_STOPS = 4
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_INT64 = (-(2**63), 2**63 - 1)
_MOST_TOKENS = 2**31 - 1

_HANDLED = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "guardrailConfig",
        "include_reasoning",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "performanceConfig",
        "prediction",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
        *CACHING,
    }
)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How the answer is to be written: what this API asks for and the neutral form need not know."""

    includes_usage: bool = False
    """A stream ends in a usage chunk."""
    has_functions: bool = False
    """Tools were asked for as `functions`: the answer calls one as `function_call`."""
    shows_reasoning: bool = True
    free_text_tools: frozenset[str] = frozenset()
    """The names of custom tools, whose input is handed over bare."""


def parse(body: Any, adapted: Adaptations, max_choices: int) -> tuple[Request, AnswerForm]:
    """Raises `InvalidRequest` with the `param` at fault."""
    if not isinstance(body, dict):
        raise InvalidRequest(
            f"Invalid body: expected an object, but got {fields.kind_of(body)} instead.", code="invalid_type"
        )
    model = fields.string(body, "model")
    if not model:
        raise InvalidRequest("you must provide a model parameter")
    if body.get("messages") is None and "input" in body:
        raise InvalidRequest(
            "Missing required parameter: 'messages'. The body has 'input', as for /v1/responses.",
            param="messages",
            code="missing_required_parameter",
        )
    _refuse_what_would_change_the_answer(body)
    stream = fields.boolean(body, "stream") or False
    depth = parse_depth(body, adapted)
    sampling, spelled = _sampling(body, depth, adapted)
    _note_what_has_no_effect(body, adapted)
    settings = parse_tools(body, adapted)
    if settings.has_functions:
        spelled |= {"tools": "functions", "tool_choice": "function_call"}
    messages = parse_messages(body, adapted)
    request = Request(
        model=model,
        messages=messages,
        sampling=sampling,
        tools=settings.tools,
        tool_choice=settings.choice,
        chosen_tool=settings.chosen,
        has_parallel_tools=settings.is_parallel,
        output_format=parse_output(body, messages, adapted),
        metadata=_metadata(body),
        guardrail=parse_guardrail(body, adapted),
        caching=parse_caching(body, adapted),
        choices=fields.integer(body, "n", 1, max_choices) or 1,
        stream=stream,
        end_user=_end_user(body, spelled, adapted),
        service_tier=_service_tier(body, adapted),
        latency=_latency(body, adapted),
        extra={name: value for name, value in body.items() if name not in _HANDLED and value is not None},
        spelled=spelled,
    )
    options = fields.mapping(body, "stream_options") or {}
    includes_usage = fields.boolean(options, "include_usage", "stream_options") or False
    # Padding against traffic analysis, which may be left out.
    fields.boolean(options, "include_obfuscation", "stream_options")
    return request, AnswerForm(
        includes_usage=includes_usage and stream,
        has_functions=settings.has_functions,
        shows_reasoning=depth.is_shown,
        free_text_tools=frozenset(tool.name for tool in settings.tools if tool.is_free_text),
    )


def _sampling(body: Mapping[str, Any], depth: Depth, adapted: Adaptations) -> tuple[Sampling, dict[str, str]]:
    spelled = dict(depth.spelled)
    max_tokens = fields.integer(body, "max_tokens", 1, _MOST_TOKENS)
    newer = fields.integer(body, "max_completion_tokens", 1, _MOST_TOKENS)
    if newer is not None:
        if max_tokens not in (None, newer):
            adapted.drop("max_tokens", "'max_completion_tokens' says something else.")
        max_tokens, spelled["max_tokens"] = newer, "max_completion_tokens"
    sampling = Sampling(
        max_tokens=max_tokens,
        temperature=fields.decimal(body, "temperature", 0, 2),
        top_p=fields.decimal(body, "top_p", 0, 1),
        stop=_stop(body),
        seed=fields.integer(body, "seed", *_INT64),
        frequency_penalty=fields.decimal(body, "frequency_penalty", -2, 2),
        presence_penalty=fields.decimal(body, "presence_penalty", -2, 2),
        reasoning_effort=depth.effort,
        reasoning_tokens=depth.tokens,
    )
    return sampling, spelled


def _stop(body: Mapping[str, Any]) -> list[str]:
    value = body.get("stop")
    if value is None:
        return []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise fields.wrong_type("stop", "one of a string or array of strings", value)
    if len(value) > _MAX_STOPS:
        raise fields.too_long("stop", "array", _MAX_STOPS, len(value))
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise fields.wrong_type(f"stop[{index}]", "a string", item)
    # An empty one never stops anything.
    return [item for item in value if item]


def _end_user(body: Mapping[str, Any], spelled: dict[str, str], adapted: Adaptations) -> str | None:
    older, newer = fields.string(body, "user"), fields.string(body, "safety_identifier")
    if newer:
        spelled["end_user"] = "safety_identifier"
        if older and older != newer:
            adapted.drop("user", "'safety_identifier' says something else.")
    elif older:
        spelled["end_user"] = "user"
    return newer or older or None


def _service_tier(body: Mapping[str, Any], adapted: Adaptations) -> str | None:
    tier = fields.word(body, "service_tier", _TIERS)
    if tier == "scale":
        adapted.change("service_tier", "default", "Bedrock has no such tier.")
        return None
    if tier == "fast":
        return "priority"
    return tier if tier in ("flex", "priority") else None


def _latency(body: Mapping[str, Any], adapted: Adaptations) -> str | None:
    """Bedrock's own `performanceConfig`, as Converse has it."""
    config = fields.mapping(body, "performanceConfig") or {}
    note_unknown(config, {"latency"}, "performanceConfig", adapted)
    return fields.word(config, "latency", ("standard", "optimized"), "performanceConfig")


def _refuse_what_would_change_the_answer(body: Mapping[str, Any]) -> None:
    """These say what the answer must be, and nothing here can make it so. Their idle values pass."""
    for name in ("audio", "moderation", "web_search_options"):
        if fields.mapping(body, name) is not None:
            raise _unsupported(name)
    if fields.boolean(body, "logprobs"):
        raise _unsupported("logprobs")
    if fields.integer(body, "top_logprobs", 0, 20):
        raise _unsupported("top_logprobs")
    if fields.mapping(body, "logit_bias"):
        raise _unsupported("logit_bias")
    for index, modality in enumerate(fields.array(body, "modalities", "an array of strings") or ()):
        if not isinstance(modality, str):
            raise fields.wrong_type(f"modalities[{index}]", "a string", modality)
        if modality not in ("text", "audio"):
            raise fields.invalid_word(f"modalities[{index}]", modality, ("text", "audio"))
        if modality == "audio":
            raise fields.unsupported_value(f"modalities[{index}]", modality)


def _note_what_has_no_effect(body: Mapping[str, Any], adapted: Adaptations) -> None:
    """Hints on speed, storage and style: the answer is as good without them."""
    if fields.boolean(body, "store"):
        adapted.drop("store", "Nothing is stored here.")
    if fields.mapping(body, "prediction") is not None:
        adapted.drop("prediction", "Bedrock has no predicted outputs.")
    if fields.word(body, "verbosity", ("low", "medium", "high")) in ("low", "high"):
        adapted.drop("verbosity", "The model has no such setting.")


def _metadata(body: Mapping[str, Any]) -> dict[str, str]:
    metadata = fields.mapping(body, "metadata") or {}
    if len(metadata) > 16:
        raise InvalidRequest(
            f"Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object "
            f"with {len(metadata)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )
    labels: dict[str, str] = {}
    for key in metadata:
        if len(key) > 64:
            raise fields.too_long("metadata", "string", 64, len(key))
        value = fields.string(metadata, key, "metadata")
        if value is not None:
            if len(value) > 512:
                raise fields.too_long(f"metadata.{key}", "string", 512, len(value))
            labels[key] = value
    return labels


def _unsupported(name: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"Unsupported parameter: '{name}' is not supported with this model.", param=name)
