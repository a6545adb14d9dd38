"""The emulator over HTTP: routes, headers, the order of its checks, errors as Bedrock shapes them."""

import asyncio
from base64 import b64encode
from urllib.parse import quote

import pytest

from proxy import jsonio
from proxy.emulator.app import create_app
from proxy.emulator.script import Match, Rule, Script
from proxy.emulator.settings import Settings

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NAME = "claude-sonnet-4-5"
SONNET = f"anthropic.{NAME}-20250929-v1:0"
APPLICATION = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/emulatorclaude"
LLAMA = "meta.llama3-8b-instruct-v1:0"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}"
BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi there"}],
}
CORAL = ":http://internal.amazon.com/coral/com.amazon.bedrock/"


async def test_a_plain_answer(client):
    answer = await client.invoke(CLAUDE, BODY)
    assert answer.status == 200
    assert answer.json["content"] == [{"type": "text", "text": "You said: Hi there"}]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-bedrock-input-token-count"] == "6"
    assert answer.headers["x-amzn-bedrock-output-token-count"] == "5"
    assert answer.headers["x-amzn-bedrock-cache-read-input-token-count"] == "0"
    assert answer.headers["x-amzn-bedrock-invocation-latency"].isdigit()
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert answer.headers["date"].endswith("GMT")


async def test_request_ids_differ_and_are_those_of_the_calls(client):
    ids = [(await client.invoke(CLAUDE, BODY)).headers["x-amzn-requestid"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert [call.request_id for call in client.server.app.calls] == ids


@pytest.mark.parametrize(
    "path",
    [
        f"/model/{quote(CLAUDE, safe='')}/invoke",
        f"/model/{CLAUDE}/invoke",
        f"/model/{quote(ARN, safe='')}/invoke",
        f"/model/{quote(ARN, safe=':')}/invoke",
    ],
)
async def test_model_ids_may_be_encoded_in_any_way(client, path):
    assert (await client.request("POST", path, BODY)).status == 200
    assert client.last_call.model == SONNET


async def test_a_raw_slash_in_an_arn_is_another_path(client):
    answer = await client.request("POST", f"/model/{ARN}/invoke", BODY)
    assert (answer.status, answer.error) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/model/{LLAMA}/invoke"),
        ("POST", f"/model/{LLAMA}/converse-twice"),
        ("POST", "/foundation-models"),
        ("GET", "/"),
        ("GET", "/nowhere"),
    ],
)
async def test_unknown_operations(client, method, path):
    answer = await client.request(method, path)
    assert (answer.status, answer.error) == (404, "UnknownOperationException")


async def test_the_shape_of_an_error(client):
    answer = await client.invoke(CLAUDE, BODY | {"stream": True})
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException" + CORAL
    assert answer.json == {"message": "stream: Extra inputs are not permitted"}
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert (client.last_call.status, client.last_call.error) == (400, "ValidationException")


async def test_errors_of_a_stream_are_plain_when_nothing_has_been_sent(client):
    answer = await client.invoke(CLAUDE, {}, stream=True)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10_000])
@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
async def test_a_body_that_is_not_json(client, model, body):
    answer = await client.invoke(model, body)
    assert answer.message == "Malformed input request, please reformat your input and try again."


async def test_a_body_over_25_million_bytes(client):
    body = jsonio.encode({"prompt": "x" * 25_000_000})
    answer = await client.invoke(LLAMA, body)
    assert answer.status == 400
    assert answer.message.endswith("Member must have length less than or equal to 25000000")
    assert client.last_call.body["bytes"] > 25_000_000


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({"authorization": ""}, 403, {"message": "Missing Authentication Token"}),
        ({"authorization": "Bearer wrong"}, 403, {"Message": "Bearer Token is invalid"}),
    ],
)
async def test_credentials_come_first(client, headers, status, body):
    answer = await client.invoke("no-such-model", b"{", headers=headers)
    assert (answer.status, answer.json) == (status, body)


async def test_the_model_comes_before_the_body(client):
    answer = await client.invoke("no-such-model", b"{")
    assert answer.message == "The provided model identifier is invalid."


