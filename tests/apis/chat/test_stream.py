"""The bytes of a chat stream. Each kind of event, for one choice, is in tests/golden/*/streams."""

import random
from typing import Any

import pytest
from openai.lib.streaming._deltas import accumulate_delta

from proxy.apis.chat.reply import FINISH_REASONS, Envelope, render
from proxy.apis.chat.request import AnswerForm
from proxy.apis.chat.stream import ChatStream
from proxy.errors import Overloaded
from proxy.jsonio import decode
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
    Unrecognised,
    UsageReport,
)
from proxy.neutral.fold import Fold
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
    for chunk in chunks(stream.send([TextDelta("x"), END])):
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
    sent = stream.send([TextDelta("x"), UsageReport(Usage(1, 2)), END]) + stream.close()
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
    role = {"role": "assistant", "content": "", "refusal": None}
    assert told == [
        (0, role),
        (1, role),
        (2, role),
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
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0, "cache_write_tokens": 2},
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
    sent = b""
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
    _, (choice,) = (chunk["choices"] for chunk in chunks(stream.send([Finish(reason, "x")])))
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
    _, first, second = chunks(stream.send([TextDelta(text), ReasoningDelta(text)]))
    assert first["choices"][0]["delta"] == {"content": text}
    assert second["choices"][0]["delta"] == {"reasoning_content": text, "reasoning": text}
    assert first["model"] == text


# Calls.

PLAIN, CUSTOM = AnswerForm(), AnswerForm(free_text_tools=frozenset({"run"}))
FUNCTIONS = AnswerForm(has_functions=True)
THOUGHT = BlockStart(BlockKind.REASONING)


def call(call_id: str, name: str, *pieces: str) -> list[Event]:
    return [BlockStart(BlockKind.TOOL_USE, call_id, name), *map(ArgumentsDelta, pieces), STOP]


def deltas(events: list[Event], form: AnswerForm = PLAIN) -> list[Any]:
    """What one choice says, chunk by chunk, behind its role; the last is its finish_reason where there is one."""
    told = []
    for chunk in chunks(ChatStream(ENVELOPE, 1, form).send(events))[1:]:
        (choice,) = chunk["choices"]
        told.append(choice["delta"] if choice["finish_reason"] is None else choice["finish_reason"])
    return told


def fragment(index: int, **rest: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **rest}]}


def begun(index: int, call_id: str, name: str) -> dict[str, Any]:
    return fragment(index, id=call_id, type="function", function={"name": name, "arguments": ""})


def going_on(index: int, arguments: str) -> dict[str, Any]:
    return fragment(index, function={"arguments": arguments})


def test_calls_are_counted_from_zero_and_named_once() -> None:
    events = [
        *[THOUGHT, ReasoningDelta("Hm"), STOP, TEXT, TextDelta("Let me see."), STOP],
        *call("call_1", "now", '{"zo', 'ne":"UTC"}'),
        *[TEXT, TextDelta("And:"), STOP],
        *call("call_2", "now", "{}"),
        *[TEXT, TextDelta("."), STOP, Finish(FinishReason.TOOL_USE, "tool_use")],
    ]
    assert deltas(events) == [
        {"reasoning_content": "Hm", "reasoning": "Hm"},
        {"content": "Let me see."},
        begun(0, "call_1", "now"),
        going_on(0, '{"zo'),
        going_on(0, 'ne":"UTC"}'),
        {"content": "And:"},
        begun(1, "call_2", "now"),
        going_on(1, "{}"),
        {"content": "."},
        "tool_calls",
    ]


def test_the_order_of_keys_is_openais() -> None:
    sent = ChatStream(ENVELOPE, 1, AnswerForm()).send(call("call_1", "now", "{}"))
    assert (
        b'"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function",'
        b'"function":{"name":"now","arguments":""}}]},"finish_reason":null}]}'
    ) in sent
    assert b'"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},' in sent


def test_every_choice_counts_its_own_calls() -> None:
    stream = ChatStream(ENVELOPE, 2, AnswerForm())
    sent = b"".join(
        [
            stream.send(call("a", "f", "{}"), 1),
            stream.send(call("b", "f", "{}"), 0),
            stream.send(call("c", "f")[:1], 1),
            stream.send([END], 0),
            stream.send([STOP, Finish(FinishReason.STOP, "x")], 1),
        ]
    )
    assert [
        (choice["index"], one["index"], one.get("id"))
        for chunk in chunks(sent)
        for choice in chunk["choices"]
        for one in choice["delta"].get("tool_calls", ())
    ] == [(1, 0, "a"), (1, 0, None), (0, 0, "b"), (0, 0, None), (1, 1, "c")]
    reasons = [choice["finish_reason"] for chunk in chunks(sent) for choice in chunk["choices"]]
    assert [reason for reason in reasons if reason] == ["tool_calls", "tool_calls"]


