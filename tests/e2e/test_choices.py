"""`n`: several choices in one answer, whole and streamed, on models that give one at a time."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
HI: Any = [{"role": "user", "content": "Hello there"}]
THREE_ANSWERS = [{"script": {"text": [text, "."], "times": 1}} for text in ("one", "two", "three")]


def chunks(text: str) -> list[dict[str, Any]]:
    *data, done, _ = text.split("\n\n")
    assert done == "data: [DONE]"
    return [jsonio.decode(line.removeprefix("data: ").encode()) for line in data if not line.startswith(":")]


@BOTH
def test_whole(client, bedrock, model):
    bedrock.rules(*THREE_ANSWERS)
    completion = client.chat.completions.create(model=model, messages=HI, n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert {choice.message.content for choice in completion.choices} == {"one.", "two.", "three."}
    assert {choice.finish_reason for choice in completion.choices} == {"stop"}
    assert len(bedrock.calls) == 3
    assert len({jsonio.encode(call.body) for call in bedrock.calls}) == 1


@BOTH
def test_usage_is_the_sum_with_the_prompt_as_often_as_it_is_billed(client, model):
    one = client.chat.completions.create(model=model, messages=HI).usage
    three = client.chat.completions.create(model=model, messages=HI, n=3).usage
    assert three.prompt_tokens == 3 * one.prompt_tokens
    assert three.completion_tokens == 3 * one.completion_tokens
    assert three.total_tokens == 3 * one.total_tokens
    options: Any = {"include_usage": True}
    *_, last = client.chat.completions.create(model=model, messages=HI, n=3, stream=True, stream_options=options)
    assert (last.choices, last.usage) == ([], three)


@BOTH
def test_streamed(proxy, bedrock, model):
    bedrock.rules(*THREE_ANSWERS)
    sent = chunks(proxy.chat(model, n=3, stream=True).text)
    choices = [chunk["choices"][0] for chunk in sent]
    assert all(len(chunk["choices"]) == 1 for chunk in sent)
    assert [choice["index"] for choice in choices[:3]] == [0, 1, 2], "every choice begins, the first first"
    assert [choice["delta"].get("role") for choice in choices[:3]] == ["assistant"] * 3
    texts = ["", "", ""]
    ends: list[Any] = [None, None, None]
    for choice in choices:
        assert ends[choice["index"]] is None, "nothing follows the end of a choice"
        texts[choice["index"]] += choice["delta"].get("content", "")
        ends[choice["index"]] = choice["finish_reason"]
    assert sorted(texts) == ["one.", "three.", "two."]
    assert ends == ["stop"] * 3
    assert len({(chunk["id"], chunk["created"]) for chunk in sent}) == 1


@BOTH
def test_streams_are_interleaved_not_queued(proxy, bedrock, model):
    """Both are slow; the one that began later does not wait for the other's end."""
    text = ["a", "b", "c"]
    sent = chunks(proxy.chat(model, headers=bedrock.script(text=text, gap_ms=30), n=2, stream=True).text)
    order = [chunk["choices"][0]["index"] for chunk in sent if chunk["choices"][0]["delta"].get("content")]
    assert sorted(order) == [0, 0, 0, 1, 1, 1]
    assert order not in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])


@BOTH
def test_the_stream_helper_takes_them(client, model):
    with client.chat.completions.stream(model=model, messages=HI, n=2) as stream:
        final = stream.get_final_completion()
    assert [choice.message.content for choice in final.choices] == ["You said: Hello there"] * 2
    assert [choice.index for choice in final.choices] == [0, 1]


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_refused_choice_fails_the_request(client, bedrock, model, stream):
    bedrock.rules(
        {"script": {"error": {"type": "ThrottlingException"}, "delay_ms": 100, "times": 1}},
        {"script": {"fault": {"kind": "stall"}}},
    )
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=model, messages=HI, n=3, stream=stream)
    assert caught.value.code == "rate_limit_exceeded"
    # The others, which would never have ended, are not left running.
    bedrock.wait_until(lambda: not any(call.is_open for call in bedrock.calls))
    assert [call.hung_up for call in bedrock.calls if call.error is None] == [True] * (len(bedrock.calls) - 1)


@BOTH
def test_one_choice_that_breaks_later_fails_the_stream(client, bedrock, model):
    fault = {"kind": "exception", "type": "modelStreamErrorException", "after_events": 4}
    bedrock.rules(
        {"script": {"fault": fault, "times": 1}},
        {"script": {"fault": {"kind": "stall", "after_events": 4}}},
    )
    finished = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model=model, messages=HI, n=3, stream=True):
            finished.append(chunk.choices[0].finish_reason)
    assert caught.value.code == "model_error"
    assert set(finished) == {None}
    assert [call.hung_up for call in bedrock.wait_until_idle(3)].count(True) == 2


def test_a_choice_that_ends_well_does_not_hide_another_that_breaks(client, bedrock):
    bedrock.rules(
        {"script": {"text": "short", "times": 1}},
        {"script": {"text": ["a", "b"], "gap_ms": 50, "fault": {"kind": "cut", "after_events": 2}}},
    )
    ends = []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(model=LLAMA, messages=HI, n=2, stream=True):
            ends.append(chunk.choices[0].finish_reason)
    assert ends.count("stop") == 1


@pytest.mark.parametrize(
    ("limit", "n", "is_taken"), [(8, 8, True), (8, 9, False), (2, 2, True), (2, 3, False), (1, 1, True)]
)
def test_the_operators_limit(serve, bedrock, limit, n, is_taken):
    response = serve(server={"max_choices": limit}).chat(LLAMA, n=n)
    if is_taken:
        assert len(response.json()["choices"]) == n == len(bedrock.calls)
    else:
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "n"
        assert response.json()["error"]["code"] == "integer_above_max_value"
        assert bedrock.calls == []
