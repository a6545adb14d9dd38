"""What bytes are: media types by their first bytes, formats of documents, sizes of images, base64 as clients send it.

Declared types are often wrong, so the bytes decide. Base64 stays text, since that is what Bedrock's JSON wants: it is
checked whole (half a nanosecond a character) and decoded only as far as a question needs.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from proxy.errors import InvalidRequest

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""All that Bedrock's models read. Source: botocore 1.44 service model of bedrock-runtime, `ImageFormat`."""

DOCUMENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    }
)
"""format -> media type, and every format there is. Source: botocore 1.44 service model, `DocumentFormat`."""

HEAD_BYTES = 8_192
"""What `sniff` and `document_format` want to see: the names at the beginning of an Office file fit into it."""

_FORMATS: Mapping[str, str] = MappingProxyType(
    {media_type: name for name, media_type in DOCUMENT_TYPES.items()}
    | {"application/csv": "csv", "application/xhtml+xml": "html", "text/x-markdown": "md"}
)
_ENDINGS: Mapping[str, str] = MappingProxyType(
    {f".{name}": name for name in DOCUMENT_TYPES} | {".htm": "html", ".xhtml": "html", ".markdown": "md"}
)
_ZIP = b"PK\x03\x04"
_CONTAINERS: Mapping[str, bytes] = MappingProxyType(
    {"docx": _ZIP, "xlsx": _ZIP, "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}
)
"""What the binary formats begin with that `sniff` cannot tell apart. The older two are OLE compound files."""

_NOT_IN_TEXT = bytes(code for code in range(32) if code not in b"\a\b\t\n\v\f\r\x1b") + b"\x7f"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_LONGEST_PREFIX = 1_024
_DIMENSIONS_WITHIN = 65_536


@dataclass(frozen=True, slots=True)
class DataUrl:
    """`data:image/png;base64,iVBO…` taken apart."""

    media_type: str
    """In lower case, without parameters; "" when none is declared."""
    base64_text: str
    """Checked: not empty, whole groups of four characters, padding at the end alone."""


def is_data_url(text: str) -> bool:
    return text[:5].lower() == "data:"


def parse_data_url(text: str, *, param: str) -> DataUrl:
    """A base64 data URL (RFC 2397) -> its parts, as declared. Raises `InvalidRequest`."""
    comma = text.find(",", 0, _LONGEST_PREFIX)
    media_type, *parameters = text[5 : max(comma, 0)].split(";")
    if comma < 0 or not is_data_url(text) or not parameters or parameters[-1].strip().lower() != "base64":
        raise _not_base64(param, "something else")
    base64_text = text[comma + 1 :]
    check_base64(base64_text, param=param)
    return DataUrl(media_type.strip().lower(), base64_text)


def read_image(text: str, *, param: str) -> DataUrl:
    """The data URL of an image -> its base64 and what it really is. Raises `InvalidRequest`."""
    parts = parse_data_url(text, param=param)
    media_type = sniff(decode_head(parts.base64_text))
    if media_type not in IMAGE_TYPES:
        raise InvalidRequest(
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
            "['png', 'jpeg', 'gif', 'webp'].",
            param=param,
            code="invalid_image_format",
        )
    return DataUrl(media_type, parts.base64_text)


def read_document(text: str, name: str, *, param: str) -> DataUrl:
    """A document, as a data URL or as bare base64 -> its base64 and the media type of its format, one of
    `DOCUMENT_TYPES`. Raises `InvalidRequest`.
    """
    if is_data_url(text):
        parts = parse_data_url(text, param=param)
    else:
        check_base64(text, param=param)
        parts = DataUrl("", text)
    document = document_format(name, parts.media_type, decode_head(parts.base64_text))
    if document is None:
        raise InvalidRequest(
            f"Invalid file data: '{param}'. It is not, or not recognizably, a document of one of these formats: "
            f"{', '.join(DOCUMENT_TYPES)}.",
            param=param,
            code="invalid_value",
        )
    return DataUrl(DOCUMENT_TYPES[document], parts.base64_text)


def check_base64(text: str, *, param: str) -> None:
    """Raises `InvalidRequest` for what is not base64 as in RFC 4648, section 4, on one line and with its padding."""
    if not text:
        raise _not_base64(param, "empty base64-encoded bytes")
    padding = text.encode().translate(None, _BASE64) if text.isascii() else b"?"
    if padding not in (b"", b"=", b"==") or not text.endswith(padding.decode()):
        bad = _NOT_BASE64.search(text)
        assert bad is not None, "translate found a character outside the alphabet"
        raise _not_base64(param, f"an invalid base64-encoded value: {bad[0]!r} at position {bad.start()}")
    if len(text) % 4:
        raise _not_base64(param, f"an invalid base64-encoded value: its length, {len(text)}, is not a multiple of 4")


def decode_head(base64_text: str, size: int = HEAD_BYTES) -> bytes:
    """The first bytes of checked base64: at most `size`, rounded up to a multiple of three."""
    return a2b_base64(base64_text[: -(-size // 3) * 4])


def decoded_size(base64_text: str) -> int:
    """The bytes in checked base64, without decoding it."""
    return len(base64_text) // 4 * 3 - base64_text.count("=", -2)


def sniff(head: bytes) -> str | None:
    """The media type that the first `HEAD_BYTES` of a file show: of `IMAGE_TYPES`, PDF, docx or xlsx. None: of no such.

    Sources: the signatures in the WHATWG MIME Sniffing Standard; ISO 32000-1, 7.5.2 for PDF; ECMA-376, part 2 for
    Office files, which are zip files with `word/…` or `xl/…` inside.
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    # Writers of PDF put white space or a byte order mark in front, and readers take it.
    if head[:32].lstrip(b"\xef\xbb\xbf \t\r\n\0").startswith(b"%PDF-"):
        return DOCUMENT_TYPES["pdf"]
    if head.startswith(_ZIP):
        return _sniff_zip(head)
    return None


def _sniff_zip(head: bytes) -> str | None:
    """By the names of the first files in it. Each stands in a local header: signature, 26 bytes in its length, at 30."""
    at = 0
    while at >= 0:
        name = head[at + 30 : at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")]
        if name.startswith(b"word/"):
            return DOCUMENT_TYPES["docx"]
        if name.startswith(b"xl/"):
            return DOCUMENT_TYPES["xlsx"]
        at = head.find(_ZIP, at + 4, HEAD_BYTES)
    return None


def document_format(name: str, media_type: str, head: bytes) -> str | None:
    """The format of a document, a key of `DOCUMENT_TYPES`: by its bytes, else by the file's name, else by the declared
    type, else plain text if it looks like text. None for what is none of them, or is not what its name says.
    """
    sniffed = sniff(head)
    if sniffed is not None:
        return _FORMATS.get(sniffed)
    claimed = (
        _ENDINGS.get(PurePosixPath(name).suffix.lower())
        or _FORMATS.get(media_type.partition(";")[0].strip().lower())
        or "txt"
    )
    if claimed in _CONTAINERS:
        return claimed if head.startswith(_CONTAINERS[claimed]) else None
    if claimed == "pdf" or len(head.translate(None, _NOT_IN_TEXT)) != len(head):
        return None
    return claimed


def base64_dimensions(base64_text: str) -> tuple[int, int] | None:
    """Width and height in pixels of an image in checked base64, as `dimensions` reads them."""
    # A JPEG says its size behind its metadata, which may be long: only then all of it is decoded.
    return dimensions(decode_head(base64_text, _DIMENSIONS_WITHIN)) or dimensions(a2b_base64(base64_text))


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, as the header of a PNG, JPEG, GIF or WebP says. None: not there, or not readable.

    Sources: W3C PNG, 11.2.1; ITU-T T.81, B.2.2; GIF89a, section 18; RFC 9649, sections 2.5 to 2.7.
    """
    match sniff(data[:16]):
        case "image/png" if data[12:16] == b"IHDR" and len(data) >= 24:
            width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        case "image/gif" if len(data) >= 10:
            width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        case "image/jpeg":
            width, height = _jpeg_dimensions(data)
        case "image/webp" if len(data) >= 30:
            width, height = _webp_dimensions(data)
        case _:
            return None
    return (width, height) if width and height else None


def _jpeg_dimensions(data: bytes) -> tuple[int, int]:
    """From segment to segment (marker, length, content) to the frame header, which has them."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0


def _webp_dimensions(data: bytes) -> tuple[int, int]:
    """Of the first chunk: lossy, lossless or extended."""
    match data[12:16]:
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            return (
                int.from_bytes(data[26:28], "little") & 0x3FFF,
                int.from_bytes(data[28:30], "little") & 0x3FFF,
            )
        case b"VP8L" if data[20] == 0x2F:
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return 0, 0


def _not_base64(param: str, what: str) -> InvalidRequest:
    """In OpenAI's words, as seen in public issue threads of 2025 and 2026."""
    return InvalidRequest(
        f"Invalid '{param}'. Expected a base64-encoded data URL (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), "
        f"but got {what}.",
        param=param,
        code="invalid_value",
    )
