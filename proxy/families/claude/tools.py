"""Tools as Claude takes them, the choice among them, and what stands in for a choice that a model refuses.

    {"tools": [{"name": "…", "description": "…", "input_schema": {…}}], "tool_choice": {"type": "any"}}

Source: Anthropic API documentation, "Tool use", 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy.errors import InvalidRequest
from proxy.families.claude.content import ContentWriter
from proxy.families.tool_names import safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat, Request, ToolChoice
from proxy.routing.catalog import Model
from proxy.schemas.structured import native, wrap_for_tool
from proxy.schemas.tools import for_tool

Json = dict[str, Any]

_MOST_STRICT = 20
"""Tools of one request that can be `strict`."""


@dataclass(slots=True)
class ToolFields:
    body: Json = field(default_factory=dict)
    instructions: list[str] = field(default_factory=list)
    """For the system text: what could not be said in fields."""
    answer_tool: str | None = None
    answer_key: str | None = None


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
    tools = _tools(request, model, adapted, writer)
    choice = _choice(request)
    # Where a call is insisted on, the answer, and with it its form, waits for the next turn.
    if output is not None and not request.must_call:
        answer = _answer(output, tools, fields)
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
            adapted.change("tool_choice", "auto-and-asked-for", "This model cannot be made to call a tool.")
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


def _tools(request: Request, model: Model, adapted: Adaptations, writer: ContentWriter) -> list[Json]:
    tools: list[Json] = []
    names: set[str] = set()
    strict_left = _MOST_STRICT if model.has_strict_tools else 0
    for tool in request.tools:
        name = safe(tool.name)
        if name in names:
            raise InvalidRequest(f"Invalid 'tools': the name '{tool.name[:100]}' stands twice.", param=tool.param)
        names.add(name)
        at = f"{tool.param}.parameters"
        out: Json = {"name": name, "input_schema": for_tool(tool.parameters, at, name=tool.name)}
        if tool.description.strip():
            out["description"] = tool.description
        if tool.is_strict:
            # What is guaranteed is a grammar, and not every schema can be one.
            grammar = native(out["input_schema"], False, at, name=tool.name) if strict_left else None
            if grammar is None:
                adapted.drop(f"{tool.param}.strict", "The model follows this schema without a guarantee.")
            else:
                out["input_schema"], out["strict"] = grammar, True
                strict_left -= 1
        if tool.cache_mark is not None:
            writer.mark(out, tool.cache_mark)
        tools.append(out)
    return tools


def _answer(output: OutputFormat, tools: list[Json], fields: ToolFields) -> Json:
    fields.answer_tool = _answer_name(output, tools)
    schema, fields.answer_key = wrap_for_tool(output.schema, output.param, name=output.name)
    description = output.description.strip() or "Gives the answer to the user."
    return {"name": fields.answer_tool, "description": description, "input_schema": schema}


def _answer_name(output: OutputFormat, tools: list[Json]) -> str:
    name = safe(f"answer_{output.name}")
    taken = {tool["name"] for tool in tools}
    return name if name not in taken else safe(f"{name} as an answer")
