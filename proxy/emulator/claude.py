"""How the emulated Claude answers: content blocks, cut where the request says, as one body or as stream events.

Shapes: Anthropic API reference, "Messages" and "Streaming messages", with the `amazon-bedrock-invocationMetrics` that
Bedrock adds to the last event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.emulator.agent import choose_tools, words
from proxy.emulator.cache import Counts, PromptCache
from proxy.emulator.claude_facts import Traits, thinks, traits
from proxy.emulator.claude_input import last_user_text, pieces, situation, text_of
from proxy.emulator.generation import (
    Block,
    call_id,
    count_output,
    count_thinking,
    end,
    has_content,
    scripted,
    text_block,
    thinking_block,
    tool_block,
)
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.samples import sample
from proxy.emulator.script import Script
from proxy.emulator.signature import bind, redact
from proxy.emulator.tokens import tokenise

REDACTED = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
"""The beginning of what a user says to see redacted thinking; Anthropic documentation, "Extended thinking"."""
THOUGHT = "The user wants an answer. The simplest one is to repeat what was said."


@dataclass(slots=True)
class Answer:
    id: str
    model: str
    blocks: list[Block]
    stop_reason: str
    stop_sequence: str | None
    usage: dict[str, Any]
    """As in the answer; the counts are whole numbers."""

    @property
    def said(self) -> str:
        return "\n".join(block.text for block in self.blocks if block.type == "text")

    @property
    def input_tokens(self) -> int:
        return int(self.usage["input_tokens"])

    @property
    def output_tokens(self) -> int:
        return int(self.usage["output_tokens"])


def answer(body: Mapping[str, Any], model: Model, script: Script, cache: PromptCache) -> Answer:
    """The answer to a valid body. Raises `Refusal` when the input is too long for the model."""
    row = pieces(body)
    room = _room(body, model, sum(piece.tokens for piece in row))
    blocks = scripted(script, bind(body, body["messages"])) if has_content(script) else _own(body, model)
    ending = end(blocks, body["max_tokens"], body.get("stop_sequences", []), room, script)
    usage = {**input_usage(cache.account(row, model)), "output_tokens": count_output(ending.blocks)}
    if thought := count_thinking(ending.blocks):
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    return Answer(
        _id(body),
        model.name,
        ending.blocks,
        ending.reason,
        ending.stop_sequence,
        usage | script.usage,
    )


def input_usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.fresh,
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.written - counts.written_1h,
            "ephemeral_1h_input_tokens": counts.written_1h,
        },
    }


def instead(text: str, body: Mapping[str, Any], model: Model, given: Answer | None) -> Answer:
    """What a guardrail says in place of the answer that was `given`, or of asking the model."""
    blocks = [text_block(tokenise(text))]
    usage = {**input_usage(Counts(0)), "output_tokens": 0} if given is None else given.usage
    return Answer(_id(body) if given is None else given.id, model.name, blocks, "end_turn", None, usage)


def render(given: Answer) -> dict[str, Any]:
    """The body of InvokeModel."""
    return {
        "id": given.id,
        "type": "message",
        "role": "assistant",
        "model": given.model,
        "content": [block.value for block in given.blocks],
        "stop_reason": given.stop_reason,
        "stop_sequence": given.stop_sequence,
        "usage": given.usage,
    }


def events(given: Answer, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of InvokeModelWithResponseStream, one per chunk."""
    first_usage = {**given.usage, "output_tokens": min(1, given.output_tokens)}
    first_usage.pop("output_tokens_details", None)
    message = {**render(given), "content": [], "stop_reason": None, "stop_sequence": None, "usage": first_usage}
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(given.blocks):
        yield {"type": "content_block_start", "index": index, "content_block": _opening(block.value)}
        if index == 0:
            yield {"type": "ping"}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": given.stop_reason, "stop_sequence": given.stop_sequence},
        "usage": {key: given.usage[key] for key in ("output_tokens", "output_tokens_details") if key in given.usage},
    }
    cache = {
        "cacheReadInputTokenCount": given.usage["cache_read_input_tokens"],
        "cacheWriteInputTokenCount": given.usage["cache_creation_input_tokens"],
    }
    yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": {**metrics, **cache}}


def _id(body: Mapping[str, Any]) -> str:
    return f"msg_bdrk_01{sha256(jsonio.encode(body)).hexdigest()[:22]}"


def _room(body: Mapping[str, Any], model: Model, input_tokens: int) -> int:
    """How many tokens the context has left for the answer."""
    if input_tokens > model.context_tokens:
        raise invalid(f"prompt is too long: {input_tokens} tokens > {model.context_tokens} maximum")
    room = model.context_tokens - input_tokens
    # From 4.5 on the model simply stops at the end of its window.
    if not traits(model).stops_at_window and body["max_tokens"] > room:
        raise invalid(
            f"input length and `max_tokens` exceed context limit: {input_tokens} + {body['max_tokens']} > "
            f"{model.context_tokens}, decrease input length or `max_tokens` and try again"
        )
    return room


def _own(body: Mapping[str, Any], model: Model) -> list[Block]:
    given = traits(model)
    blocks = _own_thinking(body, given) if thinks(body, given) else []
    seen = situation(body)
    if tools := choose_tools(seen):
        calls = [
            tool_block(call_id("toolu_bdrk_01", body["messages"], tool.name), tool.name, sample(tool.schema))
            for tool in tools
        ]
        return [*blocks, *calls]
    text = words(seen)
    if body["messages"][-1]["role"] == "assistant":
        text = text.removeprefix(text_of(body["messages"][-1]["content"]))
    return [*blocks, text_block(tokenise(text))]


def _own_thinking(body: Mapping[str, Any], given: Traits) -> list[Block]:
    bound_to = bind(body, body["messages"])
    if REDACTED in last_user_text(body):
        return [Block({"type": "redacted_thinking", "data": redact(bound_to)}, [], THOUGHT)]
    default = "summarized" if given.shows_thinking else "omitted"
    is_shown = (body.get("thinking") or {}).get("display", default) != "omitted"
    return [thinking_block(tokenise(THOUGHT) if is_shown else [], bound_to, "" if is_shown else THOUGHT)]


def _opening(value: dict[str, Any]) -> dict[str, Any]:
    """A block as `content_block_start` shows it: empty, unless it comes whole."""
    match value["type"]:
        case "text":
            return {**value, "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "tool_use" | "server_tool_use":
            return {**value, "input": {}}
    return value


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    match block.value["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in block.pieces)
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in block.pieces)
            yield {"type": "signature_delta", "signature": block.value["signature"]}
        case "tool_use" | "server_tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in block.pieces)
