"""The official clients, unmodified, over a real port."""

import asyncio
from contextlib import closing

import pytest
from anthropic import AnthropicBedrock, BadRequestError, PermissionDeniedError
from botocore.exceptions import ClientError, EventStreamError

from proxy import jsonio
from proxy.emulator.server import EmulatorServer

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}"
LLAMA = "meta.llama3-8b-instruct-v1:0"
OPUS = "us.anthropic.claude-opus-5-5"
HI = [{"role": "user", "content": "Hi there"}]
BODY = jsonio.encode({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": HI})


@pytest.mark.parametrize("model", [CLAUDE, ARN])
def test_boto3_invokes_claude(connect, model):
    response = connect().invoke_model(modelId=model, body=BODY, serviceTier="flex")
    assert jsonio.decode(response["body"].read())["content"] == [{"type": "text", "text": "You said: Hi there"}]
    assert response["serviceTier"] == "flex"
    assert response["contentType"] == "application/json"
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-output-token-count"] == "5"
    assert response["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"]


def test_boto3_streams_claude(connect):
    response = connect().invoke_model_with_response_stream(modelId=CLAUDE, body=BODY, contentType="application/json")
    events = [jsonio.decode(event["chunk"]["bytes"]) for event in response["body"]]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    assert text == "You said: Hi there"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 5


def test_boto3_invokes_and_streams_llama(connect):
    body = jsonio.encode({"prompt": "Hi\n\n", "max_gen_len": 3})
    client = connect()
    whole = jsonio.decode(client.invoke_model(modelId=LLAMA, body=body)["body"].read())
    assert (whole["generation"], whole["stop_reason"]) == ("You said:", "length")
    stream = client.invoke_model_with_response_stream(modelId=LLAMA, body=body)["body"]
    chunks = [jsonio.decode(event["chunk"]["bytes"]) for event in stream]
    assert "".join(chunk["generation"] for chunk in chunks) == "You said:"


def test_boto3_lists_models_and_profiles(connect):
    client = connect("bedrock")
    models = client.list_foundation_models(byProvider="Meta")["modelSummaries"]
    assert LLAMA in [model["modelId"] for model in models]
    assert client.get_foundation_model(modelIdentifier=LLAMA)["modelDetails"] in models
    pages = client.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 10})
    profiles = [profile for page in pages for profile in page["inferenceProfileSummaries"]]
    assert CLAUDE in [profile["inferenceProfileId"] for profile in profiles]
    (first, _) = client.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"]
    found = client.get_inference_profile(inferenceProfileIdentifier=first["inferenceProfileArn"])
    assert found["models"] == first["models"]


def test_boto3_counts_tokens(connect):
    counted = connect().count_tokens(modelId=CLAUDE.removeprefix("us."), input={"invokeModel": {"body": BODY}})
    assert counted["inputTokens"] == 6


def test_boto3_works_in_any_region(connect):
    client = connect(region_name="eu-central-1")
    assert client.invoke_model(modelId=f"eu.{CLAUDE.removeprefix('us.')}", body=BODY)
    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        client.invoke_model(modelId=CLAUDE, body=BODY)


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"aws_access_key_id": "AKIDOTHER"}, "UnrecognizedClientException"),
        ({"aws_access_key_id": "AKIDEMULATOR", "aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIDEXPIRED"}, "ExpiredTokenException"),
        (
            {"aws_access_key_id": "AKIDEMULATOR", "aws_session_token": "expired-session-token"},
            "ExpiredTokenException",
        ),
        ({"aws_access_key_id": "ASIAEMULATOR"}, "UnrecognizedClientException"),
    ],
)
def test_boto3_with_bad_credentials(connect, credentials, code):
    credentials = {"aws_secret_access_key": "emulator-secret"} | credentials
    with pytest.raises(ClientError) as refused:
        connect(**credentials).invoke_model(modelId=CLAUDE, body=BODY)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_boto3_with_a_session_token(connect):
    credentials = {"aws_access_key_id": "ASIAEMULATOR", "aws_secret_access_key": "emulator-secret"}
    assert connect(**credentials, aws_session_token="any").invoke_model(modelId=CLAUDE, body=BODY)


