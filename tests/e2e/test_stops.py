"""`stop` on models that know it and on models that do not: the same text whole and streamed, and never the stop itself."""

from __future__ import annotations

from typing import Any

import pytest

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
HI: Any = [{"role": "user", "content": "Hello there"}]


def ask(client: Any, model: str, script: dict[str, str], stop: Any) -> tuple[str, str]:
    """Text and finish_reason, which are the same whole and streamed."""
    fields: dict[str, Any] = {"model": model, "messages": HI, "stop": stop, "extra_headers": script}
    whole = client.chat.completions.create(**fields).choices[0]
    chunks = list(client.chat.completions.create(stream=True, **fields))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason]
    assert ends == [whole.finish_reason]
    assert text == whole.message.content
    return text, whole.finish_reason


@pytest.mark.parametrize(
    ("pieces", "stop", "text"),
    [
        (["one STOP two"], "STOP", "one "),
        (["one ST", "OP two"], "STOP", "one "),
        (["one S", "T", "O", "P", " two"], "STOP", "one "),
        (list("one STOP two"), "STOP", "one "),
        (["one STO", " two"], "STOP", "one STO two"),
        (["one SSTOP"], "STOP", "one S"),
        (["one S", "STOP"], "STOP", "one S"),
        (["one STO"], "STOP", "one STO"),
        (["STOP"], "STOP", ""),
        (["ST", "OP"], ["never", "STOP"], ""),
        (["a\n", "\nb"], "\n\n", "a"),
        (["a\n", "b"], "\n\n", "a\nb"),
        (["aab", "aac"], "aabaac", ""),
        (["x aab", "aabaac"], "aabaac", "x aab"),
        (["one END two STOP"], ["STOP", "END"], "one "),
        (["ab", "c"], ["abcd", "bc"], "a"),
        (["caf", "e\u0301", " fin"], "\u0301 fin", "cafe"),
        (["nothing to see"], ["a", ""], ["nothing to see"][0]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("split", [None, 1, 50])
def test_llama(client, bedrock, pieces, stop, text, split):
    options = {} if split is None else {"split": split}
    said, finish = ask(client, LLAMA, bedrock.script(text=pieces, **options), stop)
    assert said == text
    assert finish == "stop"
    assert all("stop" not in call.body for call in bedrock.calls)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_llama_is_not_kept_talking(proxy, bedrock, stream):
    """The rest of the answer would never come; it is not waited for, and the connection is closed."""
    script = bedrock.script(text=["one ", "ST", "OP", "two"], fault={"kind": "stall", "after_events": 3})
    response = proxy.chat(LLAMA, headers=script, stop="STOP", stream=stream, stream_options={"include_usage": True})
    assert response.status_code == 200
    assert "one " in response.text
    assert "STOP" not in response.text
    assert bedrock.wait_until_idle(1)[0].hung_up
    assert '"completion_tokens":0' not in response.text


def test_what_may_be_a_stop_is_held_back_and_no_more(proxy, bedrock):
    script = bedrock.script(text=["one S", "T", "two"], fault={"kind": "stall", "after_events": 2})
    seen = ""
    with proxy.streaming(LLAMA, headers=script, stop="STOP") as response:
        for text in response.iter_text():
            seen += text
            if "one " in seen:
                break
    assert '"one "' in seen
    assert '"S' not in seen
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_a_length_reached_before_the_stop(client, bedrock):
    said, finish = ask(client, LLAMA, bedrock.script(text=["one ST"], stop_reason="length"), "STOP")
    assert (said, finish) == ("one ST", "length")


def test_claude_is_told(client, bedrock):
    said, finish = ask(client, CLAUDE, bedrock.script(text=["one ST", "OP two"]), ["STOP", "END"])
    assert (said, finish) == ("one ", "stop")
    assert [call.body["stop_sequences"] for call in bedrock.calls] == [["STOP", "END"]] * 2


def test_claude_is_not_told_of_blank_ones(client, bedrock):
    said, finish = ask(client, CLAUDE, bedrock.script(text=["one", "\n", "\ntwo"]), "\n\n")
    assert (said, finish) == ("one", "stop")
    assert all("stop_sequences" not in call.body for call in bedrock.calls)


@pytest.mark.parametrize(("pieces", "text"), [(["one\n", "\ntwo"], "one"), (["one STOP", "\n\ntwo"], "one ")])
def test_claude_with_both_kinds(client, bedrock, pieces, text):
    said, finish = ask(client, CLAUDE, bedrock.script(text=pieces), ["\n\n", "STOP"])
    assert (said, finish) == (text, "stop")
    assert [call.body["stop_sequences"] for call in bedrock.calls] == [["STOP"]] * 2


@pytest.mark.parametrize("model", [LLAMA, CLAUDE, NOVA])
def test_usage_of_an_answer_that_was_stopped(client, bedrock, model):
    script = bedrock.script(text=["one ", "two ", "\n\n", "three"])
    usage = client.chat.completions.create(model=model, messages=HI, stop="\n\n", extra_headers=script).usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    options: Any = {"include_usage": True}
    *_, last = client.chat.completions.create(
        model=model, messages=HI, stop="\n\n", stream=True, stream_options=options, extra_headers=script
    )
    assert last.usage.prompt_tokens == usage.prompt_tokens
    assert last.usage.completion_tokens > 0


@BOTH
def test_stops_and_choices(client, bedrock, model):
    script = bedrock.script(text=["one ST", "OP two"])
    completion = client.chat.completions.create(model=model, messages=HI, stop="STOP", n=2, extra_headers=script)
    assert [choice.message.content for choice in completion.choices] == ["one ", "one "]
    texts = ["", ""]
    for chunk in client.chat.completions.create(
        model=model, messages=HI, stop="STOP", n=2, stream=True, extra_headers=script
    ):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == ["one ", "one "]


def test_a_stop_in_the_thinking_is_none(client, bedrock):
    script = bedrock.script(thinking=["first\n\nthen"], text=["one\n\ntwo"])
    said, _ = ask(client, CLAUDE, script, "\n\n")
    assert said == "one"
