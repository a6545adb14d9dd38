"""What cannot be served is refused in OpenAI's form, whatever it is, and the next request is answered again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
JSON = {"content-type": "application/json"}
USER = {"role": "user", "content": "Hi"}
CHAT = "/v1/chat/completions"


def refusal(response: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """The error of an answer that is a refusal in every way."""
    assert 400 <= response.status_code < 500, response.text
    if status is not None:
        assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    body = jsonio.decode(response.content)
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert sorted(error) == ["code", "message", "param", "type"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert error["message"].strip()
    assert isinstance(error["param"], str | None)
    assert isinstance(error["code"], str | None)
    return error


@pytest.fixture
def send(proxy, bedrock):
    """Sends a body; nothing of it may reach Bedrock, and the proxy lives on."""

    def send(
        content: bytes | None, headers: dict[str, str] = JSON, method: str = "POST", path: str = CHAT
    ) -> httpx.Response:
        return proxy.http.request(method, path, content=content, headers=headers)

    yield send
    assert bedrock.calls == []
    assert proxy.is_alive()


def chat_with(**fields: Any) -> bytes:
    return jsonio.encode({"model": LLAMA, "messages": [USER]} | fields)


def raw_chat_with(member: str) -> bytes:
    """For JSON that no encoder writes."""
    return b'{"model":"%b","messages":[{"role":"user","content":"Hi"}],%b}' % (LLAMA.encode(), member.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"hello",
        b"{",
        b"{'model': 'x'}",
        b'{"model": "x",}',
        b'{"model": "x"} trailing',
        b"\xff\xfe\x00",
        b'{"model": "\xe9"}',
        b'{"model": "a\nb"}',
        b'{"model": "\x00"}',
        b"\x00",
        b"model=x&messages=y",
        b'{"model": undefined}',
    ],
    ids=repr,
)
def test_not_json(send, body):
    error = refusal(send(body), 400)
    assert error["type"] == "invalid_request_error"
    assert "could not parse the JSON body" in error["message"]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[[]]"], ids=repr)
def test_json_that_is_no_object(send, body):
    assert refusal(send(body), 400)["code"] == "invalid_type"


def test_no_body_and_no_content_type(send):
    refusal(send(None, {}), 400)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "0x10", "01", "1.", ".5", "+1"])
@pytest.mark.parametrize("field", ["temperature", "seed", "my_own_field"])
def test_numbers_that_json_does_not_have(send, field, number):
    refusal(send(raw_chat_with(f'"{field}": {number}')), 400)


@pytest.mark.parametrize("digits", [20, 100, 400, 5000, 1_000_000])
@pytest.mark.parametrize(
    "field", ["max_tokens", "max_completion_tokens", "n", "seed", "temperature", "top_p", "stop", "user"]
)
def test_huge_integers(send, field, digits):
    refusal(send(raw_chat_with(f'"{field}": {"9" * digits}')), 400)


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"a\ud83d", r"\ude00\ud83d", r"\u0000", r"a\u0000b"])
@pytest.mark.parametrize("member", ['"user": "{}"', '"stop": ["{}"]', '"{}": 1', '"metadata": {{"k": "{}"}}'])
def test_strings_that_are_no_text(send, member, text):
    refusal(send(raw_chat_with(member.format(text))), 400)


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000"])
def test_content_that_is_no_text(send, text):
    body = f'{{"model": "{LLAMA}", "messages": [{{"role": "user", "content": "{text}"}}]}}'
    refusal(send(body.encode()), 400)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model": "x", "model": "y", "messages": []}', "model"),
        (raw_chat_with('"temperature": 1, "temperature": 0'), "temperature"),
        (raw_chat_with(r'"temperature": 1, "\u0074emperature": 0'), "temperature"),
        (raw_chat_with('"metadata": {"a": "1", "a": "2"}'), "metadata.a"),
        (b'{"model": "x", "messages": [{"role": "user", "content": "a", "content": "b"}]}', "messages[0].content"),
    ],
    ids=repr,
)
def test_a_key_that_stands_twice(send, body, param):
    assert refusal(send(body), 400)["param"] == param


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("frame", ["{}", '"metadata": {}', '"my_own_field": {}', '"stop": {}', '"messages2": {}'])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_deep_nesting(send, frame, depth, brackets):
    inner = brackets[0] * depth + "1" + brackets[1] * depth
    body = inner.encode() if frame == "{}" else raw_chat_with(frame.format(inner))
    refusal(send(body), 400)


def test_deep_nesting_that_never_closes(send):
    refusal(send(b"[" * 1_000_000), 400)


NUMBERS: list[Any] = [True, "1", [], {}, [1]]
WRONG: dict[str, list[Any]] = {
    "model": [None, True, 1, 1.5, "", [], {}, ["x"], {"id": "x"}],
    "messages": [None, True, 1, "x", {}, [], [None], [1], ["x"], [[]], [{}], [USER, None], [USER, "x"]],
    "temperature": [*NUMBERS, -0.1, 2.1, 1e300],
    "top_p": [*NUMBERS, -0.1, 1.1],
    "frequency_penalty": [*NUMBERS, -2.1, 2.1],
    "presence_penalty": [*NUMBERS, -2.1, 2.1],
    "max_tokens": [*NUMBERS, 0, -1, 1.5],
    "max_completion_tokens": [*NUMBERS, 0, -1, 1.5],
    "n": [*NUMBERS, 0, -1, 1.5, 129],
    "seed": [*NUMBERS, 1.5],
    "stop": [True, 1, {}, [1], [None], [["x"]], ["a", "b", "c", "d", "e"]],
    "stream": ["true", 1, [], {}],
    "stream_options": [True, 1, "x", [], {"include_usage": "yes"}],
    "logprobs": [True, "true", 1, []],
    "top_logprobs": [True, "1", 21, -1, 3, []],
    "logit_bias": [True, "x", [], {"1": 100}],
    "user": [True, 1, [], {}],
    "metadata": [True, 1, "x", [], {"a": 1}, {"a": "x" * 513}, {str(n): "x" for n in range(17)}],
    "store": ["true", 1, [], {}],
    "service_tier": [True, 1, "fastest", []],
    "response_format": [True, "json_object", [], {}, {"type": 1}, {"type": "yaml"}, {"type": "json_schema"}],
    "tools": [True, "x", {}],
    "tool_choice": ["required", {"type": "function", "function": {"name": "x"}}],
    "functions": [True, "x", {}],
    "reasoning_effort": [True, 1, "extreme", []],
    "modalities": [True, "text", ["audio"], [1]],
    "audio": [True, "x", [], {}],
    "prediction": [True, "x", []],
    "verbosity": [True, 1, "loud"],
    "parallel_tool_calls": ["true", 1],
    "web_search_options": [True, {}],
    "prompt_cache_key": [True, 1],
    "prompt_cache_retention": [True, 24, "1d"],
    "prompt_cache_options": [True, "implicit", [], {"mode": "on"}, {"mode": 1}, {"ttl": "1d"}, {"ttl": 30}],
    "cache_control": [True, "ephemeral", {"type": "x"}, {"ttl": "24h"}],
    "performanceConfig": [True, "fast", {"latency": "fast"}],
    "guardrailConfig": [True, "x", {}, {"trace": "enabled"}, {"streamProcessingMode": "x"}, {"tagSuffix": "a b"}],
    "safety_identifier": [True, 1],
}


@pytest.mark.parametrize("field", WRONG)
def test_the_wrong_shape_of_a_field(send, field):
    for value in WRONG[field]:
        error = refusal(send(chat_with(**{field: value})), 400)
        if field != "model":  # OpenAI names no param there
            assert error["param"] is not None, (value, error)
            assert error["param"].startswith(field), (value, error)


MESSAGES: list[tuple[Any, str]] = [
    ({}, "messages[0].role"),
    ({"role": "user"}, "messages[0].content"),
    ({"role": None, "content": "x"}, "messages[0].role"),
    ({"role": 1, "content": "x"}, "messages[0].role"),
    ({"role": "robot", "content": "x"}, "messages[0].role"),
    ({"role": "USER", "content": "x"}, "messages[0].role"),
    ({"role": "user", "content": None}, "messages.[0].content"),
    ({"role": "system", "content": None}, "messages.[0].content"),
    ({"role": "user", "content": 1}, "messages[0].content"),
    ({"role": "user", "content": {}}, "messages[0].content"),
    ({"role": "user", "content": [1]}, "messages[0].content[0]"),
    ({"role": "user", "content": ["x"]}, "messages[0].content[0]"),
    ({"role": "user", "content": [{}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "poem"}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "text", "text": None}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages[0].content[0]"),
    ({"role": "system", "content": [{"type": "image_url", "image_url": {}}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": "x", "name": 1}, "messages[0].name"),
    ({"role": "tool", "content": "x", "tool_call_id": "1"}, "messages.[0].role"),
    ({"role": "function", "content": "x", "name": "f"}, "messages.[0].role"),
]


@pytest.mark.parametrize(("message", "param"), MESSAGES, ids=str)
def test_the_wrong_shape_of_a_message(send, message, param):
    assert refusal(send(chat_with(messages=[message])), 400)["param"].startswith(param)


def test_ten_thousand_messages(send):
    error = refusal(send(chat_with(messages=[USER] * 10_000)), 400)
    assert (error["code"], error["param"]) == ("array_above_max_length", "messages")


@pytest.mark.parametrize(
    "model", ["gpt-4o", "../../etc/passwd", "a b", "x" * 5000, "meta.llama3\u2028", "%00", "arn:aws:s3:::x"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_does_not_exist(send, model, stream):
    error = refusal(send(chat_with(model=model, stream=stream)), 404)
    assert error["code"] == "model_not_found"
    assert len(error["message"]) < 1000


def test_a_body_that_is_too_large(send):
    error = refusal(send(chat_with(padding="x" * 20_000_000)), 413)
    assert error["code"] == "request_too_large"


def test_a_body_that_is_too_large_and_does_not_say_so(proxy, bedrock):
    def pieces():
        for _ in range(300):
            yield b"x" * 100_000

    refusal(proxy.http.post(CHAT, content=pieces(), headers=JSON), 413)
    assert bedrock.calls == []
    assert proxy.is_alive()


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp's advice for larger ones
@pytest.mark.parametrize("model", [LLAMA, CLAUDE])
def test_a_body_of_twenty_megabytes_that_is_not_too_large_for_us(proxy, bedrock, model):
    """Bedrock's own limits decide: the conversation is too long."""
    content = "word " * 3_990_000
    response = proxy.http.post(
        CHAT, content=chat_with(model=model, messages=[{"role": "user", "content": content}]), headers=JSON
    )
    assert refusal(response, 400)["code"] == "context_length_exceeded"
    assert proxy.is_alive()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_wrong_method(send, method):
    response = send(None, {}, method)
    error = refusal(response, 405)
    assert response.headers["allow"] == "POST"
    assert error["code"] == "method_not_supported"
    assert method in error["message"]


