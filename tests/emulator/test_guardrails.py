import pytest
from botocore.exceptions import ClientError

from proxy.emulator import service_model
from proxy.emulator.guardrails import find, guarded, tagged
from proxy.emulator.refusal import Refusal
from proxy.emulator.settings import Guardrail, Settings

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/emulatorguard"
INPUT, OUTPUT = "Sorry, the model cannot answer this question.", "Sorry, the model's answer was blocked."
HEADERS = {"x-amzn-bedrock-guardrailidentifier": "emulatorguard", "x-amzn-bedrock-guardrailversion": "1"}
CONFIG = {"guardrailIdentifier": "emulatorguard", "guardrailVersion": "DRAFT"}
NOT_THERE = "The guardrail identifier or version provided in the request does not exist."
HALF = "Guardrail identifier and version must be given together."


def claude(text="Hi", **fields):
    messages = [{"role": "user", "content": text}]
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages, **fields}


def converse(text="Hi", **config):
    return {"messages": [{"role": "user", "content": [{"text": text}]}], "guardrailConfig": {**CONFIG, **config}}


@pytest.mark.parametrize(
    ("identifier", "version", "words"),
    [
        ("emulatorguard", "1", None),
        ("emulatorguard", "DRAFT", None),
        (ARN, "1", None),
        ("emulatorguard", "2", NOT_THERE),
        ("nothing", "1", NOT_THERE),
        (ARN.replace("us-east-1", "eu-west-1"), "1", NOT_THERE),
        (ARN.replace("123456789012", "210987654321"), "1", NOT_THERE),
        ("emulatorguard", None, HALF),
        (None, "1", HALF),
    ],
)
def test_which_guardrails_there_are(identifier, version, words):
    if words is None:
        verdict = find(identifier, version, "us-east-1", Settings())
        assert (verdict.id, verdict.arn, verdict.version) == ("emulatorguard", ARN, version)
        return
    with pytest.raises(Refusal) as refused:
        find(identifier, version, "us-east-1", Settings())
    assert refused.value.message == words


@pytest.mark.parametrize("name", [None, ""])
def test_no_guardrail(name):
    assert find(name, name, "us-east-1", Settings()) is None


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"tagSuffix": "x1"}, "a\nb"),
        ({"tagSuffix": "x2"}, "<amazon-bedrock-guardrails-guardContent_x1>a</amazon-bedrock-guardrails-guardContent_x1> c "
         "<amazon-bedrock-guardrails-guardContent_x1>b</amazon-bedrock-guardrails-guardContent_x1>"),
    ],
)  # fmt: skip
def test_what_is_tagged(config, text):
    tag = "amazon-bedrock-guardrails-guardContent_x1"
    assert tagged(f"<{tag}>a</{tag}> c <{tag}>b</{tag}>", config) == text


@pytest.mark.parametrize("config", [{}, {"streamProcessingMode": "SYNCHRONOUS"}])
def test_without_a_suffix_no_tag_is_one(config):
    text = "<amazon-bedrock-guardrails-guardContent_>a</amazon-bedrock-guardrails-guardContent_> b"
    assert tagged(text, config) == text


def test_what_converse_marks():
    guard = {"guardContent": {"text": {"text": "a"}}}
    assert guarded({"system": [guard], "messages": [{"role": "user", "content": [{"text": "b"}, guard]}]}) == "a\na"
    assert guarded({"messages": [{"role": "user", "content": [{"text": "b"}]}]}) is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "script", "answer"),
    [
        ("Say the FORBIDDEN word", None, INPUT),
        ("Hi", {"text": "It is forbidden."}, OUTPUT),
        ("Hi", None, "You said: Hi"),
    ],
)
async def test_invoke_model(client, text, script, answer, stream):
    given = await client.invoke(SONNET, claude(text), script, headers=HEADERS, stream=stream)
    action = "NONE" if answer.startswith("You") else "INTERVENED"
    if not stream:
        body = given.json
        assert body["content"] == [{"type": "text", "text": answer}]
        assert (body["stop_reason"], body["amazon-bedrock-guardrailAction"]) == ("end_turn", action)
        assert (body["usage"]["output_tokens"] == 0) is (answer == INPUT)
        assert "amazon-bedrock-trace" not in body
        return
    deltas = [event["delta"]["text"] for event in given.events if event["type"] == "content_block_delta"]
    assert "".join(deltas) == answer
    assert given.events[-1]["amazon-bedrock-guardrailAction"] == action
    assert all("amazon-bedrock-guardrailAction" not in event for event in given.events[:-1])


