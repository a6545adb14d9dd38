"""Claude and Llama sent by Converse, because the operator wants it so: what they can do there, they do."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from proxy import jsonio

ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NEW_CLAUDE = "anthropic.claude-sonnet-4-6"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
SEEING_LLAMA = f"{ACCOUNT}:inference-profile/us.meta.llama4-scout-17b-instruct-v1:0"
MODELS = {
    "claude": {"id": CLAUDE, "family": "converse"},
    NEW_CLAUDE: {"family": "converse"},
    "llama": {"id": LLAMA, "family": "converse"},
    "llama4": {"id": SEEING_LLAMA, "family": "converse"},
    "provisioned": {"id": f"{ACCOUNT}:provisioned-model/emulatorclaude", "family": "converse"},
}
EVERY = pytest.mark.parametrize("model", MODELS)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    },
}
PNG = b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()


@pytest.fixture(scope="module")
def by_converse(theatre):
    with theatre.proxy({"models": MODELS, "retry": {"attempts": 1}}) as proxy:
        yield proxy


def merged(text: str) -> dict[str, Any]:
    """A stream's deltas as one message, its calls merged by index."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    for line in text.splitlines():
        if line.startswith("data: {"):
            for choice in jsonio.decode(line.removeprefix("data: "))["choices"]:
                delta = choice["delta"]
                message["content"] += delta.get("content") or ""
                message["reasoning_content"] += delta.get("reasoning_content") or ""
                for call in delta.get("tool_calls", ()):
                    if call["index"] == len(message["tool_calls"]):
                        message["tool_calls"].append(
                            {"id": call["id"], "name": call["function"]["name"], "arguments": ""}
                        )
                    message["tool_calls"][-1]["arguments"] += call["function"].get("arguments", "")
                message["finish_reason"] = choice["finish_reason"] or message.get("finish_reason")
    return message


def answered(proxy: Any, model: str, stream: bool, **fields: Any) -> dict[str, Any]:
    response = proxy.chat(model, stream=stream, **fields)
    assert response.status_code == 200, response.text
    if stream:
        return merged(response.text)
    (choice,) = response.json()["choices"]
    message = choice["message"]
    return message | {
        "tool_calls": [
            {"id": call["id"], **{name: call["function"][name] for name in ("name", "arguments")}}
            for call in message.get("tool_calls") or ()
        ],
        "finish_reason": choice["finish_reason"],
    }


@EVERY
@STREAM
def test_text(by_converse, bedrock, model, stream):
    assert answered(by_converse, model, stream, prompt="Hello there")["content"].strip() == "You said: Hello there"
    assert bedrock.call.operation == ("converse-stream" if stream else "converse")
    assert bedrock.call.error is None


@EVERY
@STREAM
def test_tools_and_their_results(by_converse, bedrock, model, stream):
    ask = {"role": "user", "content": "Use look."}
    message = answered(by_converse, model, stream, messages=[ask], tools=[TOOL])
    (call,) = message["tool_calls"]
    assert (call["name"], message["finish_reason"]) == ("look", "tool_calls")
    assert "at" in jsonio.decode(call["arguments"])
    kept = {
        "id": call["id"],
        "type": "function",
        "function": {"name": call["name"], "arguments": call["arguments"]},
    }
    history = [
        ask,
        {"role": "assistant", "content": None, "tool_calls": [kept]},
        {"role": "tool", "tool_call_id": call["id"], "content": "noon"},
    ]
    assert "noon" in answered(by_converse, model, stream, messages=history, tools=[TOOL])["content"]
    assert all(call.operation.startswith("converse") for call in bedrock.calls)


@EVERY
@STREAM
def test_a_schema(by_converse, bedrock, model, stream):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "trip", "schema": schema, "strict": True}}
    # By Converse, Llama cannot be made to call the tool whose arguments are the answer: it is asked to, and here does.
    call = {"type": "tool_use", "id": "tooluse_1", "name": "final_answer", "input": {"city": "Paris", "days": 3}}
    is_asked = model not in ("claude", NEW_CLAUDE)
    headers = bedrock.script(content=[call], stop_reason="tool_use") if is_asked else {}
    message = answered(by_converse, model, stream, response_format=form, headers=headers)
    assert jsonio.decode(message["content"]).keys() == {"city", "days"}
    assert message["finish_reason"] == "stop"
    assert ("final_answer" in str(bedrock.call.body.get("system"))) == is_asked


@pytest.mark.parametrize("model", ["claude", NEW_CLAUDE, "llama4"])
def test_images(by_converse, bedrock, model):
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    answered(by_converse, model, False, messages=[{"role": "user", "content": parts}])
    (image,) = [block["image"] for block in bedrock.call.body["messages"][0]["content"] if "image" in block]
    assert image == {"format": "png", "source": {"bytes": PNG}}


def test_a_model_without_eyes_has_none_by_converse_either(by_converse, bedrock):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    response = by_converse.chat("llama", messages=[{"role": "user", "content": [image]}])
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("messages[0]")
    assert bedrock.calls == []


@pytest.mark.parametrize("model", ["claude", NEW_CLAUDE])
@STREAM
@pytest.mark.parametrize("keeps", [False, True], ids=["client-forgets", "client-keeps"])
def test_signed_thoughts_go_back_with_the_results(by_converse, bedrock, model, stream, keeps):
    fields: Any = {"tools": [TOOL], "reasoning_effort": "high", "max_tokens": 20000}
    ask = {"role": "user", "content": "Use look."}
    if keeps and stream:
        with (
            by_converse.openai() as client,
            client.chat.completions.stream(
                model=model, messages=[ask], tools=[TOOL], extra_body={"reasoning_effort": "high"}, max_tokens=20000
            ) as events,
        ):
            final = events.get_final_completion().choices[0].message.model_dump(exclude_none=True)
        final.pop("parsed", None)
        message = final
    else:
        message = answered(by_converse, model, stream, messages=[ask], **fields)
    assert message["reasoning_content"]
    calls = message["tool_calls"]
    functions = [call.get("function", call) for call in calls]
    said: dict[str, Any] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call["id"],
                "type": "function",
                "function": {name: function[name] for name in ("name", "arguments")},
            }
            for call, function in zip(calls, functions, strict=True)
        ],
    }
    if keeps:
        assert message["thinking_blocks"]
        said["thinking_blocks"] = message["thinking_blocks"]
    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "noon"}
    second = answered(by_converse, model, stream, messages=[ask, said, result], **fields)
    assert "noon" in second["content"]
    (thought,) = [
        block["reasoningContent"]["reasoningText"]
        for turn in bedrock.calls[1].body["messages"]
        for block in turn["content"]
        if "reasoningContent" in block
    ]
    assert thought["signature"]
    native = [call.body["additionalModelRequestFields"] for call in bedrock.calls]
    assert native[0]["thinking"] == native[1]["thinking"]


def test_limits_are_the_models_own(by_converse, bedrock):
    response = by_converse.chat("llama", max_tokens=100_000)
    assert "max_tokens=100000->" in response.headers["x-bedrock-proxy-adapted"]
    assert bedrock.call.error is None


def test_stops_are_sent(by_converse, bedrock):
    answered(by_converse, "llama", False, stop=["END"])
    assert bedrock.call.body["inferenceConfig"]["stopSequences"] == ["END"]
