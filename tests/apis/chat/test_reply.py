"""A whole answer. Each kind of reply is in tests/golden/*/replies."""

import pytest

from proxy.apis.api import Identity
from proxy.apis.chat import ChatApi
from proxy.apis.chat.reply import FINISH_REASONS, Envelope, render, render_usage
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.reply import FinishReason, Reply, Usage

ENVELOPE = Envelope("chatcmpl-x", 1763719200, "gpt-4o", "priority")


def test_every_reason_has_openais_word() -> None:
    assert set(FINISH_REASONS) == set(FinishReason)
    for reason in FinishReason:
        answer = render(ENVELOPE, [Reply([Text("x")], reason, "word", Usage())])
        word = answer["choices"][0]["finish_reason"]
        assert word in ("stop", "length", "tool_calls", "content_filter")
        assert (word == "stop") == (reason is FinishReason.STOP), "only a known end is shown as one"


@pytest.mark.parametrize(
    ("usage", "prompt", "cached", "completion", "reasoning"),
    [
        (Usage(), 0, 0, 0, 0),
        (Usage(10, 5), 10, 0, 5, 0),
        (Usage(10, 5, 100, 1000, 3), 1110, 100, 5, 3),
    ],
)
def test_usage(usage: Usage, prompt: int, cached: int, completion: int, reasoning: int) -> None:
    shown = render_usage(usage)
    assert (shown["prompt_tokens"], shown["completion_tokens"]) == (prompt, completion)
    assert shown["total_tokens"] == prompt + completion
    assert shown["prompt_tokens_details"]["cached_tokens"] == cached
    assert shown["completion_tokens_details"]["reasoning_tokens"] == reasoning


def test_the_api_gives_the_answer_its_names() -> None:
    body = {"model": "my-model", "messages": [{"role": "user", "content": "Hi"}]}
    asked = ChatApi().parse(body, Adaptations(), 8)
    identity = Identity("0123456789abcdefghijklmnopqrs", 1763719200, "default")
    answer = asked.render(identity, [Reply([Text("x")], FinishReason.STOP, "end_turn", Usage())])
    assert answer["id"] == "chatcmpl-0123456789abcdefghijklmnopqrs"
    assert (answer["created"], answer["model"], answer["service_tier"]) == (1763719200, "my-model", "default")
    assert asked.stream(identity).close() == b"data: [DONE]\n\n"


def test_a_stream_has_as_many_choices_as_were_asked_for_and_usage_where_it_was() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    stream = ChatApi().parse(body, Adaptations(), 8).stream(Identity("t", 0, "default"))
    assert stream.start().count(b'"role":"assistant"') == 2
    assert b'"choices":[],"usage":{' in stream.close()
