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
from proxy.emulator.claude_blocks import blocks_of
from proxy.emulator.claude_facts import Traits, thinks, traits
from proxy.emulator.claude_input import count_input, last_user_text, text_of
from proxy.emulator.echo import sample, say
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.script import Script
from proxy.emulator.signature import sign_thinking
from proxy.emulator.tokens import count, cut, tokenise

_THOUGHT = "The user wants an answer. The simplest one is to repeat what was said."


@dataclass(slots=True)
class Block:
    """A content block as it is generated: its finished form, and the pieces that its text is streamed in."""

    value: dict[str, Any]
    pieces: list[str]
    hidden: str = ""
    """Text that is counted and not shown: thinking with display "omitted"."""

    @property
    def text(self) -> str:
        return "".join(self.pieces) or self.hidden


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
    def input_tokens(self) -> int:
        return int(self.usage["input_tokens"])

    @property
    def output_tokens(self) -> int:
        return int(self.usage["output_tokens"])


def answer(body: Mapping[str, Any], model: Model, script: Script) -> Answer:
    """The answer to a valid body. Raises `Refusal` when the input is too long for the model."""
    input_tokens = count_input(body)
    room = _room(body, model, input_tokens)
    blocks = _scripted(script) if _has_content(script) else _own(body, model)
    if script.stop_reason is None:
        blocks, stop_reason, stop_sequence = _limit(
            blocks, min(body["max_tokens"], room), body.get("stop_sequences", [])
        )
        if stop_reason == "max_tokens" and room < body["max_tokens"]:
            stop_reason = "model_context_window_exceeded"
    else:
        stop_reason, stop_sequence = script.stop_reason, script.stop_sequence
    thought = sum(count(block.text) for block in blocks if block.value["type"] == "thinking")
    usage: dict[str, Any] = {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": sum(count(block.text) for block in blocks),
    }
    if thought:
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    digest = sha256(jsonio.encode(body)).hexdigest()
    return Answer(f"msg_bdrk_01{digest[:22]}", model.name, blocks, stop_reason, stop_sequence, usage | script.usage)


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


def _has_content(script: Script) -> bool:
    return script.text is not None or script.thinking is not None or script.content is not None


def _scripted(script: Script) -> list[Block]:
    blocks = []
    if script.thinking is not None:
        blocks.append(_thinking(_pieces(script.thinking)))
    if script.text is not None:
        blocks.append(_text_block(_pieces(script.text)))
    for value in script.content or []:
        match value.get("type"):
            case "text":
                blocks.append(Block(value, tokenise(str(value.get("text", "")))))
            case "thinking":
                blocks.append(
                    Block(
                        {"signature": sign_thinking(value.get("thinking", "")), **value},
                        tokenise(str(value.get("thinking", ""))),
                    )
                )
            case "tool_use" | "server_tool_use":
                blocks.append(Block(value, tokenise(jsonio.encode(value.get("input", {})).decode())))
            case _:
                blocks.append(Block(value, []))
    return blocks


def _own(body: Mapping[str, Any], model: Model) -> list[Block]:
    given = traits(model)
    blocks = [_own_thinking(body, given)] if thinks(body, given) else []
    user = last_user_text(body)
    if tool := _tool_to_call(body, user):
        arguments = sample(tool.get("input_schema", {}))
        id = "toolu_bdrk_01" + sha256(jsonio.encode([body["messages"], tool["name"]])).hexdigest()[:22]
        value = {"type": "tool_use", "id": id, "name": tool["name"], "input": arguments}
        return [*blocks, Block(value, tokenise(jsonio.encode(arguments).decode()))]
    form = body.get("output_config", {}).get("format")
    if form:
        text = jsonio.encode(sample(form["schema"])).decode()
    else:
        system = body.get("system", "")
        text = say(system if isinstance(system, str) else text_of(system), user)
    if body["messages"][-1]["role"] == "assistant":
        text = text.removeprefix(text_of(body["messages"][-1]["content"]))
    return [*blocks, _text_block(tokenise(text))]


def _own_thinking(body: Mapping[str, Any], given: Traits) -> Block:
    default = "summarized" if given.shows_thinking else "omitted"
    is_shown = (body.get("thinking") or {}).get("display", default) != "omitted"
    return _thinking(tokenise(_THOUGHT)) if is_shown else _thinking([], hidden=_THOUGHT)


def _tool_to_call(body: Mapping[str, Any], user: str) -> Mapping[str, Any] | None:
    """The tool that is forced, or that the last user message names outside of a result."""
    tools: list[Mapping[str, Any]] = body.get("tools", [])
    choice = body.get("tool_choice", {"type": "auto"})
    if not tools or choice["type"] == "none":
        return None
    if choice["type"] == "any":
        return tools[0]
    if choice["type"] == "tool":
        return next(tool for tool in tools if tool["name"] == choice["name"])
    if any(block["type"] == "tool_result" for block in blocks_of(body["messages"][-1])):
        return None
    return next((tool for tool in tools if tool["name"] in user), None)


def _limit(blocks: list[Block], max_tokens: int, stops: list[str]) -> tuple[list[Block], str, str | None]:
    """The blocks as far as `max_tokens` and the stop sequences let them go, and the reason of the end."""
    kept: list[Block] = []
    left = max_tokens
    for block in blocks:
        text = block.text
        tokens = tokenise(text)
        if left == 0 and tokens:
            return kept, "max_tokens", None
        end = len("".join(tokens[:left]))
        found = _first_stop(text[:end], stops) if block.value["type"] == "text" else None
        if found:
            at, stop = found
            return kept + ([_cut(block, at)] if at else []), "stop_sequence", stop
        if len(tokens) > left:
            return [*kept, _cut(block, end)], "max_tokens", None
        left -= len(tokens)
        kept.append(block)
    called = any(block.value["type"] == "tool_use" for block in kept)
    return kept, "tool_use" if called else "end_turn", None


def _first_stop(text: str, stops: list[str]) -> tuple[int, str] | None:
    """The stop sequence that is complete first."""
    found = [(text.index(stop) + len(stop), stop) for stop in stops if stop in text]
    if not found:
        return None
    end, stop = min(found)
    return end - len(stop), stop


def _cut(block: Block, length: int) -> Block:
    """The block with the first `length` characters of its text."""
    pieces = cut(block.pieces, length)
    value = dict(block.value)
    match value["type"]:
        case "text":
            value["text"] = "".join(pieces)
        case "thinking" if block.pieces:
            value["thinking"] = "".join(pieces)
            value["signature"] = sign_thinking(value["thinking"])
        case "tool_use":
            value["input"] = {}
    return Block(value, pieces, block.hidden[:length])


def _thinking(pieces: list[str], hidden: str = "") -> Block:
    text = "".join(pieces)
    return Block({"type": "thinking", "thinking": text, "signature": sign_thinking(text)}, pieces, hidden)


def _text_block(pieces: list[str]) -> Block:
    return Block({"type": "text", "text": "".join(pieces)}, pieces)


def _pieces(text: str | list[str]) -> list[str]:
    return tokenise(text) if isinstance(text, str) else text


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