async def test_a_model_of_another_family(client):
    answer = await client.invoke("us.amazon.nova-2-lite-v1:0", b"{}")
    assert answer.message == "The emulator does not answer InvokeModel for amazon.nova-2-lite-v1:0."


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [("x-amzn-bedrock-service-tier", "flex"), ("x-amzn-bedrock-performanceconfig-latency", "optimized")],
)
async def test_tier_and_latency_come_back(client, name, value, stream):
    answer = await client.invoke(CLAUDE, BODY, headers={name: value}, stream=stream)
    assert answer.headers[name] == value
    assert name not in (await client.invoke(CLAUDE, BODY, stream=stream)).headers


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (
            {"x-amzn-bedrock-service-tier": "standard"},
            "1 validation error detected: Value 'standard' at 'serviceTier' failed to satisfy constraint: Member must "
            "satisfy enum value set: [priority, default, flex, reserved]",
        ),
        ({"x-amzn-bedrock-trace": "on"}, "at 'trace' failed"),
        ({"x-amzn-bedrock-guardrailidentifier": "abc"}, "Guardrail identifier and version must be given together."),
        ({"x-amzn-bedrock-guardrailversion": "1"}, "Guardrail identifier and version must be given together."),
        ({"x-amzn-bedrock-request-metadata": "a=b"}, "requestMetadata must be a JSON object of strings"),
        ({"x-amzn-bedrock-request-metadata": '{"a":1}'}, "requestMetadata must be a JSON object of strings"),
        ({"x-amzn-bedrock-request-metadata": '{"a":"%s"}' % ("b" * 8500)}, "requestMetadata must be a JSON object"),
    ],
)
async def test_bad_headers(client, headers, words):
    answer = await client.invoke(CLAUDE, BODY, headers=headers)
    assert answer.status == 400
    assert words in answer.message


async def test_good_headers(client):
    headers = {
        "x-amzn-bedrock-trace": "ENABLED",
        "x-amzn-bedrock-guardrailidentifier": "emulatorguard",
        "x-amzn-bedrock-guardrailversion": "DRAFT",
        "x-amzn-bedrock-request-metadata": '{"team":"a"}',
    }
    body = BODY | {"amazon-bedrock-guardrailConfig": {"tagSuffix": "x"}}
    assert (await client.invoke(CLAUDE, body, headers=headers)).json["amazon-bedrock-guardrailAction"] == "NONE"
    assert (await client.invoke(CLAUDE, body)).message.startswith("amazon-bedrock-guardrailConfig is not permitted")


@pytest.mark.parametrize("is_strict", [False, True])
async def test_a_broken_llama_prompt_is_noted_or_refused(start, is_strict):
    client = await start(Settings(has_strict_prompts=is_strict))
    answer = await client.invoke(LLAMA, {"prompt": "Once upon a time"})
    assert client.last_call.faults == ["does not begin with <|begin_of_text|>", "has no <|start_header_id|>"]
    if is_strict:
        assert answer.message.startswith("Malformed input request: #/prompt: does not begin with")
    else:
        assert answer.json["generation"] == "\n\nYou said: Once upon a time"


def count_body(body):
    return {"input": {"invokeModel": {"body": b64encode(jsonio.encode(body)).decode()}}}