def test_head_of_the_chat_url(send):
    response = send(None, {}, "HEAD")
    assert (response.status_code, response.content) == (405, b"")
    assert response.headers["x-request-id"]


def test_a_wrong_method_on_the_models(send):
    response = send(b"{}", JSON, "DELETE", "/v1/models/x")
    refusal(response, 405)
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "nonsense",
        "x" * 5000,
    ],
)
def test_a_wrong_content_type(send, content_type):
    error = refusal(send(chat_with(), {"content-type": content_type}), 415)
    assert error["code"] == "unsupported_media_type"
    assert len(error["message"]) < 500


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity", "nonsense"])
def test_a_compressed_body(send, encoding):
    import gzip

    refusal(send(gzip.compress(chat_with()), JSON | {"content-encoding": encoding}), 415)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/messages",
        "/v1/moderations",
        "/v1/images/generations",
        "/v1/audio/speech",
        "/v1/files",
        "/v1/",
        "/v1",
        "/v2/chat/completions",
        "/chat",
        "/v1/chat/completions/",
        "/v1/chat/completions/chatcmpl-1",
        "/V1/chat/completions",
        "/%00",
        "/" + "x" * 5000,
    ],
)
def test_an_unknown_url(send, path):
    error = refusal(send(chat_with(), path=path), 404)
    assert error["code"] == "unknown_url"
    assert error["message"].startswith("Invalid URL (POST /")
    assert len(error["message"]) < 500


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/v1/chat/completions", "/v1 once too often"),
        ("/v1/chat/completions/chat/completions", "without /chat/completions"),
    ],
)
def test_a_base_url_with_too_much(send, path, hint):
    assert hint in refusal(send(chat_with(), path=path), 404)["message"]


@pytest.mark.parametrize(
    "path", ["/v1/models/gpt-4o", "/v1/models/a%2Fb", "/v1/models/a/b", "/v1/models/%00", "/v1/models/"]
)
def test_an_unknown_model_in_the_url(send, path):
    assert refusal(send(None, {}, "GET", path), 404)["code"] == "model_not_found"


def test_a_body_that_does_not_come(serve):
    """Half of it, and then silence."""
    proxy = serve(timeouts={"body_s": 0.05})
    with proxy.connect() as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer
    assert proxy.is_alive()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
def test_both_base_urls_are_right(proxy, path):
    assert proxy.http.post(path, content=chat_with(), headers=JSON).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.api+json"]
)
def test_right_content_types(proxy, content_type):
    assert proxy.http.post(CHAT, content=chat_with(), headers={"content-type": content_type}).status_code == 200


def test_text_beyond_ascii_goes_both_ways(proxy):
    text = "Grüße, 你好, \U0001f999, \u2028, \u0085, e\u0301"
    assert proxy.chat(LLAMA, text).json()["choices"][0]["message"]["content"] == f"You said: {text}"
    assert text.split(", ")[2] in proxy.chat(LLAMA, text, stream=True).text