@pytest.mark.parametrize("stream", [False, True])
async def test_llama(client, stream):
    prompt = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nforbidden<|eot_id|>"
    body = {"prompt": prompt + "<|start_header_id|>assistant<|end_header_id|>\n\n"}
    given = await client.invoke(LLAMA, body, headers=HEADERS, stream=stream)
    last = given.events[-1] if stream else given.json
    assert (last["stop_reason"], last["amazon-bedrock-guardrailAction"]) == ("stop", "INTERVENED")
    assert "".join(event["generation"] for event in given.events) == INPUT if stream else last["generation"] == INPUT
    blocked = await client.invoke(LLAMA, body | {"prompt": "x"}, {"text": "forbidden"}, headers=HEADERS)
    assert blocked.json["generation"] == OUTPUT
    assert blocked.json["prompt_token_count"] == 1


async def test_only_tagged_text_is_looked_at(client):
    tag = "amazon-bedrock-guardrails-guardContent_ab"
    body = claude(f"forbidden <{tag}>fine</{tag}>", **{"amazon-bedrock-guardrailConfig": {"tagSuffix": "ab"}})
    given = await client.invoke(SONNET, body, {"text": "Well."}, headers=HEADERS)
    assert given.json["amazon-bedrock-guardrailAction"] == "NONE"


async def test_an_asynchronous_stream_has_been_sent_when_it_intervenes(client):
    body = claude("Hi", **{"amazon-bedrock-guardrailConfig": {"streamProcessingMode": "ASYNCHRONOUS"}})
    given = await client.invoke(SONNET, body, {"text": "It is forbidden."}, headers=HEADERS, stream=True)
    deltas = [event["delta"]["text"] for event in given.events if event["type"] == "content_block_delta"]
    assert "".join(deltas) == "It is forbidden."
    assert given.events[-1]["amazon-bedrock-guardrailAction"] == "INTERVENED"


async def test_the_trace_of_invoke_model(client):
    headers = HEADERS | {"x-amzn-bedrock-trace": "ENABLED"}
    given = await client.invoke(SONNET, claude("forbidden"), headers=headers)
    trace = given.json["amazon-bedrock-trace"]["guardrail"]
    assert set(trace) == {"input"}
    words = trace["input"]["emulatorguard"]["wordPolicy"]["customWords"]
    assert words == [{"action": "BLOCKED", "detected": True, "match": "forbidden"}]
    given = await client.invoke(SONNET, claude("Hi"), headers=headers)
    assert set(given.json["amazon-bedrock-trace"]["guardrail"]) == {"input", "outputs"}


@pytest.mark.parametrize(
    ("headers", "fields", "words"),
    [
        ({"x-amzn-bedrock-guardrailidentifier": "x", "x-amzn-bedrock-guardrailversion": "1"}, {}, NOT_THERE),
        ({"x-amzn-bedrock-guardrailidentifier": "emulatorguard"}, {}, HALF),
        ({}, {"tagSuffix": "x"}, "amazon-bedrock-guardrailConfig is not permitted without a guardrail identifier"),
        (HEADERS, {"other": "x"}, "Malformed input request: #/amazon-bedrock-guardrailConfig"),
    ],
)
async def test_what_invoke_model_refuses(client, headers, fields, words):
    body = claude(**({"amazon-bedrock-guardrailConfig": fields} if fields else {}))
    given = await client.invoke(SONNET, body, headers=headers)
    assert given.status == 400
    assert given.message.startswith(words)


