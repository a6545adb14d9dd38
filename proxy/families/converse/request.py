"""`Request` -> a Converse body, the same for both operations.

    {"messages": [{"role": "user", "content": [{"text": "…"}]}], "system": [{"text": "…"}],
     "inferenceConfig": {"maxTokens": 1024, "temperature": 0.5, "topP": 0.9, "stopSequences": ["…"]},
     "toolConfig": {…}, "outputConfig": {…}, "guardrailConfig": {…}, "additionalModelRequestFields": {…}, …}

What a model lacks says the catalogue. Source: botocore 1.44 service model (`ConverseRequest`, `ConverseStreamRequest`);
AWS Bedrock user guide, "Supported models and features" of the Converse API, 2026.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.converse import native, tools
from proxy.families.converse.caching import CachePoints
from proxy.families.converse.content import ContentWriter
from proxy.families.converse.turns import fold_system, move_attachments, part_results
from proxy.families.labels import labels
from proxy.families.thinking import OWN_FIELDS, Plan, native_fields, plan
from proxy.families.tool_names import ToolNames
from proxy.families.tool_schemas import ToolSchemas
from proxy.families.turns import arrange
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Text
from proxy.neutral.request import Guardrail, Request
from proxy.routing.catalog import Feature, Model

_MOST_PATHS = 10
_NO_USER_BEHIND_RESULTS = frozenset({"mistral", "writer"})
"""Providers whose models refuse a user's word right behind a tool's: "Unexpected role 'user' after role 'tool'"."""
_NO_TOOLS = ("meta.llama3-2-1b-", "meta.llama3-2-3b-")
"""Trained for tools, but Converse gives them none."""


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    """Raises `InvalidRequest` for what the model cannot take."""
    model = _facts(model)
    thinking, fields = _thinking(request, model, adapted)
    if thinking.is_on:
        model = replace(model, sampling="none", has_prefill=False, tool_choices=("auto",))
    native.put_top_k(request, model, adapted, fields)
    system, turns = arrange(request.messages, model, adapted, takes_thoughts=thinking.is_on)
    if not model.has_rich_tool_results:
        move_attachments(turns, adapted)
    if model.provider in _NO_USER_BEHIND_RESULTS:
        turns = part_results(turns, adapted)
    points = CachePoints(request, model, adapted)
    schemas = ToolSchemas(model, adapted)
    tooling = tools.plan(request, turns, model, points, schemas, adapted)
    notes: list[Block] = [Text(note) for note in tooling.notes]
    if model.has_system:
        system += notes
    else:
        turns[0].blocks = notes + turns[0].blocks
        fold_system(system, turns, request.messages[0].param, adapted)
        system = []
    writer = ContentWriter(model, points, schemas, adapted)
    body: dict[str, Any] = {"messages": []}
    if system:
        body["system"] = writer.system(system)
    body["messages"] = [writer.message(turn) for turn in turns]
    native_stops = [stop for stop in request.sampling.stop if stop.strip()] if model.has_stops else []
    inference = _inference(request, model, fields, thinking, native_stops, adapted)
    if inference:
        body["inferenceConfig"] = inference
    if tooling.config is not None:
        body["toolConfig"] = tooling.config
    if tooling.output is not None:
        body["outputConfig"] = tooling.output
    if fields := {**tooling.native, **fields}:
        body["additionalModelRequestFields"] = fields
    can_stream = model.streams and (tooling.config is None or model.streams_tools)
    is_streamed = request.stream and can_stream
    body |= _around(request, model, thinking, native_stops, adapted, is_streamed=is_streamed)
    _drop_what_bedrock_lacks(request, adapted)
    return Call(
        body=jsonio.encode(body),
        stops=[stop for stop in request.sampling.stop if stop not in native_stops],
        can_stream=can_stream,
        guardrail=request.guardrail,
        thinks=thinking.is_on,
        names=ToolNames.of(request),
        is_bare_json=request.output_format is not None and tooling.output is None,
        answer_tool=tooling.answer_tool,
        answer_key=tooling.answer_key,
        argument_keys=schemas.argument_keys,
        most_calls=tooling.most_calls,
    )


def _facts(model: Model) -> Model:
    """Of Claude and Llama the catalogue tells what InvokeModel takes; this is the same of Converse."""
    if model.provider == "anthropic":
        choices: tuple[Any, ...] = ("auto",) if model.forced_tools == "no" else ("auto", "any", "tool")
        return replace(model, tool_choices=choices, has_rich_tool_results=True)
    if model.provider == "meta":
        has_tools = not model.id.startswith(_NO_TOOLS)
        features: set[Feature] = {feature for feature in model.features if has_tools or feature != "tools"}
        return replace(model, features=frozenset(features | {"documents"}))
    return model


def _thinking(request: Request, model: Model, adapted: Adaptations) -> tuple[Plan, dict[str, Any]]:
    """How it is to think, and all that goes to the model in its own words. Only of Claude is there more to say than that."""
    own = native.own_fields(request, model, adapted)
    if model.provider == "anthropic":
        made = plan(request, own, model, adapted)
        rest = {name: value for name, value in own.items() if name not in OWN_FIELDS}
        return made, rest | native_fields(made, request, own, model, adapted)
    native.put_effort(request, model, adapted, own)
    return Plan(sampling.max_tokens(request, model, adapted)), own


def _inference(
    request: Request, model: Model, fields: dict[str, Any], thinking: Plan, stops: list[str], adapted: Adaptations
) -> dict[str, Any]:
    wanted = request.sampling
    inference: dict[str, Any] = {}
    if native.effort_used(fields, model) in model.bare_efforts:
        for name, value in (
            ("max_tokens", wanted.max_tokens),
            ("temperature", wanted.temperature),
            ("top_p", wanted.top_p),
        ):
            if value is not None:
                adapted.drop(request.param(name), "This model takes none with so much reasoning.")
    else:
        max_tokens = _max_tokens(request, model, thinking.max_tokens, adapted)
        temperature, top_p = sampling.temperature_and_top_p(request, model, adapted)
        chosen = {"maxTokens": max_tokens, "temperature": temperature, "topP": top_p}
        inference = {name: value for name, value in chosen.items() if value is not None}
    if stops:
        inference["stopSequences"] = stops
    return inference


def _max_tokens(request: Request, model: Model, tokens: int, adapted: Adaptations) -> int | None:
    """Unasked, Converse takes the model's maximum: only where that is more than is useful, a number is sent."""
    if request.sampling.max_tokens is None:
        return tokens if tokens < model.max_output_tokens else None
    if tokens < model.min_output_tokens:
        adapted.take(request.param("max_tokens"), tokens, model.min_output_tokens)
        return model.min_output_tokens
    return tokens


