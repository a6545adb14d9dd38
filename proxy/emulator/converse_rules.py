"""What Converse refuses before a model sees the request, in its own words. `converse_messages` checks the conversation.

Sources: Amazon Bedrock user guide, "Supported models and model features" and "Inference parameters by provider" (2026);
public issues for the texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy import jsonio
from proxy.emulator import claude_rules, service_model
from proxy.emulator.converse_input import conflicts, to_claude
from proxy.emulator.converse_messages import check_messages, check_system
from proxy.emulator.models import Model
from proxy.emulator.refusal import Refusal, invalid

WRAPPED = "The model returned the following errors: "
_CLAUDE_CHOICES = ("auto", "any", "tool")
_NO_TOOLS = ("llama3-2-1b", "llama3-2-3b")
"""Models that are trained for tools, but not given any by Converse."""
_NATIVE = {
    "amazon": ("inferenceConfig",),
    "cohere": ("documents", "k", "search_queries_only"),
    "mistral": ("top_k",),
    "qwen": ("reasoning_config",),
}
"""Provider -> additional fields, beside that of the model's effort. Claude checks its own."""
_NO_SCHEMA_KEYS = ("$defs", "$ref", "$schema", "definitions")
"""What Nova does not take in the input schema of a tool."""


def check(body: Any, model: Model, *, is_stream: bool, binds_thinking: bool = False, shape: str = "") -> dict[str, Any]:
    """The body in Claude's shapes. Raises `Refusal` for the first thing that Converse, or the model, would not take."""
    if is_stream and not model.streams:
        raise invalid("The model is not supported for streaming.")
    service_model.check(body, shape or ("ConverseStreamRequest" if is_stream else "ConverseRequest"))
    _check_fields(body, model)
    check_system(body.get("system", []), model)
    has_tools = check_messages(body.get("messages", []), model)
    _check_inference(body.get("inferenceConfig", {}), model)
    _check_tools(body.get("toolConfig"), model, is_stream=is_stream)
    if has_tools and "toolConfig" not in body:
        raise invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    _check_output(body.get("outputConfig", {}), model)
    native = to_claude(body, model)
    if model.family == "claude":
        _check_as_claude(body, native, model, binds_thinking=binds_thinking)
    else:
        _check_native_fields(body, model)
        _check_points(native, model)
    return native


def unsupported(field: str) -> Refusal:
    return invalid(f"This model doesn't support the {field} field. Remove {field} and try again.")


def _check_fields(body: Mapping[str, Any], model: Model) -> None:
    if not body.get("messages"):
        raise invalid("The messages field is empty. Add a message to the messages field and try again.")
    if "promptVariables" in body:
        raise invalid("The promptVariables field is only allowed with the ARN of a prompt.")
    for pointer in body.get("additionalModelResponseFieldPaths", []):
        if not re.fullmatch(r"(/[^/]+)+", pointer):
            raise invalid(f"The additional model response field path {pointer} is not a JSON pointer.")
    fields = body.get("additionalModelRequestFields")
    if fields is not None and not isinstance(fields, dict):
        raise invalid(bad_object("additionalModelRequestFields"))


def bad_object(path: str) -> str:
    return f"The format of the value at {path} is invalid. Provide a json object for the field and try again."


def _check_inference(config: Mapping[str, Any], model: Model) -> None:
    wanted = config.get("maxTokens", model.max_output_tokens)
    if wanted > model.max_output_tokens:
        raise invalid(
            f"The maximum tokens you requested exceeds the model limit of {model.max_output_tokens}. Try again with a "
            f"maximum tokens value that is lower than {model.max_output_tokens}."
        )
    if wanted < model.min_output_tokens:
        raise invalid(
            f"{WRAPPED}Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{model.min_output_tokens}, but got {wanted} instead."
        )
    if "stopSequences" in config and not model.has_stops:
        raise unsupported("stopSequences")
    if model.family != "claude" and model.sampling == "none":
        for name in ("temperature", "topP"):
            if name in config:
                raise unsupported(name)


def _check_tools(config: Mapping[str, Any] | None, model: Model, *, is_stream: bool) -> None:
    if config is None:
        return
    if "tools" not in model.features or any(name in model.id for name in _NO_TOOLS):
        raise invalid("This model doesn't support tool use.")
    if is_stream and model.family != "claude" and not model.streams_tools:
        raise invalid("This model doesn't support tool use in streaming mode.")
    names = []
    for index, tool in enumerate(config["tools"]):
        path = f"toolConfig.tools.{index}"
        if "cachePoint" in tool and "tools" not in model.cache_points:
            raise unsupported(f"{path}.cachePoint")
        if "systemTool" in tool and model.provider != "amazon":
            raise unsupported(f"{path}.systemTool")
        if "toolSpec" in tool:
            _check_tool(tool["toolSpec"], f"{path}.toolSpec", model)
            names.append(tool["toolSpec"]["name"])
        elif "systemTool" in tool:
            names.append(tool["systemTool"]["name"])
    if len(names) != len(set(names)):
        raise invalid(
            "The toolConfig.tools field contains duplicate tool names. Rename the tool and retry your request."
        )
    choice = config.get("toolChoice")
    if choice is None:
        return
    (kind,) = choice
    if kind not in (_CLAUDE_CHOICES if model.family == "claude" else model.tool_choices):
        raise unsupported(f"toolConfig.toolChoice.{kind}")
    if kind == "tool" and choice["tool"]["name"] not in names:
        raise invalid(
            f"The tool {choice['tool']['name']} at toolConfig.toolChoice.tool is not defined in toolConfig.tools."
        )


