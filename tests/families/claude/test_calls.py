"""Calls and answers by tool on the way back: whole and streamed they are the same, however they are cut."""

from itertools import chain
from typing import Any

import pytest

from proxy.errors import UpstreamBroken
from proxy.families import Call
from proxy.families.claude.stream import ClaudeStream
from proxy.families.tool_names import ToolNames, safe
from proxy.filters import Filters
from proxy.jsonio import decode, encode
from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import FinishReason

PLAIN = Call(b"", names=ToolNames(["mcp.now/get", "weather"]))
ODD = safe("mcp.now/get")
BY_TOOL = Call(b"", names=PLAIN.names, answer_tool="answer_city")


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(call_id: str, name: str = "weather", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def answer(**arguments: Any) -> dict[str, Any]:
    return call("toolu_9", "answer_city", **arguments)


THINKING = {"type": "thinking", "thinking": "Hm, well.", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "c2VjcmV0"}
UNSEEN = {"type": "thinking", "thinking": "", "signature": "c2ln"}
SERVER = {"type": "server_tool_use", "id": "srv", "name": "weather", "input": {"q": 1}}
CITY = '{"city":"Paris"}'

CASES: dict[str, tuple[Call, list[dict[str, Any]], list[Any], FinishReason]] = {
    "one call": (PLAIN, [call("a", city="Paris")], [ToolUse("a", "weather", CITY)], FinishReason.TOOL_USE),
    "no arguments": (PLAIN, [call("a")], [ToolUse("a", "weather", "{}")], FinishReason.TOOL_USE),
    "the client's name": (PLAIN, [call("a", ODD)], [ToolUse("a", "mcp.now/get", "{}")], FinishReason.TOOL_USE),
    "a name that was made up": (PLAIN, [call("a", "x")], [ToolUse("a", "x", "{}")], FinishReason.TOOL_USE),
    "text around calls": (
        PLAIN,
        [text("First."), call("a", city="Paris"), text("Then."), call("b"), text("Last.")],
        [Text("First."), ToolUse("a", "weather", CITY), Text("Then."), ToolUse("b", "weather", "{}"), Text("Last.")],
        FinishReason.TOOL_USE,
    ),
    "nested arguments": (
        PLAIN,
        [call("a", deep={"list": [1, 2.5, None, "é\n\"'\\"], "empty": {}})],
        [ToolUse("a", "weather", '{"deep":{"list":[1,2.5,null,"é\\n\\"\'\\\\"],"empty":{}}}')],
        FinishReason.TOOL_USE,
    ),
    "thoughts": (
        PLAIN,
        [THINKING, REDACTED, UNSEEN, text("So."), call("a"), THINKING, call("b")],
        [
            Reasoning("Hm, well.", "c2ln"),
            Reasoning("", redacted="c2VjcmV0"),
            Reasoning("", "c2ln"),
            Text("So."),
            ToolUse("a", "weather", "{}"),
            Reasoning("Hm, well.", "c2ln"),
            ToolUse("b", "weather", "{}"),
        ],
        FinishReason.TOOL_USE,
    ),
    "an answer": (BY_TOOL, [answer(city="Paris")], [Text(CITY)], FinishReason.STOP),
    "an empty answer": (BY_TOOL, [answer()], [Text("{}")], FinishReason.STOP),
    "talk before an answer": (
        BY_TOOL,
        [THINKING, text("Let me see."), answer(city="Paris")],
        [Reasoning("Hm, well.", "c2ln"), Text(CITY)],
        FinishReason.STOP,
    ),
    "talk after an answer": (BY_TOOL, [answer(city="Paris"), text("There!")], [Text(CITY)], FinishReason.STOP),
    "talk in place of an answer": (
        BY_TOOL,
        [text("I "), text("can't.")],
        [Text("I "), Text("can't.")],
        FinishReason.STOP,
    ),
    "an empty talk": (BY_TOOL, [text("")], [Text("")], FinishReason.STOP),
    "talk before another call": (
        BY_TOOL,
        [text("First"), call("a"), text("and then")],
        [ToolUse("a", "weather", "{}")],
        FinishReason.TOOL_USE,
    ),
    "an answer and another call": (
        BY_TOOL,
        [text("One."), call("a"), text("Two."), answer(city="Paris"), text("Three."), call("b")],
        [ToolUse("a", "weather", "{}"), Text(CITY), ToolUse("b", "weather", "{}")],
        FinishReason.TOOL_USE,
    ),
    "two answers": (BY_TOOL, [answer(city="Paris"), answer(city="Rome")], [Text(CITY)], FinishReason.STOP),
    "a tool of the server's": (PLAIN, [text("a"), SERVER, text("b")], [Text("a"), Text("b")], FinishReason.STOP),
}


@pytest.mark.parametrize("case", CASES)
def test_whole_and_streamed_are_the_same(case: str, claude: Any) -> None:
    asked, content, blocks, finish = CASES[case]
    word = "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"
    whole = claude.whole(content, asked, word)
    assert whole.blocks == blocks
    assert (whole.finish, whole.finish_word) == (finish, word)
    longest = max(len(encode(block)) for block in content)
    for size, at in chain(((size, 0) for size in (1, 2, 3, 5, 1000)), ((1, at) for at in range(1, longest))):
        events = claude.streamed(content, asked, word, size=size, at=at)
        assert claude.folded(events) == whole
        assert_order(events)


def assert_order(events: list[Any]) -> None:
    is_open = None
    for event in events:
        match event:
            case BlockStart(kind):
                assert is_open is None
                is_open = kind
            case BlockStop():
                assert is_open is not None
                is_open = None
            case TextDelta():
                assert is_open is BlockKind.TEXT
            case ReasoningDelta() | ReasoningSeal():
                assert is_open is BlockKind.REASONING
            case ArgumentsDelta():
                assert is_open is BlockKind.TOOL_USE
            case _:
                assert isinstance(event, UsageReport | Finish | Unrecognised)
    assert is_open is None


def events_of(claude: Any, asked: Call, *inner: Any) -> list[Any]:
    reader = ClaudeStream(asked)
    events: list[Any] = []
    reader.feed([claude.frame(one) for one in inner], events)
    return Filters(asked).feed(events)


def start(block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(kind: str, value: str) -> dict[str, Any]:
    names = {"input_json_delta": "partial_json", "text_delta": "text", "signature_delta": "signature"}
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, names[kind]: value}}


