"""A whole answer. Each kind of reply is in tests/golden/*/replies."""

from typing import Any

import pytest

from proxy.apis.api import Identity
from proxy.apis.chat import ChatApi
from proxy.apis.chat.reply import FINISH_REASONS, Envelope, finish_word, free_text, render, render_usage
from proxy.apis.chat.request import AnswerForm
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse
from proxy.neutral.events import TextDelta
from proxy.neutral.reply import FinishReason, Reply, Usage

ENVELOPE = Envelope("chatcmpl-x", 1763719200, "gpt-4o", "priority")
PLAIN, FUNCTIONS = AnswerForm(), AnswerForm(has_functions=True)
NOW, RUN = ToolUse("call_1", "now", '{"zone": "UTC"}'), ToolUse("call_2", "run", '{"input":"ls\\n"}')
CALLED = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}


def choice(*blocks: ReplyBlock, finish: FinishReason = FinishReason.TOOL_USE, form: AnswerForm = PLAIN) -> Any:
    (one,) = render(ENVELOPE, [Reply([*blocks], finish, "word", Usage())], form)["choices"]
    return one


def message(*blocks: ReplyBlock, form: AnswerForm = PLAIN) -> dict[str, Any]:
    """Of the answer, without the keys that all of them have."""
    given: dict[str, Any] = choice(*blocks, form=form)["message"]
    assert (given.pop("role"), given.pop("refusal"), given.pop("annotations")) == ("assistant", None, [])
    return given


def test_every_reason_has_openais_word() -> None:
    assert set(FINISH_REASONS) == set(FinishReason)
    for reason in FinishReason:
        word = choice(Text("x"), finish=reason)["finish_reason"]
        assert word == FINISH_REASONS[reason]
        assert word in ("stop", "length", "content_filter")
        assert (word == "stop") == (reason in (FinishReason.STOP, FinishReason.TOOL_USE)), "only an end is shown as one"


@pytest.mark.parametrize(
    ("reason", "called", "function"),
    [
        (FinishReason.STOP, "tool_calls", "function_call"),
        (FinishReason.TOOL_USE, "tool_calls", "function_call"),
        (FinishReason.LENGTH, "length", "length"),
        (FinishReason.FILTERED, "content_filter", "content_filter"),
        (FinishReason.UNKNOWN, "length", "length"),
    ],
)
def test_calls_decide_why_an_answer_ended(reason: FinishReason, called: str, function: str) -> None:
    assert choice(NOW, finish=reason)["finish_reason"] == finish_word(reason, True, PLAIN) == called
    assert choice(NOW, finish=reason, form=FUNCTIONS)["finish_reason"] == function
    assert finish_word(reason, False, FUNCTIONS) == FINISH_REASONS[reason]


def test_the_content_beside_calls() -> None:
    assert message(NOW) == {"content": None, "tool_calls": [CALLED]}
    assert message(Text(""), NOW) == {"content": None, "tool_calls": [CALLED]}
    assert message(Text("Let me "), NOW, Text("see.")) == {"content": "Let me see.", "tool_calls": [CALLED]}
    assert message() == {"content": ""}
    assert message(Reasoning("Hm")) == {"content": "", "reasoning_content": "Hm", "reasoning": "Hm"}


def test_calls_keep_their_order_and_their_text() -> None:
    calls = message(ToolUse("b", "f", ' {"a":1e2} '), ToolUse("a", "f", "[broken"))["tool_calls"]
    assert [(call["id"], call["function"]["arguments"]) for call in calls] == [("b", ' {"a":1e2} '), ("a", "[broken")]
    assert all("index" not in call for call in calls)


def test_calls_in_the_older_form() -> None:
    function_call = {"name": "now", "arguments": '{"zone": "UTC"}'}
    assert message(NOW, RUN, form=FUNCTIONS) == {"content": None, "function_call": function_call}
    assert message(Text("x"), NOW, form=FUNCTIONS) == {"content": "x", "function_call": function_call}
    assert message(Text("x"), form=FUNCTIONS) == {"content": "x"}


