"""openai-python in front: what its users write, and what they get."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.emulator.tokens import count

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
HI: Any = [{"role": "user", "content": "Hello there"}]
REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")


@BOTH
def test_a_whole_answer(client, bedrock, model):
    completion = client.chat.completions.create(model=model, messages=HI)
    assert completion.object == "chat.completion"
    assert re.fullmatch(r"chatcmpl-[A-Za-z0-9]{29}", completion.id)
    assert completion.model == model
    (choice,) = completion.choices
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (choice.message.role, choice.message.content) == ("assistant", "You said: Hello there")
    assert (choice.message.refusal, choice.message.annotations, choice.message.tool_calls) == (None, [], None)
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == _counted(bedrock.call)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens) == (0, 0)


def _counted(call: Any) -> tuple[int, int]:
    """What the emulator's tokenizer makes of the call and of the answer."""
    asked = count(call.body["prompt"]) if call.model == LLAMA else count("Hello there") + 4
    return asked, count("You said: Hello there")


@BOTH
def test_a_stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.role for chunk in chunks[1:]] == [None] * (len(chunks) - 1)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: Hello there"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert len(chunks) > 4, "it came in pieces"


@BOTH
def test_usage_in_a_stream_is_that_of_the_whole_answer(client, model):
    whole = client.chat.completions.create(model=model, messages=HI)
    options: Any = {"include_usage": True}
    *chunks, last = client.chat.completions.create(model=model, messages=HI, stream=True, stream_options=options)
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks)
    assert last.choices == []
    assert last.usage == whole.usage
    assert chunks[-1].choices[0].finish_reason == "stop"


@BOTH
def test_the_stream_helper(client, model):
    with client.chat.completions.stream(model=model, messages=HI, stream_options={"include_usage": True}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert kinds.count("content.done") == 1
    assert kinds.count("content.delta") > 2
    assert final.choices[0].message.content == "You said: Hello there"
    assert final.choices[0].message.role == "assistant"
    assert final.usage.total_tokens > 0


@BOTH
async def test_the_async_client(proxy, model):
    async with proxy.async_openai() as client:
        whole, stream = await asyncio.gather(
            client.chat.completions.create(model=model, messages=HI),
            client.chat.completions.create(model=model, messages=HI, stream=True),
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        async with client.chat.completions.stream(model=model, messages=HI) as helper:
            final = await helper.get_final_completion()
    assert whole.choices[0].message.content == text == final.choices[0].message.content == "You said: Hello there"


def test_a_length_that_is_reached(client):
    short = client.chat.completions.create(model=LLAMA, messages=HI, max_tokens=2)
    assert (short.choices[0].finish_reason, short.choices[0].message.content) == ("length", "You said")
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=CLAUDE, messages=HI, max_completion_tokens=2)


def test_thinking_is_shown_beside_the_answer(client, bedrock):
    script = bedrock.script(thinking=["Let me", " see."], text=["It is", " 4."])
    whole = client.chat.completions.create(model=CLAUDE, messages=HI, extra_headers=script).choices[0].message
    assert (whole.content, whole.reasoning_content, whole.reasoning) == ("It is 4.", "Let me see.", "Let me see.")
    chunks = client.chat.completions.create(model=CLAUDE, messages=HI, extra_headers=script, stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "It is 4."
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == "Let me see."


def test_a_refusal_of_the_model_is_filtered_content(client, bedrock):
    script = bedrock.script(text="I can't help with that.", stop_reason="refusal")
    completion = client.chat.completions.create(model=CLAUDE, messages=HI, extra_headers=script)
    assert completion.choices[0].finish_reason == "content_filter"
    assert completion.choices[0].message.refusal == "The model declined to answer."
    assert completion.choices[0].message.content == "I can't help with that."
    events: list[str] = []
    with client.chat.completions.stream(model=CLAUDE, messages=HI, extra_headers=script) as stream:
        events += [event.type for event in stream]
        snapshot = stream.current_completion_snapshot.choices[0]
    assert "refusal.done" in events
    assert (snapshot.message.refusal, snapshot.finish_reason) == ("The model declined to answer.", "content_filter")
    # It comes back as what the assistant said.
    message = {"role": "assistant", "content": None, "refusal": snapshot.message.refusal}
    for model in (CLAUDE, NOVA):
        client.chat.completions.create(model=model, messages=[*HI, message, *HI])
        body: Any = bedrock.calls[-1].body
        assert body["messages"][1]["content"][0]["text"] == "The model declined to answer."


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_headers(client, bedrock, model, stream):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=HI, stream=stream, temperature=1.5, seed=7
    )
    assert raw.http_response.read()
    assert REQUEST_ID.fullmatch(raw.headers["x-request-id"])
    assert raw.headers["x-amzn-requestid"] == bedrock.call.request_id
    assert sorted(raw.headers["x-bedrock-proxy-adapted"].split(", ")) == ["seed=dropped", "temperature=1.5->1"]
    assert raw.headers["content-type"] == ("text/event-stream; charset=utf-8" if stream else "application/json")
    if stream:
        assert raw.headers["cache-control"] == "no-cache"
        assert raw.headers["x-accel-buffering"] == "no"
        assert "content-length" not in raw.headers


def test_nothing_adapted_nothing_said(client):
    raw = client.chat.completions.with_raw_response.create(model=LLAMA, messages=HI, temperature=0.5, max_tokens=100)
    assert "x-bedrock-proxy-adapted" not in raw.headers


def test_the_request_id_is_where_the_sdk_looks(client):
    assert REQUEST_ID.fullmatch(client.chat.completions.create(model=LLAMA, messages=HI)._request_id)
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HI)
    assert REQUEST_ID.fullmatch(caught.value.request_id)


