import pytest

from proxy.emulator.llama import answer, count_input, events, last_user_text, render
from proxy.emulator.models import Model
from proxy.emulator.refusal import Refusal
from proxy.emulator.script import Script
from proxy.emulator.tokens import count

HEADER = "<|start_header_id|>assistant<|end_header_id|>"
PROMPT = f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello you<|eot_id|>{HEADER}\n\n"
MODEL = Model("meta.llama3-8b-instruct-v1:0", "llama", context_tokens=8192)
METRICS = {"inputTokenCount": 1}


def ask(script=None, model=MODEL, **body):
    return answer({"prompt": PROMPT, **body}, model, script or Script())


def test_it_echoes_the_last_user_message():
    assert render(ask()) == {
        "generation": "You said: Hello you",
        "prompt_token_count": count(PROMPT),
        "generation_token_count": 5,
        "stop_reason": "stop",
    }


def test_a_prompt_that_does_not_end_in_a_blank_line_gets_one():
    assert render(ask(prompt=PROMPT.removesuffix("\n\n")))["generation"] == "\n\nYou said: Hello you"


def test_a_prefill_is_continued():
    assert render(ask(prompt=PROMPT + "You said"))["generation"] == ": Hello you"


def test_a_prompt_without_a_template_is_echoed_whole():
    assert render(ask(prompt="Once upon\n\n"))["generation"] == "You said: Once upon\n\n"


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [(1, "You", "length"), (4, "You said: Hello", "length"), (5, "You said: Hello you", "stop")],
)
def test_max_gen_len_counts_exactly(limit, text, reason):
    given = ask(max_gen_len=limit)
    assert (render(given)["generation"], given.stop_reason) == (text, reason)
    assert given.output_tokens == min(limit, 5)


def test_the_default_of_max_gen_len_is_512():
    given = ask(Script(text="word " * 600))
    assert (given.output_tokens, given.stop_reason) == (512, "length")


def test_the_context_ends_the_answer():
    small = Model("meta.llama3-8b-instruct-v1:0", "llama", context_tokens=count(PROMPT) + 2)
    assert ask(model=small).output_tokens == 2
    assert ask(model=small).stop_reason == "length"


def test_a_prompt_as_long_as_the_context_is_refused():
    small = Model("meta.llama3-8b-instruct-v1:0", "llama", context_tokens=count(PROMPT))
    with pytest.raises(Refusal) as refused:
        ask(model=small)
    assert refused.value.message.startswith(f"This model's maximum context length is {count(PROMPT)} tokens.")


def test_images_count_as_input():
    assert count_input({"prompt": "a b", "images": ["", ""]}) == 2002


def test_events_count_the_prompt_first_and_give_the_reason_last():
    given = ask(max_gen_len=3)
    found = list(events(given, METRICS))
    assert [event["generation"] for event in found] == ["You", " said", ":", ""]
    assert [event["prompt_token_count"] for event in found] == [count(PROMPT), None, None, None]
    assert [event["generation_token_count"] for event in found] == [1, 2, 3, 3]
    assert [event["stop_reason"] for event in found] == [None, None, None, "length"]
    assert ["amazon-bedrock-invocationMetrics" in event for event in found] == [False, False, False, True]
    assert "".join(event["generation"] for event in found) == render(given)["generation"]


def test_an_empty_answer_is_one_event():
    (event,) = events(ask(Script(text="")), METRICS)
    assert event["prompt_token_count"] == count(PROMPT)
    assert event["stop_reason"] == "stop"
    assert event["generation_token_count"] == 0


@pytest.mark.parametrize(
    ("script", "pieces", "reason"),
    [
        (Script(text="Hello there"), ["Hello", " there"], "stop"),
        (Script(text=["Hel", "lo th", "ere"]), ["Hel", "lo th", "ere"], "stop"),
        (Script(text="Hi", stop_reason="length"), ["Hi"], "length"),
    ],
)
def test_scripted_text(script, pieces, reason):
    given = ask(script)
    assert (given.pieces, given.stop_reason) == (pieces, reason)


def test_a_limit_cuts_scripted_deltas_too():
    given = ask(Script(text=["Hel", "lo th", "ere"]), max_gen_len=1)
    assert (given.pieces, given.stop_reason, given.output_tokens) == (["Hel", "lo"], "length", 1)


def test_scripted_usage_is_laid_over_the_counts():
    body = render(ask(Script(usage={"prompt_token_count": 7, "generation_token_count": 9})))
    assert (body["prompt_token_count"], body["generation_token_count"]) == (7, 9)


@pytest.mark.parametrize(
    ("body", "text"), [({"prompt": PROMPT}, "Hello you"), ({}, ""), (None, ""), ({"prompt": 1}, "")]
)
def test_the_last_user_text_of_any_body(body, text):
    assert last_user_text(body, MODEL) == text
