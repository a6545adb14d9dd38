"""Neutral messages -> those of a chat template, which are as OpenAI has them, but that arguments are objects.

    {"role": "user", "content": "…"}
    {"role": "assistant", "content": "…", "tool_calls": [{"id": "…", "type": "function", "function": {"name", "arguments"}}]}
    {"role": "tool", "tool_call_id": "…", "name": "…", "content": "…"}

Source: Hugging Face transformers, "Chat templates", 4.57.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from proxy.errors import InvalidRequest
from proxy.families.llama.history import refused_block
from proxy.families.llama.tool_prompts import arguments_of
from proxy.families.tool_names import safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role
from proxy.routing.catalog import ChatTemplate

TOOL = "tool"
_ID_LENGTH = 9
"""Mistral's templates take ids of exactly nine letters and digits."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a template."""

    wire: dict[str, Any]
    param: str
    """Where the client said it. "": it is the proxy's own."""

    @property
    def role(self) -> str:
        role: str = self.wire["role"]
        return role

    @property
    def content(self) -> str:
        content: str = self.wire["content"]
        return content

    @property
    def calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.wire.get("tool_calls", [])
        return calls


def say(messages: Sequence[Message], template: ChatTemplate, adapted: Adaptations) -> list[Said]:
    """Raises `InvalidRequest` for what no template takes, and for tools on one that has no place for them."""
    speaker = _Speaker(template, adapted)
    made: list[Said] = []
    for message in messages:
        results = [block for block in message.blocks if isinstance(block, ToolResult)]
        made += [speaker.result(result) for result in results]
        rest = [block for block in message.blocks if not isinstance(block, ToolResult)]
        if rest or not results:
            made.append(speaker.message(message, rest))
    # An empty answer would teach the model to give one.
    speaking = [one for one in made if one.role != Role.ASSISTANT or one.content.strip() or one.calls]
    if not speaking:
        raise InvalidRequest("Invalid 'messages': there is nothing in them that could be answered.", param="messages")
    return speaking


class _Speaker:
    def __init__(self, template: ChatTemplate, adapted: Adaptations) -> None:
        self._template = template
        self._adapted = adapted
        self._names: dict[str, str] = {}

    def message(self, message: Message, blocks: Sequence[Block]) -> Said:
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        for block in blocks:
            match block:
                case Text(text):
                    texts.append(text)
                case ToolUse():
                    calls.append(self._call(block))
                case Image():
                    raise refused_block(block.param, "images")
                case Document():
                    raise refused_block(block.param, "documents")
                case CacheMark():
                    self._adapted.drop(block.param, "This model has no prompt cache.")
                case _:
                    self._adapted.drop(f"{message.param}.thinking_blocks", "This model cannot use it.")
        made: dict[str, Any] = {"role": str(message.role), "content": "".join(texts)}
        return Said({**made, "tool_calls": calls} if calls else made, message.param)

    def result(self, result: ToolResult) -> Said:
        self._check_tools(result.param)
        for block in result.blocks:
            if not isinstance(block, Text):
                raise refused_block(block.param, "images and documents in the results of tools")
        if result.cache_mark is not None:
            self._adapted.drop(result.cache_mark.param, "This model has no prompt cache.")
        if result.error_param is not None:
            self._adapted.drop(result.error_param, "This model is not told of it.")
        made = {"role": TOOL, "tool_call_id": _id(result.tool_use_id)}
        if name := self._names.get(result.tool_use_id):
            made["name"] = name
        made["content"] = "".join(block.text for block in result.blocks if isinstance(block, Text))
        return Said(made, result.param)

    def _call(self, call: ToolUse) -> dict[str, Any]:
        self._check_tools(call.param)
        self._names[call.id] = safe(call.name)
        arguments = arguments_of(call.arguments)
        # What is no object stays the text it is.
        function = {"name": safe(call.name), "arguments": call.arguments if arguments is None else arguments}
        return {"id": _id(call.id), "type": "function", "function": function}

    def _check_tools(self, param: str) -> None:
        if not self._template.takes_tools:
            raise refused_block(param, "calls of tools: its chat template has no place for them")


def _id(client_id: str) -> str:
    return sha256(client_id.encode()).hexdigest()[:_ID_LENGTH]