def _around(
    request: Request,
    model: Model,
    thinking: Plan,
    stops: list[str],
    adapted: Adaptations,
    *,
    is_streamed: bool,
) -> dict[str, Any]:
    """The members of the body that say nothing to the model itself."""
    around: dict[str, Any] = {}
    if request.guardrail is not None:
        around["guardrailConfig"] = _guardrail(request.guardrail, is_streamed, adapted)
    taken = labels(request, adapted)
    if taken:
        around["requestMetadata"] = taken
    if request.service_tier is not None:
        around["serviceTier"] = {"type": request.service_tier}
    if request.latency is not None:
        around["performanceConfig"] = {"latency": request.latency}
    paths = _paths(request)
    if model.provider == "anthropic":
        if stops:
            paths.append("/stop_sequence")
        if thinking.is_on:
            paths.append("/usage/output_tokens_details")
    if paths:
        around["additionalModelResponseFieldPaths"] = list(dict.fromkeys(paths))[:_MOST_PATHS]
    return around


def _guardrail(guardrail: Guardrail, is_streamed: bool, adapted: Adaptations) -> dict[str, str]:
    """`streamProcessingMode` is a member of the stream's body alone."""
    config = {"guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version}
    if guardrail.trace is not None:
        config["trace"] = guardrail.trace
    if guardrail.stream_mode is not None and is_streamed:
        config["streamProcessingMode"] = guardrail.stream_mode
    elif guardrail.stream_mode == "async":
        adapted.drop(f"{guardrail.param}.streamProcessingMode", "It is for streams.")
    if guardrail.tag_suffix is not None:
        adapted.drop(f"{guardrail.param}.tagSuffix", "Here the whole conversation is looked at.")
    return config


def _paths(request: Request) -> list[str]:
    name = "additionalModelResponseFieldPaths"
    paths = request.extra.get(name, [])
    is_list = isinstance(paths, list) and len(paths) <= _MOST_PATHS
    if not is_list or not all(isinstance(path, str) and 1 <= len(path) <= 256 for path in paths):
        raise InvalidRequest(f"Invalid value for '{name}': expected at most ten JSON pointers.", param=name)
    return list(paths)


def _drop_what_bedrock_lacks(request: Request, adapted: Adaptations) -> None:
    sampling.drop_what_bedrock_lacks(request, adapted)
    if request.end_user is not None:
        adapted.drop(request.param("end_user"), "It is not told who asks.")
