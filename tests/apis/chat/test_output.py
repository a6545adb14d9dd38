"""The form that an answer is to have."""

from typing import Any

import pytest

from proxy.apis.chat.messages import parse_messages
from proxy.apis.chat.output import parse_output
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat

AT = "response_format.json_schema"
SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
JSON_OBJECT = {"type": "json_object"}


def parsed(value: Any, *messages: Any) -> tuple[OutputFormat | None, str]:
    notes = Adaptations()
    found = parse_messages({"messages": list(messages or [{"role": "user", "content": "Hi"}])}, notes)
    return parse_output({"response_format": value}, found, notes), notes.header()


def refused(value: Any, *messages: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parsed(value, *messages)
    return raised.value.message, raised.value.param, raised.value.code


def schema(**inner: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "A", **inner}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"type": "text"}, None),
        (schema(), OutputFormat(f"{AT}.schema", "A", schema={})),
        (schema(schema=None, description=None, strict=None), OutputFormat(f"{AT}.schema", "A", schema={})),
        (schema(schema={}, strict=False), OutputFormat(f"{AT}.schema", "A", schema={})),
        (
            schema(schema=SCHEMA, description="An A.", strict=True),
            OutputFormat(f"{AT}.schema", "A", "An A.", SCHEMA),
        ),
        (schema(name="a-Z_9" * 12 + "abcd"), OutputFormat(f"{AT}.schema", "a-Z_9" * 12 + "abcd", schema={})),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_form(value: Any, expected: OutputFormat | None) -> None:
    assert parsed(value) == (expected, "")


JSON_WORD = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "As JSON, please."},
        {"role": "system", "content": "json"},
        {"role": "developer", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "{Json}"}]},
        {"role": "assistant", "content": "my_json_file"},
    ],
)
def test_json_that_is_asked_for(message: Any) -> None:
    assert parsed(JSON_OBJECT, {"role": "user", "content": "Hi"}, message) == (OutputFormat("response_format"), "")


def test_json_that_is_asked_for_in_a_result() -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    call = {"role": "assistant", "content": None, "tool_calls": calls}
    assert parsed(JSON_OBJECT, call, {"role": "tool", "tool_call_id": "c", "content": "Answer in JSON."})[0]
    assert refused(JSON_OBJECT, call, {"role": "tool", "tool_call_id": "c", "content": "14:00"})[0] == JSON_WORD


@pytest.mark.parametrize("messages", [[{"role": "user", "content": "J S O N"}], [{"role": "user", "content": []}], []])
def test_json_that_nobody_asks_for(messages: list[Any]) -> None:
    assert refused(JSON_OBJECT, *messages) == (JSON_WORD, "messages", None)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "a" * 65, "a\n", "A[int]"])
def test_names_that_are_none(name: str) -> None:
    message, param, code = refused(schema(name=name))
    assert message.startswith(f"Invalid '{AT}.name': string does not match pattern. ")
    assert (param, code) == (f"{AT}.name", "invalid_value")


@pytest.mark.parametrize(
    ("value", "message", "param", "code"),
    [
        (
            "json_object",
            "Invalid type for '{}': expected an object, but got a string instead.",
            "response_format",
            "invalid_type",
        ),
        ({}, "Missing required parameter: '{}'.", "response_format.type", "missing_required_parameter"),
        (
            {"type": 1},
            "Invalid type for '{}': expected a string, but got an integer instead.",
            "response_format.type",
            "invalid_type",
        ),
        (
            {"type": "xml"},
            "Invalid value: 'xml'. Supported values are: 'text', 'json_object', and 'json_schema'.",
            "response_format.type",
            "invalid_value",
        ),
        ({"type": "json_schema"}, "Missing required parameter: '{}'.", AT, "missing_required_parameter"),
        (
            {"type": "json_schema", "json_schema": []},
            "Invalid type for '{}': expected an object, but got an array instead.",
            AT,
            "invalid_type",
        ),
        (schema(name=None), "Missing required parameter: '{}'.", f"{AT}.name", "missing_required_parameter"),
        (
            schema(name=1),
            "Invalid type for '{}': expected a string, but got an integer instead.",
            f"{AT}.name",
            "invalid_type",
        ),
        (
            schema(schema="{}"),
            "Invalid type for '{}': expected an object, but got a string instead.",
            f"{AT}.schema",
            "invalid_type",
        ),
        (
            schema(description=1),
            "Invalid type for '{}': expected a string, but got an integer instead.",
            f"{AT}.description",
            "invalid_type",
        ),
        (
            schema(strict="yes"),
            "Invalid type for '{}': expected a boolean, but got a string instead.",
            f"{AT}.strict",
            "invalid_type",
        ),
    ],
    ids=str,
)
def test_a_form_of_the_wrong_shape(value: Any, message: str, param: str, code: str) -> None:
    assert refused(value) == (message.format(param), param, code)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        # As other servers spell it.
        ({**JSON_OBJECT, "schema": SCHEMA}, "response_format.schema"),
        (schema(examples=[1]), f"{AT}.examples"),
    ],
)
def test_unknown_keys_are_dropped_and_said(value: Any, place: str) -> None:
    assert parsed(value, {"role": "user", "content": "JSON"})[1] == f"{place}=dropped"


def test_the_schema_is_not_the_clients_own_object() -> None:
    value = schema(schema={"type": "object"})
    output, _ = parsed(value)
    assert output is not None
    assert output.schema == value["json_schema"]["schema"]
    assert output.schema is not value["json_schema"]["schema"]
