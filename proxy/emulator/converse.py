"""How the emulated models answer Converse and ConverseStream.

    {"metrics": {"latencyMs": 150}, "output": {"message": {"content": [{"text": "…"}], "role": "assistant"}},
     "stopReason": "end_turn", "usage": {"inputTokens": 6, "outputTokens": 5, "serverToolUsage": {}, "totalTokens": 11}}

Shapes: botocore 1.44 service model of `bedrock-runtime`. What it does not say is as in traffic of the real service: text
and reasoning have no `contentBlockStart`, `metadata` follows `messageStop`, keys are sorted, events are padded, Claude
counts its cache even when it is not used.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy import jsonio
from proxy.emulator import claude
from proxy.emulator.agent import choose_tools, words
from proxy.emulator.cache import PromptCache
from proxy.emulator.claude_input import pieces, situation, text_of
from proxy.emulator.converse_input import last_user_text
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
from proxy.emulator.guardrails import Verdict, guarded
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.samples import sample
from proxy.emulator.script import Script
from proxy.emulator.tokens import tokenise

Event = tuple[str, dict[str, Any]]
"""`:event-type`, payload."""

_ALWAYS_THINKS = (
    "deepseek.r1",
    "moonshot.kimi-k2-thinking",
    "mistral.magistral",
    "openai.gpt-oss-1",
    "openai.gpt-oss-2",
)
"""Beginnings of the ids of models that reason in every answer."""
_WHOLE_INPUT = ("amazon", "mistral")
"""Providers whose tool calls are streamed in one piece."""
INTERVENED = "guardrail_intervened"
_REASONS = {"refusal": "content_filtered"}
_USAGE = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheWriteInputTokens",
}


@dataclass(slots=True)
class Answer:
    model: Model
    blocks: list[Block]
    stop_reason: str
    usage: dict[str, Any]
    latency_ms: int
    extras: dict[str, Any] = field(default_factory=dict)
    """`performanceConfig`, `serviceTier`, `trace`."""
    additional: Any = None
    """`additionalModelResponseFields`"""


def answer(
    body: Mapping[str, Any],
    native: Mapping[str, Any],
    model: Model,
    script: Script,
    cache: PromptCache,
    verdict: Verdict | None,
) -> Answer:
    """The answer to a valid body; `native` is the same in Claude's shapes. Raises `Refusal` when it is too long."""
    given, reason = _guarded(body, native, model, script, cache, verdict)
    usage = _usage(given.usage, script)
    extras = {name: body[name] for name in ("performanceConfig", "serviceTier") if name in body}
    return Answer(
        model,
        given.blocks,
        reason,
        usage,
        100 + 10 * int(usage["outputTokens"]),
        extras | (verdict.converse_trace if verdict else {}),
        _additional(claude.render(given), body.get("additionalModelResponseFieldPaths", [])),
    )


def render(given: Answer) -> dict[str, Any]:
    """The body of Converse."""
    content = [_block(block, given.model) for block in given.blocks]
    if given.model.id.startswith("deepseek.r1"):
        # Its reasoning stands behind the text.
        content.sort(key=lambda block: "reasoningContent" in block)
    body = {
        "metrics": {"latencyMs": given.latency_ms},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": given.stop_reason,
        "usage": given.usage,
        **given.extras,
    }
    if given.additional is not None:
        body["additionalModelResponseFields"] = given.additional
    return dict(sorted(body.items()))


def events(given: Answer) -> Iterator[Event]:
    """The events of ConverseStream."""
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(given.blocks):
        if start := _start(block, given.model):
            yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
        for delta in _deltas(block, given.model):
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
        yield "contentBlockStop", {"contentBlockIndex": index}
    stop = {"stopReason": given.stop_reason}
    if given.additional is not None:
        stop = {"additionalModelResponseFields": given.additional, **stop}
    yield "messageStop", stop
    yield "metadata", {"metrics": {"latencyMs": given.latency_ms}, "usage": given.usage, **given.extras}


def _guarded(
    body: Mapping[str, Any],
    native: Mapping[str, Any],
    model: Model,
    script: Script,
    cache: PromptCache,
    verdict: Verdict | None,
) -> tuple[claude.Answer, str]:
    """The answer and its stop reason, once a guardrail has had its say."""
    if verdict:
        marked = guarded(body)
        if verdict.blocks("input", last_user_text(body) if marked is None else marked):
            return claude.instead(verdict.guardrail.input_message, native, model, None), INTERVENED
    given = (claude.answer if model.family == "claude" else _answer)(native, model, script, cache)
    if verdict and verdict.blocks("output", given.said):
        if verdict.is_async:
            return given, INTERVENED
        return claude.instead(verdict.guardrail.output_message, native, model, given), INTERVENED
    return given, _REASONS.get(given.stop_reason, given.stop_reason)


def _answer(native: Mapping[str, Any], model: Model, script: Script, cache: PromptCache) -> claude.Answer:
    """What the models that are not Claude say."""
    row = pieces(native)
    room = model.context_tokens - sum(piece.tokens for piece in row)
    if room <= 0:
        raise invalid("Input is too long for requested model.")
    blocks = scripted(script, b"") if has_content(script) else _own(native, model)
    ending = end(blocks, native["max_tokens"], native.get("stop_sequences", []), room, script)
    counts = cache.account(row, model)
    usage: dict[str, Any] = {"input_tokens": counts.fresh, "output_tokens": count_output(ending.blocks)}
    if any(piece.ttl for piece in row):
        usage |= claude.input_usage(counts)
    if thought := count_thinking(ending.blocks):
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    return claude.Answer("", model.name, ending.blocks, ending.reason, ending.stop_sequence, usage)


