"""Calls and their results over several messages, in every order that clients send them in."""

import itertools
from typing import Any

import pytest

from proxy.apis.chat.messages import parse_messages
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role

HI = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgo="


def parsed(*messages: Any) -> list[Message]:
    notes = Adaptations(is_strict=True)
    found = parse_messages({"messages": list(messages)}, notes)
    assert not notes
    return found


def refused(*messages: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse_messages({"messages": list(messages)}, Adaptations())
    return raised.value.message, raised.value.param, raised.value.code


def called(*ids: str, **rest: Any) -> dict[str, Any]:
    """An assistant's message that calls `f` once for each id."""
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **rest}


def result(call_id: str, content: Any = "ok", **rest: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **rest}


def results_of(message: Message) -> list[ToolResult]:
    assert message.role is Role.USER
    results = [block for block in message.blocks if isinstance(block, ToolResult)]
    assert len(results) == len(message.blocks)
    return results


def uses(message: Message) -> list[str]:
    return [block.id for block in message.blocks if isinstance(block, ToolUse)]


def unanswered(*ids: str) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(ids)}"
    )


def stray(role: str = "tool") -> str:
    return (
        f"Invalid parameter: messages with role '{role}' must be a response to a preceeding message with 'tool_calls'."
    )


def test_one_call() -> None:
    assert parsed(HI, called("a"), result("a", "14:00")) == [
        Message(Role.USER, [Text("Hi")], "messages[0]"),
        Message(Role.ASSISTANT, [ToolUse("a", "f", "{}", "messages[1].tool_calls[0].function")], "messages[1]"),
        Message(Role.USER, [ToolResult("a", [Text("14:00")], "messages[2]")], "messages[2]"),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_results_stand_in_the_order_of_the_calls(order: tuple[str, ...]) -> None:
    messages = parsed(HI, called("a", "b", "c"), *(result(one, one.upper()) for one in order), HI)
    assert [message.role for message in messages] == [Role.USER, Role.ASSISTANT, Role.USER, Role.USER]
    found = results_of(messages[2])
    assert [one.tool_use_id for one in found] == ["a", "b", "c"]
    assert [one.blocks for one in found] == [[Text("A")], [Text("B")], [Text("C")]]
    assert [one.param for one in found] == [f"messages[{2 + order.index(one)}]" for one in "abc"]
    assert messages[2].param == found[0].param


def test_several_rounds_may_use_the_same_id() -> None:
    messages = parsed(HI, called("a"), result("a", "1"), called("a"), result("a", "2"), called("b"), result("b"))
    assert [results_of(messages[index])[0].blocks for index in (2, 4)] == [[Text("1")], [Text("2")]]


@pytest.mark.parametrize(
    ("content", "texts"),
    [(None, []), ("", [""]), ([], []), ("Let me see.", ["Let me see."]), ([{"type": "text", "text": "x"}], ["x"])],
)
def test_the_content_beside_calls(content: Any, texts: list[str]) -> None:
    (_, message, _) = parsed(HI, called("a", content=content), result("a"))
    assert [block.text for block in message.blocks if isinstance(block, Text)] == texts
    assert uses(message) == ["a"]
    assert isinstance(message.blocks[-1], ToolUse), "text comes first"


def test_no_content_key_beside_calls() -> None:
    message = called("a")
    del message["content"]
    assert uses(parsed(HI, message, result("a"))[1]) == ["a"]


def test_content_of_the_wrong_type_beside_calls() -> None:
    assert refused(HI, called("a", content=1), result("a"))[1:] == ("messages[1].content", "invalid_type")


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("14:00", [Text("14:00")]),
        ("", [Text("")]),
        (None, [Text("")]),
        ([], []),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], [Text("a"), Text("b")]),
        (
            [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "text", "text": "a map"},
                {"type": "image_url", "image_url": {"url": "https://example.com/map.png"}},
                {"type": "file", "file": {"filename": "a.txt", "file_data": "SGk="}},
            ],
            [
                Image("messages[2].content[0].image_url.url", PNG, "image/png"),
                Text("a map"),
                Image("messages[2].content[2].image_url.url", url="https://example.com/map.png"),
                Document("messages[2].content[3].file.file_data", "SGk=", "text/plain", "a.txt"),
            ],
        ),
    ],
    ids=str,
)
def test_the_content_of_a_result(content: Any, blocks: list[Any]) -> None:
    (_, _, message) = parsed(HI, called("a"), result("a", content))
    assert results_of(message)[0].blocks == blocks


