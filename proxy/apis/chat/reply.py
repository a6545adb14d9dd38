"""`Reply` -> a `chat.completion` object.

Field for field as OpenAI answers (its real answers, recorded 2025): `refusal` null and `annotations` empty, both details
objects in the usage, no `tool_calls` key where there are none. A model that refuses says so twice: its words are the
`refusal`, which OpenAI's SDKs and the frameworks on them look for, and the `finish_reason` is `content_filter`, which tells
those that do not look that the answer is none (the helpers of openai-python raise it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from proxy import jsonio
from proxy.apis.chat.request import AnswerForm
from proxy.neutral.blocks import Reasoning, ToolUse
from proxy.neutral.reply import FinishReason, Reply, Usage

FINISH_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        FinishReason.STOP: "stop",
        FinishReason.LENGTH: "length",
        FinishReason.FILTERED: "content_filter",
        # Where there is no call: a tool that only shaped the answer.
        FinishReason.TOOL_USE: "stop",
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


def render(envelope: Envelope, replies: Sequence[Reply], form: AnswerForm) -> dict[str, Any]:
    usage = sum((reply.usage for reply in replies), Usage())
    return {
        "id": envelope.id,
        "object": "chat.completion",
        "created": envelope.created,
        "model": envelope.model,
        "choices": [_choice(index, reply, form) for index, reply in enumerate(replies)],
        "usage": render_usage(usage),
        "service_tier": usage.service_tier or envelope.service_tier,
        "system_fingerprint": None,
    }


def render_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI counts what the cache read and wrote as part of the prompt; Bedrock counts them beside it.

    `cache_write_tokens`, which OpenAI added in 2026, stands where the cache took part: an answer without it is as before.
    """
    prompt_tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    details = {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0}
    if usage.cache_read_tokens or usage.cache_write_tokens:
        details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _choice(index: int, reply: Reply, form: AnswerForm) -> dict[str, Any]:
    calls = reply.tool_uses
    message: dict[str, Any] = {
        "role": "assistant",
        # Null where there are calls, or a refusal, and nothing else: clients tell them apart by it.
        "content": reply.text or (None if calls or reply.refusal else ""),
        "refusal": reply.refusal,
        "annotations": [],
    }
    reason = finish_word(reply.finish, bool(calls), form)
    if calls and form.has_functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        message["tool_calls"] = [_call(call, form) for call in calls]
    if form.shows_reasoning:
        _add_reasoning(message, reply)
    choice = {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
    # No field of OpenAI's; only who has asked for it gets it.
    return choice if reply.trace is None else {**choice, "trace": reply.trace}


def finish_word(reason: FinishReason, has_calls: bool, form: AnswerForm) -> str:
    """Calls decide: some models say that they were done when they wait for a tool, and some wait for none."""
    if has_calls and reason in (FinishReason.STOP, FinishReason.TOOL_USE):
        return "function_call" if form.has_functions else "tool_calls"
    return FINISH_REASONS[reason]


def _call(call: ToolUse, form: AnswerForm) -> dict[str, Any]:
    if call.name in form.free_text_tools:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": free_text(call.arguments)}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def free_text(arguments: str) -> str:
    """The bare input of a custom tool; what the model wrote in its place comes as it is."""
    try:
        value = jsonio.decode(arguments)
    except jsonio.UNREADABLE:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def _add_reasoning(message: dict[str, Any], reply: Reply) -> None:
    """Two names are in use for the text, and clients that know both show it once. The sealed blocks are for those that
    bring them back in the next request."""
    if reply.reasoning:
        message["reasoning_content"] = message["reasoning"] = reply.reasoning
    sealed = [block for block in reply.blocks if isinstance(block, Reasoning) and block.is_sealed]
    if sealed:
        message["thinking_blocks"] = [sealed_block(block) for block in sealed]


def sealed_block(block: Reasoning) -> dict[str, str]:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}
