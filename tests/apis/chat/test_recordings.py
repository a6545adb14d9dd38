"""Our answers beside recorded ones of OpenAI, of 2025: the same keys, in a stream also in the same order."""

from pathlib import Path
from typing import Any

import pytest

from proxy.apis.chat.reply import Envelope, render
from proxy.apis.chat.request import parse
from proxy.apis.chat.stream import ChatStream
from proxy.apis.openai_error import render_error
from proxy.errors import ModelNotFound, ProxyError
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ReplyBlock, Text, ToolUse
from proxy.neutral.events import Event, Finish, TextDelta, UsageReport
from proxy.neutral.reply import FinishReason, Reply, Usage

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "openai"
pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="the recordings of OpenAI's traffic are not part of the repository: put them at ../shared/recordings/openai",
)
WORDS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH, "tool_calls": FinishReason.TOOL_USE}


def recorded(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(request body, response) of a file's one exchange."""
    (exchange,) = decode((RECORDINGS / name).read_bytes())
    return exchange["request"]["body"], exchange["response"]


def usage_of(usage: dict[str, Any]) -> Usage:
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        reasoning_tokens=usage["completion_tokens_details"]["reasoning_tokens"],
    )


def blocks_of(message: dict[str, Any]) -> list[ReplyBlock]:
    calls = [
        ToolUse(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    ]
    return [*([Text(message["content"])] if message["content"] else []), *calls]


def without_padding(events: list[bytes]) -> list[bytes]:
    """`obfuscation`, the last key of each chunk, pads it against traffic analysis; it may be left out."""
    return [event.partition(b',"obfuscation":"')[0] + b"}" if b'"obfuscation"' in event else event for event in events]


@pytest.mark.parametrize("name", ["chat-streaming.json", "chat-streaming-detailed-usage.json"])
def test_a_stream_is_openais_byte_for_byte(name: str) -> None:
    body, response = recorded(name)
    events = without_padding(response["body_text"].encode().split(b"\n\n"))
    objects = [decode(event[6:]) for event in events if event not in (b"", b"data: [DONE]")]
    request, form = parse(body, Adaptations(), 8)
    assert request.stream
    first = objects[0]
    envelope = Envelope(first["id"], first["created"], first["model"], first["service_tier"])
    stream = ChatStream(envelope, 1, form)
    told: list[Event] = []
    for chunk in objects[1:]:
        if chunk.get("usage"):
            told.append(UsageReport(usage_of(chunk["usage"])))
            continue
        (choice,) = chunk["choices"]
        if choice["finish_reason"]:
            told.append(Finish(WORDS[choice["finish_reason"]], "word"))
        else:
            told.append(TextDelta(choice["delta"]["content"]))
    sent = stream.send(told) + stream.close()
    assert sent.split(b"\n\n") == events


@pytest.mark.parametrize(
    "name",
    [
        "chat-basic.json",
        "chat-detailed-usage.json",
        "chat-image-to-text.json",
        "chat-json-mode.json",
        "chat-multimodal.json",
        "chat-multiturn.json",
        "chat-parallel-tools.json",
        "chat-reasoning.json",
        "chat-text-to-image-tool.json",
        "chat-tools.json",
    ],
)
def test_a_whole_answer_is_openais(name: str) -> None:
    body, response = recorded(name)
    answer = response["body"]
    _, form = parse(body, Adaptations(is_strict=True), 8)
    (choice,) = answer["choices"]
    reply = Reply(blocks_of(choice["message"]), WORDS[choice["finish_reason"]], "word", usage_of(answer["usage"]))
    envelope = Envelope(answer["id"], answer["created"], answer["model"], answer["service_tier"])
    rendered = render(envelope, [reply], form)
    # Required by OpenAI's own description, though its real answers leave it out.
    assert rendered["choices"][0].pop("logprobs") is None
    assert rendered == answer


def test_errors_are_openais() -> None:
    body, response = recorded("chat-no-messages.json")
    with pytest.raises(ProxyError) as raised:
        parse(body, Adaptations(), 8)
    assert raised.value.status == response["status"]
    assert render_error(raised.value) == response["body"]
    body, response = recorded("chat-unknown-model.json")
    assert ModelNotFound.status == response["status"]
    assert render_error(ModelNotFound(response["body"]["error"]["message"])) == response["body"]
