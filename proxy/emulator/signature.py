"""Signatures of thinking blocks: made by the emulated Claude, and checked when a block comes back.

As with the real one, a block is taken back only as it was given. The algorithm is an emulator's.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256


def sign_thinking(text: str) -> str:
    """The signature of a block with this text, which is empty for omitted thinking."""
    return b64encode(b"emulator" + sha256(text.encode()).digest() * 2).decode()


def is_signed(text: str, signature: str) -> bool:
    return signature == sign_thinking(text)
