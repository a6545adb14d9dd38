"""How an answer goes out: framed as Bedrock frames it, paced, cut and spoiled as the script says.

A frame of InvokeModelWithResponseStream carries one JSON object of the model's own: `{"bytes":"<base64>","p":"abcd"}`.
A frame of ConverseStream is such an object itself: `{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"abcd"}`.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from binascii import crc32
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy import jsonio
from proxy.bedrock.eventstream import Decoder, encode_frame
from proxy.emulator.calls import Call
from proxy.emulator.refusal import WORDS
from proxy.emulator.script import Fault, Script

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_DAMAGES = ("bad_crc", "bad_length", "bad_json")


class Transport(Protocol):
    def close(self) -> None: ...


@dataclass(slots=True)
class Reply:
    """An answer before it is sent: `body`, or for a stream its frames."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    frames: Iterable[bytes] | None = None
    error: str | None = field(default=None)


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


class ConnectionCut(Exception):
    """The script closes the connection here."""


def chunk(event: dict[str, Any]) -> bytes:
    """One `chunk` frame. The padding, a prefix of an alphabet as long as chance has it, hides the length of the text."""
    inner = jsonio.encode(event)
    return _event_frame("chunk", {"bytes": b64encode(inner).decode(), "p": _padding(inner)})


def event(type: str, payload: dict[str, Any]) -> bytes:
    """One frame of ConverseStream, padded in the same way; its keys are sorted."""
    return _event_frame(type, dict(sorted({**payload, "p": _padding(jsonio.encode(payload))}.items())))


def _event_frame(type: str, payload: dict[str, Any]) -> bytes:
    headers = [(":event-type", type), (":content-type", "application/json"), (":message-type", "event")]
    return encode_frame(headers, jsonio.encode(payload))


def _padding(content: bytes) -> str:
    return _PADDING[: crc32(content) % (len(_PADDING) + 1)]


def exception_frame(type: str, message: str, members: dict[str, Any]) -> bytes:
    """A modelled exception in the stream; its name begins with a small letter there."""
    name = type[:1].lower() + type[1:]
    return encode_frame(
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")],
        jsonio.encode({"message": message, **members}),
    )


def error_frame(code: str, message: str) -> bytes:
    """An error that is not modelled: headers alone."""
    return encode_frame([(":error-code", code), (":error-message", message), (":message-type", "error")], b"")


def damage(frame: bytes, kind: str) -> bytes:
    """The frame with a wrong checksum, with an impossible length under a right checksum, or with no JSON inside."""
    if kind == "bad_crc":
        return frame[:-1] + bytes([frame[-1] ^ 0xFF])
    if kind == "bad_json":
        (sound,) = Decoder().feed(frame)
        return encode_frame(list(sound.headers.items()), sound.payload[:-2])
    lengths = (0x7FFFFFFF).to_bytes(4, "big") + frame[4:8]
    return lengths + crc32(lengths).to_bytes(4, "big") + frame[12:]


class Wire:
    """The way to one client. `write` and `pause` raise `ClientGone` once it has left."""

    def __init__(
        self, receive: Receive, send: Send, transport: Transport | None, split: int | None, call: Call
    ) -> None:
        self._receive = receive
        self._send = send
        self._transport = transport
        self._split = split
        self._call = call
        self._held = b""
        self._leaving = asyncio.create_task(self._watch())

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._check()
        self._call.status = status
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        if self._split is None:
            await self._put(data)
            return
        self._held += data
        while len(self._held) >= self._split:
            piece, self._held = self._held[: self._split], self._held[self._split :]
            await self._put(piece)

    async def flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            await self._put(held)

    async def pause(self, milliseconds: float | None) -> None:
        """Waits; with None, until the client leaves."""
        if milliseconds == 0:
            return
        await self.flush()
        await asyncio.wait({self._leaving}, timeout=None if milliseconds is None else milliseconds / 1000)
        self._check()

    async def finish(self) -> None:
        await self.flush()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def cut(self) -> None:
        """Closes the connection in the middle of the answer; what was written before still arrives."""
        await self.flush()
        if self._transport is not None:
            self._transport.close()
            await self._leaving
        raise ConnectionCut

    def close(self) -> None:
        self._leaving.cancel()

    async def _put(self, data: bytes) -> None:
        # Without a turn of the loop neither would other streams go on nor would a hang-up be seen.
        await asyncio.sleep(0)
        self._check()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._call.bytes_sent += len(data)

    def _check(self) -> None:
        if self._leaving.done():
            raise ClientGone

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def play(reply: Reply, script: Script, wire: Wire, call: Call) -> None:
    """Sends `reply` as `script` has it. Raises `ClientGone` or `ConnectionCut`."""
    await wire.pause(script.delay_ms)
    fault = script.fault if reply.error is None else None
    call.fault = fault.kind if fault else None
    if fault and fault.kind == "no_response":
        await wire.cut()
    await wire.start(reply.status, reply.headers)
    if reply.frames is None:
        await _play_body(reply.body, fault, wire)
    else:
        await wire.pause(script.first_event_ms)
        await _play_frames(reply.frames, script, fault, wire, call)
    await wire.finish()


async def _play_body(body: bytes, fault: Fault | None, wire: Wire) -> None:
    if fault is None:
        await wire.write(body)
        return
    await wire.write(body[: fault.after_bytes or 0])
    await (wire.cut() if fault.kind == "cut" else wire.pause(None))


async def _play_frames(frames: Iterable[bytes], script: Script, fault: Fault | None, wire: Wire, call: Call) -> None:
    left = fault.after_bytes if fault else None
    for number, frame in enumerate(frames):
        if number:
            await wire.pause(script.gap_ms)
        if fault and left is None and number == fault.after_events:
            if fault.kind not in _DAMAGES:
                await _break(fault, wire, call)
                return
            frame = damage(frame, fault.kind)
        if fault and left is not None and len(frame) >= left:
            await wire.write(frame[:left])
            await _break(fault, wire, call)
            return
        await wire.write(frame)
        call.events_sent += 1
        left = None if left is None else left - len(frame)
    if fault and fault.kind not in _DAMAGES:
        await _break(fault, wire, call)


async def _break(fault: Fault, wire: Wire, call: Call) -> None:
    """Ends a stream in the scripted way."""
    match fault.kind:
        case "cut":
            await wire.cut()
        case "stall":
            await wire.pause(None)
        case "exception":
            type = fault.type or "InternalServerException"
            message = fault.message if fault.message is not None else WORDS.get(type[:1].upper() + type[1:], "")
            await _send_last(exception_frame(type, message, fault.members), wire, call)
        case "error":
            code = fault.type or "InternalFailure"
            await _send_last(error_frame(code, fault.message or "Internal failure"), wire, call)
        case "claude_error":
            error = {"type": fault.type or "overloaded_error", "message": fault.message or "Overloaded"}
            await _send_last(chunk({"type": "error", "error": error}), wire, call)


async def _send_last(frame: bytes, wire: Wire, call: Call) -> None:
    await wire.write(frame)
    call.events_sent += 1
