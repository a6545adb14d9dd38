"""What the InvokeModel families share on the way back: the `chunk` frames, and the fields that Bedrock itself adds.

    frame payload  {"bytes": "<base64 of one JSON object of the model's own stream>", "p": "abc…"}
    last object    {…, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 14, "outputTokenCount": 4, …}}

Source: botocore 1.44 service model (`PayloadPart`); AWS Bedrock user guide, guardrails with InvokeModel, 2026.
"""

from __future__ import annotations

import msgspec

from proxy import jsonio
from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.neutral.events import Unrecognised

INTERVENED = "INTERVENED"


class Metrics(msgspec.Struct, rename="camel"):
    """`amazon-bedrock-invocationMetrics`, of the last chunk. Input without what the cache read or wrote."""

    input_token_count: int = 0
    output_token_count: int = 0
    cache_read_input_token_count: int = 0
    cache_write_input_token_count: int = 0


class _Chunk(msgspec.Struct):
    inner: bytes = msgspec.field(name="bytes")


_read_chunk = msgspec.json.Decoder(_Chunk).decode


def chunk(frame: Frame) -> bytes | Unrecognised:
    """The model's own JSON in a frame; an event of a kind that is not known yet is told, not guessed at."""
    kind = frame.headers.get(":event-type", "")
    if kind != "chunk":
        return Unrecognised(f"event type {kind!r}")
    try:
        return _read_chunk(frame.payload).inner
    except jsonio.UNREADABLE as error:
        raise UpstreamBroken(f"Bedrock sent a chunk that cannot be read: {error}") from None
