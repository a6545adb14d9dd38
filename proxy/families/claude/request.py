"""`Request` -> a Claude Messages body for InvokeModel.

    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "system": [{"type": "text", "text": "…"}],
     "messages": [{"role": "user", "content": [{"type": "text", "text": "…"}]}, …]}

Bedrock refuses unknown keys, blank text, a first turn that is not the user's, and, by generation, sampling fields and a
last turn that is the assistant's: which, says the catalogue. Source: AWS Bedrock user guide, "Anthropic Claude Messages
API"; Anthropic API documentation, 2026.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.families import sampling
from proxy.families.call import Call
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Message, Request, Role
from proxy.routing.catalog import Model

_VERSION = "bedrock-2023-05-31"
"""Every Claude model on Bedrock accepts it; the newer `2026-10-21` only 4.7 and later."""

_NATIVE_FIELDS = frozenset({"anthropic_beta", "context_management", "output_config", "thinking", "top_k"})
"""Body fields of Claude's own that a client may send under their own names."""

_PLACEHOLDER = "."
_GO_ON = "Please go on from where you stopped."


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    # Without sampling of its own, and without prefill, while it thinks; newer models always (see the catalogue).
    thinking = request.extra.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") != "disabled":
        model = replace(model, sampling="none", has_prefill=False)
    system, messages = _conversation(request.messages, model, adapted)
    body: dict[str, Any] = {
        "anthropic_version": _VERSION,
        "max_tokens": sampling.max_tokens(request, model, adapted),
        "messages": messages,
    }
    if system:
        body["system"] = system
    body.update(_sampling(request, model, adapted))
    native = [stop for stop in request.sampling.stop if stop.strip()]
    if native:
        body["stop_sequences"] = native
    if request.end_user is not None:
        # Anthropic asks for an opaque id without personal data; clients send mail addresses.
        body["metadata"] = {"user_id": sha256(request.end_user.encode()).hexdigest()}
    sampling.drop_what_bedrock_lacks(request, adapted)
    for name, value in request.extra.items():
        if name == "top_k" and model.sampling == "none":
            adapted.drop(name, "This model chooses its own sampling.")
        elif name in _NATIVE_FIELDS:
            body[name] = value
        else:
            adapted.drop_unknown(name)
    return Call(
        body=jsonio.encode(body),
        headers=sampling.service_tier_headers(request),
        # Claude refuses a stop sequence of white space alone.
        stops=[stop for stop in request.sampling.stop if not stop.strip()],
    )


def _sampling(request: Request, model: Model, adapted: Adaptations) -> dict[str, float]:
    wanted = request.sampling
    if model.sampling == "none":
        # 1 is the only value these models take, and what they use anyway.
        if wanted.temperature is not None and wanted.temperature != 1:
            adapted.drop("temperature", "This model chooses its own sampling.")
        if wanted.top_p is not None and wanted.top_p != 1:
            adapted.drop("top_p", "This model chooses its own sampling.")
        return {}
    fields: dict[str, float] = {}
    temperature = sampling.temperature(request, adapted)
    if temperature is not None:
        fields["temperature"] = temperature
    if wanted.top_p is not None:
        if model.sampling == "any" or temperature is None:
            fields["top_p"] = wanted.top_p
        elif wanted.top_p != 1:
            adapted.drop("top_p", "This model takes temperature or top_p, not both.")
    return fields


def _conversation(
    messages: list[Message], model: Model, adapted: Adaptations
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """Messages in any order -> (system blocks, turns as Claude wants them: user first, no two of one role in a row)."""
    first = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    system = [block for message in messages[:first] for block in _blocks(message)]
    turns = _merge(messages[first:], model, adapted)
    if first == len(messages) and system:
        adapted.change(messages[-1].param, "moved-to-user-turn", "It needs a user message with text.")
        return [], [_turn(Role.USER, system)]
    last = next((message for message in reversed(messages) if message.role is not Role.SYSTEM), messages[-1])
    if not turns or (turns[-1]["role"] == Role.ASSISTANT and last.role is Role.USER):
        # A last word of the user's that is blank: left out, it would make the answer before it one to go on from.
        adapted.change(last.param, "placeholder", "It needs a user message with text.")
        turns.append(_turn(Role.USER, [_text_block(_PLACEHOLDER)]))
    if turns[0]["role"] != Role.USER:
        adapted.change(messages[first].param, "user-turn-inserted", "A conversation has to begin with a user message.")
        turns.insert(0, _turn(Role.USER, [_text_block(_PLACEHOLDER)]))
    if turns[-1]["role"] == Role.ASSISTANT:
        _end_in_assistant_turn(turns, messages[-1].param, model, adapted)
    return system, turns


def _merge(messages: list[Message], model: Model, adapted: Adaptations) -> list[dict[str, Any]]:
    """Neighbours of one role become one turn; blank ones vanish; a system message inside finds its place."""
    speaking = [(message, blocks) for message in messages if (blocks := _blocks(message))]
    turns: list[dict[str, Any]] = []
    for position, (message, blocks) in enumerate(speaking):
        role: Role = message.role
        if role is Role.SYSTEM:
            after = next((other.role for other, _ in speaking[position + 1 :] if other.role is not Role.SYSTEM), None)
            before = turns[-1]["role"] if turns else None
            # Models with system turns take them after a user's turn, last or before the assistant's.
            if not (model.has_system_turns and before in (Role.USER, Role.SYSTEM) and after is not Role.USER):
                adapted.change(message.param, "moved-to-user-turn", "This model takes system messages first only.")
                role = Role.USER
                blocks = [_text_block(f"<system>\n{block['text']}\n</system>") for block in blocks]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append(_turn(role, blocks))
    return turns


def _end_in_assistant_turn(turns: list[dict[str, Any]], param: str, model: Model, adapted: Adaptations) -> None:
    if not model.has_prefill:
        adapted.change(param, "user-turn-appended", "This model cannot go on from an assistant message.")
        turns.append(_turn(Role.USER, [_text_block(_GO_ON)]))
        return
    last = turns[-1]["content"][-1]
    trimmed = last["text"].rstrip()
    if trimmed != last["text"]:
        adapted.change(param, "trailing-space-trimmed", "A last assistant message cannot end in white space.")
        turns[-1]["content"][-1] = _text_block(trimmed)


def _blocks(message: Message) -> list[dict[str, str]]:
    return [_text_block(block.text) for block in message.blocks if isinstance(block, Text) and block.text.strip()]


def _text_block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _turn(role: Role, blocks: list[dict[str, str]]) -> dict[str, Any]:
    return {"role": role, "content": blocks}