def test_calls_in_the_older_form() -> None:
    """One is all that a message has room for."""
    events = [TEXT, TextDelta("x"), STOP, *call("a", "now", '{"a"', ":1}"), *call("b", "then", "{}"), END]
    assert deltas(events, FUNCTIONS) == [
        {"content": "x"},
        {"function_call": {"name": "now", "arguments": ""}},
        {"function_call": {"arguments": '{"a"'}},
        {"function_call": {"arguments": ":1}"}},
        "function_call",
    ]
    assert deltas([TEXT, TextDelta("x"), STOP, END], FUNCTIONS) == [{"content": "x"}, "stop"]


def test_a_custom_tool_is_called_with_bare_text() -> None:
    events = [
        *call("a", "run", '{"inp', 'ut":"l', 's\\n"}'),
        *call("b", "now", "{}"),
        *call("c", "run", '{"input":1'),
        END,
    ]
    assert deltas(events, CUSTOM) == [
        fragment(0, id="a", type="custom", custom={"name": "run", "input": ""}),
        fragment(0, custom={"input": "ls\n"}),
        begun(1, "b", "now"),
        going_on(1, "{}"),
        fragment(2, id="c", type="custom", custom={"name": "run", "input": ""}),
        fragment(2, custom={"input": '{"input":1'}),
        "tool_calls",
    ]


@pytest.mark.parametrize(
    ("reason", "without", "beside"),
    [
        (FinishReason.STOP, "stop", "tool_calls"),
        (FinishReason.TOOL_USE, "stop", "tool_calls"),
        (FinishReason.LENGTH, "length", "length"),
        (FinishReason.FILTERED, "content_filter", "content_filter"),
        (FinishReason.UNKNOWN, "length", "length"),
    ],
)
def test_calls_decide_why_an_answer_ended(reason: FinishReason, without: str, beside: str) -> None:
    end = Finish(reason, "x")
    assert deltas([TEXT, TextDelta("x"), STOP, end])[-1] == without
    assert deltas([*call("a", "f", "{}"), end])[-1] == beside


# Reasoning.

SEALED: list[Event] = [
    *[THOUGHT, ReasoningDelta("a"), ReasoningDelta("b"), ReasoningSeal("s"), ReasoningSeal("1"), STOP],
    *[THOUGHT, ReasoningSeal(redacted="r"), STOP],
    *[THOUGHT, ReasoningDelta("unsigned"), STOP],
    *[TEXT, TextDelta("x"), STOP],
    *[THOUGHT, ReasoningDelta("c"), ReasoningSeal("s2"), STOP],
]


def shown(text: str) -> dict[str, str]:
    return {"reasoning_content": text, "reasoning": text}


def test_reasoning_is_shown() -> None:
    assert deltas(SEALED) == [
        shown("a"),
        shown("b"),
        {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "ab", "signature": "s1"}]},
        {"thinking_blocks": [{"index": 1, "type": "redacted_thinking", "data": "r"}]},
        shown("unsigned"),
        {"content": "x"},
        shown("c"),
        {"thinking_blocks": [{"index": 2, "type": "thinking", "thinking": "c", "signature": "s2"}]},
    ]


def test_reasoning_is_hidden() -> None:
    assert deltas([*SEALED, *call("a", "f", "{}")], AnswerForm(shows_reasoning=False)) == [
        {"content": "x"},
        begun(0, "a", "f"),
        going_on(0, "{}"),
    ]


