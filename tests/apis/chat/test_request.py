"""Each field of a chat request: what is taken, what is refused, and in which words."""

import typing
from typing import Any

import pytest
from openai.types.chat import completion_create_params as sdk

from proxy.apis.chat.request import AnswerForm, parse
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Guardrail, Message, Request, Role

MINIMAL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"type": "function", "function": {"name": "f"}}

# What OpenAI documents in 2026, but model and messages; and three that others have made common.
FIELDS = [
    "audio",
    "cache_control",
    "frequency_penalty",
    "presence_penalty",
    "function_call",
    "functions",
    "guardrailConfig",
    "include_reasoning",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "performanceConfig",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "user",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "tool_choice",
    "tools",
    "verbosity",
    "web_search_options",
]

VALUES = {
    "an integer": 1,
    "a decimal number": 1.5,
    "a string": "x",
    "a boolean": True,
    "an array": ["x"],
    "an object": {"x": 1},
}
"""One JSON value of each type, by the name that OpenAI gives the type."""


def parsed(**body: Any) -> Request:
    return parse({**MINIMAL, **body}, Adaptations(), 8)[0]


def adapted(**body: Any) -> str:
    notes = Adaptations()
    parse({**MINIMAL, **body}, notes, 8)
    return notes.header()


def refused(body: Any, *, strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse(body, Adaptations(strict), 8)
    assert (raised.value.status, raised.value.type) == (400, "invalid_request_error")
    return raised.value.message, raised.value.param, raised.value.code


def refused_with(**body: Any) -> tuple[str, str | None, str | None]:
    return refused({**MINIMAL, **body})


def test_the_least() -> None:
    request, form = parse(MINIMAL, Adaptations(), 8)
    assert request == parsed() == Request("m", [Message(Role.USER, [Text("Hi")], "messages[0]")])
    assert form == AnswerForm()
    assert not form.includes_usage
    assert (request.model, request.choices, request.stream) == ("m", 1, False)
    assert (request.extra, request.spelled, request.end_user, request.service_tier) == ({}, {}, None, None)


@pytest.mark.parametrize("name", FIELDS)
def test_null_is_not_given(name: str) -> None:
    notes = Adaptations(is_strict=True)
    assert parse({**MINIMAL, name: None}, notes, 8)[0] == parsed()
    assert not notes


def test_nulls_all_at_once() -> None:
    assert parsed(**dict.fromkeys(FIELDS), unknown=None) == parsed()
    assert parsed(stream_options={"include_usage": None, "include_obfuscation": None}) == parsed()


def test_every_field_of_the_sdk_is_handled() -> None:
    """None of them falls among the unknown ones."""
    names = set(typing.get_type_hints(sdk.CompletionCreateParamsStreaming))
    others = {"cache_control", "guardrailConfig", "include_reasoning", "performanceConfig", "reasoning"}
    assert names >= set(FIELDS) - {"moderation", "stream"} - others | {"model", "messages"}
    for name in names | set(FIELDS):
        for value in VALUES.values():
            try:
                request = parsed(**{name: value})
            except InvalidRequest:
                continue
            assert name not in request.extra


# Types. Field -> what OpenAI calls the type it wants, and the values of VALUES that are right.
TYPES: dict[str, tuple[str, list[str]]] = {
    **dict.fromkeys(("model", "user", "safety_identifier"), ("a string", ["a string"])),
    **dict.fromkeys(("prompt_cache_key", "prompt_cache_retention"), ("a string", ["a string"])),
    **dict.fromkeys(("logprobs", "parallel_tool_calls", "store", "stream"), ("a boolean", ["a boolean"])),
    "include_reasoning": ("a boolean", ["a boolean"]),
    **dict.fromkeys(("guardrailConfig", "performanceConfig", "reasoning"), ("an object", ["an object"])),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "n", "seed"), ("an integer", ["an integer"])),
    "top_logprobs": ("an integer", ["an integer"]),
    "temperature": ("a decimal", ["an integer", "a decimal number"]),
    "frequency_penalty": ("a decimal", ["an integer", "a decimal number"]),
    "presence_penalty": ("a decimal", ["an integer", "a decimal number"]),
    "top_p": ("a decimal", ["an integer", "a decimal number"]),
    **dict.fromkeys(("reasoning_effort", "service_tier", "verbosity"), ("a string", ["a string"])),
    **dict.fromkeys(("audio", "moderation", "web_search_options"), ("an object", ["an object"])),
    **dict.fromkeys(("logit_bias", "metadata", "prediction"), ("an object", ["an object"])),
    **dict.fromkeys(
        ("cache_control", "prompt_cache_options", "response_format", "stream_options"), ("an object", ["an object"])
    ),
    **dict.fromkeys(("tools", "functions", "messages"), ("an array of objects", ["an array"])),
    "modalities": ("an array of strings", ["an array"]),
    "stop": ("one of a string or array of strings", ["a string", "an array"]),
}
WRONG_TYPES = [
    (name, expected, kind) for name, (expected, right) in TYPES.items() for kind in VALUES if kind not in right
]


