"""What goes wrong behind the proxy is an exception in openai-python: with a status while there can be one, else in-stream."""

from __future__ import annotations

import socket
from typing import Any

import openai
import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
WHOLE_AND_STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
HI: Any = [{"role": "user", "content": "Hello there"}]

# What Bedrock answers -> exception, type, code, param.
REFUSALS = {
    "ValidationException": (openai.BadRequestError, "invalid_request_error", None, None),
    "AccessDeniedException": (openai.PermissionDeniedError, "permission_error", "model_access_denied", "model"),
    "ResourceNotFoundException": (openai.NotFoundError, "invalid_request_error", "model_not_found", None),
    "ThrottlingException": (openai.RateLimitError, "rate_limit_error", "rate_limit_exceeded", None),
    "ServiceQuotaExceededException": (openai.RateLimitError, "insufficient_quota", "insufficient_quota", None),
    "InternalServerException": (openai.InternalServerError, "server_error", None, None),
    "ServiceUnavailableException": (openai.InternalServerError, "service_unavailable_error", "overloaded", None),
    "ModelNotReadyException": (openai.InternalServerError, "server_error", "model_not_ready", "model"),
    "ModelTimeoutException": (openai.InternalServerError, "server_error", "timeout", None),
    "ModelErrorException": (openai.InternalServerError, "server_error", "model_error", None),
    "UnrecognizedClientException": (openai.InternalServerError, "server_error", "upstream_auth_error", None),
    "ExpiredTokenException": (openai.InternalServerError, "server_error", "upstream_auth_error", None),
}
STATUSES = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
    "ServiceQuotaExceededException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
    "ModelNotReadyException": 503,
    "ModelTimeoutException": 504,
    "ModelErrorException": 502,
    "UnrecognizedClientException": 502,
    "ExpiredTokenException": 502,
}


@WHOLE_AND_STREAMED
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_of_bedrock_has_its_status(client, bedrock, name, stream):
    kind, type, code, param = REFUSALS[name]
    script = bedrock.script(error={"type": name})
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, stream=stream, extra_headers=script)
    error = caught.value
    assert error.status_code == STATUSES[name]
    assert (error.type, error.code, error.param) == (type, code, param)
    assert sorted(error.body) == ["code", "message", "param", "type"]
    assert error.response.headers["x-amzn-requestid"] == bedrock.calls[-1].request_id
    assert ("retry-after" in error.response.headers) == (STATUSES[name] in (429, 503))


@WHOLE_AND_STREAMED
def test_what_bedrock_said_is_kept_but_for_arns(client, bedrock, stream):
    message = (
        "User: arn:aws:iam::123456789012:user/me is not authorized to perform: bedrock:InvokeModel, ask your admin"
    )
    script = bedrock.script(error={"type": "AccessDeniedException", "message": message})
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, stream=stream, extra_headers=script)
    assert "ask your admin" in caught.value.message
    assert "123456789012" not in caught.value.message


def test_trouble_with_our_own_credentials_does_not_blame_the_clients_key(client, bedrock):
    script = bedrock.script(error={"type": "UnrecognizedClientException"})
    with pytest.raises(openai.InternalServerError, match="your own API key is not at fault"):
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)


@pytest.mark.parametrize(("original", "status"), [(400, 400), (404, 400), (429, 429), (500, 502), (None, 502)])
def test_a_failed_model_tells_whose_fault_it_was(client, bedrock, original, status):
    members = {} if original is None else {"originalStatusCode": original}
    script = bedrock.script(error={"type": "ModelErrorException", "message": "It failed.", "members": members})
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)
    assert caught.value.status_code == status


def test_a_conversation_too_long_has_the_code_that_clients_look_for(client, bedrock):
    script = bedrock.script(
        error={"type": "ValidationException", "message": "prompt is too long: 9 tokens > 8 maximum"}
    )
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=CLAUDE, messages=HI, extra_headers=script)
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length is 8 tokens" in caught.value.message


def test_a_gateway_in_the_way(client, bedrock):
    raw = {"status": 503, "content_type": "text/html", "body": "<html>busy</html>"}
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=bedrock.script(raw=raw))
    assert caught.value.status_code == 503
    assert "<html>" not in caught.value.message


@WHOLE_AND_STREAMED
def test_an_exhausted_quota_is_not_to_be_tried_again(client, bedrock, stream):
    script = bedrock.script(error={"type": "ServiceQuotaExceededException"})
    with pytest.raises(openai.RateLimitError) as caught:
        client.with_options(max_retries=2).chat.completions.create(
            model=LLAMA, messages=HI, stream=stream, extra_headers=script
        )
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize(
    ("given", "told"), [("3", "3"), ("2.2", "3"), ("0", "1"), ("3600", "60"), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_retry_after_is_bedrocks_within_reason(client, bedrock, given, told):
    script = bedrock.script(error={"type": "ThrottlingException"}, headers={"retry-after": given})
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)
    said = caught.value.response.headers["retry-after"]
    assert said == told if told else 1 <= int(said) <= 60


def test_retry_after_in_milliseconds(client, bedrock):
    script = bedrock.script(error={"type": "ThrottlingException"}, headers={"x-amz-retry-after": "4200"})
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)
    assert caught.value.response.headers["retry-after"] == "5"


