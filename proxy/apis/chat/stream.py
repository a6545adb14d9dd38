"""Events -> the bytes of a chat stream.

    role chunk, one chunk a delta, the chunk with the finish_reason, the usage chunk when asked for, [DONE]

The constant part of a chunk is encoded once. Calls are counted from 0 without gaps, and say their id, type and name once.
Source: recorded streams of OpenAI, 2025.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy import jsonio
from proxy.apis import sse
from proxy.apis.chat.reply import Envelope, finish_word, free_text, render_usage, sealed_block
from proxy.apis.chat.request import AnswerForm
from proxy.apis.openai_error import render_error
from proxy.errors import ProxyError
from proxy.neutral.blocks import Reasoning
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    UsageReport,
)
from proxy.neutral.reply import Usage

_encode = jsonio.encode


class ChatStream:
    """One per answer, for all of its choices. `send` as events come, then `close` or `fail`."""

    __slots__ = ("_choices", "_envelope", "_form", "_has_begun", "_head", "_tail")

    def __init__(self, envelope: Envelope, choices: int, form: AnswerForm) -> None:
        self._envelope = envelope
        self._head = _head(envelope, envelope.service_tier)
        # With `include_usage` every chunk but the last has a null there; without it no chunk has the key.
        self._tail = b',"usage":null}\n\n' if form.includes_usage else b"}\n\n"
        self._form = form
        self._has_begun = False
        self._choices = [
            _Choice(b'%b{"index":%d,"delta":' % (self._head, index), self._tail, form) for index in range(choices)
        ]

    def send(self, events: list[Event], choice: int = 0) -> bytes:
        sent = self._choices[choice].send(events)
        return sent if self._has_begun or not sent else self._begin(sent, choice) + sent

    def _begin(self, sent: bytes, choice: int) -> bytes:
        """The role of every choice, in order: helpers of SDKs want choice 0 to come first.

        The content of the one that begins with a call is null, as in a whole answer of calls alone.
        """
        self._has_begun = True
        head = self._choices[choice].head
        caller = choice if sent.startswith((head + b'{"tool_calls"', head + b'{"function_call"')) else None
        return b"".join(
            b'%b{"role":"assistant","content":%b,"refusal":null},"finish_reason":null}]%b'
            % (one.head, b"null" if index == caller else b'""', self._tail)
            for index, one in enumerate(self._choices)
        )

    def close(self) -> bytes:
        """The end of an answer that is whole."""
        if not self._form.includes_usage:
            return sse.DONE
        usage = sum((choice.usage for choice in self._choices), Usage())
        # Some answers say only here at which tier they were given.
        head = _head(self._envelope, usage.service_tier) if usage.service_tier else self._head
        return b'%b],"usage":%b}\n\n%b' % (head, _encode(render_usage(usage)), sse.DONE)

    def fail(self, error: ProxyError) -> bytes:
        """The end of an answer that failed: SDKs raise it. No finish_reason and no [DONE] go with it."""
        return sse.data(render_error(error))


def _head(envelope: Envelope, service_tier: str) -> bytes:
    constant = _encode(
        {
            "id": envelope.id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
            "service_tier": service_tier,
            "system_fingerprint": None,
        }
    )
    return b'data: %b,"choices":[' % constant[:-1]


class _Choice:
    __slots__ = (
        "_arguments",
        "_arguments_head",
        "_calls",
        "_form",
        "_is_custom",
        "_open",
        "_tail",
        "_thought",
        "_thought_pieces",
        "_thoughts",
        "head",
        "usage",
    )

    def __init__(self, head: bytes, tail: bytes, form: AnswerForm) -> None:
        self.head = head
        self.usage = Usage()
        self._tail = tail
        self._form = form
        self._open: BlockKind | None = None
        self._calls = 0
        self._is_custom = False
        self._arguments: list[str] = []
        self._arguments_head = b""
        """How a chunk begins that goes on with the open call, where it is one of a function in `tool_calls`."""
        self._thought = Reasoning("")
        self._thought_pieces: list[str] = []
        self._thoughts = 0

    def send(self, events: list[Event]) -> bytes:
        head, tail = self.head, self._tail
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                out.append(b'%b{"content":%b},"finish_reason":null}]%b' % (head, _encode(event.text), tail))
            elif self._arguments_head and isinstance(event, ArgumentsDelta):
                piece = _encode(event.text)
                out.append(b'%b%b}}]},"finish_reason":null}]%b' % (self._arguments_head, piece, tail))
            else:
                handle = _HANDLERS.get(type(event))
                if handle is not None:
                    handle(self, event, out)
        return b"".join(out)

    def _delta(self, delta: dict[str, Any], out: list[bytes]) -> None:
        out.append(b'%b%b,"finish_reason":null}]%b' % (self.head, _encode(delta), self._tail))

    def _start(self, event: BlockStart, out: list[bytes]) -> None:
        self._open = event.kind
        if event.kind is BlockKind.REASONING:
            self._thought = Reasoning("")
            self._thought_pieces = []
        elif event.kind is BlockKind.TOOL_USE:
            self._calls += 1
            self._arguments = []
            self._is_custom = event.name in self._form.free_text_tools
            if self._form.has_functions:
                if self._calls == 1:
                    self._delta({"function_call": {"name": event.name, "arguments": ""}}, out)
            elif self._is_custom:
                self._call({"id": event.id, "type": "custom", "custom": {"name": event.name, "input": ""}}, out)
            else:
                self._call({"id": event.id, "type": "function", "function": {"name": event.name, "arguments": ""}}, out)
                call = b'{"tool_calls":[{"index":%d,"function":{"arguments":' % (self._calls - 1)
                self._arguments_head = self.head + call

    def _call(self, fragment: dict[str, Any], out: list[bytes]) -> None:
        self._delta({"tool_calls": [{"index": self._calls - 1, **fragment}]}, out)

    def _arguments_delta(self, event: ArgumentsDelta, out: list[bytes]) -> None:
        if self._is_custom:
            # Bare text out of a JSON string: it can be had when the string is whole.
            self._arguments.append(event.text)
        elif self._calls == 1:
            self._delta({"function_call": {"arguments": event.text}}, out)

    def _reasoning(self, event: ReasoningDelta, out: list[bytes]) -> None:
        self._thought_pieces.append(event.text)
        if self._form.shows_reasoning:
            piece = _encode(event.text)
            out.append(
                b'%b{"reasoning_content":%b,"reasoning":%b},"finish_reason":null}]%b'
                % (self.head, piece, piece, self._tail)
            )

    def _seal(self, event: ReasoningSeal, out: list[bytes]) -> None:
        self._thought.signature += event.signature
        self._thought.redacted += event.redacted

    def _stop(self, event: BlockStop, out: list[bytes]) -> None:
        if self._open is BlockKind.TOOL_USE and self._is_custom:
            self._call({"custom": {"input": free_text("".join(self._arguments))}}, out)
            self._is_custom = False
        elif self._open is BlockKind.REASONING and self._form.shows_reasoning and self._thought.is_sealed:
            self._thought.text = "".join(self._thought_pieces)
            # OpenAI's SDK puts lists together by the index of their items, and fails where a second one has none.
            self._delta({"thinking_blocks": [{"index": self._thoughts, **sealed_block(self._thought)}]}, out)
            self._thoughts += 1
        self._open = None
        self._arguments_head = b""

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        if event.refusal is not None:
            self._delta({"refusal": event.refusal}, out)
        reason = finish_word(event.reason, self._calls > 0, self._form).encode()
        trace = b"" if event.trace is None else b',"trace":%b' % _encode(event.trace)
        out.append(b'%b{},"finish_reason":"%b"%b}]%b' % (self.head, reason, trace, self._tail))

    def _count(self, event: UsageReport, out: list[bytes]) -> None:
        self.usage = event.usage


_HANDLERS: dict[type, Callable[[_Choice, Any, list[bytes]], None]] = {
    BlockStart: _Choice._start,
    BlockStop: _Choice._stop,
    ArgumentsDelta: _Choice._arguments_delta,
    ReasoningDelta: _Choice._reasoning,
    ReasoningSeal: _Choice._seal,
    Finish: _Choice._finish,
    UsageReport: _Choice._count,
}
"""Text and arguments, the common cases, are handled in place."""
