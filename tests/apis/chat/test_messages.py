"""The shapes of messages and their parts. What they mean for a model is in tests/golden/chat/requests."""

from typing import Any

import pytest

from proxy.apis.chat.messages import parse_messages
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Reasoning, Text, ToolUse
from proxy.neutral.request import Message, Role

HI = {"role": "user", "content": "Hi"}
ROLES = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"


def parsed(*messages: Any) -> list[Message]:
    return parse_messages({"messages": list(messages)}, Adaptations())


def adapted(*messages: Any) -> str:
    notes = Adaptations()
    parse_messages({"messages": list(messages)}, notes)
    return notes.header()


def refused(*messages: Any, strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse_messages({"messages": list(messages)}, Adaptations(strict))
    return raised.value.message, raised.value.param, raised.value.code


def texts(message: Any) -> list[str]:
    blocks = parsed(message)[0].blocks
    return [block.text for block in blocks if isinstance(block, Text)]


@pytest.mark.parametrize(
    ("role", "neutral"),
    [("system", Role.SYSTEM), ("developer", Role.SYSTEM), ("user", Role.USER), ("assistant", Role.ASSISTANT)],
)
def test_every_role_takes_text(role: str, neutral: Role) -> None:
    assert parsed(HI, {"role": role, "content": "x"})[1] == Message(neutral, [Text("x")], "messages[1]")
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": ""}, {"type": "text", "text": "b"}]
    assert texts({"role": role, "content": parts}) == ["a", "", "b"]
    assert texts({"role": role, "content": []}) == []
    assert texts({"role": role, "content": ""}) == [""]


@pytest.mark.parametrize(
    ("message", "kind"),
    [("Hi", "a string"), (1, "an integer"), (None, "null"), ([HI], "an array"), (True, "a boolean")],
)
def test_a_message_that_is_no_object(message: Any, kind: str) -> None:
    assert refused(HI, message) == (
        f"Invalid type for 'messages[1]': expected an object, but got {kind} instead.",
        "messages[1]",
        "invalid_type",
    )


@pytest.mark.parametrize("message", [{}, {"content": "x"}, {"role": None, "content": "x"}])
def test_a_message_without_a_role(message: Any) -> None:
    assert refused(HI, message) == (
        "Missing required parameter: 'messages[1].role'.",
        "messages[1].role",
        "missing_required_parameter",
    )


@pytest.mark.parametrize("role", ["model", "User", "", " user", "ipython"])
def test_an_unknown_role(role: str) -> None:
    assert refused(HI, {"role": role, "content": "x"}) == (
        f"Invalid value: '{role}'. Supported values are: {ROLES}.",
        "messages[1].role",
        "invalid_value",
    )


def test_a_role_of_the_wrong_type() -> None:
    assert refused({"role": ["user"], "content": "x"}) == (
        "Invalid type for 'messages[0].role': expected a string, but got an array instead.",
        "messages[0].role",
        "invalid_type",
    )


@pytest.mark.parametrize("role", ["tool", "function"])
def test_the_result_of_no_call(role: str) -> None:
    assert refused(HI, {"role": role, "content": "x", "tool_call_id": "c", "name": "f"}) == (
        f"Invalid parameter: messages with role '{role}' must be a response to a preceeding message with 'tool_calls'.",
        "messages.[1].role",
        None,
    )


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_content_that_is_null_or_missing(role: str) -> None:
    assert refused({"role": role, "content": None}) == (
        "Invalid value for 'content': expected a string, got null.",
        "messages.[0].content",
        None,
    )
    assert refused(HI, {"role": role}) == (
        "Missing required parameter: 'messages[1].content'.",
        "messages[1].content",
        "missing_required_parameter",
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [({"type": "text", "text": "x"}, "an object"), (1, "an integer"), (0.5, "a decimal number"), (False, "a boolean")],
)
def test_content_of_the_wrong_type(content: Any, kind: str) -> None:
    assert refused({"role": "user", "content": content}) == (
        f"Invalid type for 'messages[0].content': expected one of a string or array of objects, but got {kind} instead.",
        "messages[0].content",
        "invalid_type",
    )


@pytest.mark.parametrize(("part", "kind"), [("x", "a string"), (None, "null"), (["x"], "an array")])
def test_a_part_that_is_no_object(part: Any, kind: str) -> None:
    assert refused({"role": "user", "content": [{"type": "text", "text": "x"}, part]}) == (
        f"Invalid type for 'messages[0].content[1]': expected an object, but got {kind} instead.",
        "messages[0].content[1]",
        "invalid_type",
    )


@pytest.mark.parametrize(
    ("part", "param", "message"),
    [
        ({}, "type", "Missing required parameter: '{}'."),
        ({"text": "x"}, "type", "Missing required parameter: '{}'."),
        ({"type": "text"}, "text", "Missing required parameter: '{}'."),
        ({"type": "text", "text": None}, "text", "Missing required parameter: '{}'."),
        ({"type": "text", "text": 1}, "text", "Invalid type for '{}': expected a string, but got an integer instead."),
        (
            {"type": "text", "text": {"value": "x"}},
            "text",
            "Invalid type for '{}': expected a string, but got an object instead.",
        ),
        ({"type": 1}, "type", "Invalid type for '{}': expected a string, but got an integer instead."),
    ],
    ids=str,
)
def test_a_part_of_the_wrong_shape(part: Any, param: str, message: str) -> None:
    place = f"messages[0].content[0].{param}"
    code = "missing_required_parameter" if message.startswith("Missing") else "invalid_type"
    assert refused({"role": "user", "content": [part]}) == (message.format(place), place, code)


@pytest.mark.parametrize(
    ("role", "kind", "listed"),
    [
        ("user", "input_text", "'text', 'image_url', 'input_audio', and 'file'"),
        ("user", "refusal", "'text', 'image_url', 'input_audio', and 'file'"),
        ("user", "Text", "'text', 'image_url', 'input_audio', and 'file'"),
        ("assistant", "image_url", "'text' and 'refusal'"),
        ("assistant", "output_text", "'text' and 'refusal'"),
        ("system", "image_url", "'text'"),
        ("developer", "refusal", "'text'"),
    ],
)
def test_a_part_of_an_unknown_type(role: str, kind: str, listed: str) -> None:
    assert refused({"role": role, "content": [{"type": kind, kind: "x"}]}) == (
        f"Invalid value: '{kind}'. Supported values are: {listed}.",
        "messages[0].content[0].type",
        "invalid_value",
    )


def test_refusals_are_text() -> None:
    assert texts({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}) == ["No."]
    assert texts({"role": "assistant", "refusal": "No."}) == ["No."]
    assert texts({"role": "assistant", "content": None, "refusal": "No."}) == ["No."]
    assert texts({"role": "assistant", "content": "", "refusal": "No."}) == ["", "No."]
    assert texts({"role": "assistant", "content": "Hm.", "refusal": "No."}) == ["Hm.", "No."]
    assert texts({"role": "assistant", "content": "Hm.", "refusal": None}) == ["Hm."]
    assert refused({"role": "assistant", "content": "Hm.", "refusal": 1}) == (
        "Invalid type for 'messages[0].refusal': expected a string, but got an integer instead.",
        "messages[0].refusal",
        "invalid_type",
    )


def test_names_are_dropped_and_said() -> None:
    assert adapted(HI, {**HI, "name": "Ann"}) == "messages[1].name=dropped"
    assert adapted({**HI, "name": None}, {**HI, "name": ""}) == ""
    assert refused({**HI, "name": "Ann"}, strict=True)[1:] == ("messages[0].name", "unsupported_parameter")
    assert refused({**HI, "name": 1}) == (
        "Invalid type for 'messages[0].name': expected a string, but got an integer instead.",
        "messages[0].name",
        "invalid_type",
    )


def test_what_sdks_give_back_unasked_passes() -> None:
    """`model_dump()` of an answer, put into the next request."""
    message = {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "provider_specific_fields": {},
    }
    notes = Adaptations(is_strict=True)
    assert parse_messages({"messages": [message]}, notes) == [Message(Role.ASSISTANT, [Text("x")], "messages[0]")]
    assert not notes


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({**HI, "weight": 0}, "messages[0].weight"),
        ({**HI, "hidden": False}, "messages[0].hidden"),
        ({**HI, "refusal": "No."}, "messages[0].refusal"),
        ({"role": "assistant", "content": "x", "reasoning_content": "y"}, "messages[0].reasoning_content"),
        ({"role": "user", "content": [{"type": "text", "text": "x", "mood": 0}]}, "messages[0].content[0].mood"),
    ],
)
def test_unknown_keys_are_dropped_and_said(message: Any, place: str) -> None:
    assert adapted(message) == f"{place}=dropped"
    assert refused(message, strict=True) == (f"Unknown parameter: '{place}'.", place, "unknown_parameter")


