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
from proxy.families.tool_schemas import ToolSchemas
from proxy.families.turns import Turn
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolUse
from proxy.neutral.request import OutputFormat, Request, Tool, ToolChoice
from proxy.routing.catalog import Model
from proxy.schemas.writer import NotWrittenOut

_ANSWER_TOOL = "final_answer"


@dataclass(slots=True)
class ToolPlan:
    """What the tools of a request come to."""

    config: dict[str, Any] | None = None
    """`toolConfig`."""
    output: dict[str, Any] | None = None
    """`outputConfig`."""
    most_calls: int | None = None
    """See `Call.most_calls`."""
    answer_tool: str | None = None
    """The tool whose arguments are the answer."""
    answer_key: str | None = None
    """Or what stands under this key of them."""
    notes: list[str] = field(default_factory=list)
    """What the model is to be told in words."""
    native: dict[str, Any] = field(default_factory=dict)
    """For `additionalModelRequestFields`."""


def plan(
    request: Request,
    turns: list[Turn],
    model: Model,
    points: CachePoints,
    schemas: ToolSchemas,
    adapted: Adaptations,
) -> ToolPlan:
    """Raises `InvalidRequest` for tools on a model that has none, and for a choice that is not among them."""
    called = [block for turn in turns for block in turn.blocks if isinstance(block, ToolUse)]
    has_choice = bool(request.tools) and request.tool_choice is not ToolChoice.NONE
    if "tools" not in model.features and (called or has_choice):
        param = request.param("tools") if has_choice else called[0].param
        raise UnsupportedParameter(f"Unsupported parameter: '{param}' is not supported with this model.", param=param)
    made = ToolPlan()
    tools = request.tools
    if has_choice:
        tools = _choose(request, model, adapted, made)
    elif called:
        # Offered for the history's sake alone: a call that is made all the same is not the client's to see.
        made.notes.append("Do not call any tool. Answer in text.")
        made.most_calls = 0
        if tools:
            adapted.change(request.param("tool_choice"), "instruction", "A history with calls cannot go without tools.")
        else:
            adapted.change("tools", "rebuilt-from-history", "A history with calls cannot go without tools.")
            tools = [Tool(name, "tools") for name in dict.fromkeys(block.name for block in called)]
    else:
        tools = []
    output = request.output_format
    grammar = schemas.answer(output) if output is not None else None
    specs = _specs(tools, points, schemas)
    if output is not None and grammar is not None:
        made.output = _text_format(output, grammar)
    elif output is not None:
        _format(output, specs, has_choice, model, schemas, adapted, made)
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
                adapted.change(
                    request.param("tool_choice"),
                    "only-tool-offered",
                    "This model cannot be made to call one of several.",
                )
            else:
                made.notes.append(f"Answer by calling the tool {name}.")
                adapted.change(request.param("tool_choice"), "instruction", "This model cannot be made to call a tool.")
    elif choice is ToolChoice.REQUIRED:
        if "any" in model.tool_choices:
            wire = {"any": {}}
        else:
            made.notes.append("Answer by calling at least one of the tools.")
            adapted.change(request.param("tool_choice"), "instruction", "This model cannot be made to call a tool.")
    if not request.has_parallel_tools:
        if model.provider == "anthropic":
            # Its own field, which may not stand beside Converse's.
            made.native["tool_choice"] = {**_claude_choice(wire), "disable_parallel_tool_use": True}
            made.most_calls = 1
            return tools
        # Only the first call of an answer is kept (`ToolPlan.most_calls`); told of it, the model plans for one.
        made.notes.append("Call no more than one tool at a time.")
        made.most_calls = 1
    if wire:
        made.config = {"toolChoice": wire}
    return tools


def _claude_choice(wire: dict[str, Any]) -> dict[str, Any]:
    for kind, value in wire.items():
        return {"type": kind, **value}
    return {"type": "auto"}


def _specs(tools: list[Tool], points: CachePoints, schemas: ToolSchemas) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = []
    for tool in tools:
        schema, is_kept = schemas.tool(tool)
        spec: dict[str, Any] = {"name": safe(tool.name), "inputSchema": {"json": schema}}
        if tool.description.strip():
            spec["description"] = tool.description
        if is_kept:
            spec["strict"] = True
        specs.append({"toolSpec": spec})
        if tool.cache_mark is not None:
            points.put(specs, tool.cache_mark)
    return specs


def _text_format(wanted: OutputFormat, grammar: dict[str, Any]) -> dict[str, Any]:
    definition = {"schema": jsonio.encode(grammar).decode(), "name": wanted.name}
    if wanted.description.strip():
        definition["description"] = wanted.description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}


def _format(
    wanted: OutputFormat,
    specs: list[dict[str, Any]],
    has_choice: bool,
    model: Model,
    schemas: ToolSchemas,
    adapted: Adaptations,
    made: ToolPlan,
) -> None:
    """Where the service has no schemas of its own: by a tool whose arguments are the answer, else by words."""
    if wanted.schema is None:
        made.notes.append("Answer with one JSON object and nothing else.")
        adapted.change(wanted.param, "instruction", "This model has no JSON mode.")
        return
    # With a choice of the client's there is no room for another tool.
    is_free = made.config is None and "tool_choice" not in made.native and (has_choice or not specs)
    answer = _as_parameters(wanted, schemas) if is_free and "tools" in model.features else None
    if answer is None:
        schema = jsonio.encode(wanted.schema).decode()
        made.notes.append(f"Answer with JSON that follows this schema, and with nothing else:\n{schema}")
        adapted.change(wanted.param, "instruction", "This model has no schemas of its own.")
        return
    adapted.change(wanted.param, "tool", "The service does not keep this model to such a schema itself.")
    parameters, made.answer_key = answer
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


def _as_parameters(wanted: OutputFormat, schemas: ToolSchemas) -> tuple[dict[str, Any], str | None] | None:
    try:
        return schemas.answer_tool(wanted)
    except NotWrittenOut:
        return None
