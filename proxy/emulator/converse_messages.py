"""What Converse refuses in `messages` and `system`, in its own words: roles, blank text, tool pairs, images, documents.

Sources: Amazon Bedrock API reference, "Message", "ContentBlock", "DocumentBlock" (2026); public issues for the texts.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid

MAX_IMAGES, MAX_IMAGE = 20, 3_932_160
MAX_DOCUMENTS, MAX_DOCUMENT = 5, 4_718_592
_NAME = re.compile(r"[a-zA-Z0-9\s()\[\]-]+")
_MAGIC = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF8", "webp": b"RIFF"}
_DOCUMENT_FAMILIES = ("claude", "llama")
"""They take documents, whatever the catalogue says."""
_USER_ONLY = ("image", "document", "video", "audio", "searchResult", "guardContent")
_ASSISTANT_ONLY = ("toolUse", "reasoningContent", "citationsContent")
_NO_CACHE = (
    "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more "
    "information."
)

Place = tuple[str, str, Any]
"""Path, kind and value of a content block: `messages.0.content.0`, `text`, `Hi`."""


def check_system(system: list[dict[str, Any]], model: Model) -> None:
    if system and not model.has_system:
        raise invalid("This model doesn't support system messages. Try again without a system message.")
    for path, kind, value in _places(system, "system"):
        if kind == "text" and not value.strip():
            raise invalid(
                f"The text field in the SystemContentBlock object at {path} is blank. Add text to the text field, and "
                "try again."
            )
        if kind == "cachePoint":
            _check_point("system", model)


def check_messages(messages: list[dict[str, Any]], model: Model) -> bool:
    """Raises `Refusal` for the first thing that Converse would not take. Gives whether there are tool blocks."""
    names: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages.{index}"
        if message["role"] == "system" and not model.has_system_turns:
            raise invalid(f"The role system at {path} is not supported by this model.")
        if not message["content"]:
            raise invalid(
                f"The content field in the Message object at {path} is empty. Add a ContentBlock object to the content "
                "field and try again."
            )
        places = list(_places(message["content"], f"{path}.content"))
        for place in places:
            _check_block(place, message["role"], model)
        inner = [*places, *_in_results(places)]
        _check_counts(inner)
        names += [value["name"] for _, kind, value in inner if kind == "document"]
        if any(kind == "document" for _, kind, _ in places) and not any(kind == "text" for _, kind, _ in places):
            raise invalid(
                f"A document at {path}.content has no text beside it. Add a text block to the content field, and try again."
            )
    _check_roles(messages, model)
    if len(names) != len(set(names)):
        raise invalid("Messages can't contain duplicate document names. Rename the document and retry your request.")
    _check_pairs(messages)
    return any(
        not block.keys().isdisjoint(("toolUse", "toolResult")) for message in messages for block in message["content"]
    )


def _places(content: list[dict[str, Any]], path: str) -> Iterator[Place]:
    for index, block in enumerate(content):
        ((kind, value),) = block.items()
        yield f"{path}.{index}", kind, value


def _in_results(places: list[Place]) -> Iterator[Place]:
    for path, kind, value in places:
        if kind == "toolResult":
            yield from _places(value["content"], f"{path}.toolResult.content")


def _check_block(place: Place, role: str, model: Model) -> None:
    path, kind, value = place
    is_server_result = kind == "toolResult" and "type" in value
    if (role != "user" and (kind in _USER_ONLY or (kind == "toolResult" and not is_server_result))) or (
        role != "assistant" and kind in _ASSISTANT_ONLY
    ):
        raise invalid(f"The {kind} field at {path} is not allowed in a message of the {role} role.")
    match kind:
        case "text":
            _check_text(value, path)
        case "image":
            _check_image(value, path, model)
        case "document":
            _check_document(value, path, model)
        case "video":
            if model.provider != "amazon" or not model.has_images:
                raise invalid("This model doesn't support videos.")
        case "audio":
            if "audio" not in model.features:
                raise invalid("This model doesn't support audio.")
        case "toolUse":
            _check_json(value["input"], f"{path}.toolUse.input")
        case "toolResult":
            _check_result(value, path, model)
        case "cachePoint":
            _check_point("messages", model)
        case "reasoningContent":
            if model.family != "claude":
                raise invalid(
                    "This model doesn't support the reasoningContent field. Remove reasoningContent and try again."
                )


def _check_text(text: str, path: str) -> None:
    if not text.strip():
        raise invalid(
            f"The text field in the ContentBlock object at {path} is blank. Add text to the text field, and try again."
        )


def _check_json(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise invalid(
            f"The format of the value at {path} is invalid. Provide a json object for the field and try again."
        )


def _check_point(place: str, model: Model) -> None:
    if place not in model.cache_points:
        raise invalid(_NO_CACHE)


def _check_image(value: Mapping[str, Any], path: str, model: Model) -> None:
    if not model.has_images:
        raise invalid("This model doesn't support images.")
    source = value["source"]
    if "s3Location" in source:
        _check_s3(path, model)
        return
    data = b64decode(source["bytes"])
    if len(data) > MAX_IMAGE:
        raise invalid(f"The image at {path} exceeds the maximum size: {len(data)} bytes > {MAX_IMAGE} bytes")
    if not any(data.startswith(magic) for magic in _MAGIC.values()):
        raise invalid("Could not process image")
    if not data.startswith(_MAGIC[value["format"]]):
        raise invalid(f"Image format {value['format']} and content type mismatch at {path}.image")


def _check_document(value: Mapping[str, Any], path: str, model: Model) -> None:
    if model.family not in _DOCUMENT_FAMILIES and "documents" not in model.features:
        raise invalid("This model doesn't support documents.")
    if not _NAME.fullmatch(value["name"]) or re.search(r"\s\s", value["name"]):
        raise invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character."
        )
    source = value["source"]
    if "s3Location" in source:
        _check_s3(path, model)
    if len(source.get("bytes", "")) * 3 // 4 > MAX_DOCUMENT:
        raise invalid(f"The document at {path} exceeds the maximum size of {MAX_DOCUMENT} bytes.")
    if "bytes" in source and value.get("format") == "pdf" and not b64decode(source["bytes"]).startswith(b"%PDF"):
        raise invalid(f"The PDF document at {path} could not be read.")


def _check_s3(path: str, model: Model) -> None:
    if model.provider != "amazon":
        raise invalid(f"{path}.source.type: Field required")


def _check_result(value: Mapping[str, Any], path: str, model: Model) -> None:
    # AWS documents it for the first two; of the others recorded traffic has a "success" that passed.
    if "status" in value and model.provider not in ("anthropic", "amazon", "meta", "mistral"):
        raise invalid(f"This model doesn't support the status field at {path}.toolResult. Remove status and try again.")
    for inner, kind, part in _places(value["content"], f"{path}.toolResult.content"):
        if kind == "text":
            _check_text(part, inner)
        elif kind == "json":
            _check_json(part, f"{inner}.json")
        elif kind == "image":
            if model.family != "claude" and model.provider != "amazon":
                raise invalid(f"This model doesn't support the image field at {inner}. Remove image and try again.")
            _check_image(part, inner, model)
        elif kind == "document":
            _check_document(part, inner, model)


def _check_roles(messages: list[dict[str, Any]], model: Model) -> None:
    # Claude's conversations may begin with the assistant: Bedrock helps them.
    if messages[0]["role"] != "user" and model.family != "claude":
        raise invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    spoken = [message["role"] for message in messages if message["role"] != "system"]
    if any(role == following for role, following in pairwise(spoken)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )
    if spoken[-1:] == ["assistant"] and not model.has_prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_counts(places: list[Place]) -> None:
    """So many of a message, those in tool results counted with."""
    for wanted, most in (("image", MAX_IMAGES), ("document", MAX_DOCUMENTS)):
        found = sum(kind == wanted for _, kind, _ in places)
        if found > most:
            raise invalid(f"The number of {wanted}s exceeds the limit of {most}: {found}.")


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    """The calls of a turn are answered in the next message, each once, and nothing else is."""
    asked: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages.{index}.content"
        results = [
            block["toolResult"]["toolUseId"]
            for block in message["content"]
            if "toolResult" in block and "type" not in block["toolResult"]
        ]
        if len(results) > len(asked):
            raise invalid(
                f"The number of toolResult blocks at {path} exceeds the number of toolUse blocks of previous turn."
            )
        if missing := [id for id in asked if id not in results]:
            raise invalid(f"Expected toolResult blocks at {path} for the following Ids: {', '.join(missing)}")
        asked = [
            block["toolUse"]["toolUseId"]
            for block in message["content"]
            if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"
        ]
        if len(asked) != len(set(asked)):
            raise invalid(f"The toolUse blocks at {path} contain duplicate Ids.")