def test_a_result_without_the_key_is_empty() -> None:
    (_, _, message) = parsed(HI, called("a"), {"role": "tool", "tool_call_id": "a"})
    assert results_of(message)[0].blocks == [Text("")]


def test_the_content_of_a_result_of_the_wrong_type() -> None:
    assert refused(HI, called("a"), result("a", {"ok": True})) == (
        "Invalid type for 'messages[2].content': expected one of a string or array of objects, but got an object "
        "instead.",
        "messages[2].content",
        "invalid_type",
    )
    assert refused(HI, called("a"), result("a", [{"type": "input_audio"}]))[1:] == (
        "messages[2].content[0].type",
        "invalid_value",
    )


def test_marks_within_and_beside_a_result() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}
    text = {"type": "text", "text": "x"}
    outside, inside, both = (
        results_of(parsed(HI, called("a"), one)[2])[0]
        for one in (
            result("a", "x", **mark),
            result("a", [{**text, **mark}, text]),
            result("a", [{**text, **mark}], **mark),
        )
    )
    assert outside.cache_mark == CacheMark("messages[2].cache_control", "5m")
    assert inside.cache_mark == both.cache_mark == CacheMark("messages[2].content[0].cache_control", "5m")
    assert (outside.blocks, inside.blocks, both.blocks) == ([Text("x")], [Text("x"), Text("x")], [Text("x")])


def test_a_result_may_name_its_tool() -> None:
    assert results_of(parsed(HI, called("a"), result("a", name="f"))[2])[0].tool_use_id == "a"


# Orphans.


def test_a_result_without_its_call() -> None:
    for before in ([], [HI], [HI, {"role": "assistant", "content": "x"}], [HI, called("b"), result("b")]):
        at = len(before)
        assert refused(*before, result("a")) == (stray(), f"messages.[{at}].role", None)


def test_a_result_behind_something_else() -> None:
    assert refused(HI, called("a"), result("a"), HI, result("a")) == (stray(), "messages.[4].role", None)


def test_a_call_that_is_answered_twice() -> None:
    assert refused(HI, called("a", "b"), result("a"), result("a")) == (stray(), "messages.[3].role", None)


def test_a_call_without_its_result() -> None:
    assert refused(HI, called("a", "b", "c"), result("b")) == (unanswered("a", "c"), "messages", None)
    for role in ("user", "system", "developer"):
        then = {"role": role, "content": "x"}
        assert refused(HI, called("a", "b"), result("a"), then) == (unanswered("b"), "messages.[3].role", None)
    assert refused(HI, called("a"), called("b"), result("b")) == (unanswered("a"), "messages.[2].role", None)
    assert refused(called("a"), {"role": "assistant", "content": "x"}) == (unanswered("a"), "messages.[1].role", None)


def test_many_calls_without_results_are_not_all_told() -> None:
    message, _, _ = refused(called(*(f"call_{number:05}" for number in range(5000))))
    assert len(message) < 1000
    assert "call_00000, call_00001" in message


def test_two_calls_with_one_id() -> None:
    assert refused(HI, called("a", "b", "a"), result("a"), result("b")) == (
        "Invalid 'messages[1].tool_calls': two of them have the same id.",
        "messages[1].tool_calls",
        None,
    )


