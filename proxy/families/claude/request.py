"""`Request` -> a Claude Messages body for InvokeModel.

    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "system": [{"type": "text", "text": "…"}],
     "messages": [{"role": "user", "content": [{"type": "text", "text": "…"}]}, …]}

Bedrock refuses unknown keys, blank text, a first turn that is not the user's, and, by generation, sampling fields and a
last turn that is the assistant's: which, says the catalogue. Source: AWS Bedrock user guide, "Anthropic Claude Messages
API"; Anthropic API documentation, 2026.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.claude.content import ContentWriter, is_blank, is_own_thought
from proxy.families.claude.thinking import Plan, off, plan
from proxy.families.claude.tools import must_answer, must_call, tool_fields
from proxy.families.invoke import guardrail_fields, invoke_headers
from proxy.families.tool_names import ToolNames
from proxy.families.turns import arrange
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Reasoning, ToolResult
from proxy.neutral.request import Message, OutputFormat, Request, Role
from proxy.routing.catalog import Model
from proxy.schemas.structured import native

_VERSION = "bedrock-2023-05-31"
"""Every Claude model on Bedrock accepts it; the newer `2026-10-21` only 4.7 and later."""

_NATIVE_FIELDS = frozenset({"anthropic_beta", "context_management", "output_config", "thinking", "top_k"})
"""Body fields of Claude's own that a client may send under their own names."""

_BARE_JSON = "Answer with one JSON object and nothing else: no other text, and no code fence around it."


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    max_tokens = sampling.max_tokens(request, model, adapted)
    schema, by_tool = _output(request, model)
    thinking = _thinking(request, model, max_tokens, by_tool, adapted)
    if schema is not None or by_tool is not None:
        # What is begun already can follow no schema.
        model = replace(model, has_prefill=False)
    if thinking.is_on:
        # While it thinks it samples as it likes and goes on from no assistant message.
        model = replace(model, sampling="none", has_prefill=False)
    writer = ContentWriter(model, adapted)
    can_force = model.forced_tools != "no" and not thinking.is_on
    tools = tool_fields(request, model, adapted, writer, output=by_tool, can_force=can_force)
    spoken, turns = arrange(request.messages, model, adapted, takes_thoughts=thinking.is_on)
    system = writer.write(spoken)
    messages = [{"role": turn.role, "content": writer.write(turn.blocks)} for turn in turns]
    writer.settle_marks()
    is_bare_json = request.output_format is not None and request.output_format.schema is None
    if is_bare_json:
        tools.instructions.append(_BARE_JSON)
    body: dict[str, Any] = {
        "anthropic_version": _VERSION,
        "max_tokens": max_tokens,
        "messages": messages,
        **tools.body,
        **guardrail_fields(request, adapted),
    }
    system += [{"type": "text", "text": instruction} for instruction in tools.instructions]
    if system:
        body["system"] = system
    body.update(_sampling(request, model, adapted))
    stops = [stop for stop in request.sampling.stop if stop.strip()]
    if stops:
        body["stop_sequences"] = stops
    if request.end_user is not None:
        # Anthropic asks for an opaque id without personal data; clients send mail addresses.
        body["metadata"] = {"user_id": sha256(request.end_user.encode()).hexdigest()}
    sampling.drop_what_bedrock_lacks(request, adapted)
    _extra(request, model, adapted, body, thinking, schema)
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        guardrail=request.guardrail,
        # Claude refuses a stop sequence of white space alone.
        stops=[stop for stop in request.sampling.stop if not stop.strip()],
        names=ToolNames.of(request),
        answer_tool=tools.answer_tool,
        answer_key=tools.answer_key,
        is_bare_json=is_bare_json,
    )


def _output(request: Request, model: Model) -> tuple[dict[str, Any] | None, OutputFormat | None]:
    """(schema for `output_config.format`, None) where the model follows schemas, or else (None, what a tool has to do)."""
    output = request.output_format
    if output is None or output.schema is None:
        return None, None
    schema = None
    if "schema" in model.features:
        schema = native(output.schema, output.is_strict, output.param, name=output.name)
    return (schema, None) if schema is not None else (None, output)


