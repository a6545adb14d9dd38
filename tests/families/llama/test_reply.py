"""Stop words, and answers that are none. Each kind of answer is in tests/golden/llama/replies."""

from typing import Any

import pytest

from proxy.errors import UpstreamBroken
from proxy.families import Call
from proxy.families.llama.reply import finish_reason, parse, without_end_token
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


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("2-13b", ["</s>"]),
        ("3-8b", ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"]),
        ("3-3", ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"]),
        ("4-scout", ["<|eot|>", "<|eom|>", "<|end_of_text|>"]),
    ],
)
def test_the_end_tokens_of_every_generation(name: str, tokens: list[str], llama: Any) -> None:
    """Those of another are text: an answer may be about them."""
    call = llama.build(llama.asked("Hi"), name).call
    for token in ["</s>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|eot|>", "<|eom|>"]:
        text = f"HTML strikes text out with {token}"
        kept = text.removesuffix(token) if token in tokens else text
        assert llama.whole(text, call).text == kept
        assert llama.folded(llama.streamed(list(text), call)).text == kept


@pytest.mark.parametrize("token", ["</s>", "<|eot_id|>"])
def test_one_at_the_very_end_is_taken_away(token: str) -> None:
    assert without_end_token(f"a{token}", [token]) == "a"
    assert without_end_token(token, [token]) == ""
    assert without_end_token(f"a{token} ", [token]) == f"a{token} "
    assert without_end_token(f"{token}a", [token]) == f"{token}a"


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