@pytest.mark.parametrize("model", [SONNET, NOVA])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "script", "answer"),
    [
        ("Say the forbidden word", None, INPUT),
        ("Hi", {"text": "It is forbidden."}, OUTPUT),
        ("Hi", None, "You said: Hi"),
    ],
)
async def test_converse(client, model, text, script, answer, stream):
    given = await client.converse(model, converse(text), script, stream=stream)
    reason = "end_turn" if answer.startswith("You") else "guardrail_intervened"
    if not stream:
        body = given.json
        assert body["output"]["message"]["content"] == [{"text": answer}]
        assert body["stopReason"] == reason
        assert (body["usage"]["totalTokens"] == 0) is (answer == INPUT)
        assert "trace" not in body
        return
    events = given.converse_events
    assert "".join(payload["delta"]["text"] for type, payload in events if type == "contentBlockDelta") == answer
    assert [payload for type, payload in events if type == "messageStop"] == [{"stopReason": reason}]


@pytest.mark.parametrize("text", ["forbidden", "Hi"])
@pytest.mark.parametrize("trace", ["enabled", "enabled_full"])
async def test_the_trace_of_converse(client, text, trace):
    body = (await client.converse(NOVA, converse(text, trace=trace))).json
    told = body["trace"]["guardrail"]
    assert ("outputAssessments" in told) is (text == "Hi")
    assert ("appliedGuardrailDetails" in told["inputAssessment"]["emulatorguard"]) is (trace == "enabled_full")
    body["usage"].pop("serverToolUsage")
    for name in ("cacheReadInputTokenCount", "cacheWriteInputTokenCount"):
        body["usage"].pop(name, None)
    service_model.check(body, "ConverseResponse")
    stream = await client.converse(NOVA, converse(text, trace=trace), stream=True)
    type, payload = stream.converse_events[-1]
    assert (type, payload["trace"]["guardrail"]) == ("metadata", told)


async def test_only_marked_content_of_converse_is_looked_at(client):
    body = converse("forbidden")
    body["messages"][0]["content"].append({"guardContent": {"text": {"text": "fine"}}})
    assert (await client.converse(NOVA, body, {"text": "Well."})).json["stopReason"] == "end_turn"


async def test_an_asynchronous_converse_stream(client):
    body = converse("Hi", streamProcessingMode="async")
    events = (await client.converse(NOVA, body, {"text": "It is forbidden."}, stream=True)).converse_events
    text = "".join(payload["delta"]["text"] for type, payload in events if type == "contentBlockDelta")
    assert (text, events[-2]) == ("It is forbidden.", ("messageStop", {"stopReason": "guardrail_intervened"}))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"guardrailIdentifier": "nothing"}, NOT_THERE),
        ({"guardrailVersion": "7"}, NOT_THERE),
        ({"guardrailVersion": ""}, HALF),
    ],
)
def test_boto3_sees_what_converse_refuses(connect, config, words):
    with pytest.raises(ClientError) as refused:
        connect().converse(
            modelId="us.amazon.nova-lite-v1:0",
            messages=[{"role": "user", "content": [{"text": "Hi"}]}],
            guardrailConfig={**CONFIG, **config},
        )
    assert refused.value.response["Error"] == {"Code": "ValidationException", "Message": words}


async def test_guardrails_of_ones_own(start):
    mine = Guardrail(("llama",), input_message="No llamas.", versions=("7",))
    client = await start(Settings(guardrails={"mine": mine}))
    body = converse("A llama!", guardrailIdentifier="mine", guardrailVersion="7")
    assert (await client.converse(NOVA, body)).json["output"]["message"]["content"] == [{"text": "No llamas."}]
    assert (await client.converse(NOVA, converse())).message == NOT_THERE
