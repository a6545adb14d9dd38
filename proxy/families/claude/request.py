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
from proxy.families.claude.content import ContentWriter
from proxy.families.claude.tools import tool_fields
from proxy.families.invoke import guardrail_fields, invoke_headers
from proxy.families.thinking import OWN_FIELDS, Plan, native_fields, plan
from proxy.families.tool_names import ToolNames
from proxy.families.tool_schemas import ToolSchemas
from proxy.families.turns import arrange
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat, Request
from proxy.routing.catalog import Model

_VERSION = "bedrock-2023-05-31"
"""Every Claude model on Bedrock accepts it; the newer `2026-10-21` only 4.7 and later."""

_BARE_JSON = "Answer with one JSON object and nothing else: no other text, and no code fence around it."


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    schemas = ToolSchemas(model, adapted)
    schema, by_tool = _output(request, schemas)
    answers_by_call = by_tool is not None and not request.offers_tools
    thinking = plan(request, request.extra, model, adapted, answers_by_call=answers_by_call)
    if schema is not None or by_tool is not None:
        # What is begun already can follow no schema.
        model = replace(model, has_prefill=False)
    if thinking.is_on:
        # While it thinks it samples as it likes and goes on from no assistant message.
        model = replace(model, sampling="none", has_prefill=False)
    writer = ContentWriter(model, adapted, schemas)
    can_force = model.forced_tools != "no" and not thinking.is_on
    tools = tool_fields(request, adapted, writer, schemas, output=by_tool, can_force=can_force)
    spoken, turns = arrange(request.messages, model, adapted, takes_thoughts=thinking.is_on)
    system = writer.write(spoken)
    messages = [{"role": turn.role, "content": writer.write(turn.blocks)} for turn in turns]
    writer.settle_marks()
    output = request.output_format
    if output is not None and output.schema is None:
        adapted.change(output.param, "instruction", "This model has no JSON mode.")
        tools.instructions.append(_BARE_JSON)
    body: dict[str, Any] = {
        "anthropic_version": _VERSION,
        "max_tokens": thinking.max_tokens,
        "messages": messages,
        **tools.body,
        **guardrail_fields(request, adapted),
    }
    system += [{"type": "text", "text": instruction} for instruction in tools.instructions]
    if system:
        body["system"] = system
    temperature, top_p = sampling.temperature_and_top_p(request, model, adapted)
    if temperature is not None:
        body["temperature"] = temperature
    if top_p is not None:
        body["top_p"] = top_p
    stops = [stop for stop in request.sampling.stop if stop.strip()]
    if stops:
        body["stop_sequences"] = stops
    if request.end_user is not None:
        # Anthropic asks for an opaque id without personal data; clients send mail addresses.
        body["metadata"] = {"user_id": sha256(request.end_user.encode()).hexdigest()}
    sampling.drop_what_bedrock_lacks(request, adapted)
    body |= _own_fields(request, model, thinking, schema, adapted)
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        guardrail=request.guardrail,
        thinks=thinking.is_on,
        # Claude refuses a stop sequence of white space alone.
        stops=[stop for stop in request.sampling.stop if not stop.strip()],
        names=ToolNames.of(request),
        answer_tool=tools.answer_tool,
        answer_key=tools.answer_key,
        argument_keys=schemas.argument_keys,
        # A model that cannot be made to call the tool for its answer may write it, and then as it likes.
        is_bare_json=output is not None and schema is None,
    )


def _output(request: Request, schemas: ToolSchemas) -> tuple[dict[str, Any] | None, OutputFormat | None]:
    """(schema for `output_config.format`, None) where the model follows schemas, or else (None, what a tool has to do)."""
    output = request.output_format
    if output is None or output.schema is None:
        return None, None
    schema = schemas.answer(output)
    return (schema, None) if schema is not None else (None, output)


def _own_fields(
    request: Request, model: Model, thinking: Plan, schema: dict[str, Any] | None, adapted: Adaptations
) -> dict[str, Any]:
    """What only Claude's body has: how it thinks, a schema, and whatever the client sent under Claude's own names."""
    fields = native_fields(thinking, request, request.extra, model, adapted)
    if schema is not None:
        config = fields.get("output_config", {})
        if "format" in config and request.output_format is not None:
            adapted.drop(request.output_format.param, "The request has Claude's own field `output_config`.")
        fields["output_config"] = {"format": {"type": "json_schema", "schema": schema}, **config}
    for name, value in request.extra.items():
        if name == "top_k" and model.sampling == "none":
            adapted.drop(name, "This model chooses its own sampling.")
        elif name == "top_k":
            fields[name] = sampling.top_k(request, model, adapted)
        elif name == "context_management":
            fields[name] = value
        elif name not in OWN_FIELDS:
            adapted.drop_unknown(name)
    return fields
