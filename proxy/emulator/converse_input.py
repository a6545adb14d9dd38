"""A Converse body -> the same conversation in Claude's shapes, which is what Bedrock sends to Claude.

The other models are asked in these shapes as well, to be counted, cached and answered by the same code.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from proxy import jsonio
from proxy.emulator.models import Model

TEXT_FORMATS = ("csv", "html", "txt", "md")
PLACEHOLDER = "."


def to_claude(body: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """A Messages body, `additionalModelRequestFields` on top, for a body that is of Converse's shape.

    What Converse does not say is left to the model: without `maxTokens` all that it can.
    """
    config = body.get("inferenceConfig", {})
    native: dict[str, Any] = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": config.get("maxTokens", model.max_output_tokens),
        "messages": [
            {"role": message["role"], "content": _content(message["content"])} for message in body["messages"]
        ],
    }
    # Converse lets an assistant begin; Claude itself would not.
    if native["messages"][:1] and native["messages"][0]["role"] == "assistant":
        native["messages"].insert(0, {"role": "user", "content": PLACEHOLDER})
    if body.get("system"):
        native["system"] = _content(body["system"])
    for name, ours in (("temperature", "temperature"), ("topP", "top_p"), ("stopSequences", "stop_sequences")):
        if name in config:
            native[ours] = config[name]
    native |= _tools(body.get("toolConfig"))
    if output := _output_config(body.get("outputConfig", {})):
        native["output_config"] = output
    return _with_fields(native, body.get("additionalModelRequestFields") or {})


def conflicts(body: Mapping[str, Any], native: Mapping[str, Any]) -> list[str]:
    """Additional fields that Converse itself has set."""
    fields = body.get("additionalModelRequestFields") or {}
    mergeable = ("tools", "output_config")
    return [name for name in fields if name in native and name not in mergeable]


def last_user_text(body: Any) -> str:
    """The text of the last user message, tool results included; "" where a body, valid or not, has none."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text_of(message.get("content"))
    return ""


def _text_of(content: Any) -> str:
    parts = []
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict):
            result = block.get("toolResult")
            text = _text_of(result.get("content")) if isinstance(result, dict) else block.get("text")
            parts.append(text if isinstance(text, str) else "")
    return "\n".join(part for part in parts if part)


def _with_fields(native: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    merged = native | fields
    if isinstance(fields.get("tools"), list):
        merged["tools"] = native.get("tools", []) + fields["tools"]
    if isinstance(fields.get("output_config"), dict):
        merged["output_config"] = native.get("output_config", {}) | fields["output_config"]
    return merged


def _content(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for block in blocks:
        (kind, value), *_ = block.items()
        if kind != "cachePoint":
            content.append(_block(kind, value))
        elif content and "cache_control" not in content[-1]:
            content[-1] = content[-1] | {"cache_control": _mark(value)}
        else:
            # There is nothing that it could be a mark of, so the model sees a block of no type.
            content.append({"cache_control": _mark(value)})
    return content


def _mark(point: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "ephemeral"} | ({"ttl": point["ttl"]} if "ttl" in point else {})


def _block(kind: str, value: Any) -> dict[str, Any]:
    match kind:
        case "text":
            return {"type": "text", "text": value}
        case "guardContent":
            return {"type": "text", "text": value["text"]["text"]} if "text" in value else _image(value["image"])
        case "image":
            return _image(value)
        case "document":
            return _document(value)
        case "toolUse":
            type = value.get("type", "tool_use")
            return {"type": type, "id": value["toolUseId"], "name": value["name"], "input": value["input"]}
        case "toolResult":
            result = {"type": "tool_result", "tool_use_id": value["toolUseId"], "content": _content(value["content"])}
            return result | ({"is_error": True} if value.get("status") == "error" else {})
        case "json":
            return {"type": "text", "text": jsonio.encode(value).decode()}
        case "reasoningContent":
            return _reasoning(value)
        case "citationsContent":
            return {"type": "text", "text": "".join(part.get("text", "") for part in value.get("content", []))}
        case "searchResult":
            content = [{"type": "text", **part} for part in value["content"]]
            return {"type": "search_result", **value, "content": content}
        case "toolAddition" | "toolRemoval":
            return {"type": "tool_addition" if kind == "toolAddition" else "tool_removal", **value}
    return {"type": kind, **value}


def _image(value: Mapping[str, Any]) -> dict[str, Any]:
    source = value["source"]
    if "bytes" not in source:
        return {"type": "image", "source": dict(source)}
    data = {"type": "base64", "media_type": f"image/{value['format']}", "data": source["bytes"]}
    return {"type": "image", "source": data}


def _document(value: Mapping[str, Any]) -> dict[str, Any]:
    given, format = value["source"], value.get("format", "txt")
    source: dict[str, Any]
    if "text" in given:
        source = {"type": "text", "media_type": "text/plain", "data": given["text"]}
    elif "content" in given:
        source = {"type": "content", "content": _content(given["content"])}
    elif "bytes" not in given:
        source = dict(given)
    elif format == "pdf":
        source = {"type": "base64", "media_type": "application/pdf", "data": given["bytes"]}
    else:
        # Bedrock reads the other formats itself; the emulator does so with those that are text.
        data = b64decode(given["bytes"]).decode("utf-8", "replace") if format in TEXT_FORMATS else f"({format})"
        source = {"type": "text", "media_type": "text/plain", "data": data}
    extra = {name: value[name] for name in ("context", "citations") if name in value}
    return {"type": "document", "source": source, "title": value["name"], **extra}


def _reasoning(value: Mapping[str, Any]) -> dict[str, Any]:
    if "redactedContent" in value:
        return {"type": "redacted_thinking", "data": b64decode(value["redactedContent"]).decode("latin-1")}
    given = value["reasoningText"]
    signature = {"signature": given["signature"]} if "signature" in given else {}
    return {"type": "thinking", "thinking": given["text"], **signature}


def _tools(config: Mapping[str, Any] | None) -> dict[str, Any]:
    if config is None:
        return {}
    tools: list[dict[str, Any]] = []
    for tool in config["tools"]:
        if "toolSpec" in tool:
            given = tool["toolSpec"]
            kept = {name: given[name] for name in ("name", "description", "strict") if name in given}
            tools.append({**kept, "input_schema": given["inputSchema"]["json"]})
        elif "cachePoint" in tool and tools:
            tools[-1]["cache_control"] = _mark(tool["cachePoint"])
    choice = config.get("toolChoice")
    if choice is None:
        return {"tools": tools}
    ((kind, value),) = choice.items()
    return {"tools": tools, "tool_choice": {"type": kind, **value}}


def _output_config(config: Mapping[str, Any]) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if "effort" in config:
        output["effort"] = config["effort"]
    if "textFormat" in config:
        schema = jsonio.decode(config["textFormat"]["structure"]["jsonSchema"]["schema"].encode())
        output["format"] = {"type": "json_schema", "schema": schema}
    return output