STOP = {"type": "content_block_stop", "index": 0}


def end(word: str) -> list[dict[str, Any]]:
    return [{"type": "message_delta", "delta": {"stop_reason": word}}, {"type": "message_stop"}]


def test_arguments_stream_as_they_come(claude: Any) -> None:
    pieces = ['{"ci', 'ty": "Par', 'is"}']
    events = events_of(claude, PLAIN, start(call("a")), *(delta("input_json_delta", piece) for piece in pieces), STOP)
    assert events == [
        BlockStart(BlockKind.TOOL_USE, "a", "weather"),
        *(ArgumentsDelta(piece) for piece in pieces),
        BlockStop(),
    ]


def test_an_answer_streams_as_it_comes(claude: Any) -> None:
    events = events_of(claude, BY_TOOL, start(answer()), delta("input_json_delta", '{"ci'))
    assert events == [BlockStart(BlockKind.TEXT), TextDelta('{"ci')]


def test_a_call_that_is_cut_off_says_what_there_is(claude: Any) -> None:
    """Its beginning is with the client already; OpenAI's streams end like that too."""
    inner = [start(call("a")), delta("input_json_delta", '{"city": "Pa'), STOP, *end("max_tokens")]
    reply = claude.folded(events_of(claude, PLAIN, *inner))
    assert reply.blocks == [ToolUse("a", "weather", '{"city": "Pa')]
    assert reply.finish is FinishReason.LENGTH
    reply = claude.folded(
        events_of(claude, BY_TOOL, start(answer()), delta("input_json_delta", '{"ci'), *end("max_tokens"))
    )
    assert reply.blocks == [Text('{"ci')]
    assert reply.finish is FinishReason.LENGTH
    # Whole, Bedrock gives an object in any case.
    whole = claude.whole([call("a")], PLAIN, "max_tokens")
    assert (whole.blocks, whole.finish) == ([ToolUse("a", "weather", "{}")], FinishReason.LENGTH)


