"""Tools as Claude takes them, the choice among them, and what stands in for a choice that a model refuses.

    {"tools": [{"name": "…", "description": "…", "input_schema": {…}}], "tool_choice": {"type": "any"}}

Source: Anthropic API documentation, "Tool use", 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy.families.claude.content import ContentWriter
from proxy.families.tool_names import safe
from proxy.families.tool_schemas import ToolSchemas
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat, Request, ToolChoice

Json = dict[str, Any]


@dataclass(slots=True)
class ToolFields:
    body: Json = field(default_factory=dict)
    instructions: list[str] = field(default_factory=list)
    """For the system text: what could not be said in fields."""
    answer_tool: str | None = None
    answer_key: str | None = None


def tool_fields(
    request: Request,
    adapted: Adaptations,
    writer: ContentWriter,
    schemas: ToolSchemas,
    *,
    output: OutputFormat | None,
    can_force: bool,
) -> ToolFields:
    """`output`: a form of the answer that has to be had by a tool. `can_force`: the model may be told what to call."""
    fields = ToolFields()
    tools = _tools(request, writer, schemas)
    choice = _choice(request)
    # Where a call is insisted on, the answer, and with it its form, waits for the next turn.
    if output is not None and not request.must_call:
        answer = _answer(output, tools, fields, schemas)
        adapted.change(output.param, "tool", "The service does not keep this model to such a schema itself.")
        if request.offers_tools:
            fields.instructions.append(f"Give your final answer by calling the tool {answer['name']}, not as text.")
            choice = {"type": "any"} if can_force else choice
        else:
            choice = {"type": "tool", "name": answer["name"], "disable_parallel_tool_use": True}
            # Not told what to call, the model must not have another tool to call.
            tools = tools if can_force else []
        tools.append(answer)
    if not tools:
        return fields
    if choice["type"] in ("any", "tool") and not can_force:
        which = f"the tool {choice['name']}" if choice["type"] == "tool" else "one of the tools"
        fields.instructions.append(f"You have to call {which} now. Do not answer in text.")
        if fields.answer_tool is None:
            param = request.param("tool_choice")
            adapted.change(param, "auto-and-asked-for", "This model cannot be made to call a tool.")
        choice = {"type": "auto"}
    if not request.has_parallel_tools and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    fields.body = {"tools": tools}
    if choice != {"type": "auto"}:
        fields.body["tool_choice"] = choice
    return fields


def _choice(request: Request) -> Json:
    if request.tool_choice is ToolChoice.NAMED:
        return {"type": "tool", "name": safe(request.chosen_tool or "")}
    return {"type": "any" if request.tool_choice is ToolChoice.REQUIRED else request.tool_choice.value}


def _tools(request: Request, writer: ContentWriter, schemas: ToolSchemas) -> list[Json]:
    tools: list[Json] = []
    for tool in request.tools:
        schema, is_kept = schemas.tool(tool)
        out: Json = {"name": safe(tool.name), "input_schema": schema}
        if tool.description.strip():
            out["description"] = tool.description
        if is_kept:
            out["strict"] = True
        if tool.cache_mark is not None:
            writer.mark(out, tool.cache_mark)
        tools.append(out)
    return tools


def _answer(output: OutputFormat, tools: list[Json], fields: ToolFields, schemas: ToolSchemas) -> Json:
    fields.answer_tool = _answer_name(output, tools)
    schema, fields.answer_key = schemas.answer_tool(output)
    description = output.description.strip() or "Gives the answer to the user."
    return {"name": fields.answer_tool, "description": description, "input_schema": schema}


def _answer_name(output: OutputFormat, tools: list[Json]) -> str:
    name = safe(f"answer_{output.name}")
    taken = {tool["name"] for tool in tools}
    return name if name not in taken else safe(f"{name} as an answer")
