"""Stop words, and answers that are none. Each kind of answer is in tests/golden/llama/replies."""

import pytest

from proxy.errors import UpstreamBroken
from proxy.families import Call
from proxy.families.llama.reply import END_TOKENS, finish_reason, parse, without_end_token
from proxy.neutral.reply import FinishReason


def test_stop_reasons() -> None:
    assert finish_reason("stop", None, has_calls=False) is FinishReason.STOP
    assert finish_reason("stop", None, has_calls=True) is FinishReason.TOOL_USE
    for has_calls in (False, True):
        assert finish_reason("length", "NONE", has_calls=has_calls) is FinishReason.LENGTH
        assert finish_reason("stop", "INTERVENED", has_calls=has_calls) is FinishReason.FILTERED
        assert finish_reason("length", "INTERVENED", has_calls=has_calls) is FinishReason.FILTERED


@pytest.mark.parametrize("word", ["", "Stop", "brand_new", "end_turn"])
def test_an_unknown_one_is_never_a_normal_end(word: str) -> None:
    assert finish_reason(word, None, has_calls=False) is FinishReason.UNKNOWN
    assert finish_reason(word, None, has_calls=True) is FinishReason.UNKNOWN


def test_the_end_tokens_of_every_generation() -> None:
    assert {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|eot|>", "<|eom|>"} <= set(END_TOKENS)


@pytest.mark.parametrize("token", END_TOKENS)
def test_one_at_the_very_end_is_taken_away(token: str) -> None:
    assert without_end_token(f"a{token}") == "a"
    assert without_end_token(token) == ""
    assert without_end_token(f"a{token} ") == f"a{token} "
    assert without_end_token(f"{token}a") == f"{token}a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"stop_reason":"stop"}',
        b'{"generation":1,"stop_reason":"stop"}',
        b'{"generation":"\xff","stop_reason":"stop"}',
        b'{"generation":"x","stop_reason":["stop"]}',
        b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="not that of a Llama model"):
        parse(body, Call(b""))


@pytest.mark.parametrize(
    "body",
    [b'{"generation":"x"}', b'{"generation":"x","stop_reason":null}', b'{"generation":null,"stop_reason":"stop"}'],
)
def test_half_an_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="no text or no stop reason"):
        parse(body, Call(b""))
