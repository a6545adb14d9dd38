"""Neutral blocks -> Claude's content blocks.

    {"type": "text", "text": "…"}
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "…"}}
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "…"}, "title": "…"}
    {"type": "thinking", "thinking": "…", "signature": "…"}   {"type": "redacted_thinking", "data": "…"}
    {"type": "tool_use", "id": "…", "name": "…", "input": {…}}
    {"type": "tool_result", "tool_use_id": "…", "content": […]}

A cache mark is a field of the block before it. Source: Anthropic API documentation, "Messages", 2026.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import Any, Literal

from proxy.errors import InvalidRequest
from proxy.families.loops import is_blank
from proxy.families.tool_names import safe
from proxy.families.tool_schemas import ToolSchemas
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.routing.catalog import Model

Json = dict[str, Any]

_MOST_MARKS = 4
_UNMARKABLE = frozenset({"thinking", "redacted_thinking"})


class ContentWriter:
    """One per request: it knows the cache marks that have gone by."""

    def __init__(self, model: Model, adapted: Adaptations, schemas: ToolSchemas) -> None:
        self._model = model
        self._schemas = schemas
        self._adapted = adapted
        self._marked: list[tuple[Json, str]] = []

    def write(self, blocks: Iterable[Block]) -> list[Json]:
        """Raises `InvalidRequest` for what the model cannot take."""
        out: list[Json] = []
        for block in blocks:
            if isinstance(block, CacheMark):
                self.mark(out[-1] if out else None, block)
            else:
                out.append(self._block(block))
        return out

    def mark(self, block: Json | None, mark: CacheMark) -> None:
        """At most four marks go out, and the last ones are worth most."""
        if block is None or block.get("type") in _UNMARKABLE:
            self._adapted.drop(mark.param, "There is nothing before it that could be cached.")
            return
        if not self._model.cache_points:
            self._adapted.drop(mark.param, "This model has no prompt cache.")
            return
        ttl = mark.ttl
        if ttl is not None and ttl not in self._model.cache_ttls:
            self._adapted.change(f"{mark.param}.ttl", "5m", "It keeps prompts no longer.")
            ttl = None
        is_marked = "cache_control" in block
        block["cache_control"] = {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}
        if is_marked:
            return
        self._marked.append((block, mark.param))
        if len(self._marked) > _MOST_MARKS:
            unmarked, param = self._marked.pop(0)
            del unmarked["cache_control"]
            self._adapted.drop(param, "A request can have four cache marks.")

    def settle_marks(self) -> None:
        """Once everything is written: no mark may live longer than one in front of it."""
        shortest = "1h"
        for block, param in self._marked:
            control = block["cache_control"]
            if shortest == "5m" and control.get("ttl") == "1h":
                self._adapted.change(f"{param}.ttl", "5m", "It cannot be kept longer than what is marked before it.")
                del control["ttl"]
            shortest = control.get("ttl", "5m")

    def _block(self, block: Text | Image | Document | Reasoning | ToolUse | ToolResult) -> Json:
        match block:
            case Text(text):
                return {"type": "text", "text": text}
            case Image():
                return self._image(block)
            case Document():
                return self._document(block)
            case Reasoning(_, _, redacted) if redacted:
                return {"type": "redacted_thinking", "data": redacted}
            case Reasoning(text, signature):
                return {"type": "thinking", "thinking": text, "signature": signature}
            case ToolUse():
                return {
                    "type": "tool_use",
                    "id": block.id,
                    "name": safe(block.name),
                    "input": self._schemas.arguments(block),
                }
        return self._result(block)

    def _image(self, image: Image) -> Json:
        self._check_feature("images", image.param)
        return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}

    def _document(self, document: Document) -> Json:
        self._check_feature("documents", document.param)
        return _document(document)

    def _check_feature(self, feature: Literal["images", "documents"], param: str) -> None:
        if feature not in self._model.features:
            raise InvalidRequest(
                f"Unsupported value: '{param}' does not support {feature} with this model.",
                param=param,
                code="unsupported_value",
            )

    def _result(self, result: ToolResult) -> Json:
        content: list[Json] = []
        out: Json = {"type": "tool_result", "tool_use_id": result.tool_use_id}
        for block in result.blocks:
            if not is_blank(block):
                content.append(self._block(block))
        if content:
            out["content"] = content
        if result.error_param is not None:
            out["is_error"] = True
        return out


def _document(document: Document) -> Json:
    kind = document.media_type
    if kind == "application/pdf":
        source: Json = {"type": "base64", "media_type": kind, "data": document.data}
    elif kind.startswith("text/"):
        try:
            text = b64decode(document.data, validate=True).decode("utf-8")
        except ValueError:
            raise InvalidRequest(
                f"Invalid '{document.param}': the file is not UTF-8 text.", param=document.param, code="invalid_value"
            ) from None
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        raise InvalidRequest(
            f"Unsupported value: '{document.param}' does not support '{kind}' with this model. Send PDF or text.",
            param=document.param,
            code="unsupported_value",
        )
    block: Json = {"type": "document", "source": source}
    if document.name:
        block["title"] = document.name[:200]
    return block
