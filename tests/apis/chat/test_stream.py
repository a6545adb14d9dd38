"""The bytes of a chat stream. Each kind of event, for one choice, is in tests/golden/*/streams."""

import random
from typing import Any

import pytest

from proxy.apis.chat.reply import FINISH_REASONS, Envelope
from proxy.apis.chat.request import AnswerForm
from proxy.apis.chat.stream import ChatStream
from proxy.errors import Overloaded
from proxy.jsonio import decode
from proxy.neutral.events import (
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import FinishReason, Usage

ENVELOPE = Envelope("chatcmpl-0123456789abcdefghijklmnopqrs", 1763719200, "gpt-4o", "flex")
WITH_USAGE = AnswerForm(includes_usage=True)
TEXT, STOP, END = BlockStart(BlockKind.TEXT), BlockStop(), Finish(FinishReason.STOP, "end_turn")


def chunks(data: bytes) -> list[Any]:
    """The JSON of each event; its framing is checked on the way."""
    *events, rest = data.split(b"\n\n")
    assert rest == b""
    for event in events:
        assert event.startswith(b"data: ")
        assert b"\n" not in event
        assert b"\r" not in event
    return [event[6:] if event == b"data: [DONE]" else decode(event[6:]) for event in events]


def test_what_every_chunk_repeats() -> None:
    stream = ChatStream(ENVELOPE, 1, WITH_USAGE)
    for chunk in chunks(stream.start() + stream.send([TextDelta("x"), END])):
        assert list(chunk) == [
            "id",
            "object",
            "created",
            "model",
            "service_tier",
            "system_fingerprint",
            "choices",
            "usage",
        ]
        assert (chunk["id"], chunk["object"]) == (ENVELOPE.id, "chat.completion.chunk")
        assert (chunk["created"], chunk["model"], chunk["service_tier"]) == (1763719200, "gpt-4o", "flex")
        assert chunk["system_fingerprint"] is None
        assert chunk["usage"] is None


def test_without_usage_no_chunk_has_the_key() -> None:
    stream = ChatStream(ENVELOPE, 1, AnswerForm())
    sent = stream.start() + stream.send([TextDelta("x"), UsageReport(Usage(1, 2)), END]) + stream.close()
    *objects, done = chunks(sent)
    assert done == b"[DONE]"
    assert [chunk["choices"][0]["delta"] for chunk in objects] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "x"},
        {},
    ]
    assert all("usage" not in chunk for chunk in objects)
    assert stream.close() == b"data: [DONE]\n\n"


def test_the_choices_of_one_answer() -> None:
    stream = ChatStream(ENVELOPE, 3, WITH_USAGE)
    roles = chunks(stream.start())
    assert [chunk["choices"][0]["index"] for chunk in roles] == [0, 1, 2]
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in roles)
    sent = b"".join(
        [
            stream.send([UsageReport(Usage(10, 1)), TEXT, TextDelta("c")], choice=2),
            stream.send([TEXT, TextDelta("a")], choice=0),
            stream.send([UsageReport(Usage(10, 4, 1, 2, 3)), Finish(FinishReason.LENGTH, "x")], choice=2),
            stream.send([TEXT, ReasoningDelta("b")], choice=1),
            stream.send([UsageReport(Usage(10, 5)), END], choice=0),
            stream.send([END], choice=1),
            stream.send([UsageReport(Usage(10, 6))], choice=1),
        ]
    )
    told = [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"]) for chunk in chunks(sent)]
    assert told == [
        (2, {"content": "c"}),
        (0, {"content": "a"}),
        (2, {}),
        (1, {"reasoning_content": "b", "reasoning": "b"}),
        (0, {}),
        (1, {}),
    ]
    usage, done = chunks(stream.close())
    assert done == b"[DONE]"
    assert usage["choices"] == []
    # The prompt is counted as often as it is billed, what the cache read and wrote with it.
    assert usage["usage"] == {
        "prompt_tokens": 33,
        "completion_tokens": 15,
        "total_tokens": 48,
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 3,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def test_choices_interleaved_by_chance_come_apart_again() -> None:
    chance = random.Random(5)
    texts = ["".join(chance.choices('ab \n"\\é😀\u2028', k=40)) for _ in range(4)]
    left: dict[int, list[Event]] = {
        choice: [TEXT, *map(TextDelta, text), STOP, UsageReport(Usage(3, 40)), END] for choice, text in enumerate(texts)
    }
    stream = ChatStream(ENVELOPE, 4, WITH_USAGE)
    sent = stream.start()
    while left:
        choice = chance.choice(list(left))
        size = chance.randint(1, 5)
        sent += stream.send(left[choice][:size], choice)
        left[choice] = left[choice][size:]
        if not left[choice]:
            del left[choice]
    *objects, usage, _ = chunks(sent + stream.close())
    got, ends = [""] * 4, [0] * 4
    for chunk in objects:
        (choice_,) = chunk["choices"]
        assert not ends[choice_["index"]], "something came after the end"
        got[choice_["index"]] += choice_["delta"].get("content", "")
        ends[choice_["index"]] += choice_["finish_reason"] is not None
    assert got == texts
    assert ends == [1] * 4
    assert usage["usage"]["total_tokens"] == 4 * 43


def test_what_has_no_chunk() -> None:
    stream = ChatStream(ENVELOPE, 1, WITH_USAGE)
    assert stream.send([]) == b""
    assert stream.send([TEXT, STOP, Unrecognised("x"), UsageReport(Usage(1, 1))]) == b""


@pytest.mark.parametrize("reason", FinishReason)
def test_every_reason_has_openais_word(reason: FinishReason) -> None:
    stream = ChatStream(ENVELOPE, 1, AnswerForm())
    ((choice,),) = (chunk["choices"] for chunk in chunks(stream.send([Finish(reason, "x")])))
    assert choice["finish_reason"] == FINISH_REASONS[reason]


def test_a_failure_is_the_last_word() -> None:
    stream = ChatStream(ENVELOPE, 1, WITH_USAGE)
    failed = stream.fail(Overloaded("Too many\nat once: \u2028", param=None))
    assert chunks(failed) == [
        {
            "error": {
                "message": "Too many\nat once: \u2028",
                "type": "service_unavailable_error",
                "param": None,
                "code": "overloaded",
            }
        }
    ]


@pytest.mark.parametrize(
    "text", ["\n", "\r\n", "\0", "\x1f\x7f\x85", "\u2028\u2029", "data: [DONE]\n\n", '"},\\', "😀"]
)
def test_no_text_breaks_a_line(text: str) -> None:
    stream = ChatStream(Envelope("id", 0, text), 1, AnswerForm())
    first, second = chunks(stream.send([TextDelta(text), ReasoningDelta(text)]))
    assert first["choices"][0]["delta"] == {"content": text}
    assert second["choices"][0]["delta"] == {"reasoning_content": text, "reasoning": text}
    assert first["model"] == text
