"""The calls of one message. Their results are in test_history.py."""

from typing import Any

import pytest

from proxy import jsonio
from proxy.apis.chat.calls import parse_calls
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolUse


def parsed(**message: Any) -> list[ToolUse]:
    notes = Adaptations(is_strict=True)
    calls = parse_calls(message, "messages[1]", notes)
    assert not notes
    return calls


def refused(strict: bool = False, **message: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse_calls(message, "messages[1]", Adaptations(strict))
    return raised.value.message, raised.value.param, raised.value.code


def call(**changes: Any) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **changes}


def function(**changes: Any) -> dict[str, Any]:
    return call(function={"name": "f", "arguments": "{}", **changes})


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


CALL = "messages[1].tool_calls[0]"


@pytest.mark.parametrize(
    "arguments",
    [
        "{}",
        ' {"city" : "Paris"} \n',
        '{"a":1.0,"b":1e2,"c":-0}',
        '{"a":1,"a":2}',
        '{"text":"\\u0000 \\ud83d\\ude00 é"}',
        '{"text":"' + "x" * 3_000_000 + '"}',
        nested(80),
        '{"a":' + "[" * 400 + "]" * 400 + "}",
    ],
    ids=lambda text: text[:30],
)
def test_arguments_go_on_as_they_are(arguments: str) -> None:
    assert parsed(tool_calls=[function(arguments=arguments)]) == [ToolUse("c", "f", arguments, f"{CALL}.function")]


@pytest.mark.parametrize("arguments", ["", " \n", None])
def test_no_arguments(arguments: str | None) -> None:
    assert parsed(tool_calls=[function(arguments=arguments)])[0].arguments == "{}"
    assert parsed(tool_calls=[call(function={"name": "f"})])[0].arguments == "{}"
    assert parsed(function_call={"name": "f", "arguments": arguments})[0].arguments == "{}"


@pytest.mark.parametrize(
    "arguments",
    [
        "x",
        "null",
        "1",
        '"{}"',
        "[]",
        '[{"a":1}]',
        '{"a":',
        '{"a":1}}',
        "{'a': 1}",
        '{"a":NaN}',
        '{"a":"\\ud800"}',
        "```json\n{}\n```",
    ],
)
def test_arguments_that_are_no_object_are_for_the_model_to_take_or_not(arguments: str) -> None:
    """It may have been cut off in them."""
    assert parsed(tool_calls=[function(arguments=arguments)])[0].arguments == arguments
    assert parsed(function_call={"name": "f", "arguments": arguments})[0].arguments == arguments


@pytest.mark.parametrize("arguments", [nested(990), nested(100_000)], ids=lambda text: text[:30])
def test_arguments_that_are_nested_too_deep(arguments: str) -> None:
    for message, at in (
        ({"tool_calls": [function(arguments=arguments)]}, f"{CALL}.function.arguments"),
        ({"function_call": {"name": "f", "arguments": arguments}}, "messages[1].function_call.arguments"),
    ):
        assert refused(**message) == (
            f"Invalid '{at}': the arguments are nested too deep.",
            at,
            "invalid_value",
        )


@pytest.mark.parametrize("depth", range(860, 1000, 7))
def test_what_is_taken_can_be_put_into_a_body(depth: int) -> None:
    try:
        (use,) = parsed(tool_calls=[function(arguments=nested(depth))])
    except InvalidRequest:
        return
    value = jsonio.decode(use.arguments)
    for _ in range(20):
        value = {"content": [value]}
    assert jsonio.encode(value)


def test_several_calls() -> None:
    calls = parsed(tool_calls=[call(id="b", index=0), {**call(id="a" * 86, index=1), "type": None}])
    assert [(use.id, use.param) for use in calls] == [
        ("b", "messages[1].tool_calls[0].function"),
        ("a" * 86, "messages[1].tool_calls[1].function"),
    ]


@pytest.mark.parametrize(("text", "arguments"), [("ls\n", '{"input":"ls\\n"}'), ("", '{"input":""}')])
def test_a_custom_call(text: str, arguments: str) -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "run", "input": text}}
    assert parsed(tool_calls=[custom]) == [ToolUse("c", "run", arguments, f"{CALL}.custom")]


