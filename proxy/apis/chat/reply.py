"""`Reply` -> a `chat.completion` object.

Field for field as OpenAI answers (its real answers, recorded 2025): `refusal` null and `annotations` empty, both details
objects in the usage, no `tool_calls` key where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from proxy.neutral.reply import FinishReason, Reply, Usage

FINISH_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.STOP: "stop",
        FinishReason.LENGTH: "length",
        FinishReason.TOOL_USE: "tool_calls",
        FinishReason.FILTERED: "content_filter",
        # OpenAI has no word for it. `length` says "perhaps not complete", and that much is true.
        FinishReason.UNKNOWN: "length",
    }
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every object of one answer repeats."""

    id: str
    """`chatcmpl-` and 29 letters and digits."""
    created: int
    """Seconds since 1970."""
    model: str
    """The name the client used."""
    service_tier: str = "default"


def render(envelope: Envelope, replies: Sequence[Reply]) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "object": "chat.completion",
        "created": envelope.created,
        "model": envelope.model,
        "choices": [_choice(index, reply) for index, reply in enumerate(replies)],
        "usage": render_usage(sum((reply.usage for reply in replies), Usage())),
        "service_tier": envelope.service_tier,
        "system_fingerprint": None,
    }


def render_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI counts what the cache read and wrote as part of the prompt; Bedrock counts them beside it."""
    prompt_tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.text,
        "refusal": None,
        "annotations": [],
    }
    if reply.reasoning:
        # Two names are in use, and clients that know both show the text once.
        message["reasoning_content"] = message["reasoning"] = reply.reasoning
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": FINISH_REASONS[reply.finish],
    }