def _thinking(
    request: Request, model: Model, max_tokens: int, by_tool: OutputFormat | None, adapted: Adaptations
) -> Plan:
    thinking = plan(request, model, max_tokens, adapted)
    param = request.param(thinking.param)
    if thinking.is_on and (thinking.thinking or {}).get("type") == "enabled" and _lacks_thought(request.messages):
        adapted.change(param, "off-for-this-turn", "The thought behind the last call of a tool has not come back.")
        return Plan()
    facts = model.thinking
    if not thinking.is_on or facts is None or model.forced_tools == "no" or "disabled" not in facts.modes:
        return thinking
    if not thinking.is_asked and (must_call(request) or (by_tool is not None and must_answer(request))):
        # Thinking is this model's habit, the call is the client's word.
        return off(facts, param, adapted)
    if model.forced_tools == "yes" and must_call(request) and thinking.param != "thinking":
        adapted.change(param, "off-for-this-turn", "This model does not think where it is told what to call.")
        return off(facts, param, adapted)
    return thinking


def _lacks_thought(messages: list[Message]) -> bool:
    """In the middle of calling tools, a model that thinks by a budget wants the thought that led there first."""
    end = len(messages)
    while end and messages[end - 1].role is not Role.ASSISTANT:
        end -= 1
    if not any(isinstance(block, ToolResult) for message in messages[end:] for block in message.blocks):
        return False
    begin = end
    while begin and messages[begin - 1].role is Role.ASSISTANT:
        begin -= 1
    blocks = [
        block
        for message in messages[begin:end]
        for block in message.blocks
        if is_own_thought(block) or not (isinstance(block, Reasoning | CacheMark) or is_blank(block))
    ]
    return not any(is_own_thought(block) for block in blocks[:1])


def _extra(
    request: Request,
    model: Model,
    adapted: Adaptations,
    body: dict[str, Any],
    thinking: Plan,
    schema: dict[str, Any] | None,
) -> None:
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    config: dict[str, Any] = {}
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    for name, value in request.extra.items():
        if name == "top_k" and model.sampling == "none":
            adapted.drop(name, "This model chooses its own sampling.")
        elif name == "output_config" and isinstance(value, dict):
            for key in config.keys() & value.keys():
                adapted.drop(_param_of(key, request), "The request has Claude's own field `output_config`.")
            config |= value
        elif name == "thinking" and isinstance(value, dict):
            continue  # it is the plan
        elif name in _NATIVE_FIELDS:
            body[name] = value
        else:
            adapted.drop_unknown(name)
    if config:
        body["output_config"] = config
    beta = model.thinking.effort_beta if model.thinking is not None and "effort" in config else None
    given = body.get("anthropic_beta", [])
    if beta is not None and isinstance(given, list) and beta not in given:
        body["anthropic_beta"] = [*given, beta]


def _param_of(key: str, request: Request) -> str:
    """What the client wrote that a field of `output_config` is made from."""
    output = request.output_format
    return output.param if key == "format" and output is not None else request.param("reasoning_effort")


def _sampling(request: Request, model: Model, adapted: Adaptations) -> dict[str, float]:
    wanted = request.sampling
    if model.sampling == "none":
        # 1 is the only value these models take, and what they use anyway.
        if wanted.temperature is not None and wanted.temperature != 1:
            adapted.drop("temperature", "This model chooses its own sampling.")
        if wanted.top_p is not None and wanted.top_p != 1:
            adapted.drop("top_p", "This model chooses its own sampling.")
        return {}
    fields: dict[str, float] = {}
    temperature = sampling.temperature(request, adapted)
    if temperature is not None:
        fields["temperature"] = temperature
    if wanted.top_p is not None:
        if model.sampling == "any" or temperature is None:
            fields["top_p"] = wanted.top_p
        elif wanted.top_p != 1:
            adapted.drop("top_p", "This model takes temperature or top_p, not both.")
    return fields