def test_messages_that_are_no_array() -> None:
    with pytest.raises(InvalidRequest, match="expected an array of objects, but got an object instead"):
        parse_messages({"messages": HI}, Adaptations())


def test_thoughts_stand_before_what_was_said() -> None:
    thoughts = [{"type": "thinking", "thinking": "Hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]
    message = {"role": "assistant", "content": "x", "refusal": "y", "thinking_blocks": thoughts}
    assert parsed(HI, {**message, "reasoning_content": "Hm", "reasoning": "Hm"})[1].blocks == [
        Reasoning("Hm", "s"),
        Reasoning("", redacted="d"),
        Text("x"),
        Text("y"),
    ]
    assert adapted({**HI, "thinking_blocks": thoughts}) == "messages[0].thinking_blocks=dropped"


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_mark_on_a_message_stands_at_its_end(role: str) -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert parsed({"role": role, "content": "x", **mark})[0].blocks == [
        Text("x"),
        CacheMark("messages[0].cache_control", "1h"),
    ]
    part = {"type": "text", "text": "x"}
    assert parsed({"role": role, "content": [{**part, **mark}, part], **mark})[0].blocks == [
        Text("x"),
        CacheMark("messages[0].content[0].cache_control", "1h"),
        Text("x"),
        CacheMark("messages[0].cache_control", "1h"),
    ]
    assert adapted({"role": role, "content": "x", **mark}) == ""


def test_a_mark_behind_calls() -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    mark = {"cache_control": {"type": "ephemeral"}}
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    message = parsed(HI, {"role": "assistant", "content": None, "tool_calls": calls, **mark}, result)[1]
    assert [type(block) for block in message.blocks] == [ToolUse, CacheMark]
