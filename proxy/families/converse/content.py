"""Neutral blocks -> Converse content blocks.

    {"text": "…"} | {"image": {"format": "png", "source": {"bytes": "<base64>"}}} | {"document": {…}} | {"toolUse": {…}}
    | {"toolResult": {…}} | {"reasoningContent": {…}} | {"cachePoint": {"type": "default"}}

Source: botocore 1.44 service model (`ContentBlock`); AWS Bedrock API reference, "ContentBlock", 2026.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from pathlib import PurePosixPath
from typing import Any

from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.families.converse.caching import CachePoints
from proxy.families.tool_names import safe
from proxy.families.tool_schemas import ToolSchemas
from proxy.families.turns import PLACEHOLDER, Turn
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Role
from proxy.routing.catalog import Model

_IMAGE_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENT_FORMATS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_TEXT_FORMATS = frozenset({"csv", "html", "txt", "md"})
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9()\[\]-]+")
_LONGEST_NAME = 150
"""Of the 200 characters that Converse takes."""
_EMPTY = "(empty)"

Content = list[dict[str, Any]]


class ContentWriter:
    """Writes the turns of one request, in order: documents are numbered through the whole conversation."""

    __slots__ = ("_adapted", "_documents", "_model", "_points", "_schemas")

    def __init__(self, model: Model, points: CachePoints, schemas: ToolSchemas, adapted: Adaptations) -> None:
        self._model = model
        self._schemas = schemas
        self._points = points
        self._adapted = adapted
        self._documents = 0

    def system(self, blocks: list[Block]) -> Content:
        content: Content = []
        for block in blocks:
            self._add(block, Role.SYSTEM, content)
        return content

    def message(self, turn: Turn) -> dict[str, Any]:
        """Raises `InvalidRequest` with the block's `param` for what this model cannot take."""
        content: Content = []
        for block in turn.blocks:
            self._add(block, turn.role, content)
        if any("document" in block for block in content) and not any("text" in block for block in content):
            self._adapted.change(turn.param, "placeholder", "A document needs some text beside it.")
            content.append({"text": PLACEHOLDER})
        return {"role": turn.role.value, "content": content}

    def _add(self, block: Block, role: Role, content: Content) -> None:
        match block:
            case Text(text):
                content.append({"text": text})
            case CacheMark():
                self._points.put(content, block)
            case Image():
                content.append(self._image(block, role))
            case Document():
                content.append(self._document(block, role))
            case Reasoning():
                content.append(_reasoning(block))
            case ToolUse():
                arguments = self._schemas.arguments(block)
                content.append({"toolUse": {"toolUseId": block.id, "name": safe(block.name), "input": arguments}})
            case _:
                content.append(self._tool_result(block))

    def _image(self, block: Image, role: Role) -> dict[str, Any]:
        if role is not Role.USER or "images" not in self._model.features:
            raise _unsupported(block.param, "Images are" if role is Role.USER else f"Images of the {role.value} are")
        image_format = _IMAGE_FORMATS.get(block.media_type)
        if image_format is None or not block.data:
            raise InvalidRequest(
                f"Invalid image: '{block.param}' has to hold a PNG, JPEG, GIF or WebP image.", param=block.param
            )
        return {"image": {"format": image_format, "source": {"bytes": block.data}}}

    def _document(self, block: Document, role: Role) -> dict[str, Any]:
        document_format = _DOCUMENT_FORMATS.get(block.media_type)
        if document_format is None and block.media_type.startswith("text/"):
            document_format = "txt"
        if document_format is None or not block.data:
            raise InvalidRequest(
                f"Invalid file: '{block.param}' has to hold a PDF, CSV, Word, Excel, HTML, Markdown or text document.",
                param=block.param,
            )
        if role is not Role.USER:
            raise _unsupported(block.param, f"Files of the {role.value} are")
        if "documents" not in self._model.features:
            if document_format not in _TEXT_FORMATS:
                raise _unsupported(block.param, "Files that are not text are")
            self._adapted.change(block.param, "inlined-as-text", "This model takes no files.")
            return {"text": _decoded(block)}
        self._documents += 1
        return {"document": {"name": self._name(block), "format": document_format, "source": {"bytes": block.data}}}

    def _name(self, block: Document) -> str:
        """`Document 1 (report)`: another for each document, as Converse wants it, and in the letters that it takes."""
        number = f"Document {self._documents}"
        stem = PurePosixPath(block.name).stem
        name = " ".join(_NOT_IN_NAMES.sub(" ", stem).split())[:_LONGEST_NAME]
        if len(stem) > _LONGEST_NAME or any(letter.isalnum() and not letter.isascii() for letter in stem):
            self._adapted.change(block.param, "renamed", "Bedrock takes short names, of ASCII letters.")
        return f"{number} ({name})" if name else number

    def _tool_result(self, block: ToolResult) -> dict[str, Any]:
        content: Content = []
        for part in block.blocks:
            if isinstance(part, Text):
                if part.text.strip():
                    content.append({"text": part.text})
            elif isinstance(part, Image):
                content.append(self._image(part, Role.USER))
            else:
                content.append(self._document(part, Role.USER))
        result = {"toolUseId": block.tool_use_id, "content": content or [{"text": _EMPTY}]}
        if block.error_param is not None:
            if self._model.has_rich_tool_results:
                result["status"] = "error"
            else:
                self._adapted.drop(block.error_param, "This model is not told of it.")
        return {"toolResult": result}


def _reasoning(block: Reasoning) -> dict[str, Any]:
    if block.redacted:
        # Claude's own text, which Converse wraps in base64 once more.
        blob = b64encode(block.redacted.encode("latin-1", "replace")).decode()
        return {"reasoningContent": {"redactedContent": blob}}
    return {"reasoningContent": {"reasoningText": {"text": block.text, "signature": block.signature}}}


def _decoded(block: Document) -> str:
    try:
        text = b64decode(block.data, validate=True).decode()
    except ValueError:
        raise InvalidRequest(f"Invalid file: '{block.param}' is not text in UTF-8.", param=block.param) from None
    return text if text.strip() else _EMPTY


def _unsupported(param: str, what: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"Unsupported parameter: '{param}'. {what} not supported with this model.", param=param)
