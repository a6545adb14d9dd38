"""An answer that begins with the model's thoughts -> reasoning, and the answer proper.

    <think>\\nThe user wants …\\n</think>\\n\\nHello!

as DeepSeek's and Qwen's models write it, and whatever was made of them. Where the prompt has begun the thoughts itself, the
answer begins in the middle of them. Only what an answer begins with is taken for thoughts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import Enum, auto

from proxy.bedrock.eventstream import Frame
from proxy.families.call import Call
from proxy.families.llama import reply
from proxy.families.llama.answer import Expected
from proxy.families.llama.stream import LlamaStream
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from proxy.neutral.fold import Fold
from proxy.neutral.reply import Reply, Usage, estimate_reasoning
from proxy.neutral.unfold import unfold

BEGIN, END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Thinking(Expected):
    """Of a model that thinks in its answer."""

    is_begun: bool = False
    """The prompt has opened the thoughts."""


def thinking(told: Expected, prompt: str) -> Thinking:
    known = {one.name: getattr(told, one.name) for one in fields(Expected)}
    return Thinking(**known, is_begun=prompt.rstrip().endswith(BEGIN))


def parse(body: bytes, call: Call) -> Reply:
    """Raises `UpstreamBroken`."""
    whole = reply.parse(body, call)
    if not isinstance(call.reading, Thinking):
        return whole
    fold = Fold()
    events: list[Event] = []
    Thoughts(call.reading).feed(unfold(whole), events)
    fold.feed(events)
    return fold.reply()


def reader(call: Call) -> LlamaStream:
    return ThinkingStream(call, call.reading) if isinstance(call.reading, Thinking) else LlamaStream(call)


class ThinkingStream(LlamaStream):
    __slots__ = ("_thoughts",)

    def __init__(self, call: Call, told: Thinking) -> None:
        super().__init__(call)
        self._thoughts = Thoughts(told)

    def feed(self, frames: Iterable[Frame], out: list[Event]) -> None:
        """Raises `UpstreamBroken` for what cannot be read; `out` has what could be read before it."""
        events: list[Event] = []
        try:
            super().feed(frames, events)
        finally:
            self._thoughts.feed(events, out)

    def usage_so_far(self) -> Usage:
        return self._thoughts.count(super().usage_so_far())


class _State(Enum):
    BEFORE = auto()
    THINKING = auto()
    BEHIND = auto()
    """Of thoughts; nothing but white space has come since."""
    DONE = auto()


class Thoughts:
    """`feed` it the events of one answer: to `out` they come with the text that is thoughts as reasoning."""

    __slots__ = ("_answer_size", "_held", "_is_open", "_size", "_state")

    def __init__(self, told: Thinking) -> None:
        self._state = _State.THINKING if told.is_begun else _State.BEFORE
        self._held = ""
        """Text that cannot be told yet."""
        self._is_open = False
        """Has a block of reasoning begun?"""
        self._size = self._answer_size = 0

    def feed(self, events: list[Event], out: list[Event]) -> None:
        for event in events:
            if isinstance(event, UsageReport):
                out.append(UsageReport(self.count(event.usage)))
            elif self._state is _State.DONE:
                if isinstance(event, TextDelta | ArgumentsDelta):
                    self._answer_size += len(event.text)
                out.append(event)
            elif isinstance(event, TextDelta):
                self._read(event.text, out)
            elif isinstance(event, BlockStop):
                self._close(out)
            elif isinstance(event, BlockStart) and event.kind is BlockKind.TEXT:
                pass  # it is begun again as what it turns out to be
            else:
                if isinstance(event, BlockStart):  # of a call, and no text before it
                    self._state = _State.DONE
                out.append(event)

    def count(self, usage: Usage) -> Usage:
        """Bedrock does not count thoughts by themselves."""
        tokens = estimate_reasoning(usage.output_tokens, self._size, self._answer_size, is_abridged=False)
        return replace(usage, reasoning_tokens=tokens)

    def _read(self, text: str, out: list[Event]) -> None:
        text, self._held = self._held + text, ""
        if self._state is _State.BEFORE:
            begun = text.lstrip()
            if begun.startswith(BEGIN):
                self._state, text = _State.THINKING, begun.removeprefix(BEGIN)
            elif BEGIN.startswith(begun):
                self._held = text
                return
            else:
                self._answer(text, out)
                return
        if self._state is _State.THINKING:
            thought, end, text = text.partition(END)
            if not end:
                self._held = _beginning_of_end(thought)
                self._think(thought.removesuffix(self._held), out)
                return
            self._think(thought, out)
            self._stop_thinking(out)
            self._state = _State.BEHIND
        if answer := text.lstrip():
            self._answer(answer, out)

    def _think(self, thought: str, out: list[Event]) -> None:
        if not self._is_open:
            thought = thought.lstrip()
            if not thought:
                return
            self._is_open = True
            out.append(BlockStart(BlockKind.REASONING))
        if thought:
            self._size += len(thought)
            out.append(ReasoningDelta(thought))

    def _stop_thinking(self, out: list[Event]) -> None:
        if self._is_open:
            self._is_open = False
            out.append(BlockStop())

    def _answer(self, text: str, out: list[Event]) -> None:
        self._state = _State.DONE
        self._answer_size += len(text)
        out += [BlockStart(BlockKind.TEXT), TextDelta(text)]

    def _close(self, out: list[Event]) -> None:
        """The text is at its end."""
        held, self._held = self._held, ""
        if self._state is _State.BEFORE:
            self._answer(held, out)
            out.append(BlockStop())
        elif self._state is _State.THINKING:
            self._think(held, out)
            self._stop_thinking(out)
        self._state = _State.DONE


def _beginning_of_end(text: str) -> str:
    """What at the end of a text may become the mark that ends thoughts."""
    at = text.rfind("<", -len(END))
    return text[at:] if at >= 0 and END.startswith(text[at:]) else ""