# Every way in which a stream can break -> the status if nothing has come before, and the code in either case.
FAULTS: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "internalServerException": ({"kind": "exception", "type": "internalServerException"}, 500, None),
    "modelStreamErrorException": ({"kind": "exception", "type": "modelStreamErrorException"}, 502, "model_error"),
    "validationException": ({"kind": "exception", "type": "validationException"}, 400, None),
    "throttlingException": ({"kind": "exception", "type": "throttlingException"}, 429, "rate_limit_exceeded"),
    "modelTimeoutException": ({"kind": "exception", "type": "modelTimeoutException"}, 504, "timeout"),
    "serviceUnavailableException": ({"kind": "exception", "type": "serviceUnavailableException"}, 503, "overloaded"),
    "an exception of a new name": ({"kind": "exception", "type": "brandNewException"}, 500, None),
    "error frame": ({"kind": "error"}, 500, None),
    "cut": ({"kind": "cut"}, 502, "upstream_broken"),
    "end": ({"kind": "end"}, 502, "upstream_broken"),
    "wrong checksum": ({"kind": "bad_crc"}, 502, "upstream_broken"),
    "impossible length": ({"kind": "bad_length"}, 502, "upstream_broken"),
    "broken JSON": ({"kind": "bad_json"}, 502, "upstream_broken"),
}
ANY_FAULT = pytest.mark.parametrize("name", FAULTS)


@BOTH
@ANY_FAULT
def test_a_stream_that_breaks_before_its_first_event_has_a_status(client, bedrock, model, name):
    fault, status, code = FAULTS[name]
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model=model, messages=HI, stream=True, extra_headers=bedrock.script(fault={**fault, "after_events": 0})
        )
    assert (caught.value.status_code, caught.value.code) == (status, code)


@BOTH
@ANY_FAULT
def test_a_stream_that_breaks_later_raises_and_never_ends_well(client, bedrock, model, name):
    fault, _, code = FAULTS[name]
    said = ["You", " said", ": Hello"]
    script = bedrock.script(text=said, fault={**fault, "after_events": 3 if model == LLAMA else 6})
    heard = []
    stream = client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            assert chunk.choices[0].finish_reason is None
            heard.append(chunk.choices[0].delta.content)
    # The first is the role's. What came before the failure is not lost, but for bytes that aiohttp drops with a connection.
    assert heard == ["", *said][: len(heard)]
    assert len(heard) == 4 or name == "cut"
    assert caught.value.code == code
    assert sorted(caught.value.body) == ["code", "message", "param", "type"]


@BOTH
@ANY_FAULT
def test_after_the_error_nothing_follows(proxy, bedrock, model, name):
    script = bedrock.script(fault={**FAULTS[name][0], "after_events": 2})
    response = proxy.chat(model, headers=script, stream=True)
    *chunks, last, empty = response.text.split("\n\n")
    assert (response.status_code, empty) == (200, "")
    error = jsonio.decode(last.removeprefix("data: ").encode())
    assert list(error) == ["error"]
    assert sorted(error["error"]) == ["code", "message", "param", "type"]
    for chunk in chunks:
        assert jsonio.decode(chunk.removeprefix("data: ").encode())["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize(
    ("type", "status", "code"),
    [
        ("overloaded_error", 503, "overloaded"),
        ("rate_limit_error", 429, "rate_limit_exceeded"),
        ("api_error", 500, None),
        ("invalid_request_error", 400, None),
    ],
)
@pytest.mark.parametrize("after_events", [0, 5])
def test_an_error_that_claude_sends_as_an_event(client, bedrock, type, status, code, after_events):
    script = bedrock.script(fault={"kind": "claude_error", "type": type, "after_events": after_events})
    with pytest.raises(openai.APIError, match="Overloaded") as caught:
        list(client.chat.completions.create(model=CLAUDE, messages=HI, stream=True, extra_headers=script))
    assert caught.value.code == code
    assert isinstance(caught.value, openai.APIStatusError) == (after_events == 0)
    if isinstance(caught.value, openai.APIStatusError):
        assert caught.value.status_code == status


@BOTH
@pytest.mark.parametrize("cut_at", [1, 7, 12, 40, 140])
def test_a_connection_cut_inside_the_first_frame(client, bedrock, model, cut_at):
    script = bedrock.script(fault={"kind": "cut", "after_bytes": cut_at})
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_broken")


@BOTH
def test_a_stream_cut_anywhere_is_never_a_normal_end(client, bedrock, model):
    list(client.chat.completions.create(model=model, messages=HI, stream=True))
    size = bedrock.call.bytes_sent
    for cut_at in range(1, size, 131):
        script = bedrock.script(fault={"kind": "cut", "after_bytes": cut_at})
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script))


