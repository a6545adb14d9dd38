"""Signatures of thinking blocks: made by the emulated Claude, and checked when a block comes back.

As with the real one, a block is taken back only as it was given, and by some models only behind the very conversation that
it was given in. The algorithm is an emulator's.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from proxy import jsonio

_BEGIN = b"emulator"
_UNBOUND = bytes(32)


def bind(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> bytes:
    """A digest of what stands in front of an answer: system, tools and these messages, cache marks apart."""
    content = [body.get("system") or "", body.get("tools") or [], list(messages)]
    return sha256(jsonio.encode(_unmarked(content))).digest()


def sign_thinking(text: str, bound_to: bytes = _UNBOUND) -> str:
    """The signature of a block with this text, which is empty for omitted thinking."""
    return b64encode(_BEGIN + sha256(text.encode()).digest() + bound_to).decode()


def is_signed(text: str, signature: str) -> bool:
    return _read(signature)[0] == sha256(text.encode()).digest()


def redact(bound_to: bytes) -> str:
    """The `data` of a redacted block."""
    return b64encode(_BEGIN + bound_to).decode()


def is_redacted(data: str) -> bool:
    """Was it made here?"""
    return _decoded(data).startswith(_BEGIN)


def is_bound(signature: str, bound_to: bytes) -> bool:
    """Was it given behind this conversation? Signatures that a script brought are not bound to any."""
    return _read(signature)[1] in (bound_to, _UNBOUND)


def sign_again(text: str, signature: str) -> str:
    """For a block that has been cut: bound to the same conversation."""
    return sign_thinking(text, _read(signature)[1] or _UNBOUND)


def _read(signature: str) -> tuple[bytes, bytes]:
    """The digests of the text and of the conversation; empty for what is no signature."""
    raw = _decoded(signature)
    if len(raw) != len(_BEGIN) + 64 or not raw.startswith(_BEGIN):
        return b"", b""
    return raw[len(_BEGIN) : -32], raw[-32:]


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value
