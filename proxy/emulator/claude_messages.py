"""What Claude refuses in `messages` and `system`, in its own words: roles, blocks, tool pairs, prefill.

Sources: Anthropic API reference, "Messages" (October 2026); Amazon Bedrock user guide; public issues for the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.emulator import fields
from proxy.emulator.claude_blocks import blocks_of, check_block, check_cache_control, check_text
from proxy.emulator.claude_facts import Traits, thinks
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.signature import bind, is_bound


def check_system(body: Mapping[str, Any], model: Model) -> None:
    system = body.get("system", "")
    if isinstance(system, str):
        return
    for index, block in enumerate(fields.array(system, "system")):
        fields.tag(block, f"system.{index}", ("text",))
        check_text(block, f"system.{index}.text", "system")
        fields.refuse_extras(block, ("type", "text", "cache_control", "citations"), f"system.{index}")
        check_cache_control(block, f"system.{index}", model)


def check_messages(body: Mapping[str, Any], model: Model, given: Traits, *, is_recent: bool) -> None:
    """Raises `Refusal` for the first message that Claude would not take."""
    messages = fields.array(fields.need(body, "messages"), "messages", 100_000)
    if not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(message, index, model, is_last=index == len(messages) - 1)
        if is_recent:
            _check_recent(message, index)
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    _check_system_turns(messages)
    _check_tool_pairs(messages)
    if messages[-1]["role"] == "assistant":
        _check_prefill(messages[-1], model, is_thinking=thinks(body, given))
    elif (body.get("thinking") or {}).get("type") == "enabled":
        _check_continued_thinking(messages)


def check_bindings(body: Mapping[str, Any]) -> None:
    """A thinking block stands behind the very system, tools and messages that it was given behind."""
    messages = body["messages"]
    for index, message in enumerate(messages):
        for number, block in enumerate(blocks_of(message)):
            if block["type"] == "thinking" and not is_bound(block["signature"], bind(body, messages[:index])):
                raise invalid(
                    f"messages.{index}.content.{number}: Invalid `signature` in `thinking` block. The block is bound to "
                    "a different conversation. Send `system`, `tools` and all earlier messages as they were, or remove "
                    "the thinking blocks."
                )


def _check_message(message: Any, index: int, model: Model, *, is_last: bool) -> None:
    path = f"messages.{index}"
    role = fields.string(fields.need(fields.mapping(message, path), "role", path), f"{path}.role")
    if role == "system" and not model.has_system_turns:
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" '
            "as an input message role."
        )
    fields.one_of(role, f"{path}.role", ("user", "assistant", *(("system",) if model.has_system_turns else ())))
    content = fields.need(message, "content", path)
    fields.refuse_extras(message, ("role", "content"), path)
    if not isinstance(content, str | list):
        raise invalid(f"{path}.content: Input should be a valid list")
    if not content and not (is_last and role == "assistant"):
        raise invalid(
            f"{path}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        if content and not content.strip() and role != "assistant":
            raise invalid("messages: text content blocks must contain non-whitespace text")
        return
    for number, block in enumerate(content):
        check_block(block, f"{path}.content.{number}", role, model)


def _check_recent(message: Mapping[str, Any], index: int) -> None:
    """What version 2026-10-21 took out: documents of the assistant, citations on what the user writes."""
    for number, block in enumerate(blocks_of(message)):
        if block["type"] == "document" and message["role"] == "assistant":
            raise invalid(
                f"messages.{index}.content.{number}: `document` blocks are not permitted in `assistant` messages"
            )
        if block["type"] == "text" and message["role"] == "user" and "citations" in block:
            raise invalid(f"messages.{index}.content.{number}.text.citations: Extra inputs are not permitted")


def _check_system_turns(messages: list[dict[str, Any]]) -> None:
    """A system message stands after a user message, or one that ended in server tool use, and ends the turn."""
    for index, message in enumerate(messages):
        if message["role"] != "system":
            continue
        before = messages[index - 1]
        ends_in_server_tool = before["role"] == "assistant" and blocks_of(before)[-1]["type"] in (
            "server_tool_use",
            "tool_search_tool_result",
        )
        if before["role"] != "user" and not ends_in_server_tool:
            raise invalid(f'messages.{index}: role "system" must directly follow a user message')
        if index + 1 < len(messages) and messages[index + 1]["role"] != "assistant":
            raise invalid(f'messages.{index}: role "system" must be last or be followed by an assistant message')


def _check_tool_pairs(messages: list[dict[str, Any]]) -> None:
    """Each tool_use is answered at the beginning of the next user turn; each tool_result answers one."""
    asked: list[str] = []
    for index, role, blocks in _turns(messages):
        results = [block["tool_use_id"] for _, block in blocks if block["type"] == "tool_result"]
        leading = _leading_results(blocks)
        missing = [id for id in asked if id not in leading]
        if role == "user" and missing:
            raise _unanswered(index - 1, missing)
        for path, block in blocks:
            if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
                raise invalid(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if len(results) != len(set(results)):
            raise invalid(f"messages.{index}.content: each tool_use must have a single result.")
        if role != "system":
            asked = [block["id"] for _, block in blocks if block["type"] == "tool_use"]
        if len(asked) != len(set(asked)):
            raise invalid(f"messages.{index}: `tool_use` ids must be unique")
    if asked:
        raise _unanswered(len(messages) - 1, asked)


def _unanswered(index: int, ids: list[str]) -> Exception:
    return invalid(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _turns(messages: list[dict[str, Any]]) -> Iterator[tuple[int, str, list[tuple[str, dict[str, Any]]]]]:
    """Messages as the service sees them: neighbours of one role are one turn. (index of the first, role, blocks)."""
    first, role = 0, ""
    blocks: list[tuple[str, dict[str, Any]]] = []
    for index, message in enumerate(messages):
        if message["role"] != role:
            if blocks:
                yield first, role, blocks
            first, role, blocks = index, message["role"], []
        blocks += [(f"messages.{index}.content.{number}", block) for number, block in enumerate(blocks_of(message))]
    if blocks:
        yield first, role, blocks


def _leading_results(blocks: list[tuple[str, dict[str, Any]]]) -> list[str]:
    ids = []
    for _, block in blocks:
        if block["type"] != "tool_result":
            break
        ids.append(block["tool_use_id"])
    return ids


def _check_prefill(message: Mapping[str, Any], model: Model, *, is_thinking: bool) -> None:
    if not model.has_prefill or is_thinking:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    blocks = blocks_of(message)
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")


def _check_continued_thinking(messages: list[dict[str, Any]]) -> None:
    """With a thinking budget, a turn whose tools have just run must begin with the thinking that led to them."""
    *_, (index, role, blocks), (_, _, last) = [(0, "", []), *_turns(messages)]
    if role != "assistant" or not any(block["type"] == "tool_result" for _, block in last):
        return
    first = blocks[0][1]["type"]
    if first not in ("thinking", "redacted_thinking"):
        raise invalid(
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
            "set of `tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`."
        )