@pytest.mark.parametrize(("name", "expected", "kind"), WRONG_TYPES)
def test_wrong_type(name: str, expected: str, kind: str) -> None:
    assert refused_with(**{name: VALUES[kind]}) == (
        f"Invalid type for '{name}': expected {expected}, but got {kind} instead.",
        name,
        "invalid_type",
    )


def test_the_table_of_types_is_complete() -> None:
    assert set(TYPES) == {*FIELDS, "model", "messages"} - {"tool_choice", "function_call"}


def invalid_type(param: str, expected: str, kind: str) -> tuple[str, str, str]:
    return f"Invalid type for '{param}': expected {expected}, but got {kind} instead.", param, "invalid_type"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"stop": ["a", 1]}, invalid_type("stop[1]", "a string", "an integer")),
        ({"stop": ["a", None]}, invalid_type("stop[1]", "a string", "null")),
        ({"modalities": [1]}, invalid_type("modalities[0]", "a string", "an integer")),
        ({"modalities": ["text", ["audio"]]}, invalid_type("modalities[1]", "a string", "an array")),
        ({"metadata": {"a": 1}}, invalid_type("metadata.a", "a string", "an integer")),
        (
            {"stream_options": {"include_usage": "yes"}},
            invalid_type("stream_options.include_usage", "a boolean", "a string"),
        ),
        (
            {"stream_options": {"include_obfuscation": 0}},
            invalid_type("stream_options.include_obfuscation", "a boolean", "an integer"),
        ),
        (
            {"guardrailConfig": {"guardrailIdentifier": 1, "guardrailVersion": "1"}},
            invalid_type("guardrailConfig.guardrailIdentifier", "a string", "an integer"),
        ),
    ],
    ids=str,
)
def test_wrong_type_inside(body: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert refused_with(**body) == expected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, "null"),
        ([], "an array"),
        ("x", "a string"),
        (1, "an integer"),
        (True, "a boolean"),
        (0.5, "a decimal number"),
    ],
)
def test_a_body_that_is_no_object(body: Any, kind: str) -> None:
    assert refused(body) == (f"Invalid body: expected an object, but got {kind} instead.", None, "invalid_type")


# Ranges.


def out_of_range(name: str, kind: str, side: str, bound: int, value: object) -> tuple[str, str, str]:
    word, sign = ("minimum", ">=") if side == "below" else ("maximum", "<=")
    return (
        f"Invalid '{name}': {kind} {side} {word} value. Expected a value {sign} {bound}, but got {value} instead.",
        name,
        f"{kind}_{side}_{word[:3]}_value",
    )


