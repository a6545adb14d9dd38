from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from proxy import jsonio
from proxy.bedrock.errors import BY_NAME, error_from_claude, error_from_frame, error_from_response, is_error_frame
from proxy.errors import (
    ContextLengthExceeded,
    CredentialsExpired,
    Forbidden,
    GrammarRefused,
    InvalidRequest,
    ModelFailed,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    ProxyError,
    QuotaExceeded,
    RateLimited,
    RequestTooLarge,
    StreamRefused,
    ThoughtsRefused,
    UnsupportedParameter,
    UpstreamBroken,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamUnreachable,
)

RECORDINGS = Path(__file__).parents[2] / "../shared/recordings/bedrock"
SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")
OPERATIONS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream", "CountTokens")


def respond(name: str | None, status: int, message: str | None, **headers: str) -> ProxyError:
    if name is not None:
        headers["x-amzn-errortype"] = name
    return error_from_response(status, headers, b"" if message is None else jsonio.encode({"message": message}))


# --- every error of the service model ------------------------------------------------------------------------------

MODELLED = {
    # name -> class, status for the client, OpenAI's type and code, retried by the proxy
    "AccessDeniedException": (Forbidden, 403, "permission_error", "model_access_denied", False),
    "InternalServerException": (UpstreamFailed, 500, "server_error", None, True),
    "ModelErrorException": (ModelFailed, 502, "server_error", "model_error", True),
    "ModelNotReadyException": (ModelNotReady, 503, "server_error", "model_not_ready", True),
    "ModelStreamErrorException": (ModelFailed, 502, "server_error", "model_error", True),
    "ModelTimeoutException": (UpstreamTimeout, 504, "server_error", "timeout", False),
    "ResourceNotFoundException": (ModelNotFound, 404, "invalid_request_error", "model_not_found", False),
    "ServiceQuotaExceededException": (QuotaExceeded, 429, "insufficient_quota", "insufficient_quota", False),
    "ServiceUnavailableException": (Overloaded, 503, "service_unavailable_error", "overloaded", True),
    "ThrottlingException": (RateLimited, 429, "rate_limit_error", "rate_limit_exceeded", True),
    "ValidationException": (InvalidRequest, 400, "invalid_request_error", None, False),
}


def in_responses() -> Iterator[Any]:
    for operation in OPERATIONS:
        for shape in SERVICE.operation_model(operation).error_shapes:
            yield pytest.param(shape.name, shape.metadata["error"]["httpStatusCode"], id=f"{operation}-{shape.name}")


def in_streams() -> Iterator[Any]:
    for operation in OPERATIONS:
        model = SERVICE.operation_model(operation)
        if model.has_event_stream_output:
            for member, shape in model.get_event_stream_output().members.items():
                if shape.metadata.get("exception"):
                    yield pytest.param(member, shape.name, id=f"{operation}-{member}")


def told(error: ProxyError) -> tuple[type[ProxyError], int, str, str | None, bool]:
    return type(error), error.status, error.type, error.code, error.is_retryable


@pytest.mark.parametrize(("name", "status"), [*in_responses()])
def test_every_error_that_the_model_names(name: str, status: int) -> None:
    assert name in BY_NAME
    error = respond(name, status, "Something.", **{"x-amzn-requestid": "2c3b"})
    assert told(error) == MODELLED[name]
    assert (error.message, error.upstream_code, error.upstream_request_id) == ("Something.", name, "2c3b")


@pytest.mark.parametrize(("member", "name"), [*in_streams()])
def test_every_exception_that_a_stream_can_hold(member: str, name: str) -> None:
    headers = {":message-type": "exception", ":exception-type": member, ":content-type": "application/json"}
    assert is_error_frame(headers)
    error = error_from_frame(headers, b'{"message":"Something."}', upstream_request_id="2c3b")
    assert told(error) == MODELLED[name]
    assert (error.message, error.upstream_code, error.upstream_request_id) == ("Something.", name, "2c3b")


def test_only_what_the_model_names_is_expected_here() -> None:
    names = {shape.name for operation in OPERATIONS for shape in SERVICE.operation_model(operation).error_shapes}
    assert names == set(MODELLED)


# --- how the name and the message are found ------------------------------------------------------------------------

