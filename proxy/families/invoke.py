"""What the InvokeModel families share on the way back: the `chunk` frames, and the fields that Bedrock itself adds.

    frame payload  {"bytes": "<base64 of one JSON object of the model's own stream>", "p": "abc…"}
    last object    {…, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 14, "outputTokenCount": 4, …}}

Source: botocore 1.44 service model (`PayloadPart`); AWS Bedrock user guide, guardrails with InvokeModel, 2026.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy import jsonio
from proxy.bedrock.eventstream import Frame
from proxy.errors import GuardrailNotApplied, UpstreamBroken
from proxy.families.call import Call
from proxy.families.labels import labels
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Unrecognised
from proxy.neutral.request import Request

INTERVENED = "INTERVENED"
_MOST_LABEL_BYTES = 8500
_STREAM_MODES = {"sync": "SYNCHRONOUS", "async": "ASYNCHRONOUS"}
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
    if request.latency is not None:
        headers["x-amzn-bedrock-performanceconfig-latency"] = request.latency
    taken = labels(request, adapted)
    if taken:
        told = jsonio.encode(taken).decode()
        if len(told) <= _MOST_LABEL_BYTES:
            headers["x-amzn-bedrock-request-metadata"] = told
        else:
            adapted.drop("metadata", "Bedrock takes labels of 8,500 bytes in all.")
    return headers


def guardrail_fields(request: Request, adapted: Adaptations) -> dict[str, Any]:
    """What the body says of a guardrail; id, version and trace are headers."""
    guardrail = request.guardrail
    if guardrail is None:
        return {}
    config: dict[str, str] = {}
    if guardrail.tag_suffix is not None:
        config["tagSuffix"] = guardrail.tag_suffix
    if guardrail.stream_mode is not None and request.stream:
        config["streamProcessingMode"] = _STREAM_MODES[guardrail.stream_mode]
    elif guardrail.stream_mode == "async":
        adapted.drop(f"{guardrail.param}.streamProcessingMode", "It is for streams.")
    return {"amazon-bedrock-guardrailConfig": config} if config else {}


def check_guarded(call: Call, action: str | None) -> None:
    """`action`: what a whole answer says. Raises for one that says nothing of the guardrail it had to pass.

    Whole answers always do (AWS Bedrock user guide, guardrails with InvokeModel, 2026). Of streams AWS promises nothing,
    so those are not held to it.
    """
    if call.guardrail is not None and action is None:
        raise GuardrailNotApplied("Bedrock's answer does not say that the guardrail has been applied.")


class Metrics(msgspec.Struct, rename="camel"):
    """`amazon-bedrock-invocationMetrics`, of the last chunk. Input without what the cache read or wrote."""

    input_token_count: int = 0
    output_token_count: int = 0
    cache_read_input_token_count: int = 0
    cache_write_input_token_count: int = 0


class _Chunk(msgspec.Struct, gc=False):
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
