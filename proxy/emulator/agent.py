"""What an emulated model does when no script tells it: which tools it calls, and what it says.

It calls a tool that it is made to call, a new one rather than one it has called; of its own will those that the user's
last words name, in their order, and each once; then the one that the system text tells it to call. When there is nothing
(left) to call, it says what the tools have said, or what the user has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy import jsonio
from proxy.emulator.echo import say
from proxy.emulator.json_text import read_values
from proxy.emulator.samples import sample

_SCHEMA = re.compile(r"\bJSON(?:\b[^{}]{0,200}\b|_)schema\b[^{}]*", re.IGNORECASE)
_ORDER = re.compile(r"\bcall(?:ing)? (?:the tool ([\w-]+)|(?:at least )?one of the tools\b)", re.IGNORECASE)
_OF_SCHEMAS = ("type", "properties", "$ref", "anyOf", "enum")


@dataclass(slots=True)
class Tool:
    name: str
    schema: Any


@dataclass(slots=True)
class Situation:
    """A conversation as the model sees it, whatever API it came by."""

    system: str = ""
    user: str = ""
    """What the user said last, outside of tool results."""
    results: list[str] = field(default_factory=list)
    """What tools have just said: the results in the last message."""
    has_spoken: bool = True
    """Are the user's words in the last message?"""
    called: list[str] = field(default_factory=list)
    """The tools that have been called since the user's last words."""
    tools: list[Tool] = field(default_factory=list)
    may_call: bool = True
    must_call: bool = False
    only: str | None = None
    """The one tool that must be called."""
    is_parallel: bool = True
    """May several be called at once?"""
    schema: Any = None
    """What the answer shall satisfy."""


def choose_tools(situation: Situation) -> Sequence[Tool]:
    """The tools that are called now."""
    if not situation.may_call or not situation.tools:
        return []
    if situation.only is not None:
        return [tool for tool in situation.tools if tool.name == situation.only][:1]
    named = _named(situation.tools, situation.user)
    new = [tool for tool in situation.tools if tool.name not in situation.called]
    wanted = [tool for tool in named if tool in new]
    if situation.must_call and not wanted:
        wanted = [*new, *named, *situation.tools][:1]
    order = _ORDER.search(situation.system)
    if order and not wanted and not (order[1] is None and situation.called):
        wanted = [tool for tool in new if order[1] in (None, tool.name)][:1]
    return wanted if situation.is_parallel else wanted[:1]


def words(situation: Situation) -> str:
    """What is said when nothing is called."""
    schema = situation.schema
    if schema is None:
        schema = find_schema(situation.system) or find_schema(situation.user)
    if schema is not None:
        return jsonio.encode(sample(schema)).decode()
    if not situation.results:
        return say(situation.system, situation.user)
    heard = "The tool said: " + "\n".join(situation.results)
    return say(situation.system, situation.user, heard, has_spoken=situation.has_spoken)


def find_schema(text: str) -> Any:
    """The JSON schema that the words ask to follow; None when they do not."""
    match = _SCHEMA.search(text)
    values = read_values(text, match.end())[0] if match else []
    is_schema = values and isinstance(values[0], dict) and not values[0].keys().isdisjoint(_OF_SCHEMAS)
    return values[0] if is_schema else None


def _named(tools: list[Tool], text: str) -> list[Tool]:
    found = []
    for tool in tools:
        match = re.search(rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])", text)
        if match:
            found.append((match.start(), tool))
    return [tool for _, tool in sorted(found, key=lambda pair: pair[0])]