INT64 = 2**63


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("temperature", 3, out_of_range("temperature", "decimal", "above", 2, 3)),
        ("temperature", 2.01, out_of_range("temperature", "decimal", "above", 2, 2.01)),
        ("temperature", -0.5, out_of_range("temperature", "decimal", "below", 0, -0.5)),
        ("temperature", 10**30, out_of_range("temperature", "decimal", "above", 2, "10000000000000000000…")),
        ("top_p", 1.1, out_of_range("top_p", "decimal", "above", 1, 1.1)),
        ("top_p", -1, out_of_range("top_p", "decimal", "below", 0, -1)),
        ("frequency_penalty", 2.5, out_of_range("frequency_penalty", "decimal", "above", 2, 2.5)),
        ("frequency_penalty", -2.5, out_of_range("frequency_penalty", "decimal", "below", -2, -2.5)),
        ("presence_penalty", 3, out_of_range("presence_penalty", "decimal", "above", 2, 3)),
        ("presence_penalty", -3, out_of_range("presence_penalty", "decimal", "below", -2, -3)),
        ("max_tokens", 0, out_of_range("max_tokens", "integer", "below", 1, 0)),
        ("max_tokens", -1, out_of_range("max_tokens", "integer", "below", 1, -1)),
        ("max_tokens", 2**31, out_of_range("max_tokens", "integer", "above", 2**31 - 1, 2**31)),
        ("max_tokens", 10**400, out_of_range("max_tokens", "integer", "above", 2**31 - 1, "10000000000000000000…")),
        ("max_completion_tokens", 0, out_of_range("max_completion_tokens", "integer", "below", 1, 0)),
        ("n", 0, out_of_range("n", "integer", "below", 1, 0)),
        ("n", 50, out_of_range("n", "integer", "above", 8, 50)),
        ("n", 9, out_of_range("n", "integer", "above", 8, 9)),
        ("seed", INT64, out_of_range("seed", "integer", "above", INT64 - 1, INT64)),
        ("seed", -INT64 - 1, out_of_range("seed", "integer", "below", -INT64, -INT64 - 1)),
        ("top_logprobs", 21, out_of_range("top_logprobs", "integer", "above", 20, 21)),
        ("top_logprobs", -1, out_of_range("top_logprobs", "integer", "below", 0, -1)),
    ],
    ids=str,
)
def test_out_of_range(name: str, value: object, expected: tuple[str, str, str]) -> None:
    assert refused_with(**{name: value}) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", [0, 0.0, 1, 1.4, 2, 2.0]),
        ("top_p", [0, 0.5, 1, 1.0]),
        ("frequency_penalty", [-2, 0, 0.1, 2]),
        ("presence_penalty", [-2.0, 0, 2]),
        ("max_tokens", [1, 8, 2**31 - 1]),
        ("seed", [0, -1, INT64 - 1, -INT64]),
    ],
)
def test_in_range(name: str, values: list[float]) -> None:
    for value in values:
        got = getattr(parsed(**{name: value}).sampling, name)
        assert (got, type(got)) == (value, type(value))


def test_n_goes_up_to_the_limit_of_the_proxy() -> None:
    assert parsed(n=8).choices == 8
    assert parse({**MINIMAL, "n": 128}, Adaptations(), 128)[0].choices == 128


# Words.

EFFORTS = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'"
TIERS = "'auto', 'default', 'flex', 'scale', 'priority', and 'fast'"


@pytest.mark.parametrize(
    ("body", "word", "listed", "param"),
    [
        ({"verbosity": "loud"}, "loud", "'low', 'medium', and 'high'", "verbosity"),
        ({"reasoning_effort": "extreme"}, "extreme", EFFORTS, "reasoning_effort"),
        ({"reasoning_effort": ""}, "", EFFORTS, "reasoning_effort"),
        ({"service_tier": "gold"}, "gold", TIERS, "service_tier"),
        ({"service_tier": "Auto"}, "Auto", TIERS, "service_tier"),
        ({"modalities": ["text", "video"]}, "video", "'text' and 'audio'", "modalities[1]"),
        (
            {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "on"}},
            "on",
            "'enabled', 'disabled', and 'enabled_full'",
            "guardrailConfig.trace",
        ),
        ({"verbosity": "x" * 5000}, "x" * 100 + "…", "'low', 'medium', and 'high'", "verbosity"),
    ],
    ids=str,
)
def test_unknown_word(body: dict[str, Any], word: str, listed: str, param: str) -> None:
    assert refused_with(**body) == (
        f"Invalid value: '{word}'. Supported values are: {listed}.",
        param,
        "invalid_value",
    )