@BOTH
@pytest.mark.parametrize("split", [1, 7, 100])
def test_any_split_of_the_bytes_is_read_alike(client, bedrock, model, split):
    script = bedrock.script(text=["Split", " any", "where ✓"], split=split)
    stream = client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
    chunks = list(stream)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "Split", " any", "where ✓", None]
    assert chunks[-1].choices[0].finish_reason == "stop"


@BOTH
@WHOLE_AND_STREAMED
def test_a_200_with_nothing_in_it(client, bedrock, model, stream):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model=model, messages=HI, stream=stream, extra_headers=bedrock.script(raw={"body": ""})
        )
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_broken")


@pytest.mark.parametrize("body", ["{}", "[]", '{"generation": 1}', "<html>", '{"generation": "Hi"'])
def test_a_200_that_is_no_answer(client, bedrock, body):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=bedrock.script(raw={"body": body}))
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_broken")


def test_a_whole_answer_cut_off(client, bedrock):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model=LLAMA, messages=HI, extra_headers=bedrock.script(fault={"kind": "cut", "after_bytes": 20})
        )
    assert caught.value.status_code == 502


def test_what_breaks_after_the_end_takes_nothing_from_the_answer(client, bedrock):
    script = bedrock.script(text=["All", " of it"], fault={"kind": "exception", "after_events": 3})
    chunks = list(client.chat.completions.create(model=LLAMA, messages=HI, stream=True, extra_headers=script))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stop", [None, "STOP"])
def test_what_came_in_the_same_read_as_the_failure_is_not_lost(client, bedrock, stop):
    """The whole stream in one piece on the wire: seven events, and one that cannot be read."""
    said = ["One", " two", " three", " four", " five", " six", " seven"]
    script = bedrock.script(text=said, split=100_000, fault={"kind": "bad_json", "after_events": 7})
    heard = []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(
            model=LLAMA, messages=HI, stream=True, stop=stop, extra_headers=script
        ):
            heard.append(chunk.choices[0].delta.content)
    assert heard == ["", *said]


@pytest.mark.parametrize(
    ("model", "stop", "stream"),
    [(LLAMA, None, True), (CLAUDE, None, True), (LLAMA, "never", True), (LLAMA, "never", False), (CLAUDE, "\n", False)],
)
def test_a_connection_that_stays_open_after_the_end(client, bedrock, model, stop, stream):
    script = bedrock.script(text=["All", " of it"], fault={"kind": "stall", "after_events": 100})
    answer = client.chat.completions.create(model=model, messages=HI, stream=stream, stop=stop, extra_headers=script)
    if stream:
        chunks = list(answer)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "All of it"
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        assert answer.choices[0].message.content == "All of it"
    assert bedrock.wait_until_idle(1)[0].hung_up


@BOTH
def test_a_stream_that_never_begins(serve, bedrock, model):
    proxy = serve(timeouts={"first_event_s": 0.05}, retry={"attempts": 1})
    script = bedrock.script(fault={"kind": "stall", "after_events": 0})
    with proxy.openai() as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
    assert (caught.value.status_code, caught.value.code) == (504, "timeout")
    assert bedrock.wait_until_idle(1)[0].hung_up


@BOTH
def test_a_stream_that_falls_silent(serve, bedrock, model):
    proxy = serve(timeouts={"gap_s": 0.05})
    script = bedrock.script(fault={"kind": "stall", "after_events": 4})
    with proxy.openai() as client:
        stream = client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
    assert caught.value.code == "timeout"
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_a_stream_that_takes_too_long_in_all(serve, bedrock):
    # Time enough to begin on a busy machine, and far from enough for all of it.
    proxy = serve(timeouts={"total_s": 1.5})
    bedrock.rules({"script": {"text": "a word " * 10_000, "gap_ms": 5}})
    with proxy.openai() as client:
        stream = client.chat.completions.create(model=LLAMA, messages=HI, stream=True)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
    assert caught.value.code == "timeout"
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_a_stream_that_takes_too_long_to_begin_in_all(serve, bedrock):
    """The whole may be shorter than the wait for the first event; waits between attempts count as well."""
    proxy = serve(timeouts={"total_s": 0.1, "first_event_s": 300})
    for script in (
        bedrock.script(fault={"kind": "stall"}),
        bedrock.script(error={"type": "ServiceUnavailableException"}, headers={"retry-after": "19"}),
    ):
        with proxy.openai() as client, pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model=LLAMA, messages=HI, stream=True, extra_headers=script)
        assert (caught.value.status_code, caught.value.code) == (504, "timeout")


def test_a_whole_answer_that_takes_too_long(serve, bedrock):
    proxy = serve(timeouts={"total_s": 0.05})
    script = bedrock.script(fault={"kind": "stall"})
    with proxy.openai() as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)
    assert (caught.value.status_code, caught.value.code) == (504, "timeout")
    assert bedrock.wait_until_idle(1)[0].hung_up


@WHOLE_AND_STREAMED
def test_nobody_listens_where_bedrock_should_be(serve, stream):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
    proxy = serve(endpoint=nowhere, retry={"attempts": 2})
    with proxy.openai() as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