def test_blocks_that_are_not_stopped(claude: Any) -> None:
    inner = [
        start(call("a")),
        delta("input_json_delta", CITY),
        start(call("b")),
        start(answer()),
        delta("input_json_delta", '{"value":'),
        delta("input_json_delta", "1}"),
        delta("text_delta", "There!"),
        start(call("c")),
        *end("tool_use"),
    ]
    events = events_of(claude, BY_TOOL, *inner)
    assert_order(events)
    assert claude.folded(events).blocks == [
        ToolUse("a", "weather", CITY),
        ToolUse("b", "weather", "{}"),
        Text('{"value":1}'),
        ToolUse("c", "weather", "{}"),
    ]


def test_deltas_without_their_start(claude: Any) -> None:
    events = events_of(claude, PLAIN, delta("signature_delta", "c2ln"), STOP, *end("end_turn"))
    assert claude.folded(events).blocks == [Reasoning("", "c2ln")]


@pytest.mark.parametrize(
    "inner",
    [
        [delta("text_delta", "a"), delta("input_json_delta", "{}")],
        [start(text("a")), delta("input_json_delta", "{}")],
        [start(call("a")), STOP, delta("input_json_delta", "{}")],
        [start(call("a")), start(call("b")) | {"index": 1}, delta("input_json_delta", "{}")],
        [start(SERVER), start(call("a")) | {"index": 1}, delta("input_json_delta", "{}")],
    ],
)
def test_arguments_of_a_call_that_is_not_open(inner: list[Any], claude: Any) -> None:
    with pytest.raises(UpstreamBroken, match="arguments of a tool without the call"):
        events_of(claude, PLAIN, *inner)


def test_arguments_that_stand_in_the_start_of_a_call(claude: Any) -> None:
    given = call("a") | {"input": {"city": "Paris"}}
    for inner, arguments in (
        ([start(given)], CITY),
        ([start(given), delta("input_json_delta", ""), STOP], CITY),
        ([start(given), delta("input_json_delta", "{}"), STOP], "{}"),
    ):
        events = events_of(claude, PLAIN, *inner, *end("tool_use"))
        assert claude.folded(events).blocks == [ToolUse("a", "weather", arguments)]


def test_blocks_that_are_left_out_are_told_once(claude: Any) -> None:
    inner = [start(SERVER), delta("input_json_delta", '{"q"'), delta("input_json_delta", ":1}"), STOP, *end("end_turn")]
    events = events_of(claude, PLAIN, *inner)
    assert events[0] == Unrecognised("Claude block 'server_tool_use'")
    assert [event for event in events[1:] if not isinstance(event, UsageReport | Finish)] == []


def test_what_is_said_in_a_block_that_is_left_out_is_left_out_too(claude: Any) -> None:
    inner = [
        start({"type": "brand_new", "text": {"a": 1}, "data": None}),
        delta("text_delta", "a"),
        delta("signature_delta", "b"),
        STOP,
        start(text("Hi")) | {"index": 1},
        *end("end_turn"),
    ]
    events = events_of(claude, PLAIN, *inner)
    assert events[0] == Unrecognised("Claude block 'brand_new'")
    assert claude.folded(events).blocks == [Text("Hi")]


def test_what_is_new_in_a_whole_answer_is_told(claude: Any) -> None:
    reply = claude.whole([{"type": "brand_new", "text": {"a": 1}}, text("Hi")], PLAIN, "end_turn")
    assert (reply.blocks, reply.unrecognised) == ([Text("Hi")], ["Claude block 'brand_new'"])
    assert claude.whole([text("Hi")], PLAIN, "end_turn").unrecognised == []


def test_talk_in_the_start_of_a_block_waits_too(claude: Any) -> None:
    inner = [start(text("I ")), delta("text_delta", "can't."), STOP]
    assert events_of(claude, BY_TOOL, *inner) == []
    reply = claude.folded(events_of(claude, BY_TOOL, *inner, *end("end_turn")))
    assert reply.blocks == [Text("I can't.")]
    assert events_of(claude, PLAIN, *inner)[1] == TextDelta("I ")


def test_what_is_written_of_a_call_counts_as_output(claude: Any) -> None:
    reader = ClaudeStream(PLAIN)
    reader.feed([claude.frame(one) for one in (start(call("a")), delta("input_json_delta", "x" * 40))], [])
    assert reader.usage_so_far().output_tokens == 10


def test_arguments_are_json_again(claude: Any) -> None:
    arguments = {"a": ["é", "\u2028", "<|eot_id|>"], "n": 12345678901234567890}
    (use,) = claude.whole([call("a", **arguments)], PLAIN).blocks
    assert decode(use.arguments) == arguments
