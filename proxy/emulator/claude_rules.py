"""What Claude on Bedrock refuses in an InvokeModel body, in its own words. `claude_messages` checks the conversation.

Sources: Amazon Bedrock user guide, "Anthropic Claude Messages API"; Anthropic API reference (October 2026); public issues
for the texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.emulator import fields
from proxy.emulator.claude_blocks import check_breakpoints, check_cache_control
from proxy.emulator.claude_facts import (
    ALL_EFFORTS,
    BETAS,
    EDITS,
    EFFORT_BETA,
    FIELD_BETAS,
    OLD_BETAS,
    TOOL_TYPES,
    Traits,
    thinks,
    traits,
)
from proxy.emulator.claude_grammars import check_draft, check_grammars
from proxy.emulator.claude_messages import check_bindings, check_messages, check_system
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid

CLASSIC, RECENT = "bedrock-2023-05-31", "2026-10-21"

_KNOWN = (
    "anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "stop_sequences", "temperature", "top_p",
    "top_k", "tools", "tool_choice", "thinking", "output_config", "metadata", "context_management", "compaction",
    "safeguards", "amazon-bedrock-guardrailConfig",
)  # fmt: skip
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""Of the names at the top of a tool's parameters; deeper down they are free."""
_SAMPLING = ("temperature", "top_p", "top_k")
_CUSTOM_TOOL = (
    "type", "name", "description", "input_schema", "strict", "cache_control", "defer_loading", "input_examples",
    "allowed_callers", "eager_input_streaming",
)  # fmt: skip


def check(body: Any, model: Model, *, binds_thinking: bool = False) -> None:
    """Raises `Refusal` for the first thing that Claude would not take."""
    body = fields.mapping(body, "body")
    given = traits(model)
    version = _check_version(body, model)
    betas = _check_betas(body, given)
    fields.refuse_extras(body, _known_fields(version, betas))
    _check_max_tokens(body, model)
    _check_sampling(body, model)
    _check_plain_fields(body)
    tools = _check_tools(body, model, version)
    _check_effort(body, given, betas)
    _check_thinking(body, given, betas)
    _check_tool_choice(body, tools, given)
    check_grammars(body)
    check_system(body, model)
    check_messages(body, model, given, is_recent=version == RECENT)
    check_breakpoints(body)
    if binds_thinking and model.binds_history:
        check_bindings(body)


def _known_fields(version: str, betas: frozenset[str]) -> list[str]:
    behind_flags = [name for name, flags in FIELD_BETAS.items() if betas.isdisjoint(flags)]
    removed = _SAMPLING if version == RECENT else ()
    return [name for name in _KNOWN if name not in behind_flags and name not in removed]


def _check_version(body: Mapping[str, Any], model: Model) -> str:
    version = fields.need(body, "anthropic_version")
    # Models of before 4.7 are those that still take sampling parameters.
    return fields.one_of(version, "anthropic_version", (CLASSIC, RECENT) if model.sampling == "none" else (CLASSIC,))


def _check_betas(body: Mapping[str, Any], given: Traits) -> frozenset[str]:
    betas = fields.array(body.get("anthropic_beta", []), "anthropic_beta")
    for index, beta in enumerate(betas):
        fields.string(beta, f"anthropic_beta.{index}")
        if beta not in BETAS and (beta not in OLD_BETAS or given.stops_at_window):
            raise invalid("invalid beta flag")
    return frozenset(betas)


def _check_max_tokens(body: Mapping[str, Any], model: Model) -> None:
    wanted = fields.integer(fields.need(body, "max_tokens"), "max_tokens", least=1)
    if wanted > model.max_output_tokens:
        raise invalid(
            f"max_tokens: {wanted} > {model.max_output_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.name}"
        )