# What is missing, or too much.


@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": ""}, {"messages": []}])
def test_no_model(body: dict[str, Any]) -> None:
    assert refused(body) == ("you must provide a model parameter", None, None)


def missing(param: str) -> tuple[str, str, str]:
    return f"Missing required parameter: '{param}'.", param, "missing_required_parameter"


@pytest.mark.parametrize("body", [{"model": "m"}, {"model": "m", "messages": None}])
def test_no_messages(body: dict[str, Any]) -> None:
    assert refused(body) == missing("messages")


def test_the_body_of_another_api_is_told() -> None:
    message, param, code = refused({"model": "m", "input": "Hi"})
    assert message.startswith("Missing required parameter: 'messages'. ")
    assert "/v1/responses" in message
    assert (param, code) == ("messages", "missing_required_parameter")
    assert parsed(input="Hi").extra == {"input": "Hi"}


def test_empty_messages() -> None:
    assert refused_with(messages=[]) == (
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "messages",
        "empty_array",
    )


def too_long(param: str, kind: str, limit: int, size: int) -> tuple[str, str, str]:
    unit = "an array" if kind == "array" else "a string"
    return (
        f"Invalid '{param}': {kind} too long. Expected {unit} with maximum length {limit}, but got {unit} with length "
        f"{size} instead.",
        param,
        f"{kind}_above_max_length",
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "x"}] * 10_000}, too_long("messages", "array", 2048, 10_000)),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 4_000}] * 3},
            too_long("messages[2].content", "array", 10_000, 12_000),
        ),
        ({"stop": ["a", "b", "c", "d", "e"]}, too_long("stop", "array", 4, 5)),
        ({"tools": [{}] * 150}, too_long("tools", "array", 128, 150)),
        ({"functions": [{}] * 129}, too_long("functions", "array", 128, 129)),
        ({"metadata": {"a": "x" * 513}}, too_long("metadata.a", "string", 512, 513)),
        ({"metadata": {"k" * 65: "x"}}, too_long("metadata", "string", 64, 65)),
        ({"metadata": {"k" * 1_000_000: 1}}, too_long("metadata", "string", 64, 1_000_000)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_too_long(body: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert refused_with(**body) == expected


def test_as_long_as_may_be() -> None:
    assert len(parsed(messages=MINIMAL["messages"] * 2048).messages) == 2048
    assert parsed(stop=["a", "b", "c", "d"]).sampling.stop == ["a", "b", "c", "d"]
    assert parsed(metadata={"k" * 64: "v" * 512}).metadata == {"k" * 64: "v" * 512}
    assert len(parsed(metadata={str(number): "v" for number in range(16)}).metadata) == 16
    assert len(parsed(tools=[{"type": "function", "function": {"name": f"f{n}"}} for n in range(128)]).tools) == 128


def test_too_many_labels() -> None:
    message, param, code = refused_with(metadata={f"k{number}": "v" for number in range(17)})
    assert message == (
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with "
        "17 properties instead."
    )
    assert (param, code) == ("metadata", "object_above_max_properties")


# What would change the answer is refused, whatever its strictness; its idle values pass without a word.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("audio", {}),
        ("moderation", {"model": "x"}),
        ("web_search_options", {}),
        ("logprobs", True),
        ("top_logprobs", 5),
        ("logit_bias", {"50256": -100}),
    ],
)
def test_what_cannot_be_done(name: str, value: object) -> None:
    assert refused_with(**{name: value}) == (
        f"Unsupported parameter: '{name}' is not supported with this model.",
        name,
        "unsupported_parameter",
    )


