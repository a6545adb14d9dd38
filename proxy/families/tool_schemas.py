"""The schemas of one request as Claude and Converse take them: those of its tools, and that of its answer."""

from __future__ import annotations

from typing import Any

from proxy.families.tool_arguments import arguments_of
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolUse
from proxy.neutral.request import OutputFormat, Tool
from proxy.routing.catalog import Model
from proxy.schemas.grammar import grammar_of, is_loosened
from proxy.schemas.place import Budget
from proxy.schemas.room import GrammarRoom
from proxy.schemas.tools import for_tool
from proxy.schemas.wrapping import WRAPPED, bare, has_odd_names, wrap_for_tool, wrapped

Json = dict[str, Any]


class ToolSchemas:
    """One per request: what the service is to keep the model to is counted through all of it, the answer first."""

    __slots__ = ("_adapted", "_budget", "_is_claude", "_model", "_room", "argument_keys")

    def __init__(self, model: Model, adapted: Adaptations) -> None:
        self._model = model
        self._adapted = adapted
        # Whose models follow `$ref`, refuse odd names at the top, and compile so much and no more.
        self._is_claude = model.provider == "anthropic"
        self._room = GrammarRoom()
        self._budget = Budget()
        self.argument_keys: dict[str, str] = {}
        """The client's name of a tool -> the key of the wire's arguments that holds the client's own."""

    def answer(self, output: OutputFormat) -> Json | None:
        """The schema that the service itself keeps the answer to; None where it cannot."""
        if output.schema is None or "schema" not in self._model.features:
            return None
        grammar = grammar_of(output.schema, output.param, name=output.name, budget=self._budget)
        return grammar if grammar is not None and self._has_room(grammar, is_tool=False) else None

    def answer_tool(self, output: OutputFormat) -> tuple[Json, str | None]:
        """(parameters of a tool that the answer is given by, the key of its arguments that holds the answer)."""
        schema, key = wrap_for_tool(
            output.schema,
            output.param,
            name=output.name,
            takes_refs=self._is_claude,
            budget=self._budget,
        )
        schema, own_key = self._at_the_top(schema)
        return schema, key or own_key

    def tool(self, tool: Tool) -> tuple[Json, bool]:
        """(parameters, does the service keep the model to them?). Raises `InvalidRequest` for what is no schema."""
        at = f"{tool.param}.parameters"
        schema = for_tool(tool.parameters, at, name=tool.name, takes_refs=self._is_claude, budget=self._budget)
        schema, key = self._at_the_top(schema)
        if key is not None:
            self.argument_keys[tool.name] = key
        if not tool.is_strict:
            return schema, False
        # What is guaranteed is a grammar, and not every schema can be one.
        grammar = None
        if self._model.has_strict_tools and not _takes_any_object(tool, schema):
            grammar = grammar_of(schema, at, name=tool.name, is_tool=True, budget=self._budget)
        if grammar is None or not self._has_room(grammar, is_tool=True):
            self._adapted.drop(f"{tool.param}.strict", "The model follows this schema without a guarantee.")
            return schema, False
        if is_loosened(schema):
            self._adapted.change(f"{tool.param}.strict", "in-part", "Bounds and patterns are told, and not guaranteed.")
        return grammar, True

    def arguments(self, call: ToolUse) -> Json:
        """Of a call in the history, as the model would have written them. Raises `InvalidRequest` for no object."""
        value = arguments_of(call)
        key = self.argument_keys.get(call.name)
        return value if key is None else {key: value}

    def _at_the_top(self, schema: Json) -> tuple[Json, str | None]:
        """(what the model takes there, the key under which the rest of it stands one level down)."""
        if self._is_claude and has_odd_names(schema):
            return wrapped(schema), WRAPPED
        if self._model.provider != "amazon":
            return schema, None
        kept = bare(schema)
        return (kept, None) if kept is not None else (bare(wrapped(schema)) or {}, WRAPPED)

    def _has_room(self, grammar: Json, *, is_tool: bool) -> bool:
        return not self._is_claude or self._room.takes(grammar, is_tool=is_tool)


def _takes_any_object(tool: Tool, schema: Json) -> bool:
    """Nothing is said of what is in it: a grammar would have nothing be in it."""
    is_said = tool.parameters is None or "properties" in tool.parameters or bool(schema["properties"])
    return not is_said and schema.get("additionalProperties") is not False