def test_boto3_reads_errors(connect, script):
    client = connect()
    with pytest.raises(client.exceptions.ValidationException, match=r"temperature.*less than or equal to 1"):
        client.invoke_model(modelId=CLAUDE, body=BODY.replace(b"{", b'{"temperature":2,', 1))
    script(client, {"error": {"type": "ModelErrorException", "members": {"originalStatusCode": 503}}})
    with pytest.raises(client.exceptions.ModelErrorException) as refused:
        client.invoke_model(modelId=CLAUDE, body=BODY)
    assert refused.value.response["originalStatusCode"] == 503


def test_boto3_retries_and_succeeds(connect, script):
    client = connect(attempts=3)
    script(client, {"error": {"type": "InternalServerException"}, "times": 2, "key": "boto3 retries"})
    assert client.invoke_model(modelId=CLAUDE, body=BODY)["ResponseMetadata"]["RetryAttempts"] == 2


def test_boto3_reads_an_error_within_a_stream(connect, script):
    client = connect()
    script(client, {"fault": {"kind": "exception", "type": "throttlingException", "after_events": 2}})
    stream = client.invoke_model_with_response_stream(modelId=CLAUDE, body=BODY)["body"]
    with closing(stream), pytest.raises(EventStreamError, match="throttlingException"):
        list(stream)


@pytest.fixture
def anthropic(background_server):
    options = {"base_url": background_server.url, "aws_region": "us-east-1", "max_retries": 0}
    with AnthropicBedrock(**options, aws_access_key="AKIDEMULATOR", aws_secret_key="emulator-secret") as client:
        yield client


def test_anthropics_sdk_creates_a_message(anthropic):
    message = anthropic.messages.create(model=OPUS, max_tokens=100, messages=HI)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[1].text == "You said: Hi there"
    assert message.usage.output_tokens == 21


@pytest.mark.parametrize("model", [OPUS, ARN])
def test_anthropics_sdk_streams(anthropic, model):
    body = {} if model == OPUS else {"anthropic_version": "bedrock-2023-05-31"}
    with anthropic.messages.stream(model=model, max_tokens=100, messages=HI, extra_body=body) as stream:
        assert "".join(stream.text_stream) == "You said: Hi there"
        assert stream.get_final_message().stop_reason == "end_turn"


def test_anthropics_sdk_with_a_bearer_key(background_server):
    options = {"base_url": background_server.url, "aws_region": "us-east-1", "max_retries": 0}
    with AnthropicBedrock(**options, api_key="bedrock-api-key-emulator") as client:
        assert client.messages.create(model=OPUS, max_tokens=100, messages=HI).stop_reason == "end_turn"
    with (
        AnthropicBedrock(**options, api_key="bedrock-api-key-expired") as client,
        pytest.raises(PermissionDeniedError, match="Bearer Token has expired"),
    ):
        client.messages.create(model=OPUS, max_tokens=100, messages=HI)


def test_anthropics_sdk_reads_errors(anthropic):
    with pytest.raises(BadRequestError, match="max_tokens: 200000 > 128000"):
        anthropic.messages.create(model=OPUS, max_tokens=200_000, messages=HI, timeout=60)


async def test_a_server_closes_with_streams_still_open():
    async with EmulatorServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            f"POST /model/{CLAUDE}/invoke-with-response-stream HTTP/1.1\r\nhost: x\r\n"
            'authorization: Bearer bedrock-api-key-emulator\r\nx-emulator-script: {"fault":{"kind":"stall"}}\r\n'
            f"content-length: {len(BODY)}\r\n\r\n"
        )
        writer.write(head.encode() + BODY)
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        assert server.app.calls.open == 1
    assert server.app.calls.open == 0
    writer.close()


async def test_a_port_that_is_taken():
    async with EmulatorServer() as server:
        with pytest.raises(OSError, match="address already in use"):
            async with EmulatorServer(port=server.port):
                raise AssertionError("two servers on one port")


async def test_the_url_of_an_ipv6_address():
    async with EmulatorServer(host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
