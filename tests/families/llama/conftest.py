"""What the tests of Llama share: bodies and prompts that the emulator's rules have nothing against, and answers by stream."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.bedrock.eventstream import Frame
from proxy.emulator import llama_rules
from proxy.emulator.models import read_catalog
from proxy.families import Call
from proxy.families.llama import FAMILY
from proxy.families.llama.answer import Expected
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

    @property
    def prompt(self) -> str:
        prompt = self.body["prompt"]
        assert isinstance(prompt, str)
        return prompt

    @property
    def expected(self) -> Expected:
        assert isinstance(self.call.reading, Expected)
        return self.call.reading


class Llama:
    models = tuple(model for model in Catalog.load().all() if model.family == "llama")

    def model(self, name: str) -> Model:
        """By the beginning of its name: `3-3`."""
        return next(model for model in self.models if model.id.startswith(f"meta.llama{name}"))

    def build(self, request: Request, model: Model | str, *, is_strict: bool = False) -> Built:
        """The body, once the emulator has nothing to say against it, and the request has not been changed."""
        model = self.model(model) if isinstance(model, str) else model
        before = repr(request)
        adapted = Adaptations(is_strict)
        call = FAMILY.build(request, model, adapted)
        assert repr(request) == before
        body = decode(call.body)
        llama_rules.check(body, EMULATED[model.id])
        read = llama_rules.read_prompt(body["prompt"], EMULATED[model.id], len(body.get("images", ())))
        assert read.faults == []
        return Built(body, adapted.header(), call)

    def said(self, *blocks: Block | str, role: Role = Role.USER, param: str = "messages[0]") -> Message:
        return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks], param)

    def asked(self, *blocks: Block | str, **others: Any) -> Request:
        """One user's message; `messages=` in place of it."""
        messages = others.pop("messages", None) or [self.said(*(blocks or ("Hi",)))]
        return Request("m", messages, **others)

    def whole(self, text: str, call: Call, stop_reason: str = "stop") -> Reply:
        answer = {"generation": text, "prompt_token_count": 9, "generation_token_count": 5, "stop_reason": stop_reason}
        return FAMILY.parse(encode(answer), call)

    def streamed(self, pieces: list[str], call: Call, stop_reason: str = "stop") -> list[Event]:
        reader = FAMILY.reader(call)
        events: list[Event] = []
        for index, piece in enumerate([*pieces, ""]):
            inner = {
                "generation": piece,
                "prompt_token_count": None if index else 9,
                "generation_token_count": 5 if index == len(pieces) else 1,
                "stop_reason": stop_reason if index == len(pieces) else None,
            }
            frame = Frame({":event-type": "chunk"}, encode({"bytes": b64encode(encode(inner)).decode()}))
            reader.feed([frame], events)
        reader.close()
        return events

    def folded(self, events: list[Event]) -> Reply:
        fold = Fold()
        fold.feed(events)
        return fold.reply()


@pytest.fixture(scope="session")
def llama() -> Llama:
    return Llama()