FORMS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "header": ({"x-amzn-errortype": "ThrottlingException"}, {"message": "m"}, "ThrottlingException"),
    "header with a URL": (
        {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"},
        {"message": "m"},
        "ValidationException",
    ),
    "header before body": ({"x-amzn-errortype": "a#ThrottlingException"}, {"__type": "b#Other"}, "ThrottlingException"),
    "code": ({}, {"code": "ThrottlingException", "__type": "b#Other"}, "ThrottlingException"),
    "Code": ({}, {"Code": "ns#ThrottlingException"}, "ThrottlingException"),
    "__type": ({}, {"__type": "com.amazon#AccessDeniedException", "Message": "m"}, "AccessDeniedException"),
    "__type with a colon": ({}, {"__type": "ThrottlingException:http://x"}, "ThrottlingException"),
}


@pytest.mark.parametrize(("headers", "body", "name"), FORMS.values(), ids=FORMS)
def test_the_name_is_found_where_botocore_finds_it(headers: dict[str, str], body: dict[str, Any], name: str) -> None:
    text = jsonio.encode(body)
    shape = SERVICE.operation_model("InvokeModel").output_shape
    parsed = create_parser("rest-json").parse({"status_code": 400, "headers": headers, "body": text}, shape)["Error"]
    assert parsed["Code"] == name
    error = error_from_response(400, headers, text)
    assert error.upstream_code == name
    assert type(error) is BY_NAME[name].kind


def test_the_message_may_be_a_header() -> None:
    headers = {"x-amzn-errortype": "ThrottlingException:http://x", "x-amzn-errormessage": "Too many tokens per day"}
    assert error_from_response(429, headers, b"{}").message == "Too many tokens per day"
    assert error_from_response(429, headers, b'{"message": "in the body"}').message == "in the body"


def test_the_message_may_be_missing() -> None:
    for body in (b"", b"null", b"[]", b"{}", b'{"message":null}', b'{"message":7}', b"<html>", b"\xff", b"[" * 100_000):
        error = error_from_response(503, {}, body)
        assert told(error) == MODELLED["ServiceUnavailableException"]
        assert error.message == "Bedrock answered with status 503 and no explanation."
        assert error.upstream_code is None


BARE = {
    # What a status alone means: class, status for the client, retried by the proxy.
    (200, b""): (UpstreamBroken, 502, True),
    (200, b'{"output":{}}'): (UpstreamBroken, 502, True),
    (301, b""): (UpstreamBroken, 502, False),
    (400, b'{"message":"Wrong."}'): (InvalidRequest, 400, False),
    (400, b"<html>Bad Request</html>"): (UpstreamBroken, 502, False),
    (401, b""): (UpstreamRefusedUs, 502, False),
    (403, b'{"message":"Forbidden"}'): (UpstreamRefusedUs, 502, False),
    (403, b"<html>"): (UpstreamRefusedUs, 502, False),
    (404, b'{"message":"No."}'): (ModelNotFound, 404, False),
    (404, b"<html>Not Found</html>"): (UpstreamBroken, 502, False),
    (405, b'{"message":"No."}'): (UpstreamBroken, 502, False),
    (407, b""): (UpstreamRefusedUs, 502, False),
    (408, b'{"message":"Slow."}'): (UpstreamTimeout, 504, False),
    (413, b"<html>"): (RequestTooLarge, 413, False),
    (413, b'{"message":"Large."}'): (RequestTooLarge, 413, False),
    (424, b'{"message":"Broke."}'): (ModelFailed, 502, True),
    (429, b""): (RateLimited, 429, True),
    (500, b"<html>"): (UpstreamFailed, 500, True),
    (502, b"<html>Bad Gateway</html>"): (UpstreamUnreachable, 502, True),
    (503, b""): (Overloaded, 503, True),
    (504, b"<html>"): (UpstreamTimeout, 504, True),
    (529, b""): (Overloaded, 503, True),
    (599, b""): (UpstreamFailed, 500, True),
}


@pytest.mark.parametrize(("answer", "expected"), BARE.items())
def test_a_status_without_a_name(answer: tuple[int, bytes], expected: tuple[type[ProxyError], int, bool]) -> None:
    error = error_from_response(answer[0], {"content-type": "whatever"}, answer[1])
    assert (type(error), error.status, error.is_retryable) == expected
    assert error.message