def test_explicit_nulls_are_nothing_given(client, bedrock):
    names = (
        "audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens metadata n presence_penalty "
        "response_format seed service_tier stop stream_options temperature tool_choice tools top_p user"
    )
    nulls: Any = dict.fromkeys(names.split())
    raw = client.chat.completions.with_raw_response.create(model=LLAMA, messages=HI, **nulls)
    assert "x-bedrock-proxy-adapted" not in raw.headers
    assert sorted(bedrock.call.body) == ["max_gen_len", "prompt"]


def test_strict_by_header_refuses_what_would_be_adapted(client, bedrock):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=LLAMA, messages=HI, temperature=1.4, extra_headers={"x-bedrock-proxy-strict": "true"}
        )
    assert caught.value.param == "temperature"
    assert bedrock.calls == []


def test_strict_by_config_refuses_what_would_be_adapted(serve, bedrock):
    with serve(strict=True).openai() as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=CLAUDE, messages=HI, seed=1)
        assert caught.value.param == "seed"
        assert client.chat.completions.create(model=CLAUDE, messages=HI, temperature=1).choices
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text"]}, "audio"),
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_by_name(client, bedrock, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=LLAMA, messages=HI, **fields)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert bedrock.calls == []


def test_models(client):
    models = {model.id: model for model in client.models.list()}
    assert models[LLAMA].object == "model"
    assert models[LLAMA].owned_by == "meta"
    assert isinstance(models[LLAMA].created, int)
    assert client.models.retrieve(f"us.{CLAUDE}") == models[f"us.{CLAUDE}"]
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/none")
    assert caught.value.code == "model_not_found"


def test_another_api_of_openai_is_an_unknown_url(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.moderations.create(input="x")
    assert caught.value.code == "unknown_url"
    assert "POST /v1/moderations" in caught.value.message


@pytest.mark.parametrize(("path", "code"), [("", 0), ("/v1", 0), ("/elsewhere", 1)])
def test_the_smoke_test(proxy, path, code):
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("smoke.py"), proxy.url + path],
        env=os.environ | {"BEDROCK_PROXY_API_KEY": proxy.key},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout.count("\n")) == (code, 1), result
    assert ("models of" in result.stdout) == (code == 0)
