"""Neutral data as JSON, for the files of the golden cases.

    request  the fields of `Request` that are not at their defaults; a message's `param` is left out where it is `messages[i]`
    reply    {"blocks": ["Hello", {"Reasoning": {"text": "…"}}], "finish": "stop", "finish_word": "end_turn", "usage": {…}}
    events   one line each: {"TextDelta": {"text": "Hel"}}
    form     the fields of `AnswerForm` that are not at their defaults, all of them where there is no file
    call     the same of `Call`, as far as readers look at it: `names` a list, `reading` the fields of Llama's `Expected`

A string among blocks is text. An unknown name anywhere is a TypeError.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio
from proxy.apis.chat.request import AnswerForm
from proxy.families import Call
from proxy.families.llama.answer import Expected
from proxy.families.tool_names import ToolNames
from proxy.neutral import blocks, events
from proxy.neutral.events import BlockKind, Event
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.request import Caching, Guardrail, Message, OutputFormat, Request, Role, Sampling, Tool, ToolChoice


class Golden:
    """Reads one file of a case each."""

    def json(self, path: Path) -> Any:
        return jsonio.decode(path.read_bytes())

    def text(self, path: Path) -> str:
        """Of a file that may be left out when it has nothing to say."""
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def lines(self, path: Path) -> list[bytes]:
        return path.read_bytes().splitlines()

    def request(self, path: Path) -> Request:
        raw = self.json(path)
        messages = [
            Message(
                Role(one["role"]), [_block(block) for block in one["blocks"]], one.get("param", f"messages[{index}]")
            )
            for index, one in enumerate(raw.pop("messages"))
        ]
        readers: dict[str, Callable[[Any], Any]] = {
            "sampling": lambda fields: Sampling(**fields),
            "tools": lambda tools: [_tool(tool) for tool in tools],
            "tool_choice": ToolChoice,
            "output_format": lambda fields: OutputFormat(**fields),
            "guardrail": lambda fields: Guardrail(**fields),
            "caching": lambda fields: Caching(**fields),
        }
        return Request(messages=messages, **{key: readers.get(key, _same)(value) for key, value in raw.items()})

    def reply(self, path: Path) -> Reply:
        return _reply(self.json(path))

    def replies(self, path: Path) -> list[Reply]:
        """One reply, or a list of them."""
        raw = self.json(path)
        return [_reply(one) for one in (raw if isinstance(raw, list) else [raw])]

    def form(self, path: Path, **others: Any) -> AnswerForm:
        raw = self.json(path) if path.exists() else {}
        if "free_text_tools" in raw:
            raw["free_text_tools"] = frozenset(raw["free_text_tools"])
        return AnswerForm(**{**others, **raw})

    def call(self, path: Path) -> Call:
        raw = self.json(path) if path.exists() else {}
        if "names" in raw:
            raw["names"] = ToolNames(raw["names"])
        if "guardrail" in raw:
            raw["guardrail"] = Guardrail(**raw["guardrail"])
        if "reading" in raw:
            raw["reading"] = Expected(**{"names": raw.get("names", ToolNames(())), **raw["reading"]})
        return Call(b"", **raw)

    def notes(self, call: Call) -> dict[str, Any]:
        """What a call holds for its reader, where it holds anything: the same fields, but functions by name alone."""
        notes = {key: getattr(call, key) for key in ("answer_tool", "answer_key", "is_bare_json") if getattr(call, key)}
        if isinstance(call.reading, Expected):
            notes |= {key: value for key in ("prefill", "max_calls") if (value := getattr(call.reading, key))}
            notes |= {"functions": list(call.reading.functions)} if call.reading.functions else {}
        return notes

    def events(self, path: Path) -> list[Event]:
        return [_event(jsonio.decode(line)) for line in self.lines(path)]


def _block(raw: Any) -> Any:
    if isinstance(raw, str):
        return blocks.Text(raw)
    ((name, fields),) = raw.items()
    if "blocks" in fields:
        fields["blocks"] = [_block(block) for block in fields["blocks"]]
    return getattr(blocks, name)(**_with_mark(fields))


def _tool(raw: dict[str, Any]) -> Tool:
    return Tool(**_with_mark(raw))


def _with_mark(raw: dict[str, Any]) -> dict[str, Any]:
    if "cache_mark" in raw:
        raw["cache_mark"] = blocks.CacheMark(**raw["cache_mark"])
    return raw


def _reply(raw: dict[str, Any]) -> Reply:
    return Reply(
        blocks=[_block(block) for block in raw.pop("blocks")],
        finish=FinishReason(raw.pop("finish")),
        usage=Usage(**raw.pop("usage")),
        **raw,
    )


def _event(raw: dict[str, dict[str, Any]]) -> Any:
    ((name, fields),) = raw.items()
    readers = {"kind": BlockKind, "reason": FinishReason, "usage": lambda usage: Usage(**usage)}
    return getattr(events, name)(**{key: readers.get(key, _same)(value) for key, value in fields.items()})


def _same(value: Any) -> Any:
    return value


@pytest.fixture
def golden() -> Golden:
    return Golden()
