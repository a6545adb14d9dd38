"""What messages are made of, as Claude takes it: calls and results, images, documents, cache marks."""

import struct
import zlib
from base64 import b64encode
from typing import Any

import pytest

from proxy.emulator.signature import redact, sign_thinking
from proxy.errors import InvalidRequest
from proxy.neutral.blocks import CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Request, Role, Tool

PARAM = "messages[0].content[1]"


def png() -> str:
    """One grey pixel."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b64encode(b"".join(parts)).decode()


IMAGE = Image(PARAM, png(), "image/png")
WIRE_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE.data}}


def file(kind: str, content: bytes, name: str = "") -> Document:
    return Document(PARAM, b64encode(content).decode(), kind, name)


def calls(claude: Any, *ids: str, arguments: str = "{}") -> Message:
    blocks = [ToolUse(call_id, "now", arguments, "messages[1].tool_calls[0]") for call_id in ids]
    return claude.said(*blocks, role=Role.ASSISTANT, param="messages[1]")


def results(claude: Any, *ids: str) -> Message:
    return claude.said(*(ToolResult(call_id, [Text("noon")], "messages[2]") for call_id in ids), param="messages[2]")


def test_a_call_and_its_result(claude: Any) -> None:
    messages = [
        claude.said("When?"),
        claude.said("Let me see.", ToolUse("call_1", "now", '{"zone": "CET"}'), role=Role.ASSISTANT),
        claude.said(ToolResult("call_1", [Text("noon"), Text(" "), Text("sharp")], "messages[2]")),
    ]
    body = claude.build(Request("m", messages), "sonnet-4-5", is_strict=True).body
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "now", "input": {"zone": "CET"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "text", "text": "noon"}, {"type": "text", "text": "sharp"}],
                }
            ],
        },
    ]


@pytest.mark.parametrize("arguments", ["", "{}", " {} "])
def test_no_arguments(arguments: str, claude: Any) -> None:
    messages = [claude.said("When?"), calls(claude, "a", arguments=arguments), results(claude, "a")]
    body = claude.build(Request("m", messages), "sonnet-4-5").body
    assert body["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize("blocks", [[], [Text("")], [Text(" \n")]])
def test_an_empty_result(blocks: list[Any], claude: Any) -> None:
    messages = [claude.said("When?"), calls(claude, "a"), claude.said(ToolResult("a", blocks, "messages[2]"))]
    body = claude.build(Request("m", messages), "sonnet-4-5").body
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def wire_ids(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    return (
        [block["id"] for block in blocks if block["type"] == "tool_use"],
        [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"],
    )


def test_ids_are_made_safe(claude: Any) -> None:
    ids = ("call_1", "call:2", "functions.now:0", "x" * 65, "é")
    messages = [claude.said("When?"), calls(claude, *ids), results(claude, *ids)]
    called, answered = wire_ids(claude.build(Request("m", messages), "sonnet-4-5").body)
    assert called == answered
    assert called[0] == "call_1"
    assert len(set(called)) == len(ids)


@pytest.mark.parametrize("call_id", ["call_function", "call:1", "x" * 64])
def test_ids_that_come_back_in_a_later_turn(call_id: str, claude: Any) -> None:
    turn = [calls(claude, call_id), results(claude, call_id)]
    messages = [claude.said("When?"), *turn, *turn, claude.said("And?"), *turn]
    called, answered = wire_ids(claude.build(Request("m", messages), "sonnet-4-5").body)
    assert called == answered
    assert len(set(called)) == 3
    assert all(len(one) <= 64 for one in called)
    # The same in every turn of the conversation: what is cached stays as it was.
    assert called[:2] == wire_ids(claude.build(Request("m", messages[:5]), "sonnet-4-5").body)[0]


def test_results_come_first(claude: Any) -> None:
    """Whatever else the client put between a call and its result."""
    for name in ("sonnet-4-5", "opus-4-8"):
        messages = [
            claude.said("When?"),
            calls(claude, "a", "b"),
            claude.said("Be brief.", role=Role.SYSTEM, param="messages[2]"),
            claude.said("Well?"),
            results(claude, "a"),
            claude.said("And?", *results(claude, "b").blocks),
        ]
        content = claude.build(Request("m", messages), name).body["messages"][2]["content"]
        assert [block.get("text", block.get("tool_use_id")) for block in content] == [
            "a",
            "b",
            "<system>\nBe brief.\n</system>",
            "Well?",
            "And?",
        ]


def test_images(claude: Any) -> None:
    body = claude.build(claude.asked("What is it?", IMAGE, "Well?"), "sonnet-4-5", is_strict=True).body
    assert body["messages"][0]["content"][1] == WIRE_IMAGE
    result = ToolResult("a", [Text("A picture:"), IMAGE], "messages[2]")
    messages = [claude.said("When?"), calls(claude, "a"), claude.said(result)]
    body = claude.build(Request("m", messages), "sonnet-4-5", is_strict=True).body
    assert body["messages"][2]["content"][0]["content"] == [{"type": "text", "text": "A picture:"}, WIRE_IMAGE]


def test_documents(claude: Any) -> None:
    pdf = b"%PDF-1.4\n%%EOF"
    body = claude.build(
        claude.asked(
            file("application/pdf", pdf, "plan.pdf"),
            file("text/plain", "Grüße".encode()),
            file("text/csv", b"a,b", "x" * 300),
        ),
        "sonnet-4-5",
        is_strict=True,
    ).body
    first, second, third = body["messages"][0]["content"]
    source = {"type": "base64", "media_type": "application/pdf", "data": b64encode(pdf).decode()}
    assert first == {"type": "document", "source": source, "title": "plan.pdf"}
    assert second == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}}
    assert third["source"] == {"type": "text", "media_type": "text/plain", "data": "a,b"}
    assert len(third["title"]) == 200
    result = ToolResult("a", [file("text/plain", b"noon")], "messages[2]")
    messages = [claude.said("When?"), calls(claude, "a"), claude.said(result)]
    (content,) = claude.build(Request("m", messages), "sonnet-4-5").body["messages"][2]["content"]
    assert content["content"] == [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "noon"}}
    ]


@pytest.mark.parametrize(
    ("name", "block", "words"),
    [
        ("3-5-haiku", IMAGE, "does not support images with this model"),
        ("3-haiku", file("application/pdf", b"%PDF"), "does not support documents with this model"),
        ("3-haiku", file("text/plain", b"x"), "does not support documents with this model"),
        ("sonnet-4-5", file("application/msword", b"x"), "does not support 'application/msword' with this model"),
        ("sonnet-4-5", file("text/plain", b"\xff"), "the file is not UTF-8 text"),
        ("sonnet-4-5", Document(PARAM, "?", "text/plain"), "the file is not UTF-8 text"),
    ],
)
@pytest.mark.parametrize("is_in_result", [False, True])
def test_what_it_does_not_take(name: str, block: Any, words: str, is_in_result: bool, claude: Any) -> None:
    request = claude.asked("Well?", block)
    if is_in_result:
        request.messages = [claude.said("?"), calls(claude, "a"), claude.said(ToolResult("a", [block]))]
    with pytest.raises(InvalidRequest, match=words) as raised:
        claude.build(request, name)
    assert (raised.value.status, raised.value.param) == (400, PARAM)


def mark(ttl: str | None = None, at: int = 0) -> CacheMark:
    return CacheMark(f"messages[{at}].cache_control", ttl)


def marks_of(body: Any) -> list[tuple[str, Any]]:
    """(the text, tool or call that is marked, ttl), in the order of the prompt."""
    blocks = [*body.get("tools", []), *body.get("system", [])]
    blocks += [block for turn in body["messages"] for block in turn["content"]]
    names = ("text", "name", "tool_use_id", "type")
    return [
        (next(block[name] for name in names if name in block), block["cache_control"].get("ttl"))
        for block in blocks
        if "cache_control" in block
    ]


def test_cache_marks_are_fields_of_what_stands_before_them(claude: Any) -> None:
    call = ToolUse("a", "now", "{}")
    messages = [
        claude.said("Be brief.", mark(), role=Role.SYSTEM),
        claude.said("Hi", mark("5m"), "there", IMAGE, " "),
        claude.said(call, mark("5m"), role=Role.ASSISTANT),
        claude.said(ToolResult("a", [Text("noon")], cache_mark=mark("5m"))),
    ]
    body = claude.build(Request("m", messages), "sonnet-4-5", is_strict=True).body
    assert marks_of(body) == [("Be brief.", None), ("Hi", "5m"), ("now", "5m"), ("a", "5m")]
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_the_last_four_marks_go_out(claude: Any) -> None:
    tools = [Tool("a", "tools[0]", cache_mark=CacheMark("tools[0].cache_control"))]
    messages = [
        claude.said("s", mark(at=0), role=Role.SYSTEM),
        claude.said("1", mark(at=1), "2", mark(at=2), "3", mark(at=3), "4", mark(at=4)),
    ]
    built = claude.build(Request("m", messages, tools=tools), "sonnet-4-5")
    assert [text for text, _ in marks_of(built.body)] == ["1", "2", "3", "4"]
    assert built.adapted == "tools[0].cache_control=dropped, messages[0].cache_control=dropped"


def test_two_marks_on_one_block_are_one(claude: Any) -> None:
    messages = [
        claude.said("0", mark(), mark("1h")),
        claude.said("1", mark(), "2", mark(), "3", mark("5m"), "4", mark()),
    ]
    built = claude.build(Request("m", messages), "sonnet-4-5")
    assert marks_of(built.body) == [("1", None), ("2", None), ("3", "5m"), ("4", None)]
    assert built.adapted == "messages[0].cache_control=dropped"
    built = claude.build(Request("m", messages[:1]), "sonnet-4-5", is_strict=True)
    assert marks_of(built.body) == [("0", "1h")]


def test_a_life_that_the_model_does_not_give(claude: Any) -> None:
    built = claude.build(claude.asked("Hi", mark("1h")), "sonnet-4-2")
    assert marks_of(built.body) == [("Hi", None)]
    assert built.adapted == "messages[0].cache_control.ttl=5m"
    built = claude.build(claude.asked("Hi", mark("5m")), "sonnet-4-2", is_strict=True)
    assert marks_of(built.body) == [("Hi", "5m")]


def test_no_mark_lives_longer_than_one_before_it(claude: Any) -> None:
    messages = [
        claude.said("s", mark("1h", 0), role=Role.SYSTEM),
        claude.said("1", mark("1h", 1), "2", mark(None, 2), "3", mark("1h", 3)),
    ]
    built = claude.build(Request("m", messages), "sonnet-4-5")
    assert marks_of(built.body) == [("s", "1h"), ("1", "1h"), ("2", None), ("3", None)]
    assert built.adapted == "messages[3].cache_control.ttl=5m"
    # A mark that is not sent shortens nothing.
    messages = [claude.said("0", mark("5m"), *(part for n in "1234" for part in (n, mark("1h"))))]
    built = claude.build(Request("m", messages), "sonnet-4-5")
    assert marks_of(built.body) == [(n, "1h") for n in "1234"]


def test_marks_with_nothing_to_mark(claude: Any) -> None:
    thought = Reasoning("Hm.", sign_thinking("Hm."))
    question = claude.said("?")
    for messages in (
        [claude.said(mark(), "Hi")],
        [claude.said(" ", mark(), "Hi")],
        [question, claude.said(" ", mark()), claude.said("!")],
        [question, claude.said(thought, mark(), "Hi", role=Role.ASSISTANT), question],
        [question, claude.said(Reasoning("", redacted=redact(bytes(32))), mark(), role=Role.ASSISTANT), question],
    ):
        built = claude.build(Request("m", messages), "sonnet-5")
        assert marks_of(built.body) == []
        assert built.adapted == "messages[0].cache_control=dropped"
    # What stands in front of it in the same turn, were it in another message.
    built = claude.build(Request("m", [question, claude.said(mark(), "Hi")]), "sonnet-5", is_strict=True)
    assert marks_of(built.body) == [("?", None)]


def test_marks_on_a_model_without_a_cache(claude: Any) -> None:
    built = claude.build(claude.asked("Hi", mark()), "3-haiku")
    assert marks_of(built.body) == []
    assert built.adapted == "messages[0].cache_control=dropped"
