"""Stop words, and answers that are none. Each kind of answer is in tests/golden/claude/replies."""

import botocore.session
import pytest

from proxy.errors import UpstreamBroken
from proxy.families import Call
from proxy.families.claude.reply import FINISH_REASONS, finish_reason, parse
from proxy.neutral.reply import FinishReason

DOCUMENTED = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_USE,
    "refusal": FinishReason.FILTERED,
    # Beside amazon-bedrock-guardrailAction, which says it of every model.
    "guardrail_intervened": FinishReason.FILTERED,
    "pause_turn": FinishReason.LENGTH,
    "compaction": FinishReason.LENGTH,
}

CONVERSE_ONLY = {
    "content_filtered",
    "malformed_model_output",
    "malformed_tool_use",
}


@pytest.mark.parametrize("word", DOCUMENTED)
def test_every_documented_stop_reason(word: str) -> None:
    assert finish_reason(word, None) is DOCUMENTED[word]
    assert finish_reason(word, "NONE") is DOCUMENTED[word]
    assert finish_reason(word, "INTERVENED") is FinishReason.FILTERED


def test_the_table_holds_what_bedrock_can_say() -> None:
    """Converse names the same reasons for the same models."""
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    words = set(model.shape_for("StopReason").enum)
    assert words - CONVERSE_ONLY <= set(FINISH_REASONS)
    assert words >= CONVERSE_ONLY
    assert set(FINISH_REASONS) == set(DOCUMENTED)


@pytest.mark.parametrize("word", ["", "brand_new", "stop", "END_TURN", *CONVERSE_ONLY])
def test_an_unknown_one_is_never_a_normal_end(word: str) -> None:
    assert finish_reason(word, None) is FinishReason.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"content":[],"usage":{}}',
        b'{"content":[],"usage":{},"stop_reason":null}',
        b'{"content":[],"stop_reason":"end_turn"}',
        b'{"content":"x","usage":{},"stop_reason":"end_turn"}',
        b'{"content":[{}],"usage":{},"stop_reason":"end_turn"}',
        b'{"content":[{"type":"text","text":"\xff"}],"usage":{},"stop_reason":"end_turn"}',
        b'{"content":[{"type":"text","text":1}],"usage":{},"stop_reason":"end_turn"}',
        b'{"generation":"x","stop_reason":"stop"}',
        b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=lambda body: repr(body)[:60],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="not a Claude message"):
        parse(body, Call(b""))
