"""Server-Sent Events, bytes only: one `data:` line and an empty line an event, and nothing that a client could trip on.

Known clients fail on `event:` lines without data, on `id:` and `retry:` lines, and one on comments that begin with `ping`.
"""

from __future__ import annotations

from proxy import jsonio

DONE = b"data: [DONE]\n\n"


def comment(text: str) -> bytes:
    """What people and logs see, and clients pass over. `text`: one line of ASCII."""
    return b": %b\n\n" % text.encode("ascii")


KEEPALIVE = comment("keepalive")


def data(value: object) -> bytes:
    return b"data: %b\n\n" % jsonio.encode(value)