def test_the_older_form() -> None:
    (use,) = parsed(function_call={"name": "f", "arguments": '{"a":1}'}, tool_calls=[])
    assert (use.name, use.arguments, use.param) == ("f", '{"a":1}', "messages[1].function_call")
    assert use.id
    assert parsed(function_call={}) == parsed(function_call=None) == parsed() == []


def test_of_both_forms_the_newer_wins() -> None:
    both = {"function_call": {"name": "g"}, "tool_calls": [call()]}
    notes = Adaptations()
    assert [use.name for use in parse_calls(both, "messages[1]", notes)] == ["f"]
    assert notes.items() == {"messages[1].function_call": "dropped"}
    assert refused(strict=True, **both)[1] == "messages[1].function_call"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("c", ("Invalid type for '{}': expected an object, but got a string instead.", "", "invalid_type")),
        (None, ("Invalid type for '{}': expected an object, but got null instead.", "", "invalid_type")),
        ({}, ("Missing required parameter: '{}'.", ".id", "missing_required_parameter")),
        (call(id=""), ("Missing required parameter: '{}'.", ".id", "missing_required_parameter")),
        (call(id=1), ("Invalid type for '{}': expected a string, but got an integer instead.", ".id", "invalid_type")),
        (
            call(type="mcp"),
            ("Invalid value: 'mcp'. Supported values are: 'function' and 'custom'.", ".type", "invalid_value"),
        ),
        (call(function=None), ("Missing required parameter: '{}'.", ".function", "missing_required_parameter")),
        (
            call(function="f"),
            ("Invalid type for '{}': expected an object, but got a string instead.", ".function", "invalid_type"),
        ),
        (call(type="custom"), ("Missing required parameter: '{}'.", ".custom", "missing_required_parameter")),
        (function(name=None), ("Missing required parameter: '{}'.", ".function.name", "missing_required_parameter")),
        (function(name=""), ("Missing required parameter: '{}'.", ".function.name", "missing_required_parameter")),
        (
            function(arguments={"a": 1}),
            (
                "Invalid type for '{}': expected a string, but got an object instead.",
                ".function.arguments",
                "invalid_type",
            ),
        ),
        (
            {"id": "c", "type": "custom", "custom": {"name": "f", "input": {}}},
            ("Invalid type for '{}': expected a string, but got an object instead.", ".custom.input", "invalid_type"),
        ),
        (
            {"id": "c", "type": "custom", "custom": {"input": "x"}},
            ("Missing required parameter: '{}'.", ".custom.name", "missing_required_parameter"),
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_call_of_the_wrong_shape(item: object, expected: tuple[str, str, str]) -> None:
    message, place, code = expected
    assert refused(tool_calls=[item]) == (message.format(CALL + place), CALL + place, code)


def test_calls_that_are_no_array() -> None:
    assert refused(tool_calls={"id": "c"}) == (
        "Invalid type for 'messages[1].tool_calls': expected an array of objects, but got an object instead.",
        "messages[1].tool_calls",
        "invalid_type",
    )
    assert refused(function_call="f") == (
        "Invalid type for 'messages[1].function_call': expected an object, but got a string instead.",
        "messages[1].function_call",
        "invalid_type",
    )


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"tool_calls": [call(extra_content={"google": {"thought_signature": "s"}})]}, f"{CALL}.extra_content"),
        ({"tool_calls": [function(strict=True)]}, f"{CALL}.function.strict"),
        (
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "", "x": 1}}]},
            f"{CALL}.custom.x",
        ),
        ({"function_call": {"name": "f", "arguments": "{}", "x": 1}}, "messages[1].function_call.x"),
    ],
)
def test_unknown_keys_are_dropped_and_said(message: dict[str, Any], place: str) -> None:
    notes = Adaptations()
    parse_calls(message, "messages[1]", notes)
    assert notes.header() == f"{place}=dropped"
    assert refused(True, **message) == (f"Unknown parameter: '{place}'.", place, "unknown_parameter")


def test_what_sdks_add_passes() -> None:
    """openai-python adds `parsed_arguments` to the calls of its `parse()`, stream readers keep the `index`."""
    assert parsed(tool_calls=[{**function(parsed_arguments={"a": 1}), "index": 3, "custom": None}])
