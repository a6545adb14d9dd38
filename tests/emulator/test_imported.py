"""An imported model that takes a prompt in ChatML, in both forms of a completion."""

from __future__ import annotations

from typing import Any

import pytest

ARN = "arn:aws:bedrock:us-east-1:123456789012:imported-model/emulatorqwen"
PROMPT = "<|im_start|>user\nHello there<|im_end|>\n<|im_start|>assistant\n"
TOOLS = (
    '<|im_start|>system\n# Tools\n\n<tools>\n{"type": "function", "function": {"name": "look", "parameters": {"type": '
    '"object", "properties": {"at": {"type": "string"}}}}}\n</tools><|im_end|>\n'
)


async def test_bedrocks_form(client: Any) -> None:
    answer = await client.invoke(ARN, {"prompt": PROMPT, "max_gen_len": 100})
    assert answer.json == {
        "generation": "You said: Hello there",
        "prompt_token_count": int(answer.headers["x-amzn-bedrock-input-token-count"]),
        "generation_token_count": 5,
        "stop_reason": "stop",
        "logprobs": None,
    }
    stream = await client.invoke(ARN, {"prompt": PROMPT, "max_gen_len": 2}, stream=True)
    assert "".join(event["generation"] for event in stream.events) == "You said"
    assert stream.events[-1]["stop_reason"] == "length"


async def test_openais_form(client: Any) -> None:
    answer = (await client.invoke(ARN, {"prompt": PROMPT, "max_tokens": 100, "stop": ["there"]})).json
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [{"index": 0, "text": "You said: Hello ", "finish_reason": "stop"}]
    assert answer["usage"]["total_tokens"] == sum(
        answer["usage"][f"{part}_tokens"] for part in ("prompt", "completion")
    )
    stream = await client.invoke(ARN, {"prompt": PROMPT, "max_tokens": 100}, stream=True)
    *events, last = stream.events
    assert "".join(event["choices"][0]["text"] for event in events) == "You said: Hello there"
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == last["amazon-bedrock-invocationMetrics"]["outputTokenCount"]


async def test_tools(client: Any) -> None:
    question = TOOLS + "<|im_start|>user\nUse look.<|im_end|>\n"
    call = '<tool_call>\n{"name":"look","arguments":{"at":"at"}}\n</tool_call>'
    body = {"prompt": f"{question}<|im_start|>assistant\n", "max_gen_len": 100}
    assert (await client.invoke(ARN, body)).json["generation"] == call
    result = "<|im_start|>user\n<tool_response>\nnoon\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    body["prompt"] = f"{question}<|im_start|>assistant\n{call}<|im_end|>\n{result}"
    assert (await client.invoke(ARN, body)).json["generation"] == "The tool said: noon"


BAD = {
    "no prompt": {"max_gen_len": 1},
    "an empty prompt": {"prompt": ""},
    "no object": [],
    "a key of the other form": {"prompt": PROMPT, "max_gen_len": 1, "stop": ["x"]},
    "a key of the other form's": {"prompt": PROMPT, "max_tokens": 1, "max_gen_len": 1},
    "messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1},
    "too hot": {"prompt": PROMPT, "temperature": 1.1},
    "too hot for all": {"prompt": PROMPT, "max_tokens": 1, "temperature": 2.1},
    "nothing to be said": {"prompt": PROMPT, "max_gen_len": 0},
    "half a token": {"prompt": PROMPT, "max_tokens": 1.5},
    "a stop that is no list": {"prompt": PROMPT, "max_tokens": 1, "stop": "x"},
    "too much": {"prompt": PROMPT, "max_tokens": 32_768},
}


@pytest.mark.parametrize("case", BAD)
async def test_what_it_refuses(client: Any, case: str) -> None:
    answer = await client.invoke(ARN, BAD[case])
    assert (answer.status, answer.error) == (400, "ValidationException")


async def test_it_has_no_converse(client: Any) -> None:
    answer = await client.converse(ARN, {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]})
    assert answer.status == 400
    assert "Converse" in answer.message


@pytest.mark.parametrize(
    ("prompt", "faults"),
    [
        (PROMPT, []),
        ("Hi", ["text outside of the turns", "does not end in an open assistant turn"]),
        (PROMPT + "It is", []),
        (PROMPT.replace("Hello", "<|im_start|>"), ["a special token in the turn of 'user'"]),
        ("<|im_start|>user\nHi<|im_end|>\n", ["does not end in an open assistant turn"]),
    ],
)
async def test_faults_of_a_prompt_are_noted(client: Any, prompt: str, faults: list[str]) -> None:
    answer = await client.invoke(ARN, {"prompt": prompt, "max_gen_len": 10})
    assert answer.status == 200
    assert client.last_call.faults == faults


async def test_a_guardrail_speaks_in_its_place(client: Any) -> None:
    headers = {
        "x-amzn-bedrock-guardrailidentifier": "emulatorguard",
        "x-amzn-bedrock-guardrailversion": "1",
    }
    prompt = PROMPT.replace("Hello", "forbidden")
    for limit in ("max_gen_len", "max_tokens"):
        answer = (await client.invoke(ARN, {"prompt": prompt, limit: 10}, headers=headers)).json
        assert answer["amazon-bedrock-guardrailAction"] == "INTERVENED"
        assert "cannot answer" in str(answer)