@pytest.mark.parametrize(
    ("body", "param", "value"),
    [
        ({"modalities": ["text", "audio"]}, "modalities[1]", "audio"),
        ({"modalities": ["audio"]}, "modalities[0]", "audio"),
    ],
)
def test_values_that_cannot_be_had(body: dict[str, Any], param: str, value: str) -> None:
    assert refused_with(**body) == (
        f"Unsupported value: '{param}' does not support '{value}' with this model.",
        param,
        "unsupported_value",
    )


@pytest.mark.parametrize("value", ["required", {"type": "function", "function": {"name": "f"}}, "x", 1, []])
def test_a_choice_of_tools_without_tools(value: object) -> None:
    assert refused_with(tool_choice=value) == (
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice",
        None,
    )
    assert refused_with(function_call=value) == (
        "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' are specified.",
        "function_call",
        None,
    )


@pytest.mark.parametrize(
    "body",
    [
        {"logprobs": False},
        {"top_logprobs": 0},
        {"logit_bias": {}},
        {"modalities": ["text"]},
        {"modalities": []},
        {"tools": []},
        {"functions": []},
        {"tool_choice": "auto"},
        {"tool_choice": "none"},
        {"function_call": "none"},
        {"parallel_tool_calls": True},
        {"parallel_tool_calls": False},
        {"response_format": {"type": "text"}},
        {"n": 1},
        {"store": False},
        {"metadata": {}},
        {"metadata": {"a": None}},
        {"reasoning": {}},
        {"include_reasoning": True},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"verbosity": "medium"},
        {"stop": []},
        {"stop": ""},
        {"stop": [""]},
        {"stream": False},
        {"stream_options": {}},
        {"stream_options": {"include_usage": True}},  # several clients send it always
        {"stream_options": {"include_obfuscation": False}},
        {"user": ""},
        {"safety_identifier": ""},
    ],
    ids=str,
)
def test_idle_values_pass_without_a_word(body: dict[str, Any]) -> None:
    notes = Adaptations(is_strict=True)
    request, form = parse({**MINIMAL, **body}, notes, 8)
    assert request == parsed()
    assert form == AnswerForm()
    assert not notes


# What has no effect is dropped, and said.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", True),
        ("prediction", {"type": "content", "content": "x"}),
        ("prompt_cache_key", "k"),
        ("verbosity", "low"),
        ("verbosity", "high"),
    ],
)
def test_what_has_no_effect(name: str, value: object) -> None:
    assert adapted(**{name: value}) == f"{name}=dropped"
    assert parsed(**{name: value}) == parsed()
    message, param, code = refused({**MINIMAL, name: value}, strict=True)
    assert message.startswith(f"Unsupported parameter: '{name}' is not supported with this model. ")
    assert (param, code) == (name, "unsupported_parameter")


# What is taken.


def test_stop() -> None:
    assert parsed(stop="END").sampling.stop == ["END"]
    assert parsed(stop=["a", "", " ", "\n\n"]).sampling.stop == ["a", " ", "\n\n"]


def test_the_newer_name_of_max_tokens_wins() -> None:
    request = parsed(max_tokens=10, max_completion_tokens=20)
    assert (request.sampling.max_tokens, request.param("max_tokens")) == (20, "max_completion_tokens")
    request = parsed(max_tokens=10)
    assert (request.sampling.max_tokens, request.param("max_tokens")) == (10, "max_tokens")


def test_the_newer_name_of_the_user_wins() -> None:
    request = parsed(user="a", safety_identifier="b")
    assert (request.end_user, request.param("end_user")) == ("b", "safety_identifier")
    request = parsed(user="a", safety_identifier="")
    assert (request.end_user, request.param("end_user")) == ("a", "user")


def test_the_rest_of_sampling() -> None:
    sampling = parsed(seed=7, frequency_penalty=0.5, presence_penalty=-0.5, reasoning_effort="xhigh").sampling
    assert (sampling.seed, sampling.frequency_penalty, sampling.presence_penalty) == (7, 0.5, -0.5)
    assert sampling.reasoning_effort == "xhigh"


