"""`application/vnd.amazon.eventstream`, decoded and encoded. Sans-IO: bytes in, frames out, however they are split.

    u32 total length | u32 headers length | u32 CRC-32 of the first 8 bytes | headers | payload | u32 CRC-32 of all before

Source: AWS event stream encoding as in botocore 1.44 `eventstream.py`, including its limits on headers and payload.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Iterable

import msgspec

_PRELUDE = struct.Struct(">III")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_MAX_HEADERS = 131_072
_MAX_PAYLOAD = 25_165_824
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_STRING, _BYTES = 7, 6


class BrokenStream(ValueError):
    """The bytes are not an event stream, or not all of one. Nothing after the break can be trusted.

    `frames` are the whole ones that the same bytes held before it.
    """

    def __init__(self, message: str, frames: list[Frame] | None = None) -> None:
        super().__init__(message)
        self.frames = frames or []


class Frame(msgspec.Struct, gc=False):
    """One message: its string headers (`:event-type` …) and its payload. Headers of other types are left out."""

    headers: dict[str, str]
    payload: bytes


class Decoder:
    """Cuts bytes into frames. `feed` any split of them; `close` says whether the last frame was whole."""

    __slots__ = ("_header_cache", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        # A stream repeats a handful of header blocks; each is read once.
        self._header_cache: dict[bytes, dict[str, str]] = {}

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are now complete. Raises `BrokenStream` on a bad length, CRC or header."""
        data = self._rest + data if self._rest else data
        frames: list[Frame] = []
        at, end = 0, len(data)
        with memoryview(data) as view:
            while end - at >= 12:
                total, headers, prelude_crc = _PRELUDE.unpack_from(data, at)
                stop = at + total
                is_whole = 16 <= total <= end - at
                # A length is believed only when a CRC over it is right: a wrong one would make us wait for bytes for ever.
                if not is_whole and crc32(view[at : at + 8]) != prelude_crc:
                    raise BrokenStream("bad CRC over the lengths of a frame", frames)
                if headers > _MAX_HEADERS or not 0 <= total - headers - 16 <= _MAX_PAYLOAD:
                    raise BrokenStream(f"impossible frame lengths: {total} in all, {headers} of headers", frames)
                if not is_whole:
                    break
                if crc32(view[at : stop - 4]) != _U32.unpack_from(data, stop - 4)[0]:
                    raise BrokenStream("bad CRC over a frame", frames)
                block = data[at + 12 : at + 12 + headers]
                known = self._header_cache.get(block)
                if known is None:
                    try:
                        known = self._header_cache[block] = _read_headers(block)
                    except BrokenStream as error:
                        error.frames = frames
                        raise
                frames.append(Frame(known, data[at + 12 + headers : stop - 4]))
                at = stop
        self._rest = data[at:] if at else data
        return frames

    def close(self) -> None:
        """Raises `BrokenStream` when the bytes ended inside a frame."""
        if self._rest:
            raise BrokenStream(f"the stream ended inside a frame ({len(self._rest)} bytes left over)")


def _read_headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    names: set[str] = set()
    at = 0
    try:
        while at < len(block):
            size = block[at]
            name = block[at + 1 : at + 1 + size].decode()
            kind = block[at + 1 + size]
            at += size + 2
            if name in names:
                raise BrokenStream(f"the frame header {name!r} stands twice")
            names.add(name)
            if kind in (_STRING, _BYTES):
                size = _U16.unpack_from(block, at)[0]
                at += 2
                if kind == _STRING:
                    headers[name] = block[at : at + size].decode()
                at += size
            else:
                at += _FIXED_SIZES[kind]
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise BrokenStream(f"unreadable frame headers: {error!r}") from None
    if at != len(block):
        raise BrokenStream("frame headers run past their length")
    return headers


def encode_frame(headers: Iterable[tuple[str, str]], payload: bytes) -> bytes:
    """One frame with string headers, as the service writes it."""
    parts = []
    for name, value in headers:
        raw_name, raw_value = name.encode(), value.encode()
        parts.append(bytes([len(raw_name)]) + raw_name + bytes([_STRING]) + _U16.pack(len(raw_value)) + raw_value)
    block = b"".join(parts)
    lengths = _U32.pack(len(block) + len(payload) + 16) + _U32.pack(len(block))
    message = lengths + _U32.pack(crc32(lengths)) + block + payload
    return message + _U32.pack(crc32(message))