def test_a_name_decides_even_under_a_200() -> None:
    assert type(respond("ThrottlingException", 200, "Slow down.")) is RateLimited


def test_an_unknown_name_leaves_it_to_the_status() -> None:
    error = respond("BrandNewException", 400, "Input is too long for requested model.")
    assert type(error) is ContextLengthExceeded
    assert error.upstream_code == "BrandNewException"
    assert type(respond("BrandNewException", 500, "Oh.")) is UpstreamFailed


def test_claude_answers_529_in_its_own_words() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    error = error_from_response(529, {"retry-after": "7"}, body)
    assert told(error) == MODELLED["ServiceUnavailableException"]
    assert (error.message, error.upstream_code, error.retry_after_s) == ("Overloaded", "overloaded_error", 7.0)


WAITS = [
    ({"retry-after": "3"}, 3.0),
    ({"retry-after": "0.5"}, 0.5),
    ({"x-amz-retry-after": "1500"}, 1.5),
    ({"x-amz-retry-after": "1500", "retry-after": "9"}, 1.5),
    ({"x-amz-retry-after": "soon", "retry-after": "9"}, 9.0),
    ({"retry-after": "Sat, 21 Nov 2026 12:00:00 GMT"}, None),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "nan"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert respond("ThrottlingException", 429, "Slow down.", **headers).retry_after_s == seconds


# --- frames --------------------------------------------------------------------------------------------------------


def test_an_error_frame_has_its_words_in_headers() -> None:
    headers = {":message-type": "error", ":error-code": "internalError", ":error-message": "It broke."}
    assert is_error_frame(headers)
    error = error_from_frame(headers, b"")
    assert told(error) == MODELLED["InternalServerException"]
    assert error.message == "It broke."


def test_an_exception_sent_as_an_event() -> None:
    headers = {":message-type": "event", ":event-type": "throttlingException"}
    assert is_error_frame(headers)
    assert type(error_from_frame(headers, b'{"message":"Slow down."}')) is RateLimited


def test_events_are_no_errors() -> None:
    for name in ("chunk", "messageStart", "metadata", "somethingNew"):
        assert not is_error_frame({":message-type": "event", ":event-type": name})


def test_an_exception_that_nobody_knows_or_explains() -> None:
    error = error_from_frame({":message-type": "exception", ":exception-type": "brandNewException"}, b"?")
    assert type(error) is UpstreamFailed
    assert error.message == "Bedrock ended the answer with brandNewException and no explanation."
    assert error_from_frame({":message-type": "exception"}, b"").message.startswith("Bedrock ended the answer")


CLAUDE = {
    "api_error": UpstreamFailed,
    "authentication_error": UpstreamRefusedUs,
    "billing_error": QuotaExceeded,
    "invalid_request_error": InvalidRequest,
    "not_found_error": ModelNotFound,
    "overloaded_error": Overloaded,
    "permission_error": Forbidden,
    "rate_limit_error": RateLimited,
    "request_too_large": RequestTooLarge,
    "timeout_error": UpstreamTimeout,
    "brand_new_error": UpstreamFailed,
}


@pytest.mark.parametrize(("name", "kind"), CLAUDE.items())
def test_claude_in_its_stream(name: str, kind: type[ProxyError]) -> None:
    error = error_from_claude({"type": "error", "error": {"type": name, "message": "Something."}})
    assert type(error) is kind
    assert error.upstream_code == name


def test_claude_without_words() -> None:
    for payload in ({}, {"error": None}, {"error": "?"}, {"error": {}}, {"error": {"type": 1, "message": 2}}):
        error = error_from_claude(payload, upstream_request_id="2c3b")
        assert type(error) is UpstreamFailed
        assert error.message == "The model ended its answer with an error and no explanation."
        assert error.upstream_request_id == "2c3b"


# --- a model's own server ------------------------------------------------------------------------------------------

ORIGINAL = {
    None: (ModelFailed, 502, "model_error", True),
    400: (InvalidRequest, 400, "model_error", False),
    404: (InvalidRequest, 400, "model_error", False),
    408: (UpstreamTimeout, 504, "timeout", False),
    422: (InvalidRequest, 400, "model_error", False),
    429: (RateLimited, 429, "rate_limit_exceeded", True),
    500: (ModelFailed, 502, "model_error", True),
    503: (ModelFailed, 502, "model_error", True),
    "400": (ModelFailed, 502, "model_error", True),
}


@pytest.mark.parametrize(("original", "expected"), ORIGINAL.items())
def test_the_original_status(original: int | str | None, expected: tuple[type[ProxyError], int, str, bool]) -> None:
    body = jsonio.encode({"message": "It failed.", "originalStatusCode": original, "resourceName": "arn:aws:x"})
    response = error_from_response(424, {"x-amzn-errortype": "ModelErrorException"}, body)
    frame = error_from_frame({":message-type": "exception", ":exception-type": "modelStreamErrorException"}, body)
    for error in (response, frame):
        assert (type(error), error.status, error.code, error.is_retryable) == expected
        assert error.message == "It failed."


def test_a_models_own_server_can_say_that_the_input_is_too_long() -> None:
    body = jsonio.encode({"originalMessage": "Input is too long for requested model.", "originalStatusCode": 400})
    headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
    assert type(error_from_frame(headers, body)) is ContextLengthExceeded


# --- the catalogue of texts ----------------------------------------------------------------------------------------

VALIDATION, ACCESS, MISSING = "ValidationException", "AccessDeniedException", "ResourceNotFoundException"
THROTTLING, INTERNAL, UNAVAILABLE = "ThrottlingException", "InternalServerException", "ServiceUnavailableException"

NO_MODEL = (ModelNotFound, "model_not_found", None)
NO_ACCESS = (Forbidden, "model_access_denied", "model")
TOO_LONG = (ContextLengthExceeded, "context_length_exceeded", "messages")
LIMITED = (RateLimited, "rate_limit_exceeded", None)


def invalid(param: str | None, code: str | None = None) -> tuple[type[ProxyError], str | None, str | None]:
    return InvalidRequest, code, param


NO_STREAM = (StreamRefused, "unsupported_parameter", "stream")
GRAMMAR = (GrammarRefused, None, "response_format")
THOUGHTS = (ThoughtsRefused, None, "messages")


def unsupported(
    param: str | None, code: str | None = "unsupported_parameter"
) -> tuple[type[ProxyError], str | None, str | None]:
    return UnsupportedParameter, code, param


TEXTS = [
    # Identity and access.
    (
        VALIDATION,
        "Invocation of model ID anthropic.claude-sonnet-4-5-20250929-v1:0 with on-demand throughput isn’t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model.",
        NO_MODEL,
    ),
    (VALIDATION, "Invocation of model ID x with on-demand throughput isn't supported. Retry your request …", NO_MODEL),
    (VALIDATION, "The provided model identifier is invalid.", NO_MODEL),
    (VALIDATION, "Could not resolve the foundation model from the provided model identifier.", NO_MODEL),
    (MISSING, "Could not resolve the foundation model from the provided model identifier.", NO_MODEL),
    (MISSING, "This model version has reached the end of its life. Please refer to the AWS documentation.", NO_MODEL),
    (VALIDATION, "This model version has reached the end of its life.", NO_MODEL),
    (MISSING, "Access denied. This Model is marked by provider as Legacy and you have not been actively …", NO_MODEL),
    (ACCESS, "Access denied. This Model is marked by provider as Legacy and you have not been actively …", NO_MODEL),
    (ACCESS, "You don't have access to the model with the specified model ID.", NO_ACCESS),
    (VALIDATION, "You don’t have access to the model with the specified model ID.", NO_ACCESS),
    (
        ACCESS,
        "User is not authorized to perform: bedrock:InvokeModel because no identity-based policy allows",
        NO_ACCESS,
    ),
    (MISSING, "Model use case details have not been submitted for this account. Fill out the Anthropic …", NO_ACCESS),
    ("FTUFormNotFilled", "Model use case details have not been submitted for this account.", NO_ACCESS),
    (ACCESS, "Model access is denied due to IAM user or service role is not authorized to perform …", NO_ACCESS),
    (ACCESS, "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument …", NO_ACCESS),
    (VALIDATION, "Operation not allowed", NO_ACCESS),
    (
        MISSING,
        "The guardrail identifier or version provided in the request does not exist.",
        invalid("guardrailConfig"),
    ),
    (VALIDATION, "This action doesn't support the model that you provided. Try again with a …", invalid("model")),
    # Size and tokens.
    (VALIDATION, "Input is too long for requested model.", TOO_LONG),
    (VALIDATION, "prompt is too long: 215123 tokens > 200000 maximum", TOO_LONG),
    (VALIDATION, "The model returned the following errors: prompt is too long: 2 tokens > 1 maximum", TOO_LONG),
    (VALIDATION, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease …", TOO_LONG),
    (
        VALIDATION,
        "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt",
        TOO_LONG,
    ),
    (
        VALIDATION,
        "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9000 ",
        (ContextLengthExceeded, "context_length_exceeded", "input"),
    ),
    (
        VALIDATION,
        "max_tokens: 500000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
        invalid("max_tokens", "invalid_value"),
    ),
    (
        VALIDATION,
        "The maximum tokens you requested exceeds the model limit of 5120. Try again with a maximum tokens value …",
        invalid("max_tokens", "invalid_value"),
    ),
    (THROTTLING, "Too many tokens, please wait before trying again.", LIMITED),
    (THROTTLING, "Too many tokens per day, please wait before trying again.", LIMITED),
    (THROTTLING, "Too many requests, please wait before trying again.", LIMITED),
    (THROTTLING, "Your request rate is too high. Reduce the frequency of requests.", LIMITED),
    (UNAVAILABLE, "Bedrock is unable to process your request.", (Overloaded, "overloaded", None)),
    (INTERNAL, "Bedrock is unable to process your request.", (Overloaded, "overloaded", None)),
    # What stands around the conversation.
    (VALIDATION, "The specified service tier is not supported for this model.", invalid("service_tier")),
    (VALIDATION, "Latency performance configuration is not supported for this model.", invalid("performanceConfig")),
    (VALIDATION, "Value 'x' at 'serviceTier.type' failed to satisfy constraint", invalid("service_tier")),
    (VALIDATION, "Value '' at 'requestMetadata' failed to satisfy constraint", invalid("metadata")),
    # Body and parameters: behind a JSON schema.
    (
        VALIDATION,
        "Malformed input request: #: extraneous key [stop] is not permitted, please reformat your input and try again.",
        unsupported("stop"),
    ),
    (
        VALIDATION,
        "Malformed input request: 2 schema violations found, please reformat your input and try again.",
        invalid(None),
    ),
    (
        VALIDATION,
        "Malformed input request: #: extraneous key [foo] is not permitted#: extraneous key [stop] is not permitted",
        unsupported("foo"),
    ),
    (
        VALIDATION,
        "Malformed input request: #/max_gen_len: 4096 is not less or equal to 2048, please reformat your input …",
        invalid("max_tokens"),
    ),
    (VALIDATION, "Malformed input request: #/temperature: 2.0 is not less or equal to 1", invalid("temperature")),
    (VALIDATION, "Malformed input request: #/stop_sequences/0: expected type: String", invalid("stop")),
    (VALIDATION, "Malformed input request: #: required key [prompt] not found, please reformat …", invalid("messages")),
    # Claude.
    (VALIDATION, "messages.0.content.0.type: Field required", invalid("messages")),
    (VALIDATION, "max_tokens: Field required", invalid("max_tokens")),
    (VALIDATION, "stop_sequences: each stop sequence must contain non-whitespace", invalid("stop")),
    (VALIDATION, "system.0.text: Field required", invalid("messages")),
    (VALIDATION, "metadata.user_id: String should have at most 256 characters", invalid("user")),
    (VALIDATION, "temperature: Extra inputs are not permitted", unsupported("temperature")),
    (VALIDATION, "frobnicate: Extra inputs are not permitted", unsupported("frobnicate")),
    (VALIDATION, "messages: at least one message is required", invalid("messages")),
    (VALIDATION, 'messages: first message must use the "user" role', invalid("messages")),
    (VALIDATION, "messages: text content blocks must be non-empty", invalid("messages")),
    (VALIDATION, "messages: final assistant content cannot end with trailing whitespace", invalid("messages")),
    (
        VALIDATION,
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
        invalid("messages"),
    ),
    (VALIDATION, "`tool_use` ids were found without `tool_result` blocks immediately after: x", invalid("messages")),
    (VALIDATION, "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.", invalid("messages")),
    (
        VALIDATION,
        "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. "
        "Please use only one.",
        unsupported("temperature"),
    ),
    (VALIDATION, "`temperature` is deprecated for this model.", unsupported("temperature")),
    (VALIDATION, "`top_p` is deprecated for this model.", unsupported("top_p")),
    (VALIDATION, "`top_k` is deprecated for this model.", unsupported("top_k")),
    (
        VALIDATION,
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        unsupported("messages", "unsupported_value"),
    ),
    (
        VALIDATION,
        'tool_choice: type "tool" and "any" are not supported for this model.',
        unsupported("tool_choice", "unsupported_value"),
    ),
    (
        VALIDATION,
        "tool_choice forces tool use is not compatible with this model",
        unsupported("tool_choice", "unsupported_value"),
    ),
    (
        VALIDATION,
        "Thinking may not be enabled when tool_choice forces tool use.",
        unsupported("tool_choice", "unsupported_value"),
    ),
    (
        VALIDATION,
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and …',
        unsupported("reasoning_effort", "unsupported_value"),
    ),
    (
        VALIDATION,
        '"thinking.type.disabled" is not supported for this model.',
        unsupported("reasoning_effort", "unsupported_value"),
    ),
    (
        VALIDATION,
        "adaptive thinking is not supported on this model",
        unsupported("reasoning_effort", "unsupported_value"),
    ),
    (VALIDATION, "`max_tokens` must be greater than `thinking.budget_tokens`.", invalid("max_tokens")),
    (VALIDATION, "messages.1.content.0: Invalid `signature` in `thinking` block", THOUGHTS),
    (VALIDATION, "Invalid `signature` in `thinking` block", THOUGHTS),
    (VALIDATION, "messages.1.content.0: Invalid `data` in `redacted_thinking` block", THOUGHTS),
    (
        VALIDATION,
        "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
        THOUGHTS,
    ),
    (
        VALIDATION,
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` …",
        THOUGHTS,
    ),
    (VALIDATION, "invalid beta flag", unsupported("anthropic_beta", "unsupported_value")),
    (VALIDATION, "output_config.format: Extra inputs are not permitted", GRAMMAR),
    (VALIDATION, "output_config.effort: Extra inputs are not permitted", unsupported("reasoning_effort")),
    (VALIDATION, "Schema is too complex.", GRAMMAR),
    (VALIDATION, "Grammar compilation exceeded limits", GRAMMAR),
    (VALIDATION, "The compiled grammar is too large, which would cause performance issues.", GRAMMAR),
    (
        VALIDATION,
        "'claude-haiku-4-5-20251001' does not support tool types: web_search_20250305",
        unsupported("tools", "unsupported_value"),
    ),
    (VALIDATION, "tools.0.custom.name: Field required", invalid("tools")),
    (VALIDATION, "tools.0.custom.input_schema.type: Input should be 'object'", invalid("tools")),
    # Converse.
    (VALIDATION, "This model doesn't support tool use.", unsupported("tools")),
    (
        VALIDATION,
        "This model doesn't support tool use in streaming mode.",
        (StreamRefused, "unsupported_parameter", "tools"),
    ),
    (VALIDATION, "The model is unsupported for streaming.", NO_STREAM),
    (VALIDATION, "The model does not support streaming.", NO_STREAM),
    (VALIDATION, "This model doesn't support streaming.", NO_STREAM),
    (
        VALIDATION,
        "This model doesn't support system messages. Try again without a system message.",
        unsupported("messages"),
    ),
    (VALIDATION, "This model doesn't support the stopSequences field. Remove stopSequences and …", unsupported("stop")),
    (VALIDATION, "This model doesn’t support the toolConfig.toolChoice.any field.", unsupported("tool_choice")),
    (VALIDATION, "This model doesn't support the cachePoint field.", unsupported("messages")),
    (VALIDATION, "This model doesn't support documents.", unsupported("messages")),
    (VALIDATION, "This model doesn't support images.", unsupported("messages")),
    (
        VALIDATION,
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        invalid("tools"),
    ),
    (
        VALIDATION,
        "The text field in the ContentBlock object at messages.0.content.1 is blank. Add text to the text field, …",
        invalid("messages"),
    ),
    (
        VALIDATION,
        "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
        invalid("messages"),
    ),
    (
        VALIDATION,
        "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_1",
        invalid("messages"),
    ),
    (VALIDATION, "A conversation must start with a user message. Try again with a conversation …", invalid("messages")),
    (VALIDATION, "A conversation must alternate between user and assistant roles. Make sure …", invalid("messages")),
    (
        VALIDATION,
        "You invoked an unsupported model or your request did not allow prompt caching. See the documentation …",
        unsupported("messages"),
    ),
    (
        VALIDATION,
        "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member …",
        invalid("max_tokens"),
    ),
    (
        VALIDATION,
        "1 validation error detected: Value '1.5' at 'inferenceConfig.topP' failed to satisfy constraint: Member …",
        invalid("top_p"),
    ),
    (VALIDATION, "Could not process image", invalid("messages")),
    (VALIDATION, "The provided image exceeds the limit of 3.75 MB", invalid("messages")),
    (VALIDATION, "Image format png and content type mismatch", invalid("messages")),
    (VALIDATION, "Something else entirely: with a colon", invalid(None)),
    (VALIDATION, "Note: 'this' and 'temperature' disagree", invalid("temperature")),
    # The model's side.
    (
        "ModelStreamErrorException",
        "Model produced invalid sequence as part of ToolUse. Please refer to the model tool use troubleshooting guide.",
        (ModelFailed, "model_error", None),
    ),
    (VALIDATION, "Failed to generate output due to internal reasons", (ModelFailed, "model_error", None)),
    (
        VALIDATION,
        "The system encountered an unexpected error during processing. Try again later.",
        (ModelFailed, "model_error", None),
    ),
    ("UnknownOperationException", "", (UpstreamError, None, None)),
    ("RequestEntityTooLargeException", "Too large", (RequestTooLarge, "request_too_large", None)),
]


@pytest.mark.parametrize(("name", "text", "expected"), TEXTS, ids=[f"{name}: {text[:60]}" for name, text, _ in TEXTS])
def test_what_a_text_means(name: str, text: str, expected: tuple[type[ProxyError], str | None, str | None]) -> None:
    for error in (
        respond(name, 400, text),
        error_from_frame({":message-type": "exception", ":exception-type": name}, jsonio.encode({"message": text})),
    ):
        assert (type(error), error.code, error.param) == expected
        assert error.message
        assert error.upstream_code == name


def test_what_bedrock_said_is_kept() -> None:
    assert respond(VALIDATION, 400, "Could not process image").message == "Could not process image"
    wrapped = respond(VALIDATION, 400, "The model returned the following errors: Schema is too complex.")
    assert wrapped.message == "Schema is too complex."
    profile_only = respond(VALIDATION, 400, "Invocation of model ID x with on-demand throughput isn’t supported.")
    assert profile_only.message == (
        "Invocation of model ID x with on-demand throughput isn’t supported. The id of an inference profile begins with "
        "its geography, for example us., eu. or global."
    )
    assert len(respond(VALIDATION, 400, "x" * 100_000).message) == 2000


def test_a_day_is_too_long_to_try_again() -> None:
    assert not respond(THROTTLING, 429, "Too many tokens per day, please wait before trying again.").is_retryable
    assert respond(THROTTLING, 429, "Too many tokens, please wait before trying again.").is_retryable


LENGTHS = {
    "prompt is too long: 215,123 tokens > 200,000 maximum": (
        "This model's maximum context length is 200000 tokens. However, your messages resulted in 215123 tokens. Please "
        "reduce the length of the messages."
    ),
    "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length": (
        "This model's maximum context length is 200000 tokens. However, you requested 209573 tokens (188240 in the "
        "messages, 21333 in the completion). Please reduce the length of the messages or completion."
    ),
    "Too many input tokens. Max input tokens: 8192, request input token count: 9000": (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please "
        "reduce the length of the messages."
    ),
    "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt": (
        "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt"
    ),
    "Input is too long for requested model.": (
        "This model's maximum context length is exceeded. Please reduce the length of the messages. Bedrock: Input is "
        "too long for requested model."
    ),
    "prompt is too long": (
        "This model's maximum context length is exceeded. Please reduce the length of the messages. Bedrock: prompt is "
        "too long"
    ),
}


@pytest.mark.parametrize(("text", "message"), LENGTHS.items())
def test_context_lengths_in_the_words_that_clients_look_for(text: str, message: str) -> None:
    assert respond(VALIDATION, 400, text).message == message


# --- secrets -------------------------------------------------------------------------------------------------------


def test_arns_and_accounts_are_left_out() -> None:
    error = respond(
        ACCESS,
        403,
        "User: arn:aws:sts::123456789012:assumed-role/Secret-Role/session@example.com is not authorized to perform: "
        "bedrock:InvokeModel on resource: arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama3-v1:0. "
        "Account 123456789012, key AKIAIOSFODNN7EXAMPLE, request 1234567890123.",
    )
    assert error.message == (
        "User: [arn] is not authorized to perform: bedrock:InvokeModel on resource: [arn]. Account [account], key [key], "
        "request 1234567890123."
    )


REFUSALS = [
    ("UnrecognizedClientException", 403, "The security token included in the request is invalid.", CredentialsExpired),
    ("UnrecognizedClientException", 403, "Something new.", UpstreamRefusedUs),
    ("InvalidClientTokenId", 403, "The security token included in the request is invalid", CredentialsExpired),
    ("ExpiredTokenException", 403, "The security token included in the request is expired", CredentialsExpired),
    ("ExpiredToken", 403, "", CredentialsExpired),
    (ACCESS, 403, "The security token included in the request is expired", CredentialsExpired),
    (None, 403, "Bearer Token has expired", CredentialsExpired),
    (None, 403, "Bearer Token is invalid", UpstreamRefusedUs),
    (ACCESS, 403, "Bearer Token is invalid", UpstreamRefusedUs),
    (ACCESS, 403, "Authentication failed: Please make sure your API Key is valid.", UpstreamRefusedUs),
    ("InvalidSignatureException", 403, "Signature expired: 20261121T120000Z is now earlier than …", UpstreamRefusedUs),
    ("IncompleteSignatureException", 400, "Authorization header requires 'Signature' parameter.", UpstreamRefusedUs),
    ("MissingAuthenticationTokenException", 403, "Missing Authentication Token", UpstreamRefusedUs),
    ("RequestExpired", 400, "The request expired.", UpstreamRefusedUs),
    ("SignatureDoesNotMatch", 403, "Canonical String: x-amz-security-token:TOKEN", UpstreamRefusedUs),
    ("authentication_error", 401, "x", UpstreamRefusedUs),
]


@pytest.mark.parametrize(("name", "status", "text", "kind"), REFUSALS)
def test_the_proxys_own_credentials(name: str | None, status: int, text: str, kind: type[ProxyError]) -> None:
    body = {"Message": f"{text} hidden"} | ({"__type": name} if name else {})
    error = error_from_response(status, {}, jsonio.encode(body))
    assert (type(error), error.status, error.code) == (kind, 502, "upstream_auth_error")
    assert "the proxy's own credentials" in error.message
    assert "your own API key is not at fault" in error.message
    assert "hidden" not in error.message


def test_a_bearer_key_without_rights_is_a_matter_of_access() -> None:
    body = b'{"Message":"User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:CallWithBearerToken"}'
    error = error_from_response(403, {}, body)
    assert (type(error), error.code, error.param) == NO_ACCESS
    assert "123456789012" not in error.message


# --- recordings ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real traffic are not beside this checkout")
@pytest.mark.parametrize("name", ["error.json", "streaming_error.json"])
def test_recorded_refusals(name: str) -> None:
    [exchange] = jsonio.decode((RECORDINGS / name).read_bytes())
    response = exchange["response"]
    error = error_from_response(response["status"], response["headers"], jsonio.encode(response["body"]))
    assert (type(error), error.code, error.param) == NO_MODEL
    assert error.message == "The provided model identifier is invalid."