def _check_tool(spec: Mapping[str, Any], path: str, model: Model) -> None:
    schema = spec["inputSchema"].get("json")
    path = f"{path}.inputSchema.json"
    if not isinstance(schema, dict):
        raise invalid(bad_object(path))
    if schema.get("type") != "object":
        raise invalid(f"The value at {path}.type must be one of the following: object.")
    if "strict" in spec and not model.has_strict_tools:
        raise unsupported(path.replace("inputSchema.json", "strict"))
    if model.provider == "amazon":
        for key in _NO_SCHEMA_KEYS:
            if key in schema:
                place = path.replace(".", "/")
                raise invalid(f"{WRAPPED}{malformed(f'#/{place}: extraneous key [{key}] is not permitted')}")


def malformed(detail: str) -> str:
    return f"Malformed input request: {detail}, please reformat your input and try again."


def _check_output(config: Mapping[str, Any], model: Model) -> None:
    if "textFormat" in config:
        if model.family != "claude" and "schema" not in model.features:
            raise unsupported("outputConfig.textFormat")
        try:
            schema = jsonio.decode(config["textFormat"]["structure"]["jsonSchema"]["schema"].encode())
        except (ValueError, RecursionError):
            schema = None
        if not isinstance(schema, dict):
            raise invalid(bad_object("outputConfig.textFormat.structure.jsonSchema.schema"))
    if "effort" in config and model.family != "claude":
        raise unsupported("outputConfig.effort")


def _check_as_claude(body: Mapping[str, Any], native: dict[str, Any], model: Model, *, binds_thinking: bool) -> None:
    plain = to_claude({**body, "additionalModelRequestFields": {}}, model)
    for name in conflicts(body, plain):
        raise invalid(f"The additional field {name} conflicts with an existing field.")
    for name in ("compaction", "context_management"):
        if name in native:
            raise invalid(f"{WRAPPED}{name}: Extra inputs are not permitted")
    try:
        claude_rules.check(native, model, binds_thinking=binds_thinking)
    except Refusal as refusal:
        raise Refusal(refusal.type, WRAPPED + refusal.message, status=refusal.status) from None
    for tool in native.get("tools", []):
        if tool.get("type", "").startswith("tool_search"):
            raise invalid(f"{WRAPPED}'{model.name}' does not support tool types: {tool['type']}.")


def _check_native_fields(body: Mapping[str, Any], model: Model) -> None:
    fields = body.get("additionalModelRequestFields") or {}
    effort, _, inner = model.effort_field.partition(".")
    known = {*_NATIVE.get(model.provider, ()), *([effort] if effort else [])}
    for name in fields:
        if name not in known:
            raise invalid(f"{WRAPPED}{malformed(f'#: extraneous key [{name}] is not permitted')}")
    if model.provider == "amazon":
        _check_nova_fields(fields)
    value = fields.get(effort) if effort else None
    if value is None:
        return
    if inner and not isinstance(value, dict):
        raise invalid(f"{WRAPPED}{malformed(f'#/{effort}: expected type: JSONObject')}")
    chosen = value.get(inner) if inner else value
    if chosen is not None and chosen not in model.efforts:
        raise invalid(f"{WRAPPED}{malformed(f'#/{model.effort_field}: {chosen} is not a valid enum value')}")
    if chosen in model.bare_efforts and value.get("type", "enabled") != "disabled":
        for name in ("maxTokens", "temperature", "topP"):
            if name in body.get("inferenceConfig", {}):
                raise invalid(f"{name} must be unset when maxReasoningEffort is set to {chosen}.")


def _check_nova_fields(fields: Mapping[str, Any]) -> None:
    config = fields.get("inferenceConfig", {})
    top_k = config.get("topK", 0) if isinstance(config, dict) and config.keys() <= {"topK"} else None
    if not isinstance(top_k, int) or not 0 <= top_k <= 128:
        raise invalid(f"{WRAPPED}{malformed('#/inferenceConfig: topK of 0 to 128 is expected')}")
    reasoning = fields.get("reasoningConfig")
    if isinstance(reasoning, dict):
        for name in reasoning:
            if name not in ("type", "maxReasoningEffort"):
                raise invalid(f"{WRAPPED}{malformed(f'#/reasoningConfig: extraneous key [{name}] is not permitted')}")
        if reasoning.get("type") not in ("enabled", "disabled"):
            raise invalid(f"{WRAPPED}{malformed('#/reasoningConfig/type: enabled or disabled is expected')}")


def _check_points(native: Mapping[str, Any], model: Model) -> None:
    """Four cache points in all, each behind something, and none for longer than the model keeps them."""
    contents = [native.get("system", []), *(message["content"] for message in native["messages"])]
    if any("type" not in block for content in contents for block in content):
        raise invalid(f"{WRAPPED}A cache point must stand behind the content that is to be cached.")
    marks = [block["cache_control"] for content in contents for block in content if "cache_control" in block]
    if len(marks) > 4:
        raise invalid(f"{WRAPPED}A maximum of 4 cache points may be provided. Found {len(marks)}.")
    if any(mark.get("ttl", "5m") not in model.cache_ttls for mark in marks):
        raise unsupported("cachePoint.ttl")
