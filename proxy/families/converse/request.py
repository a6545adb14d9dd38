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
from proxy.families.tool_names import ToolNames
from proxy.families.turns import Turn, arrange
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Reasoning, Text, ToolUse
from proxy.neutral.request import Guardrail, Request, Role
from proxy.routing.catalog import Feature, Model

_MOST_PATHS = 10
_NO_USER_BEHIND_RESULTS = frozenset({"mistral", "writer"})
"""Providers whose models refuse a user's word right behind a tool's: "Unexpected role 'user' after role 'tool'"."""
_NO_TOOLS = ("meta.llama3-2-1b-", "meta.llama3-2-3b-")
"""Trained for tools, but Converse gives them none."""
_NO_FLEXIBILITY = "This model chooses its own sampling."


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    """Raises `InvalidRequest` for what the model cannot take."""
    model = _facts(model)
    fields = native.native_fields(request, model, adapted)
    system, turns = arrange(request.messages, model, adapted, takes_thoughts=model.signs_thoughts)
    if _lacks_reasoning(fields, turns):
        param = "thinking" if "thinking" in request.extra else request.param("reasoning_effort")
        adapted.change(param, "off-for-this-turn", "The reasoning that led to the last calls is not there.")
        del fields["thinking"]
    if native.is_thinking(fields, model):
        choices = ("auto",) if model.forced_tools != "yes" else model.tool_choices
        model = replace(model, sampling="none", has_prefill=False, tool_choices=choices)
    if not model.has_rich_tool_results:
        move_attachments(turns, adapted)
    if model.provider in _NO_USER_BEHIND_RESULTS:
        turns = part_results(turns, adapted)
    points = CachePoints(request, model, adapted)
    plan = tools.plan(request, turns, model, points, adapted)
    notes: list[Block] = [Text(note) for note in plan.notes]
    if model.has_system:
        system += notes
    else:
        turns[0].blocks = notes + turns[0].blocks
        fold_system(system, turns, request.messages[0].param, adapted)
        system = []
    writer = ContentWriter(model, points, adapted)
    body: dict[str, Any] = {"messages": []}
    if system:
        body["system"] = writer.system(system)
    body["messages"] = [writer.message(turn) for turn in turns]
    native_stops = [stop for stop in request.sampling.stop if stop.strip()] if model.has_stops else []
    inference = _inference(request, model, fields, native_stops, adapted)
    if inference:
        body["inferenceConfig"] = inference
    if plan.config is not None:
        body["toolConfig"] = plan.config
    if plan.output is not None:
        body["outputConfig"] = plan.output
    if fields := {**plan.native, **fields}:
        body["additionalModelRequestFields"] = fields
    can_stream = model.streams and (plan.config is None or model.streams_tools)
    is_streamed = request.stream and can_stream
    body |= _around(request, model, fields, native_stops, adapted, is_streamed=is_streamed)
    _drop_what_bedrock_lacks(request, adapted)
    return Call(
        body=jsonio.encode(body),
        stops=[stop for stop in request.sampling.stop if stop not in native_stops],
        can_stream=can_stream,
        guardrail=request.guardrail,
        names=ToolNames.of(request),
        answer_tool=plan.answer_tool,
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


def _lacks_reasoning(fields: dict[str, Any], turns: list[Turn]) -> bool:
    """Claude, thinking by a budget, wants the thinking that led to the calls whose results now come."""
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled" or len(turns) < 2:
        return False
    last = turns[-2]
    is_calling = last.role is Role.ASSISTANT and any(isinstance(block, ToolUse) for block in last.blocks)
    return is_calling and not isinstance(last.blocks[0], Reasoning)


def _inference(
    request: Request, model: Model, fields: dict[str, Any], stops: list[str], adapted: Adaptations
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
        max_tokens = _max_tokens(request, model, fields, adapted)
        if max_tokens is not None:
            inference["maxTokens"] = max_tokens
        inference |= _sampling(request, model, adapted)
    if stops:
        inference["stopSequences"] = stops
    return inference


def _max_tokens(request: Request, model: Model, fields: dict[str, Any], adapted: Adaptations) -> int | None:
    """Unasked, Converse takes the model's maximum: only where that is more than is useful, a number is sent."""
    tokens = sampling.max_tokens(request, model, adapted)
    thinking = fields.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if request.sampling.max_tokens is None:
        is_enough = tokens < model.max_output_tokens and not (isinstance(budget, int) and budget >= tokens)
        return tokens if is_enough else None
    if tokens < model.min_output_tokens:
        adapted.take(request.param("max_tokens"), tokens, model.min_output_tokens)
        return model.min_output_tokens
    return tokens


def _sampling(request: Request, model: Model, adapted: Adaptations) -> dict[str, float]:
    wanted = request.sampling
    if model.sampling == "none":
        # 1 is the only value these models take, and what they use anyway.
        if wanted.temperature is not None and wanted.temperature != 1:
            adapted.drop("temperature", _NO_FLEXIBILITY)
        if wanted.top_p is not None and wanted.top_p != 1:
            adapted.drop("top_p", _NO_FLEXIBILITY)
        return {}
    chosen: dict[str, float] = {}
    temperature = sampling.temperature(request, adapted)
    if temperature is not None:
        chosen["temperature"] = temperature
    if wanted.top_p is not None:
        if model.sampling == "any" or temperature is None:
            chosen["topP"] = wanted.top_p
        elif wanted.top_p != 1:
            adapted.drop("top_p", "This model takes temperature or top_p, not both.")
    return chosen


def _around(
    request: Request,
    model: Model,
    fields: dict[str, Any],
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
        if native.is_thinking(fields, model):
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
    """As for the other families, but for the effort of reasoning, which is chosen here."""
    without_effort = replace(request.sampling, reasoning_effort=None)
    sampling.drop_what_bedrock_lacks(replace(request, sampling=without_effort), adapted)
    if request.end_user is not None:
        adapted.drop(request.param("end_user"), "It is not told who asks.")
