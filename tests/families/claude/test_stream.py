"""What no well-formed stream shows. Each kind of event is in tests/golden/claude/streams."""

from base64 import b64encode

import pytest

from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken, UpstreamFailed
from proxy.families import Call
from proxy.families.claude.stream import ClaudeStream
from proxy.jsonio import encode
from proxy.neutral.events import Event
from proxy.neutral.reply import Usage


def frame(inner: object) -> Frame:
    """One event of Claude's, as bytes or as a value."""
    raw = inner if isinstance(inner, bytes) else encode(inner)
    return Frame({":event-type": "chunk"}, encode({"bytes": b64encode(raw).decode(), "p": "abc"}))


def delta(text: str, kind: str = "text") -> Frame:
    return frame({"type": "content_block_delta", "index": 0, "delta": {"type": f"{kind}_delta", kind: text}})


DEEP = b"[" * 20_000 + b"]" * 20_000


@pytest.mark.parametrize(
    "inner",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"{}",
        b'{"type":1}',
        b'{"type":null}',
        b'{"type":"\xff"}',
        b'{"type":"ping","x":' + DEEP + b"}",
        b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"\xff"}}',
        b'{"type":"content_block_delta","delta":{"type":"text_delta","text":null}}',
        b'{"type":"content_block_start","content_block":{}}',
        b'{"type":"message_start","message":{"usage":{"input_tokens":"9"}}}',
        b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1.5}}',
    ],
    ids=lambda inner: repr(inner)[:40],
)
def test_events_that_cannot_be_read(inner: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="cannot be read"):
        ClaudeStream(Call(b"")).feed([frame(inner)], [])


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"bytes":1}', b'{"bytes":"?"}', b'{"bytes":"\xff"}', DEEP])
def test_chunks_that_cannot_be_read(payload: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="chunk that cannot be read"):
        ClaudeStream(Call(b"")).feed([Frame({":event-type": "chunk"}, payload)], [])


def test_a_frame_without_an_event_type() -> None:
    told: list[Event] = []
    ClaudeStream(Call(b"")).feed([Frame({}, b"")], told)
    assert repr(told) == "[Unrecognised(what=\"event type ''\")]"


@pytest.mark.parametrize("rest", [b'"x":"\xff"', b'"x":1e999', b'"error":"text"', b'"error":[]', b'"error":null'])
def test_errors_of_an_odd_shape_are_errors_all_the_same(rest: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        ClaudeStream(Call(b"")).feed([frame(b'{"type":"error",' + rest + b"}")], [])


def test_a_start_without_its_message_tells_nothing() -> None:
    told: list[Event] = []
    ClaudeStream(Call(b"")).feed([frame({"type": "message_start"}), frame({"type": "message_delta"})], told)
    assert told == []


def test_usage_so_far_is_estimated_from_the_text() -> None:
    reader = ClaudeStream(Call(b""))
    assert reader.usage_so_far() == Usage(is_estimate=True)
    reader.feed([frame({"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 2}}})], [])
    assert reader.usage_so_far() == Usage(25, 2, is_estimate=True)
    reader.feed([delta("x" * 10), delta("y" * 7, "thinking")], [])
    assert reader.usage_so_far() == Usage(25, 5, reasoning_tokens=3, is_estimate=True)
    block = {"type": "text", "text": "z" * 4}
    reader.feed([frame({"type": "content_block_start", "index": 1, "content_block": block})], [])
    assert reader.usage_so_far() == Usage(25, 6, reasoning_tokens=2, is_estimate=True)
    # Asking changes nothing, and the real count goes before an estimate that is smaller. What is shown is a summary.
    reader.feed([frame({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 40}})], [])
    assert reader.usage_so_far() == Usage(25, 40, reasoning_tokens=36, is_estimate=True)


def test_a_reader_says_when_the_answer_has_ended() -> None:
    reader = ClaudeStream(Call(b""))
    assert not reader.is_ended
    reader.feed([frame({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})], [])
    assert not reader.is_ended
    reader.feed([frame({"type": "message_stop"})], [])
    assert reader.is_ended
    reader.close()
