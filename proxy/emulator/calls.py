"""The emulator's memory: every call it has answered, for tests to look at."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

MAX_BODY = 250_000
"""A longer request body is remembered by its size alone."""


class Call(msgspec.Struct, kw_only=True):
    """One call, from its first byte to its last."""

    number: int
    method: str
    path: str
    operation: str = ""
    model_id: str | None = None
    """As the client named it, decoded."""
    model: str | None = None
    """The foundation model that it led to."""
    region: str | None = None
    headers: dict[str, str]
    """Without signatures, tokens and keys."""
    body: Any = None
    request_id: str
    status: int | None = None
    """What was answered; null while it is not, and for a connection closed without an answer."""
    error: str | None = None
    """The exception's name, when the call was refused."""
    faults: list[str] = []
    """What is wrong with a Llama prompt, in words."""
    fault: str | None = None
    """The scripted fault that was played."""
    events_sent: int = 0
    bytes_sent: int = 0
    is_open: bool = True
    hung_up: bool = False
    """The client left before the answer was complete."""


class Calls:
    """The last calls, oldest first, and exact counts of all."""

    def __init__(self, size: int) -> None:
        self._calls: deque[Call] = deque(maxlen=size)
        self._waiting: set[asyncio.Event] = set()
        self.total = 0
        self.open = 0
        self.hung_up = 0

    def __iter__(self) -> Any:
        return iter(self._calls)

    def begin(self, call: Call) -> None:
        self._calls.append(call)
        self.total += 1
        self.open += 1
        self._tell()

    def end(self, call: Call) -> None:
        call.is_open = False
        self.open -= 1
        self.hung_up += call.hung_up
        self._tell()

    def clear(self) -> None:
        """Forgets all calls but those still open."""
        still_open = [call for call in self._calls if call.is_open]
        self._calls.clear()
        self._calls.extend(still_open)
        self.total = len(still_open)
        self.hung_up = 0

    def report(self) -> dict[str, Any]:
        return {"calls": list(self._calls), "total": self.total, "open": self.open, "hung_up": self.hung_up}

    async def wait_until(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        """Waits for calls to begin or end until `is_so`; False when that took too long."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not is_so():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(changed)
        return True

    def _tell(self) -> None:
        for changed in self._waiting:
            changed.set()


def without_secrets(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Header values as they may be shown: who signed, for which scope, over which headers, but no signature."""
    shown = {}
    for name, value in headers:
        if name == "authorization":
            scheme, signature, _ = value.partition("Signature=")
            value = f"{scheme}{signature}***" if signature else "Bearer ***" if value.startswith("Bearer ") else "***"
        elif name == "x-amz-security-token":
            value = "***"
        shown[name] = value
    return shown