def _check_sampling(body: Mapping[str, Any], model: Model) -> None:
    for name, most in (("temperature", 1), ("top_p", 1)):
        if name in body:
            fields.number(body[name], name, 0, most)
    if "top_k" in body:
        fields.integer(body["top_k"], "top_k", 0, 500)
    if model.sampling == "none":
        for name, default in (("temperature", 1), ("top_p", 0.999), ("top_k", None)):
            if name in body and body[name] != default:
                raise invalid(f"`{name}` is deprecated for this model.")
    elif model.sampling == "one" and "temperature" in body and "top_p" in body:
        raise invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _check_plain_fields(body: Mapping[str, Any]) -> None:
    for index, stop in enumerate(fields.array(body.get("stop_sequences", []), "stop_sequences", 8191)):
        if not fields.string(stop, f"stop_sequences.{index}").strip():
            raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    if "metadata" in body:
        metadata = fields.mapping(body["metadata"], "metadata")
        fields.refuse_extras(metadata, ("user_id",), "metadata")
        if metadata.get("user_id") is not None:
            fields.string(metadata["user_id"], "metadata.user_id", 256)

    if "context_management" in body:
        management = fields.mapping(body["context_management"], "context_management")
        for index, edit in enumerate(fields.array(management.get("edits", []), "context_management.edits")):
            fields.tag(edit, f"context_management.edits.{index}", EDITS)


def _check_tools(body: Mapping[str, Any], model: Model, version: str) -> dict[str, Any]:
    """Name -> tool."""
    tools: dict[str, Any] = {}
    for index, tool in enumerate(fields.array(body.get("tools", []), "tools")):
        path = f"tools.{index}"
        kind = fields.mapping(tool, path).get("type")
        kind = "custom" if kind is None else fields.string(kind, f"{path}.type")
        if kind == "custom":
            _check_custom_tool(tool, f"{path}.custom", model, 128 if version == RECENT else 64)
        elif kind not in TOOL_TYPES:
            raise invalid(f"'{model.name}' does not support tool types: {kind}.")
        elif fields.need(tool, "name", f"{path}.{kind}") != TOOL_TYPES[kind]:
            raise invalid(f"{path}.{kind}.name: Input should be '{TOOL_TYPES[kind]}'")
        if tool["name"] in tools:
            raise invalid("tools: Tool names must be unique.")
        tools[tool["name"]] = tool
    return tools


def _check_custom_tool(tool: Mapping[str, Any], path: str, model: Model, longest: int) -> None:
    name = fields.string(fields.need(tool, "name", path), f"{path}.name")
    schema = fields.mapping(fields.need(tool, "input_schema", path), f"{path}.input_schema")
    known = [field for field in _CUSTOM_TOOL if field != "strict" or traits(model).has_formats]
    fields.refuse_extras(tool, known, path)
    pattern = f"^[a-zA-Z0-9_-]{{1,{longest}}}$"
    if not re.fullmatch(pattern, name):
        raise invalid(f"{path}.name: String should match pattern '{pattern}'")
    if tool.get("description") is not None:
        fields.string(tool["description"], f"{path}.description")
    if "type" not in schema:
        raise invalid(f"{path}.input_schema.type: Field required")
    fields.one_of(schema["type"], f"{path}.input_schema.type", ("object",))
    for name in ("oneOf", "anyOf", "allOf"):
        if name in schema:
            raise invalid(f"{path}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level")
    check_draft(schema, f"{path}.input_schema")
    if not all(_PROPERTY.fullmatch(key) for key in fields.mapping(schema.get("properties", {}), f"{path}.properties")):
        raise invalid(f"{path}.input_schema.properties: Property keys should match pattern '^{_PROPERTY.pattern}$'")
    if tool.get("strict") is not None:
        fields.boolean(tool["strict"], f"{path}.strict")
    check_cache_control(tool, path, model)


def _check_tool_choice(body: Mapping[str, Any], tools: Mapping[str, Any], given: Traits) -> None:
    if "tool_choice" not in body:
        return
    choice = body["tool_choice"]
    kind = fields.tag(choice, "tool_choice", ("auto", "any", "tool", "none"))
    path = f"tool_choice.{kind}"
    known = (
        {"type"}
        | ({"disable_parallel_tool_use"} if kind != "none" else set())
        | ({"name"} if kind == "tool" else set())
    )
    fields.refuse_extras(choice, known, path)
    if "disable_parallel_tool_use" in choice:
        fields.boolean(choice["disable_parallel_tool_use"], f"{path}.disable_parallel_tool_use")
    name = fields.string(fields.need(choice, "name", path), f"{path}.name") if kind == "tool" else None
    if not tools:
        raise invalid("tool_choice may only be specified while providing tools")
    if kind in ("any", "tool"):
        if not given.can_force_tools:
            raise invalid('tool_choice: type "tool" and "any" are not supported for this model.')
        if thinks(body, given):
            raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if name is not None and name not in tools:
        raise invalid(f"Tool '{name}' not found in provided tools")