def _own(native: Mapping[str, Any], model: Model) -> list[Block]:
    seen = situation(native)
    blocks = [thinking_block(tokenise(claude.THOUGHT), b"")] if _thinks(native, model) else []
    if tools := choose_tools(seen):
        seed = native["messages"]
        return blocks + [
            tool_block(call_id("tooluse_", seed, tool.name), tool.name, sample(tool.schema)) for tool in tools
        ]
    text = words(seen)
    if native["messages"][-1]["role"] == "assistant":
        text = text.removeprefix(text_of(native["messages"][-1]["content"]))
    return [*blocks, text_block(tokenise(text))]


def _thinks(native: Mapping[str, Any], model: Model) -> bool:
    if model.id.startswith(_ALWAYS_THINKS):
        return True
    asked = [native.get(name) for name in ("reasoning", "reasoning_effort", "reasoning_config", "reasoningConfig")]
    values = [list(value.values()) if isinstance(value, dict) else [value] for value in asked if value is not None]
    return any(values) and not any(word in value for value in values for word in ("none", "disabled"))


def _usage(counts: Mapping[str, Any], script: Script) -> dict[str, Any]:
    usage = {ours: counts[name] for name, ours in _USAGE.items() if name in counts}
    usage |= {_USAGE.get(name, name): value for name, value in script.usage.items()}
    if "cacheReadInputTokens" in usage or "cacheWriteInputTokens" in usage:
        for name in ("cacheReadInputTokens", "cacheWriteInputTokens"):
            usage.setdefault(name, 0)
            usage[f"{name.removesuffix('s')}Count"] = usage[name]
    for ttl, name in (("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens")):
        if written := counts.get("cache_creation", {}).get(name):
            usage.setdefault("cacheDetails", []).append({"inputTokens": written, "ttl": ttl})
    usage["serverToolUsage"] = {}
    usage.setdefault("totalTokens", sum(usage.get(name, 0) for name in _USAGE.values()))
    return dict(sorted(usage.items()))


def _additional(native: Mapping[str, Any], pointers: list[str]) -> Any:
    """`["/usage/output_tokens"]` -> `{"usage": {"output_tokens": 5}}`; what the answer does not have is left out."""
    if not pointers:
        return None
    found: dict[str, Any] = {}
    for pointer in pointers:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        value: Any = native
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            continue
        place = found
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return found


def _block(block: Block, model: Model) -> dict[str, Any]:
    """A generated block as Converse has it. Signatures are Claude's alone."""
    value = block.value
    match block.type:
        case "text":
            return {"text": value["text"]}
        case "thinking":
            signature = {"signature": value["signature"]} if model.family == "claude" else {}
            return {"reasoningContent": {"reasoningText": {**signature, "text": value["thinking"]}}}
        case "redacted_thinking":
            return {"reasoningContent": {"redactedContent": _wrapped(value["data"])}}
        case "tool_use" | "server_tool_use" as kind:
            id = str(value["id"]).replace("toolu_bdrk_01", "tooluse_", 1)
            use = {"input": value["input"], "name": value["name"], "toolUseId": id}
            return {"toolUse": use | ({"type": kind} if kind == "server_tool_use" else {})}
    return value


def _start(block: Block, model: Model) -> dict[str, Any] | None:
    use = _block(block, model).get("toolUse")
    if use is None:
        return None
    return {"toolUse": {name: value for name, value in use.items() if name != "input"}}


def _deltas(block: Block, model: Model) -> Iterator[dict[str, Any]]:
    value = block.value
    match block.type:
        case "text":
            yield from ({"text": piece} for piece in block.pieces)
        case "thinking":
            yield from ({"reasoningContent": {"text": piece}} for piece in block.pieces)
            if model.family == "claude":
                yield {"reasoningContent": {"signature": value["signature"]}}
        case "redacted_thinking":
            yield {"reasoningContent": {"redactedContent": _wrapped(value["data"])}}
        case "tool_use" | "server_tool_use":
            pieces = ["".join(block.pieces)] if model.provider in _WHOLE_INPUT else ["", *block.pieces]
            yield from ({"toolUse": {"input": piece}} for piece in pieces)
        case "":
            yield from _raw_deltas(value)


def _raw_deltas(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of a Converse block that a script brings."""
    if "toolUse" in value:
        yield {"toolUse": {"input": jsonio.encode(value["toolUse"].get("input", {})).decode()}}
    elif "citationsContent" in value:
        yield from value["citationsContent"].get("content", [])
        yield from ({"citation": citation} for citation in value["citationsContent"].get("citations", []))
    elif "reasoningContent" in value:
        given = value["reasoningContent"]
        text = given.get("reasoningText", {})
        yield from ({"reasoningContent": {name: text[name]}} for name in ("text", "signature") if name in text)
        if "redactedContent" in given:
            yield {"reasoningContent": given}
    else:
        yield dict(value)


def _wrapped(data: str) -> str:
    """Claude's own text, in base64 once more."""
    return b64encode(data.encode("latin-1", "replace")).decode()
