"""What the InvokeModel families share on the way back: the `chunk` frames, and the fields that Bedrock itself adds.

    frame payload  {"bytes": "<base64 of one JSON object of the model's own stream>", "p": "abc…"}
    last object    {…, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 14, "outputTokenCount": 4, …}}

Source: botocore 1.44 service model (`PayloadPart`); AWS Bedrock user guide, guardrails with InvokeModel, 2026.
"""

from __future__ import annotations

import re

import msgspec

from proxy import jsonio
from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Unrecognised
from proxy.neutral.request import Request

INTERVENED = "INTERVENED"
_LABELS = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}", re.ASCII)
_MOST_LABEL_BYTES = 8500
_TRACES = {"enabled": "ENABLED", "disabled": "DISABLED", "enabled_full": "ENABLED_FULL"}


def invoke_headers(request: Request, adapted: Adaptations) -> dict[str, str]:
    """What InvokeModel takes beside the body: service tier, guardrail, latency and the client's labels."""
    headers: dict[str, str] = {}
    if request.service_tier:
        headers["x-amzn-bedrock-service-tier"] = request.service_tier
    guardrail = request.guardrail
    if guardrail is not None:
        headers["x-amzn-bedrock-guardrailidentifier"] = guardrail.id
        headers["x-amzn-bedrock-guardrailversion"] = guardrail.version
        if guardrail.trace is not None:
            headers["x-amzn-bedrock-trace"] = _TRACES[guardrail.trace]
    performance = request.extra.get("performanceConfig")
    if isinstance(performance, dict) and performance.get("latency") in ("standard", "optimized"):
        headers["x-amzn-bedrock-performanceconfig-latency"] = performance["latency"]
    elif performance is not None:
        adapted.drop("performanceConfig", "It is an object with a latency, standard or optimized.")
    if request.metadata:
        labels = jsonio.encode(request.metadata).decode()
        fits = all(_LABELS.fullmatch(text) for pair in request.metadata.items() for text in pair)
        if fits and len(labels) <= _MOST_LABEL_BYTES:
            headers["x-amzn-bedrock-request-metadata"] = labels
        else:
            adapted.drop("metadata", "Bedrock takes labels of plain characters only.")
    return headers


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