def test_a_custom_tool_is_called_with_bare_text() -> None:
    form = AnswerForm(free_text_tools=frozenset({"run"}))
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "ls\n"}}
    assert message(NOW, RUN, form=form)["tool_calls"] == [CALLED, custom]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"ls"}', "ls"),
        ('{"input":""}', ""),
        ('{"input":"\\u00e9","more":1}', "é"),
        ("", ""),
        ("{}", "{}"),
        ('{"input":1}', '{"input":1}'),
        ('{"input":null}', '{"input":null}'),
        ('["input"]', '["input"]'),
        ('{"input":"l', '{"input":"l'),
        ("[" * 5000, "[" * 5000),
    ],
    ids=lambda text: text[:20],
)
def test_the_input_of_a_custom_tool(arguments: str, text: str) -> None:
    assert free_text(arguments) == text


def test_reasoning_is_shown_and_hidden() -> None:
    blocks = (
        Reasoning("Hm, ", "s1"),
        Text("x"),
        Reasoning("yes.", "s2"),
        Reasoning("", redacted="r"),
        Reasoning(" Unsigned."),
    )
    assert message(*blocks) == {
        "content": "x",
        "reasoning_content": "Hm, yes. Unsigned.",
        "reasoning": "Hm, yes. Unsigned.",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "Hm, ", "signature": "s1"},
            {"type": "thinking", "thinking": "yes.", "signature": "s2"},
            {"type": "redacted_thinking", "data": "r"},
        ],
    }
    assert message(*blocks, form=AnswerForm(shows_reasoning=False)) == {"content": "x"}
    assert message(Reasoning("", redacted="r")) == {
        "content": "",
        "thinking_blocks": [{"type": "redacted_thinking", "data": "r"}],
    }


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
    details = {"cached_tokens": cached, "audio_tokens": 0}
    if usage.cache_read_tokens or usage.cache_write_tokens:
        details["cache_write_tokens"] = usage.cache_write_tokens
    assert shown["prompt_tokens_details"] == details
    assert shown["completion_tokens_details"]["reasoning_tokens"] == reasoning


def test_the_api_gives_the_answer_its_names() -> None:
    body = {"model": "my-model", "messages": [{"role": "user", "content": "Hi"}]}
    asked = ChatApi().parse(body, Adaptations(), 8)
    identity = Identity("0123456789abcdefghijklmnopqrs", 1763719200, "default")
    answer = asked.render(identity, [Reply([Text("x")], FinishReason.STOP, "end_turn", Usage())])
    assert answer["id"] == "chatcmpl-0123456789abcdefghijklmnopqrs"
    assert (answer["created"], answer["model"], answer["service_tier"]) == (1763719200, "my-model", "default")
    assert asked.stream(identity).close() == b"data: [DONE]\n\n"


def test_the_api_answers_in_the_form_that_was_asked_for() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "functions": [{"name": "now"}]}
    asked = ChatApi().parse(body, Adaptations(), 8)
    identity = Identity("t", 0, "default")
    (one,) = asked.render(identity, [Reply([NOW], FinishReason.TOOL_USE, "tool_use", Usage())])["choices"]
    assert (one["message"]["function_call"]["name"], one["finish_reason"]) == ("now", "function_call")


def test_a_stream_has_as_many_choices_as_were_asked_for_and_usage_where_it_was() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    stream = ChatApi().parse(body, Adaptations(), 8).stream(Identity("t", 0, "default"))
    assert stream.send([TextDelta("x")]).count(b'"role":"assistant"') == 2
    assert b'"choices":[],"usage":{' in stream.close()


def test_a_refusal() -> None:
    """In the model's words, beside what it had said before."""
    for blocks, content in (([], None), ([Text("First, ")], "First, ")):
        reply = Reply([*blocks], FinishReason.FILTERED, "refusal", Usage(), refusal="No.")
        (made,) = render(ENVELOPE, [reply], PLAIN)["choices"]
        assert (made["message"]["content"], made["message"]["refusal"]) == (content, "No.")
        assert made["finish_reason"] == "content_filter"