async def test_count_tokens(client):
    answer = await client.invoke(SONNET, count_body(BODY), operation="count-tokens")
    assert answer.json == {"inputTokens": 6}
    assert (await client.invoke(CLAUDE, BODY)).json["usage"]["input_tokens"] == 6
    converse = {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "Hi there"}]}]}}}
    assert (await client.invoke(SONNET, converse, operation="count-tokens")).json == {"inputTokens": 6}


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (SONNET, {"input": {"converse": {}}}, "The messages field is empty."),
        (SONNET, {"input": {"converse": {"messages": 5}}}, "Value at 'messages' failed to satisfy constraint"),
        (SONNET, {"input": {}}, "The input must hold an invokeModel body in base64, or a converse body."),
        (SONNET, {"input": {"invokeModel": {"body": "%"}}}, "The input must hold an invokeModel body in base64"),
        (SONNET, count_body({"messages": []}), "anthropic_version: Field required"),
        (LLAMA, count_body({"prompt": "x"}), "The provided model doesn't support counting tokens."),
        ("nothing", count_body(BODY), "The provided model identifier is invalid."),
    ],
)
async def test_what_count_tokens_refuses(client, model, body, words):
    answer = await client.invoke(model, body, operation="count-tokens")
    assert answer.status == 400
    assert words in answer.message


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            {"type": "ThrottlingException"},
            429,
            {"message": "Too many requests, please wait before trying again."},
        ),
        (
            {
                "type": "ModelErrorException",
                "message": "m",
                "members": {"originalStatusCode": 500, "resourceName": "r"},
            },
            424,
            {"message": "m", "originalStatusCode": 500, "resourceName": "r"},
        ),
        ({"type": "SomethingNew", "status": 418, "message": ""}, 418, {"message": ""}),
        ({"type": "SomethingNew"}, 400, {"message": ""}),
    ],
)
async def test_a_scripted_error(client, error, status, body, stream):
    script = {"error": error, "headers": {"retry-after": "2"}}
    answer = await client.invoke(CLAUDE, BODY, script, stream=stream)
    assert (answer.status, answer.json, answer.error) == (status, body, error["type"])
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("raw", "status", "content_type", "body"),
    [
        ({"status": 503, "content_type": "text/html", "body": "<html>"}, 503, "text/html", b"<html>"),
        ({"body": {"message": "late"}}, 200, "application/json", b'{"message":"late"}'),
        ({}, 200, "application/json", b""),
        ({"content_type": "application/vnd.amazon.eventstream", "base64": "AAE="}, 200,
         "application/vnd.amazon.eventstream", b"\0\1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [True, False])
async def test_a_raw_response(client, raw, status, content_type, body, stream):
    answer = await client.invoke(CLAUDE, BODY, {"raw": raw}, stream=stream)
    assert (answer.status, answer.headers["content-type"], answer.body) == (status, content_type, body)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("{", "unreadable script: Input data was truncated"),
        ({"fault": {"kind": "end"}}, "the fault 'end' needs the events of a stream"),
        ({"raw": {"base64": "%"}}, "raw.base64 is not base64"),
    ],
)
async def test_a_bad_script_is_a_400_that_says_why(client, script, why):
    answer = await client.invoke(CLAUDE, BODY, script)
    assert answer.status == 400
    assert list(answer.json) == ["emulator"]
    assert answer.json["emulator"] == why
    assert "x-amzn-errortype" not in answer.headers
    assert client.last_call.error == "BadScript"


async def test_scripted_headers_replace_those_of_the_answer(client):
    answer = await client.invoke(CLAUDE, BODY, {"headers": {"X-Amzn-RequestId": "mine", "X-New": "1"}})
    assert (answer.headers["x-amzn-requestid"], answer.headers["x-new"]) == ("mine", "1")


async def test_times_lets_a_retry_succeed(client):
    script = {"error": {"type": "ThrottlingException"}, "times": 2}
    assert [(await client.invoke(CLAUDE, BODY, script)).status for _ in range(3)] == [429, 429, 200]


async def test_rules_see_the_model_behind_a_name_and_the_last_user_text(start):
    client = await start(rules=[Rule(Script(text="scripted"), Match(model=f"anthropic.{NAME}", text="tea"))])
    texts = []
    for model, words in ((CLAUDE, "tea"), (APPLICATION, "tea"), (CLAUDE, "coffee")):
        body = BODY | {"messages": [{"role": "user", "content": f"I like {words}"}]}
        texts.append((await client.invoke(model, body)).json["content"][0]["text"])
    assert texts == ["scripted", "scripted", "You said: I like coffee"]


async def test_the_end_of_life_is_a_setting(client, start):
    gone = "us.meta.llama3-2-1b-instruct-v1:0"
    assert (await client.invoke(gone, {"prompt": "x"})).status == 200
    strict = await start(Settings(enforces_end_of_life=True))
    answer = await strict.invoke(gone, {"prompt": "x"})
    assert (answer.status, answer.error) == (404, "ResourceNotFoundException")


async def test_a_client_that_leaves_while_it_sends_is_no_call(client):
    _, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
    writer.write(b"POST /model/x/invoke HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await client.invoke(CLAUDE, BODY)).status == 200
    assert client.server.app.calls.total == 1


async def test_lifespan_is_answered():
    sent = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    await create_app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
