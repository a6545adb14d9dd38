"""A Converse answer -> `Reply`.

    {"output": {"message": {"role": "assistant", "content": [{"text": "…"}, {"toolUse": {…}}, …]}},
     "stopReason": "end_turn", "usage": {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14}, "metrics": {…}}

Source: botocore 1.44 service model (`ConverseResponse`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from proxy import jsonio
from proxy.errors import ModelFailed, UpstreamBroken
from proxy.families.call import Call
from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse
from proxy.neutral.reply import FinishReason, Reply, Usage, estimate_reasoning

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "end_turn": FinishReason.STOP,
        "stop_sequence": FinishReason.STOP,
        "tool_use": FinishReason.STOP,
        "max_tokens": FinishReason.LENGTH,
        "model_context_window_exceeded": FinishReason.LENGTH,
        "guardrail_intervened": FinishReason.FILTERED,
        "content_filtered": FinishReason.FILTERED,
        "malformed_model_output": FinishReason.STOP,
        "malformed_tool_use": FinishReason.STOP,
    }
)
"""Where no tool is called: some models say `tool_use` without a call, and `end_turn` with one."""
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})
SERVER_TOOL = "server_tool_use"
"""The type of a call that the service has made and answered itself."""


class WireUsage(msgspec.Struct, rename="camel"):
    input_tokens: int | None = None
    """Without what the cache read or wrote."""
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class WireTier(msgspec.Struct):
    type: str = ""


class WireReasoningText(msgspec.Struct):
    text: str = ""
    signature: str | None = None


class WireReasoning(msgspec.Struct, rename="camel"):
    reasoning_text: WireReasoningText | None = None
    redacted_content: bytes | None = None


class WireToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw()
    type: str | None = None


class _Citing(msgspec.Struct):
    content: list[_Block] = []


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: WireToolUse | None = None
    reasoning_content: WireReasoning | None = None
    citations_content: _Citing | None = None

    @property
    def is_known(self) -> bool:
        use = self.tool_use
        others = (self.text, self.reasoning_content, self.citations_content)
        return any(other is not None for other in others) or (use is not None and use.type != SERVER_TOOL)


class _Message(msgspec.Struct):
    content: list[msgspec.Raw]


class _Output(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: str
    usage: WireUsage
    additional_model_response_fields: Any = None
    trace: Any = None
    service_tier: WireTier | None = None


_read = msgspec.json.Decoder(_Answer).decode
_read_block = msgspec.json.Decoder(_Block).decode


def parse(body: bytes, call: Call) -> Reply:
    """Raises `UpstreamBroken` for what is no answer, `ModelFailed` for one that the model spoilt."""
    try:
        answer = _read(body)
        content = [_read_block(wire) for wire in answer.output.message.content]
    except jsonio.UNREADABLE as error:
        raise UpstreamBroken(f"Bedrock's answer is not one of Converse: {error}") from None
    blocks = _blocks(content, call)
    return Reply(
        blocks=blocks,
        finish=finish_reason(
            answer.stop_reason,
            has_text=any(isinstance(block, Text) and block.text.strip() for block in blocks),
            has_calls=any(isinstance(block, ToolUse) for block in blocks),
        ),
        finish_word=answer.stop_reason,
        stop_sequence=stop_sequence(answer.additional_model_response_fields),
        usage=count(
            answer.usage,
            answer.additional_model_response_fields,
            answer.service_tier,
            _shown(content),
        ),
        trace=answer.trace if call.is_traced else None,
        unrecognised=[
            f"Converse block {_what(wire, block)!r}"
            for wire, block in zip(answer.output.message.content, content, strict=True)
            if not block.is_known
        ],
    )


def _what(wire: msgspec.Raw, block: _Block) -> str:
    return SERVER_TOOL if block.tool_use is not None else ", ".join(jsonio.decode(wire))


def finish_reason(word: str, *, has_text: bool, has_calls: bool) -> FinishReason:
    """Raises `ModelFailed` when the model spoilt its answer and nothing of it is of use."""
    if word in _MALFORMED and (has_calls or not has_text):
        raise ModelFailed("The model's answer was malformed, so Bedrock could not read it.", upstream_code=word)
    reason = FINISH_REASONS.get(word, FinishReason.UNKNOWN)
    return FinishReason.TOOL_USE if has_calls and reason is FinishReason.STOP else reason


def count(usage: WireUsage, additional: Any, tier: WireTier | None, shown: Shown) -> Usage:
    """`additional`: `{"usage": {"output_tokens_details": {"thinking_tokens": 12}}}` where Claude was asked for it. Of others,
    and without it, reasoning is estimated by what is shown of it.
    """
    output_tokens = usage.output_tokens or 0
    thinking = _at(additional, "usage", "output_tokens_details", "thinking_tokens")
    return Usage(
        input_tokens=usage.input_tokens or 0,
        output_tokens=output_tokens,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
        cache_write_tokens=usage.cache_write_input_tokens or 0,
        reasoning_tokens=thinking if isinstance(thinking, int) else shown.estimate(output_tokens),
        service_tier="" if tier is None else tier.type,
    )


class Shown(NamedTuple):
    """Characters; and is a thought sealed? Those are shown abridged."""

    thought: int
    answer: int
    is_sealed: bool

    def estimate(self, output_tokens: int) -> int:
        return estimate_reasoning(output_tokens, self.thought, self.answer, is_abridged=self.is_sealed)


def _shown(content: list[_Block]) -> Shown:
    """What is left out of the answer later on was written too."""
    thoughts = [_reasoning(block.reasoning_content) for block in content if block.reasoning_content is not None]
    said = [part.text or "" for block in content for part in _texts(block)]
    called = [bytes(block.tool_use.input) for block in content if block.tool_use is not None]
    answer = sum(map(len, said)) + sum(map(len, called))
    return Shown(sum(len(block.text) for block in thoughts), answer, any(block.is_sealed for block in thoughts))


def _texts(block: _Block) -> list[_Block]:
    """The block itself, or what it cites."""
    return [block] if block.citations_content is None else block.citations_content.content


def stop_sequence(additional: Any) -> str | None:
    """`{"stop_sequence": "END"}`, where Claude was asked for it."""
    value = _at(additional, "stop_sequence")
    return value if isinstance(value, str) else None


def redacted(blob: bytes) -> str:
    """Claude's own text, one character a byte: Converse has it in base64 once more."""
    return blob.decode("latin-1")


def _blocks(content: list[_Block], call: Call) -> list[ReplyBlock]:
    blocks: list[ReplyBlock] = []
    for block in content:
        blocks += [Text(part.text) for part in _texts(block) if part.text is not None]
        if (reasoning := block.reasoning_content) is not None:
            blocks.append(_reasoning(reasoning))
        if (use := block.tool_use) is not None and use.type != SERVER_TOOL:
            arguments = bytes(use.input).decode() or "{}"
            blocks.append(ToolUse(use.tool_use_id, call.names.to_client(use.name), arguments))
    return blocks


def _reasoning(wire: WireReasoning) -> Reasoning:
    text = wire.reasoning_text or WireReasoningText()
    return Reasoning(text.text, text.signature or "", redacted(wire.redacted_content or b""))


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