@pytest.mark.parametrize(
    ("events", "form", "content"),
    [
        (call("a", "f", "{}"), PLAIN, None),
        (call("a", "f", "{}"), CUSTOM, None),
        (call("a", "f", "{}"), AnswerForm(has_functions=True), None),
        ([TEXT, STOP, *call("a", "f", "{}")], PLAIN, None),
        ([TEXT, TextDelta("x"), STOP, *call("a", "f", "{}")], PLAIN, ""),
        ([THOUGHT, ReasoningDelta("x"), STOP, *call("a", "f", "{}")], AnswerForm(shows_reasoning=False), None),
        ([TEXT, STOP, END], PLAIN, ""),
    ],
)
def test_the_first_chunk_has_null_content_where_a_call_follows_at_once(events, form, content):
    for size in (len(events), 1):
        stream, sent = ChatStream(ENVELOPE, 1, form), b""
        for at in range(0, len(events), size):
            sent += stream.send(events[at : at + size])
        first = chunks(sent)[0]["choices"][0]["delta"]
        assert first == {"role": "assistant", "content": content, "refusal": None}


def test_nothing_is_sent_before_there_is_something_to_say() -> None:
    stream = ChatStream(ENVELOPE, 1, PLAIN)
    assert stream.send([UsageReport(Usage(1, 1)), TEXT]) == b""
    assert stream.send([TextDelta("x")]).count(b'"role":"assistant"') == 1
    assert b"role" not in stream.send([TextDelta("y")])


def test_openais_sdk_puts_the_pieces_together() -> None:
    message: dict[object, object] = {}
    stream = ChatStream(ENVELOPE, 1, CUSTOM)
    for chunk in chunks(stream.send([*SEALED, *call("a", "f", '{"a":', "1}"), *call("b", "run", '{"input":"ls"}')])):
        message = accumulate_delta(message, chunk["choices"][0]["delta"])
    assert message == {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "reasoning_content": "abunsignedc",
        "reasoning": "abunsignedc",
        "thinking_blocks": [
            {"index": 0, "type": "thinking", "thinking": "ab", "signature": "s1"},
            {"index": 1, "type": "redacted_thinking", "data": "r"},
            {"index": 2, "type": "thinking", "thinking": "c", "signature": "s2"},
        ],
        "tool_calls": [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"index": 1, "id": "b", "type": "custom", "custom": {"name": "run", "input": "ls"}},
        ],
    }


# Chance.


def some_events(chance: random.Random) -> list[Event]:
    """Blocks of every kind in any order, as a reader may give them."""
    events: list[Event] = []
    for number in range(chance.randrange(7)):
        pieces = [
            "".join(chance.choices('{}[]":,a \\\n\u2028é😀', k=chance.randrange(6))) for _ in range(chance.randrange(5))
        ]
        match chance.choice(list(BlockKind)):
            case BlockKind.TEXT:
                events += [TEXT, *map(TextDelta, pieces), STOP]
            case BlockKind.REASONING:
                seal = chance.choice([[], [ReasoningSeal("s")], [ReasoningSeal(redacted="r")]])
                events += [THOUGHT, *map(ReasoningDelta, pieces), *seal, STOP]
            case BlockKind.TOOL_USE:
                events += call(f"call_{number}", chance.choice(["now", "run"]), *pieces)
        if chance.random() < 0.2:
            events.append(chance.choice([Unrecognised("x"), UsageReport(Usage(1, 2))]))
    return [*events, Finish(chance.choice(list(FinishReason)), "x")]


@pytest.mark.parametrize("form", [AnswerForm(), FUNCTIONS, CUSTOM, AnswerForm(shows_reasoning=False)], ids=str)
def test_a_stream_adds_up_to_the_whole_answer(form: AnswerForm) -> None:
    """Whatever comes, and however it is cut."""
    chance = random.Random(11)
    for _ in range(300):
        events = some_events(chance)
        fold = Fold()
        fold.feed(events)
        (whole,) = render(ENVELOPE, [fold.reply()], form)["choices"]
        stream, sent = ChatStream(ENVELOPE, 1, form), b""
        while events:
            size = chance.randint(1, len(events))
            sent += stream.send(events[:size])
            events = events[size:]
        message: dict[Any, Any] = {}
        reason = None
        for chunk in chunks(sent):
            (choice,) = chunk["choices"]
            assert reason is None, "something came after the end"
            reason = choice["finish_reason"]
            message = accumulate_delta(message, choice["delta"])
        assert reason == whole["finish_reason"]
        for listed in ("tool_calls", "thinking_blocks"):
            for index, item in enumerate(message.get(listed, ())):
                assert item.pop("index") == index
        expected = {key: value for key, value in whole["message"].items() if value and key != "content"}
        assert (message.pop("content") or "") == (whole["message"]["content"] or "")
        assert {key: value for key, value in message.items() if value} == expected
