"""`response_format` -> the form that the answer has to have.

{"type": "json_object"}
{"type": "json_schema", "json_schema": {"name": "…", "description": "…", "schema": {…}, "strict": true}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.unknown import note_unknown
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Text, ToolResult
from proxy.neutral.request import Message, OutputFormat

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def parse_output(body: Mapping[str, Any], messages: Sequence[Message], adapted: Adaptations) -> OutputFormat | None:
    """None for text. Raises `InvalidRequest`."""
    value = fields.mapping(body, "response_format")
    if value is None:
        return None
    kind = fields.word(value, "type", ("text", "json_object", "json_schema"), "response_format")
    if kind is None:
        raise fields.missing("response_format.type")
    note_unknown(value, {"type", "json_schema"}, "response_format", adapted)
    if kind == "text":
        return None
    if kind == "json_object":
        _check_that_json_is_asked_for(messages)
        return OutputFormat("response_format")
    path = "response_format.json_schema"
    inner = fields.mapping(value, "json_schema", "response_format")
    if inner is None:
        raise fields.missing(path)
    note_unknown(inner, {"name", "description", "schema", "strict"}, path, adapted)
    name = fields.string(inner, "name", path)
    if name is None:
        raise fields.missing(f"{path}.name")
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$', of at most 64 characters.",
            param=f"{path}.name",
            code="invalid_value",
        )
    schema = fields.mapping(inner, "schema", path)
    # Strict or not, the answer is kept to the schema as closely as the model can be, and checked.
    fields.boolean(inner, "strict", path)
    return OutputFormat(
        f"{path}.schema",
        name=name,
        description=fields.string(inner, "description", path) or "",
        schema={} if schema is None else dict(schema),
    )


def _check_that_json_is_asked_for(messages: Sequence[Message]) -> None:
    """As OpenAI does: a model that is not told of JSON may write white space for ever."""
    for message in messages:
        if any(_says_json(block) for block in message.blocks):
            return
    raise InvalidRequest(
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        param="messages",
    )


def _says_json(block: Block) -> bool:
    if isinstance(block, ToolResult):
        return any(_says_json(inner) for inner in block.blocks)
    return isinstance(block, Text) and "json" in block.text.lower()
