"""What the tests of Claude share: bodies that the emulator's rules have nothing against, frames, and answers by stream."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.bedrock.eventstream import Frame
from proxy.emulator import claude_rules
from proxy.emulator.models import read_catalog
from proxy.families import Call
from proxy.families.claude import FAMILY
from proxy.filters import Filters
from proxy.jsonio import decode, encode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Text
from proxy.neutral.events import Event
from proxy.neutral.fold import Fold
from proxy.neutral.reply import Reply
from proxy.neutral.request import Message, Request, Role
from proxy.routing.catalog import Catalog, Model

EMULATED = read_catalog()


@dataclass
class Built:
    body: dict[str, Any]
    adapted: str
    call: Call


class Claude:
    models = tuple(model for model in Catalog.load().all() if model.family == "claude")

    def model(self, name: str) -> Model:
        """By the beginning of its name: `sonnet-4-5`."""
        return next(model for model in self.models if model.id.startswith(f"anthropic.claude-{name}"))

    def build(self, request: Request, model: Model | str, *, is_strict: bool = False) -> Built:
        """The body, once the emulator has nothing to say against it, and the request has not been changed."""
        model = self.model(model) if isinstance(model, str) else model
        before = repr(request)
        adapted = Adaptations(is_strict)
        call = FAMILY.build(request, model, adapted)
        assert repr(request) == before
        body = decode(call.body)
        claude_rules.check(body, EMULATED[model.id])
        return Built(body, adapted.header(), call)

    def said(self, *blocks: Block | str, role: Role = Role.USER, param: str = "messages[0]") -> Message:
        return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks], param)

    def asked(self, *blocks: Block | str, **others: Any) -> Request:
        """One user's message; `messages=` in place of it."""
        messages = others.pop("messages", None) or [self.said(*(blocks or ("Hi",)))]
        return Request("m", messages, **others)

    def frame(self, inner: object) -> Frame:
        """One event of Claude's, as bytes or as a value."""
        raw = inner if isinstance(inner, bytes) else encode(inner)
        return Frame({":event-type": "chunk"}, encode({"bytes": b64encode(raw).decode(), "p": "abc"}))

    def whole(self, content: list[dict[str, Any]], call: Call, stop_reason: str = "tool_use") -> Reply:
        """What is read of an answer that came whole."""
        usage = {"input_tokens": 9, "output_tokens": 5}
        answer = {"type": "message", "content": content, "stop_reason": stop_reason, "usage": usage}
        return Filters(call).feed_whole(FAMILY.parse(encode(answer), call))

    def streamed(
        self, content: list[dict[str, Any]], call: Call, stop_reason: str = "tool_use", *, size: int = 3, at: int = 0
    ) -> list[Event]:
        """The events of the same answer, its texts in pieces of `size`; only the first is of `at` where that is given."""
        inner: list[Any] = [{"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}]
        for index, block in enumerate(content):
            inner += self.block(index, block, size, at)
        delta = {"stop_reason": stop_reason, "stop_sequence": None}
        inner.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
        inner.append({"type": "message_stop"})
        reader = FAMILY.reader(call)
        events: list[Event] = []
        reader.feed([self.frame(one) for one in inner], events)
        events = Filters(call).feed(events)
        reader.close()
        return events

    def block(self, index: int, block: dict[str, Any], size: int = 3, at: int = 0) -> list[Any]:
        start: dict[str, Any] = dict(block)
        deltas: list[dict[str, Any]] = []
        match block["type"]:
            case "text":
                start["text"] = ""
                deltas = [{"type": "text_delta", "text": piece} for piece in cut(block["text"], size, at)]
            case "thinking":
                start |= {"thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"], size, at)]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case "tool_use":
                start["input"] = {}
                text = encode(block["input"]).decode() if block["input"] else ""
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *cut(text, size, at)]]
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    def folded(self, events: list[Event]) -> Reply:
        fold = Fold()
        fold.feed(events)
        return fold.reply()

    def data(self, text: str) -> bytes:
        return b64decode(text)


def cut(text: str, size: int, at: int = 0) -> list[str]:
    if at:
        return [piece for piece in (text[:at], text[at:]) if piece]
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.fixture(scope="session")
def claude() -> Claude:
    return Claude()
