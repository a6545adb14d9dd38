"""The parts of a message's content -> neutral blocks.

{"type": "text", "text": "…"}
{"type": "image_url", "image_url": {"url": "data:image/png;base64,… or https://…", "detail": "auto"}}
{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,… or bare base64"}}
{"type": "refusal", "refusal": "…"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.marks import MARKS, cache_mark
from proxy.apis.chat.unknown import note_unknown
from proxy.errors import InvalidRequest
from proxy.media.kinds import is_data_url, read_document, read_image
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Document, Image, Text

_KINDS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text", "image_url", "file"),
    "function": ("text",),
}


def parse_parts(parts: Sequence[Any], role: str, path: str, adapted: Adaptations) -> list[Block]:
    """Raises `InvalidRequest` with a path such as `messages[0].content[1].text`."""
    blocks: list[Block] = []
    for index, part in enumerate(parts):
        at = f"{path}[{index}]"
        if not isinstance(part, dict):
            raise fields.wrong_type(at, "an object", part)
        kind = fields.word(part, "type", _KINDS[role], at)
        if kind is None:
            raise fields.missing(f"{at}.type")
        blocks.append(_READERS[kind](part, at, adapted))
        note_unknown(part, MARKS | {"type", kind}, at, adapted)
        mark = cache_mark(part, at, adapted)
        if mark is not None:
            blocks.append(mark)
    return blocks


def _text(part: Mapping[str, Any], path: str, adapted: Adaptations) -> Text:
    return Text(_needed(part, part["type"], path))


def _image(part: Mapping[str, Any], path: str, adapted: Adaptations) -> Image:
    source = part.get("image_url")
    # Some clients write the URL without the object around it.
    inner = {"url": source} if isinstance(source, str) else fields.mapping(part, "image_url", path)
    if inner is None:
        raise fields.missing(f"{path}.image_url")
    at = f"{path}.image_url"
    note_unknown(inner, {"url", "detail"}, at, adapted)
    url = _needed(inner, "url", at)
    if fields.word(inner, "detail", ("auto", "low", "high", "original"), at) not in (None, "auto"):
        adapted.drop(f"{at}.detail", "Bedrock's models choose it themselves.")
    if not is_data_url(url):
        return Image(f"{at}.url", url=_web_address(url, f"{at}.url", "invalid_image_url"))
    image = read_image(url, param=f"{at}.url")
    return Image(f"{at}.url", image.base64_text, image.media_type)


def _file(part: Mapping[str, Any], path: str, adapted: Adaptations) -> Document:
    inner = fields.mapping(part, "file", path)
    if inner is None:
        raise fields.missing(f"{path}.file")
    at = f"{path}.file"
    note_unknown(inner, {"file_data", "file_id", "filename"}, at, adapted)
    if fields.string(inner, "file_id", at):
        raise InvalidRequest(
            f"Unsupported value: '{at}.file_id' is not supported: files are not stored here. Send 'file_data'.",
            param=f"{at}.file_id",
            code="unsupported_value",
        )
    name = fields.string(inner, "filename", at) or ""
    text = _needed(inner, "file_data", at)
    # Base64 has no colon.
    if ":" in text[:8] and not is_data_url(text):
        return Document(f"{at}.file_data", name=name, url=_web_address(text, f"{at}.file_data", "invalid_value"))
    document = read_document(text, name, param=f"{at}.file_data")
    return Document(f"{at}.file_data", document.base64_text, document.media_type, name)


def _audio(part: Mapping[str, Any], path: str, adapted: Adaptations) -> Block:
    raise fields.unsupported_value(path, "input_audio")


_READERS: Mapping[str, Callable[[Mapping[str, Any], str, Adaptations], Block]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
}


def _needed(source: Mapping[str, Any], name: str, path: str) -> str:
    value = fields.string(source, name, path)
    if value is None:
        raise fields.missing(f"{path}.{name}")
    return value


def _web_address(url: str, path: str, code: str) -> str:
    if url[:8].lower() == "https://":
        return url
    raise InvalidRequest(f"Invalid '{path}': expected a data: URL or an https:// URL.", param=path, code=code)
