"""Requests by chance: whatever a client sends, it gets a request or a refusal that names the place."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from proxy import jsonio
from proxy.apis.chat.request import parse
from proxy.apis.openai_error import render_error
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolResult, ToolUse
from proxy.neutral.request import Request, Role, ToolChoice

KEYS = [
    *["type", "id", "name", "role", "content", "text", "url", "image_url", "file", "file_data", "filename", "detail"],
    *["function", "custom", "arguments", "input", "parameters", "description", "strict", "format", "grammar", "syntax"],
    *["definition", "mode", "tools", "allowed_tools", "tool_calls", "function_call", "tool_call_id", "refusal"],
    *["thinking_blocks", "thinking", "signature", "data", "reasoning", "reasoning_content", "cache_control", "ttl"],
    *["prompt_cache_breakpoint", "json_schema", "schema", "effort", "max_tokens", "enabled", "exclude", "trace"],
    *["guardrailIdentifier", "guardrailVersion", "", "é", "x" * 300, "a.b[0]"],
]
WORDS = [
    *["function", "custom", "allowed_tools", "auto", "none", "required", "text", "image_url", "file", "refusal"],
    *["input_audio", "grammar", "lark", "thinking", "redacted_thinking", "ephemeral", "explicit", "5m", "30m"],
    *[
        "json_object",
        "json_schema",
        "high",
        "enabled",
        "a",
        "b",
        "f",
        "g",
        "JSON",
        "{}",
        '{"a":1}',
        '{"a":',
        "[" * 3000,
    ],
    *["data:image/png;base64,iVBORw0KGgo=", "data:,", "https://example.com/a.png", "http://x", "JVBERi0xLjcK"],
    *["", " ", "\n", "\u2028😀", "x" * 600],
]


class Chance:
    def __init__(self, seed: int, madness: float) -> None:
        self._random = random.Random(seed)
        self._madness = madness

    def any(self, depth: int = 4) -> Any:
        """Any JSON, of keys and words that mean something here."""
        pick = self._random.randrange(9 if depth else 6)
        match pick:
            case 0 | 1 | 2:
                return self._random.choice(WORDS)
            case 3:
                return self._random.choice([None, True, False])
            case 4:
                return self._random.choice([0, 1, -1, 7, 2**31, 10**30, 0.5, 1e300])
            case 5:
                return self._random.choice([[], {}])
            case 6:
                return [self.any(depth - 1) for _ in range(self._random.randrange(4))]
            case _:
                return {self._random.choice(KEYS): self.any(depth - 1) for _ in range(self._random.randrange(5))}

    def mad(self, sensible: Callable[[], Any]) -> Any:
        return self.any() if self._random.random() < self._madness else sensible()

    def word(self, *words: str) -> Any:
        return self.mad(lambda: self._random.choice(words))

    def object(self, **readers: Callable[[], Any]) -> dict[str, Any]:
        """Some of the fields, now and then another one."""
        found = {name: self.mad(read) for name, read in readers.items() if self._random.random() < 1 - self._madness}
        if self._random.random() < self._madness:
            found[self._random.choice(KEYS)] = self.any()
        return found

    def several(self, read: Callable[[], Any], most: int = 3) -> Any:
        return self.mad(lambda: [self.mad(read) for _ in range(self._random.randint(1, most))])

    def mark(self) -> Any:
        kind = self._random.choice(
            [("cache_control", "type", "ephemeral"), ("prompt_cache_breakpoint", "mode", "explicit")]
        )
        mark = {kind[1]: kind[2], "ttl": self.word("5m", "1h", "30m", "12h")}
        return {kind[0]: self.mad(lambda: mark)} if self._random.random() < 0.3 else {}

    def part(self, role: str) -> Any:
        image = self.object(url=lambda: self.word("data:image/png;base64,iVBORw0KGgo=", "https://example.com/a"))
        file = self.object(
            file_data=lambda: self.word("JVBERi0xLjcK", "https://example.com/b"), filename=lambda: "a.pdf"
        )
        text = {"type": "text", "text": self.word("Hi", "JSON", ""), **self.mark()}
        parts = [text]
        if role in ("user", "tool"):
            parts += [
                {"type": "image_url", "image_url": image, **self.mark()},
                {"type": "file", "file": file, **self.mark()},
            ]
        elif role == "assistant":
            parts.append({"type": "refusal", "refusal": self.word("No.")})
        return self._random.choice(parts)

    def content(self, role: str) -> Any:
        return self._random.choice([self.word("Hi", "", "JSON"), self.several(lambda: self.part(role))])

    def call(self, call_id: str) -> Any:
        arguments = self.word("{}", '{"a":[1]}', "")
        return self._random.choice(
            [
                {"id": call_id, "type": "function", "function": {"name": self.word("f", "g"), "arguments": arguments}},
                {"id": call_id, "type": "custom", "custom": {"name": self.word("run"), "input": self.word("ls")}},
            ]
        )

    def thought(self) -> Any:
        return self._random.choice(
            [
                self.object(type=lambda: "thinking", thinking=lambda: "Hm", signature=lambda: "s"),
                self.object(type=lambda: "redacted_thinking", data=lambda: "d"),
            ]
        )

    def turn(self) -> list[Any]:
        """A message, or one with calls and what came of them, in any order."""
        kind = self._random.randrange(5)
        if kind < 3:
            role = ("user", "assistant", "system")[kind]
            return [{"role": role, "content": self.content(role), **self.mark()}]
        if kind == 3:
            named = {"name": "f", "arguments": self.word("{}")}
            return [
                {"role": "assistant", "content": self.content("assistant"), "function_call": self.mad(lambda: named)},
                {"role": "function", "name": self.word("f"), "content": self.content("function")},
            ]
        ids = self._random.sample("abcdef", self._random.randint(1, 3))
        calls = [self.mad(lambda one=one: self.call(one)) for one in ids]  # type: ignore[misc]
        results = [{"role": "tool", "tool_call_id": one, "content": self.content("tool"), **self.mark()} for one in ids]
        self._random.shuffle(results)
        thoughts = {"thinking_blocks": self.several(self.thought)} if self._random.random() < 0.3 else {}
        return [{"role": "assistant", "content": self.mad(lambda: None), "tool_calls": calls, **thoughts}, *results]

    def tool(self) -> Any:
        function = self.object(
            name=lambda: self.word("f", "g", "a.b"), parameters=lambda: self.any(3), strict=lambda: True
        )
        grammar = {"type": "grammar", "grammar": {"syntax": self.word("lark"), "definition": self.word("x")}}
        custom = self.object(name=lambda: "run", format=lambda: self._random.choice([{"type": "text"}, grammar]))
        return self._random.choice(
            [
                {"type": "function", "function": function, **self.mark()},
                {"type": "custom", "custom": custom, **self.mark()},
            ]
        )

    def choice(self) -> Any:
        one = {"type": "function", "function": {"name": self.word("f", "g")}}
        allowed = self.object(mode=lambda: self.word("auto", "required"), tools=lambda: [one])
        return self._random.choice(
            ["auto", "none", "required", one, {"type": "allowed_tools", "allowed_tools": allowed}]
        )

    def format(self) -> Any:
        schema = self.object(name=lambda: self.word("A"), schema=lambda: self.any(3), strict=lambda: True)
        return self._random.choice([{"type": "json_object"}, {"type": "json_schema", "json_schema": schema}])

    def body(self) -> Any:
        turns = [self.turn() for _ in range(self._random.randint(1, 5))]
        body = {"model": "m", "messages": [self.mad(lambda one=one: one) for turn in turns for one in turn]}  # type: ignore[misc]
        fields: dict[str, Callable[[], Any]] = {
            "tools": lambda: self.several(self.tool),
            "functions": lambda: self.several(lambda: self.object(name=lambda: "f")),
            "tool_choice": self.choice,
            "function_call": lambda: self._random.choice(["auto", "none", {"name": "f"}]),
            "parallel_tool_calls": lambda: False,
            "response_format": self.format,
            "reasoning_effort": lambda: self.word("low", "max"),
            "reasoning": lambda: self.object(
                effort=lambda: "low", max_tokens=lambda: 9, enabled=lambda: True, exclude=lambda: True
            ),
            "include_reasoning": lambda: False,
            "guardrailConfig": lambda: self.object(guardrailIdentifier=lambda: "g", guardrailVersion=lambda: "1"),
            "metadata": lambda: {"a": self.word("b")},
        }
        for name, read in fields.items():
            if self._random.random() < 0.25:
                body[name] = self.mad(read)
        return body


def check(request: Request) -> None:
    """What the families rely on."""
    names = [tool.name for tool in request.tools]
    assert all(names)
    assert (request.tool_choice is ToolChoice.NAMED) == (request.chosen_tool is not None)
    assert request.chosen_tool is None or request.chosen_tool in names
    assert names or request.tool_choice is ToolChoice.AUTO
    waiting: list[str] = []
    for message in request.messages:
        uses = [block for block in message.blocks if isinstance(block, ToolUse)]
        results = [block.tool_use_id for block in message.blocks if isinstance(block, ToolResult)]
        assert results == waiting, "results stand behind their calls, in the same order"
        waiting = [use.id for use in uses]
        assert len({*waiting}) == len(waiting)
        assert message.role is Role.ASSISTANT or not uses
        assert message.role is Role.USER or not results
        assert all(isinstance(use.arguments, str) for use in uses)
    assert not waiting


@pytest.mark.parametrize(("madness", "least"), [(0.0, 600), (0.005, 500), (0.05, 100), (0.5, 1)])
def test_a_request_or_a_refusal(madness: float, least: int) -> None:
    taken = 0
    for seed in range(1500):
        body = Chance(seed, madness).body()
        before = jsonio.encode(body)
        adapted = Adaptations()
        try:
            request, _ = parse(body, adapted, 8)
        except InvalidRequest as error:
            assert error.status == 400
            assert error.message
            assert len(jsonio.encode(render_error(error))) < 3000, "a client does not get its megabytes back"
        else:
            taken += 1
            check(request)
            assert len(adapted.header()) < 2000
        assert jsonio.encode(body) == before, "the client's body was changed"
        try:
            strict = parse(body, Adaptations(is_strict=True), 8)[0]
        except InvalidRequest:
            continue
        assert strict == request, "strict changes nothing but what is refused"
        assert not adapted, "what is adapted is refused in strict mode"
    assert taken >= least


@pytest.mark.parametrize(
    "name",
    [
        *["messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "response_format"],
        *["reasoning_effort", "reasoning", "include_reasoning", "guardrailConfig", "metadata"],
    ],
)
def test_any_json_in_a_field(name: str) -> None:
    chance = Chance(17, 1)
    refused = 0
    for is_strict in (False, True):
        for _ in range(500):
            body = {"model": "m", "messages": [{"role": "user", "content": "JSON"}], name: chance.any()}
            try:
                check(parse(body, Adaptations(is_strict), 8)[0])
            except InvalidRequest as error:
                refused += 1
                assert error.message
                assert error.param is not None
    assert refused
