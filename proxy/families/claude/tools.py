"""Tools as Claude takes them, the choice among them, and what stands in for a choice that a model refuses.

    {"tools": [{"name": "…", "description": "…", "input_schema": {…}}], "tool_choice": {"type": "any"}}

Source: Anthropic API documentation, "Tool use", 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy.families.claude.content import ContentWriter
from proxy.families.tool_names import safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat, Request, Tool, ToolChoice
from proxy.routing.catalog import Model
from proxy.schemas.structured import wrap_for_tool
from proxy.schemas.tools import for_tool

Json = dict[str, Any]


@dataclass(slots=True)
class ToolFields:
    body: Json = field(default_factory=dict)
    instructions: list[str] = field(default_factory=list)
    """For the system text: what could not be said in fields."""
    answer_tool: str | None = None
    answer_key: str | None = None


def is_forced(request: Request, output: OutputFormat | None) -> bool:
    """Does the request name what the model has to call? An answer in JSON is a call too, where there is no other way."""
    if request.tools and request.tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED):
        return True
    return output is not None and not request.tools


def tool_fields(
    request: Request,
    model: Model,
    adapted: Adaptations,
    writer: ContentWriter,
    *,
    output: OutputFormat | None,
    can_force: bool,
) -> ToolFields:
    """`output`: a form of the answer that has to be had by a tool. `can_force`: the model may be told what to call."""
    fields = ToolFields()
    tools = [_tool(tool, model, adapted, writer) for tool in request.tools]
    choice: Json = {"type": request.tool_choice.value}
    if request.tool_choice is ToolChoice.REQUIRED:
        choice = {"type": "any"}
    elif request.tool_choice is ToolChoice.NAMED:
        choice = {"type": "tool", "name": safe(request.chosen_tool or "")}
    if output is not None:
        fields.answer_tool = _answer_name(output, tools)
        schema, fields.answer_key = wrap_for_tool(output.schema, output.param, name=output.name)
        tools.append(
            {
                "name": fields.answer_tool,
                "description": output.description or "Gives the answer to the user.",
                "input_schema": schema,
            }
        )
        if not request.tools or request.tool_choice is ToolChoice.NONE:
            choice = {"type": "tool", "name": fields.answer_tool}
        elif choice["type"] == "auto":
            fields.instructions.append(f"Give your final answer by calling the tool {fields.answer_tool}, not as text.")
    if not tools:
        return fields
    if choice["type"] in ("any", "tool") and not can_force:
        which = f"the tool {choice['name']}" if choice["type"] == "tool" else "one of the tools"
        fields.instructions.append(f"You have to call {which} now. Do not answer in text.")
        if fields.answer_tool is None:
            adapted.change("tool_choice", "auto-and-asked-for", "This model cannot be made to call a tool.")
        choice = {"type": "auto"}
    if not request.has_parallel_tools and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    fields.body = {"tools": tools}
    if choice != {"type": "auto"}:
        fields.body["tool_choice"] = choice
    return fields


def _tool(tool: Tool, model: Model, adapted: Adaptations, writer: ContentWriter) -> Json:
    out: Json = {
        "name": safe(tool.name),
        "input_schema": for_tool(tool.parameters, f"{tool.param}.parameters", name=tool.name),
    }
    if tool.description:
        out["description"] = tool.description
    if tool.is_strict and model.has_strict_tools:
        out["strict"] = True
    elif tool.is_strict:
        adapted.drop(f"{tool.param}.strict", "This model follows schemas without a guarantee.")
    if tool.cache_mark is not None:
        writer.mark(out, tool.cache_mark)
    return out


def _answer_name(output: OutputFormat, tools: list[Json]) -> str:
    name = safe(f"answer_{output.name}")
    taken = {tool["name"] for tool in tools}
    return name if name not in taken else safe(f"{name} as an answer")
