"""Converse over HTTP, with boto3 as it is, with scripts and with faults."""

from contextlib import closing

import pytest
from botocore.exceptions import ClientError, EventStreamError

from proxy.emulator.script import Match, Rule, Script

NOVA = "us.amazon.nova-lite-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
PLAIN_NOVA = "amazon.nova-lite-v1:0"
HI = [{"role": "user", "content": [{"text": "Hi there"}]}]
BODY = {"messages": HI}
SPEC = {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {"zone": {"type": "string"}}}}}
TOOLS = {"tools": [{"toolSpec": SPEC}]}
GIF = b"GIF89a"


@pytest.mark.parametrize("model", [NOVA, SONNET, LLAMA, "qwen.qwen3-32b-v1:0", "us.writer.palmyra-x5-v1:0"])
def test_boto3_converses(connect, model):
    client = connect()
    whole = client.converse(modelId=model, messages=HI)
    assert whole["output"]["message"] == {"role": "assistant", "content": [{"text": "You said: Hi there"}]}
    assert (whole["stopReason"], whole["usage"]["outputTokens"]) == ("end_turn", 5)
    events = list(client.converse_stream(modelId=model, messages=HI)["stream"])
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    assert text == "You said: Hi there"
    assert events[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_boto3_sends_media_and_goes_on_with_tools(connect):
    client = connect()
    content = [
        {"text": "What is now?"},
        {"image": {"format": "gif", "source": {"bytes": GIF}}},
        {"document": {"name": "d", "format": "txt", "source": {"bytes": b"text"}}},
    ]
    messages = [{"role": "user", "content": content}]
    first = client.converse(modelId=NOVA, messages=messages, toolConfig=TOOLS)
    use = first["output"]["message"]["content"][0]["toolUse"]
    assert (use["name"], use["input"], first["stopReason"]) == ("now", {"zone": "zone"}, "tool_use")
    result = {
        "toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"time": "noon"}}], "status": "success"}
    }
    messages += [first["output"]["message"], {"role": "user", "content": [result]}]
    second = client.converse(modelId=NOVA, messages=messages, toolConfig=TOOLS)
    assert second["output"]["message"]["content"] == [{"text": 'The tool said: {"time":"noon"}'}]


def test_boto3_takes_thinking_back(connect):
    client = connect()
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    first = client.converse(modelId=SONNET, messages=HI, additionalModelRequestFields=fields)["output"]["message"]
    assert set(first["content"][0]["reasoningContent"]["reasoningText"]) == {"text", "signature"}
    messages = [*HI, first, *HI]
    assert client.converse(modelId=SONNET, messages=messages, additionalModelRequestFields=fields)["stopReason"]
    first["content"][0]["reasoningContent"]["reasoningText"]["text"] += "!"
    with pytest.raises(ClientError, match="Invalid `signature` in `thinking` block"):
        client.converse(modelId=SONNET, messages=messages, additionalModelRequestFields=fields)


def test_boto3_counts_the_tokens_of_converse(connect):
    counted = connect().count_tokens(
        modelId=SONNET.removeprefix("us."),
        input={"converse": {"messages": HI, "system": [{"text": "Be brief."}], "toolConfig": TOOLS}},
    )
    used = connect().converse(modelId=SONNET, messages=HI, system=[{"text": "Be brief."}], toolConfig=TOOLS)
    assert counted["inputTokens"] == used["usage"]["inputTokens"]


def test_boto3_sees_refusals(connect):
    with pytest.raises(ClientError, match="This model doesn't support tool use") as refused:
        connect().converse(modelId=LLAMA, messages=HI, toolConfig=TOOLS)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        connect().converse_stream(modelId="us.does-not-exist-model-v1:0", messages=HI)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            {"kind": "exception", "type": "throttlingException", "after_events": 2},
            "throttlingException",
            "Too many requests, please wait before trying again.",
        ),
        ({"kind": "error", "type": "InternalFailure", "after_events": 2}, "InternalFailure", "Internal failure"),
    ],
)
def test_boto3_sees_exceptions_in_the_stream(connect, script, fault, error, words):
    client = connect()
    script(client, {"fault": fault})
    seen = []
    with (
        closing(client.converse_stream(modelId=NOVA, messages=HI)["stream"]) as stream,
        pytest.raises(EventStreamError) as broken,
    ):
        for event in stream:
            seen += event
    assert seen == ["messageStart", "contentBlockDelta"]
    assert broken.value.response["Error"] == {"Code": error, "Message": words}


async def test_the_frames_of_a_stream(client):
    answer = await client.converse(PLAIN_NOVA, BODY, stream=True)
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert "x-amzn-bedrock-content-type" not in answer.headers
    first, *_ = answer.frames
    assert first.headers == {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    for frame in answer.frames:
        assert b'"p":"' in frame.payload
    assert [type for type, _ in answer.converse_events][-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert client.last_call.events_sent == len(answer.frames)


async def test_a_body_that_is_not_json(client):
    answer = await client.converse(PLAIN_NOVA, b"{")
    assert (answer.status, answer.message) == (400, "The request body is not valid JSON.")


async def test_scripted_events_are_the_events(client):
    events = [{"messageStart": {"role": "assistant"}}, {"somethingNew": {"a": 1}}, {"messageStop": {"stopReason": "x"}}]
    answer = await client.converse(PLAIN_NOVA, BODY, {"events": events}, stream=True)
    assert answer.converse_events == [pair for event in events for pair in event.items()]


@pytest.mark.parametrize("event", [{}, {"a": 1}, {"a": {}, "b": {}}])
async def test_scripted_events_that_are_none(client, event):
    answer = await client.converse(PLAIN_NOVA, BODY, {"events": [event]}, stream=True)
    assert answer.status == 400
    assert answer.json["emulator"].startswith("an event of ConverseStream is an object with one member")


async def test_faults_that_damage_frames(client):
    answer = await client.converse(PLAIN_NOVA, BODY, {"fault": {"kind": "bad_json", "after_events": 1}}, stream=True)
    broken = answer.frames[1]
    assert broken.headers[":event-type"] == "contentBlockDelta"
    assert not broken.payload.endswith(b"}")
    answer = await client.converse(PLAIN_NOVA, BODY, {"fault": {"kind": "cut", "after_events": 2}}, stream=True)
    assert not answer.is_whole


async def test_the_error_of_claude_in_a_chunk_is_none_of_converse(client):
    answer = await client.converse(PLAIN_NOVA, BODY, {"fault": {"kind": "claude_error"}}, stream=True)
    assert answer.json == {"emulator": "the fault 'claude_error' is one of InvokeModel"}


@pytest.mark.parametrize(("stream", "text"), [(False, "whole"), (True, "streamed")])
async def test_rules_match_converse(start, stream, text):
    rules = [
        Rule(Script(text="whole"), Match(model="nova", text="there", operation="converse")),
        Rule(Script(text=["streamed"]), Match(operation="converse-stream")),
    ]
    client = await start(rules=rules)
    answer = await client.converse(PLAIN_NOVA, BODY, stream=stream)
    if stream:
        assert answer.converse_events[1][1]["delta"] == {"text": text}
    else:
        assert answer.json["output"]["message"]["content"] == [{"text": text}]


async def test_every_text_model_converses(client, models):
    for id, model in models.items():
        is_plain = model.can_be_called_plainly("us-east-1")
        name = id if is_plain else next(f"{prefix}.{id}" for prefix in ("us", "global") if prefix in model.profiles)
        answer = await client.converse(name, BODY)
        assert answer.status == 200, (id, answer.body)
        assert {"text": "You said: Hi there"} in answer.json["output"]["message"]["content"], id