def _check_effort(body: Mapping[str, Any], given: Traits, betas: frozenset[str]) -> None:
    config = fields.mapping(body.get("output_config", {}), "output_config")
    known = [name for name, is_there in (("effort", given.efforts), ("format", given.has_formats)) if is_there]
    # Opus 4.5 knows the field behind a flag only.
    if given.efforts == ("low", "medium", "high") and EFFORT_BETA not in betas:
        known.remove("effort")
    fields.refuse_extras(config, known, "output_config")
    if config.get("effort") is not None:
        effort = fields.one_of(config["effort"], "output_config.effort", ALL_EFFORTS)
        if effort not in given.efforts:
            raise invalid(f"output_config.effort '{effort}' is not supported on this model.")
    if config.get("format") is not None:
        fields.tag(config["format"], "output_config.format", ("json_schema",))
        fields.refuse_extras(config["format"], ("type", "schema"), "output_config.format")
        fields.mapping(fields.need(config["format"], "schema", "output_config.format"), "output_config.format.schema")


def _check_thinking(body: Mapping[str, Any], given: Traits, betas: frozenset[str]) -> None:
    config = body.get("thinking")
    if config is None:
        return
    kind = fields.tag(config, "thinking", ("enabled", "disabled", "adaptive", "between_tools"))
    _refuse_mode(kind, body.get("output_config", {}).get("effort"), given)
    path = f"thinking.{kind}"
    fields.refuse_extras(config, _thinking_fields(kind, betas), path)
    if "display" in config:
        fields.one_of(config["display"], f"{path}.display", ("summarized", "omitted", "updates"))
    if kind == "enabled":
        budget = fields.integer(fields.need(config, "budget_tokens", path), f"{path}.budget_tokens", least=1024)
        if budget >= body["max_tokens"] and "interleaved-thinking-2025-05-14" not in betas:
            raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")
    if kind in ("enabled", "adaptive") and given.shows_thinking:
        _check_sampling_with_thinking(body)


def _thinking_fields(kind: str, betas: frozenset[str]) -> list[str]:
    known = ["type"]
    if kind == "enabled":
        known += ["budget_tokens", "display"]
    elif kind == "adaptive":
        known += ["display"]
        if "thinking-binding-controls-2026-08-01" in betas:
            known.append("block_binding")
    return known


def _refuse_mode(kind: str, effort: str | None, given: Traits) -> None:
    if kind not in given.thinking:
        if kind == "adaptive" or not given.thinking:
            raise invalid(f"{kind} thinking is not supported on this model")
        advice = (
            'Use "thinking.type.between_tools" to think between tool calls alone.'
            if kind == "disabled" and "between_tools" in given.thinking
            else 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
        raise invalid(f'"thinking.type.{kind}" is not supported for this model. {advice}')
    if kind == "between_tools" and effort in ("xhigh", "max"):
        raise invalid(f"output_config.effort '{effort}' is not supported with thinking between tools on this model.")
    if kind == "disabled" and given.needs_effort_to_disable and effort in ("xhigh", "max"):
        raise invalid(
            f"output_config.effort '{effort}' is not supported when thinking is disabled on this model. "
            "Use effort 'high' or lower, or adaptive thinking."
        )


def _check_sampling_with_thinking(body: Mapping[str, Any]) -> None:
    advice = "when thinking is enabled or in adaptive mode."
    if body.get("temperature", 1) != 1:
        raise invalid(f"`temperature` may only be set to 1 {advice}")
    if "top_k" in body:
        raise invalid(f"`top_k` must be unset {advice}")
    if body.get("top_p", 1) < 0.95:
        raise invalid(f"`top_p` must be greater than or equal to 0.95 or unset {advice}")