@pytest.mark.parametrize(("asked", "used"), [("flex", "flex"), ("priority", "priority"), ("fast", "priority")])
def test_service_tier(asked: str, used: str) -> None:
    assert parsed(service_tier=asked).service_tier == used
    assert adapted(service_tier=asked) == ""


def test_a_tier_that_bedrock_does_not_have() -> None:
    assert parsed(service_tier="scale").service_tier is None
    assert adapted(service_tier="scale") == "service_tier=default"
    message, param, code = refused({**MINIMAL, "service_tier": "scale"}, strict=True)
    assert message.startswith("Unsupported value: 'service_tier' ")
    assert (param, code) == ("service_tier", "unsupported_value")


def test_labels_go_on() -> None:
    labels = {"team": "wool", "empty": "", "": "x"}
    assert parsed(metadata={**labels, "none": None}).metadata == labels
    assert adapted(metadata=labels) == ""


def test_a_guardrail() -> None:
    config = {"guardrailIdentifier": "gr1", "guardrailVersion": "DRAFT"}
    assert parsed(guardrailConfig=config).guardrail == Guardrail("gr1", "DRAFT", None, "guardrailConfig")
    for trace in ("enabled", "disabled", "enabled_full"):
        guardrail = parsed(guardrailConfig={**config, "trace": trace}).guardrail
        assert guardrail == Guardrail("gr1", "DRAFT", trace, "guardrailConfig")
    assert adapted(guardrailConfig=config) == ""
    assert parsed(guardrailConfig=None).guardrail is None
    assert "guardrailConfig" not in parsed(guardrailConfig=config).extra
    assert adapted(guardrailConfig={**config, "scope": "x"}) == "guardrailConfig.scope=dropped"


def test_latency() -> None:
    assert parsed(performanceConfig={"latency": "optimized"}).latency == "optimized"
    assert parsed(performanceConfig={}).latency is parsed(performanceConfig=None).latency is None
    assert adapted(performanceConfig={"latency": "standard", "more": 1}) == "performanceConfig.more=dropped"
    assert refused_with(performanceConfig="fast") == invalid_type("performanceConfig", "an object", "a string")
    assert refused_with(performanceConfig={"latency": "fast"})[1:] == ("performanceConfig.latency", "invalid_value")


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({}, "guardrailIdentifier"),
        ({"guardrailVersion": "1"}, "guardrailIdentifier"),
        ({"guardrailIdentifier": "", "guardrailVersion": "1"}, "guardrailIdentifier"),
        ({"guardrailIdentifier": "g"}, "guardrailVersion"),
        ({"guardrailIdentifier": "g", "guardrailVersion": None}, "guardrailVersion"),
        ({"guardrailIdentifier": "g", "guardrailVersion": ""}, "guardrailVersion"),
    ],
)
def test_half_a_guardrail_is_none(config: dict[str, Any], param: str) -> None:
    assert refused_with(guardrailConfig=config) == missing(f"guardrailConfig.{param}")


def test_usage_is_included_only_in_a_stream() -> None:
    options = {"include_usage": True}
    assert parse({**MINIMAL, "stream": True, "stream_options": options}, Adaptations(), 8)[1].includes_usage
    assert not parse({**MINIMAL, "stream": False, "stream_options": options}, Adaptations(), 8)[1].includes_usage
    assert not parse({**MINIMAL, "stream": True}, Adaptations(), 8)[1].includes_usage


def test_unknown_fields_go_on_as_they_are() -> None:
    extra = {
        "top_k": 5,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "x": [None],
        "y": 0,
        "z": False,
        "": "",
    }
    assert parsed(**extra).extra == extra
    assert adapted(**extra) == ""


def test_the_clients_body_is_not_changed() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    body = {"model": "m", "messages": [message], "stop": ["a", ""], "metadata": {"a": "b"}, "x": {}}
    before = repr(body)
    parse(body, Adaptations(), 8)
    assert repr(body) == before