@pytest.mark.parametrize("value", [None, "-"])
def test_a_result_that_names_no_call(value: str | None) -> None:
    message = {"role": "tool", "content": "x", "tool_call_id": value}
    if value is None:
        assert refused(HI, called("a"), message) == (
            "Missing required parameter: 'messages[2].tool_call_id'.",
            "messages[2].tool_call_id",
            "missing_required_parameter",
        )
    else:
        assert refused(HI, called("a"), message) == (stray(), "messages.[2].role", None)
    assert refused(HI, called("a"), {**message, "tool_call_id": 1})[1:] == ("messages[2].tool_call_id", "invalid_type")


# The older form.

FUNCTION_CALL = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}}


@pytest.mark.parametrize(("content", "text"), [("14:00", "14:00"), ("", ""), (None, "")])
def test_a_function_and_its_result(content: str | None, text: str) -> None:
    _, call, answer = parsed(HI, FUNCTION_CALL, {"role": "function", "name": "f", "content": content})
    (found,) = results_of(answer)
    assert [found.tool_use_id] == uses(call)
    assert found.blocks == [Text(text)]


def test_functions_one_after_another() -> None:
    answer = {"role": "function", "name": "f", "content": "x"}
    messages = parsed(HI, FUNCTION_CALL, answer, {**FUNCTION_CALL, "content": "Again."}, answer, HI)
    assert [message.role for message in messages] == [
        Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER, Role.USER,
    ]  # fmt: skip


def test_results_by_name_for_calls_with_ids() -> None:
    answer = {"role": "function", "name": "f"}
    messages = parsed(HI, called("a", "b"), {**answer, "content": "1"}, {**answer, "content": "2"})
    assert [(one.tool_use_id, one.blocks) for one in results_of(messages[2])] == [
        ("a", [Text("1")]),
        ("b", [Text("2")]),
    ]


def test_a_function_without_its_other_half() -> None:
    answer = {"role": "function", "name": "g", "content": "x"}
    assert refused(HI, FUNCTION_CALL, answer) == (stray("function"), "messages.[2].role", None)
    assert refused(HI, FUNCTION_CALL, {**answer, "name": None}) == (
        "Missing required parameter: 'messages[2].name'.",
        "messages[2].name",
        "missing_required_parameter",
    )
    assert refused(HI, FUNCTION_CALL, HI)[1] == "messages.[2].role"
    twice = {**answer, "name": "f"}
    assert refused(HI, FUNCTION_CALL, twice, twice) == (stray("function"), "messages.[3].role", None)


def test_what_sdks_send_of_their_answers_passes() -> None:
    """An answer with calls as `model_dump()` gives it back, with all that it does not say."""
    message = called("a", refusal=None, annotations=[], audio=None, function_call=None)
    assert uses(parsed(HI, message, result("a"))[1]) == ["a"]


def test_unknown_keys_of_a_result() -> None:
    notes = Adaptations()
    parse_messages({"messages": [HI, called("a"), result("a", artifact=1)]}, notes)
    assert notes.header() == "messages[2].artifact=dropped"


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({}, None),
        ({"is_error": True}, "messages[2].is_error"),
        ({"status": "error"}, "messages[2].status"),
        ({"is_error": True, "status": "error"}, "messages[2].is_error"),
        ({"is_error": False, "status": "success"}, None),
        ({"is_error": None, "status": None}, None),
    ],
)
def test_a_call_that_failed(said: dict[str, Any], param: str | None) -> None:
    (found,) = results_of(parsed(HI, called("a"), result("a", "No such city", **said))[2])
    assert found.error_param == param


def test_what_says_nothing_known_of_a_call() -> None:
    message, param, code = refused(HI, called("a"), result("a", is_error="yes"))
    assert (param, code) == ("messages[2].is_error", "invalid_type")
    assert "is_error" in message
    for status in ("completed", 1, ["error"], {"error": 1}):
        adapted = Adaptations()
        messages = parse_messages({"messages": [HI, called("a"), result("a", status=status)]}, adapted)
        assert results_of(messages[2])[0].error_param is None
        assert adapted.header() == "messages[2].status=dropped"
