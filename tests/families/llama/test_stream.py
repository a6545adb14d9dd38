"""What no well-formed stream shows. Each kind of stream is in tests/golden/llama/streams."""

import random
from base64 import b64encode

import pytest

from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.families import Call
from proxy.families.llama.answer import Expected
from proxy.families.llama.reply import without_end_token
from proxy.families.llama.stream import LlamaStream
from proxy.jsonio import encode
from proxy.neutral.events import Event, TextDelta, UsageReport
from proxy.neutral.reply import Usage


def frame(inner: object) -> Frame:
    raw = inner if isinstance(inner, bytes) else encode(inner)
    return Frame({":event-type": "chunk"}, encode({"bytes": b64encode(raw).decode()}))


@pytest.mark.parametrize(
    "inner",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"generation":1}',
        b'{"generation":"\xff"}',
        b'{"generation":"","generation_token_count":"1"}',
        b'{"generation":"","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=lambda inner: repr(inner)[:40],
)
def test_pieces_that_cannot_be_read(inner: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="not that of a Llama model"):
        LlamaStream(Call(b"")).feed([frame(inner)], [])


def test_usage_so_far_is_bedrocks_own_count() -> None:
    reader = LlamaStream(Call(b""))
    assert reader.usage_so_far() == Usage()
    reader.feed([frame({"generation": "a", "prompt_token_count": 14, "generation_token_count": 1})], [])
    first = reader.usage_so_far()
    assert first == Usage(14, 1)
    reader.feed([frame({"generation": "b", "generation_token_count": 2})], [])
    assert reader.usage_so_far() == Usage(14, 2)
    assert first == Usage(14, 1), "what was given must not change"


def test_reports_do_not_change_once_they_are_given() -> None:
    reader = LlamaStream(Call(b""))
    events: list[Event] = []
    reader.feed([frame({"generation": "", "generation_token_count": 3, "stop_reason": "stop"})], events)
    reader.feed([frame({"generation": "", "generation_token_count": 9})], [])
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageReport)] == [3]


END_TOKENS = ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>")


@pytest.mark.parametrize("token", END_TOKENS)
def test_an_end_token_that_leaks_is_no_text_however_it_is_cut(token: str) -> None:
    """Whole and streamed give the same text, for every end of an answer and every way to cut it."""
    chance = random.Random(token)
    for text in (
        f"a{token}",
        f"a{token}{token}",
        f"a{token}b",
        f"{token}",
        f"a<{token}",
        f"a{token[:-1]}",
        f"a{token}<|",
    ):
        for _ in range(60):
            cuts = sorted(chance.sample(range(len(text) + 1), k=min(3, len(text))))
            pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
            reader = LlamaStream(Call(b"", reading=Expected(end_tokens=END_TOKENS)))
            events: list[Event] = []
            reader.feed([frame({"generation": piece}) for piece in pieces], events)
            reader.feed([frame({"generation": "", "stop_reason": "stop"})], events)
            shown = "".join(event.text for event in events if isinstance(event, TextDelta))
            assert shown == without_end_token(text, END_TOKENS)
