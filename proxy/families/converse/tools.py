"""Tools, the choice of one and the format of the answer -> `toolConfig` and `outputConfig`, or words where they lack.

    {"tools": [{"toolSpec": {"name": "…", "description": "…", "inputSchema": {"json": {…}}}}], "toolChoice": {"any": {}}}

There is no choice "none": a history with calls needs tools, one without goes without. Source: botocore 1.44 service
model (`ToolConfiguration`, `OutputConfig`); AWS Bedrock API reference, "ToolChoice" (which models take what), 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.families.converse.caching import CachePoints
from proxy.families.tool_names import safe
from proxy.families.turns import Turn
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolUse
from proxy.neutral.request import OutputFormat, Request, Tool, ToolChoice
from proxy.routing.catalog import Model
from proxy.schemas.structured import native, wrap_for_tool
from proxy.schemas.tools import for_tool

_ANSWER_TOOL = "final_answer"
_FREE_TEXT: dict[str, Any] = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_RESOLVING = frozenset({"anthropic"})
"""Providers whose models are known to follow `$ref` in the schema of a tool."""


@dataclass(slots=True)
class ToolPlan:
    """What the tools of a request come to."""

    config: dict[str, Any] | None = None
    """`toolConfig`."""
    output: dict[str, Any] | None = None
    """`outputConfig`."""
    answer_tool: str | None = None
    """The tool whose arguments are the answer."""
    notes: list[str] = field(default_factory=list)
    """What the model is to be told in words."""
    native: dict[str, Any] = field(default_factory=dict)
    """For `additionalModelRequestFields`."""


def plan(request: Request, turns: list[Turn], model: Model, points: CachePoints, adapted: Adaptations) -> ToolPlan:
    """Raises `InvalidRequest` for tools on a model that has none, and for a choice that is not among them."""
    called = [block for turn in turns for block in turn.blocks if isinstance(block, ToolUse)]
    has_choice = bool(request.tools) and request.tool_choice is not ToolChoice.NONE
    if "tools" not in model.features and (called or has_choice):
        param = "tools" if has_choice else called[0].param
        raise UnsupportedParameter(f"Unsupported parameter: '{param}' is not supported with this model.", param=param)
    made = ToolPlan()
    tools = request.tools
    if has_choice:
        tools = _choose(request, model, adapted, made)
    elif called:
        made.notes.append("Do not call any tool. Answer in text.")
        if tools:
            adapted.change("tool_choice", "instruction", "A history with calls cannot go without tools.")
        else:
            adapted.change("tools", "rebuilt-from-history", "A history with calls cannot go without tools.")
            tools = [Tool(name, "tools") for name in dict.fromkeys(block.name for block in called)]
    else:
        tools = []
    specs = _specs(tools, model, points, adapted)
    if request.output_format is not None:
        _format(request.output_format, specs, has_choice, model, adapted, made)
    if specs:
        config: dict[str, Any] = {"tools": specs}
        if made.config is not None:
            config |= made.config
        made.config = config
    return made


def _choose(request: Request, model: Model, adapted: Adaptations, made: ToolPlan) -> list[Tool]:
    """The tools to offer. What is to be said of the choice goes into the plan."""
    tools = request.tools
    wire: dict[str, Any] = {}
    choice = request.tool_choice
    if choice is ToolChoice.NAMED:
        chosen = [tool for tool in tools if tool.name == request.chosen_tool]
        if not chosen:
            raise InvalidRequest(f"Tool choice '{request.chosen_tool}' not found in 'tools'.", param="tool_choice")
        name = safe(chosen[0].name)
        if "tool" in model.tool_choices:
            wire = {"tool": {"name": name}}
        else:
            # With one tool on offer, "at least one" is this one.
            tools = chosen
            if "any" in model.tool_choices:
                wire = {"any": {}}
                adapted.change("tool_choice", "only-tool-offered", "This model cannot be made to call one of several.")
            else:
                made.notes.append(f"Answer by calling the tool {name}.")
                adapted.change("tool_choice", "instruction", "This model cannot be made to call a tool.")
    elif choice is ToolChoice.REQUIRED:
        if "any" in model.tool_choices:
            wire = {"any": {}}
        else:
            made.notes.append("Answer by calling at least one of the tools.")
            adapted.change("tool_choice", "instruction", "This model cannot be made to call a tool.")
    if not request.has_parallel_tools:
        if model.provider == "anthropic":
            # Its own field, which may not stand beside Converse's.
            made.native["tool_choice"] = {**_claude_choice(wire), "disable_parallel_tool_use": True}
            return tools
        made.notes.append("Call no more than one tool at a time.")
        adapted.change("parallel_tool_calls", "instruction", "This model may call several tools at once.")
    if wire:
        made.config = {"toolChoice": wire}
    return tools


def _claude_choice(wire: dict[str, Any]) -> dict[str, Any]:
    for kind, value in wire.items():
        return {"type": kind, **value}
    return {"type": "auto"}


def _specs(tools: list[Tool], model: Model, points: CachePoints, adapted: Adaptations) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = []
    names: set[str] = set()
    for tool in tools:
        name = safe(tool.name)
        if name in names:
            raise InvalidRequest(f"Invalid 'tools': the name '{tool.name}' stands twice.", param=tool.param)
        names.add(name)
        spec: dict[str, Any] = {"name": name, "inputSchema": {"json": _schema(tool, model)}}
        if tool.description.strip():
            spec["description"] = tool.description
        if tool.is_strict:
            if model.has_strict_tools:
                spec["strict"] = True
            else:
                adapted.drop(f"{tool.param}.strict", "This model is guided by the schema, but not held to it.")
        specs.append({"toolSpec": spec})
        if tool.cache_mark is not None:
            points.put(specs, tool.cache_mark)
    return specs


def _schema(tool: Tool, model: Model) -> dict[str, Any]:
    if tool.parameters is None and tool.is_free_text:
        return _FREE_TEXT
    takes_refs = model.provider in _RESOLVING
    return for_tool(tool.parameters, f"{tool.param}.parameters", name=tool.name, takes_refs=takes_refs)


def _format(
    wanted: OutputFormat,
    specs: list[dict[str, Any]],
    has_choice: bool,
    model: Model,
    adapted: Adaptations,
    made: ToolPlan,
) -> None:
    """By the service's own schemas, else by a tool whose arguments are the answer, else by words."""
    if wanted.schema is None:
        made.notes.append("Answer with one JSON object and nothing else.")
        adapted.change(wanted.param, "instruction", "This model has no JSON mode.")
        return
    fitted = None
    if "schema" in model.features:
        fitted = native(wanted.schema, wanted.is_strict, wanted.param, name=wanted.name)
    if fitted is not None:
        definition = {"schema": jsonio.encode(fitted).decode(), "name": wanted.name}
        if wanted.description.strip():
            definition["description"] = wanted.description
        made.output = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
        return
    takes_refs = model.provider in _RESOLVING
    parameters, key = wrap_for_tool(wanted.schema, wanted.param, name=wanted.name, takes_refs=takes_refs)
    # Its arguments are an object, so a schema of anything else cannot be one; and with a choice of the client's there is
    # no room for another tool.
    can_be_tool = "tools" in model.features and key is None
    if not can_be_tool or made.config is not None or "tool_choice" in made.native or (specs and not has_choice):
        schema = jsonio.encode(wanted.schema).decode()
        made.notes.append(f"Answer with JSON that follows this schema, and with nothing else:\n{schema}")
        adapted.change(wanted.param, "instruction", "This model has no schemas of its own.")
        return
    adapted.change(wanted.param, "tool", "This model has no schemas of its own.")
    name = _ANSWER_TOOL
    while any(spec.get("toolSpec", {}).get("name") == name for spec in specs):
        name += "_"
    made.answer_tool = name
    description = wanted.description.strip() or "Takes your final answer."
    if not specs and "tool" in model.tool_choices:
        made.config = {"toolChoice": {"tool": {"name": name}}}
    elif "any" in model.tool_choices:
        made.config = {"toolChoice": {"any": {}}}
        if specs:
            made.notes.append(f"Give your final answer by calling the tool {name}.")
    else:
        made.notes.append(f"Give your final answer by calling the tool {name}, and not in text.")
    specs.append({"toolSpec": {"name": name, "description": description, "inputSchema": {"json": parameters}}})
