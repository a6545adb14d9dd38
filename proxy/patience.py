"""A time limit for each of many short waits, at the price of one timer.

`asyncio.Timeout.reschedule` takes a timer off the loop and puts another on, for every network read of a stream: with one
token a read, 6 % of all the work. Here the timer stands, and looks when it rings whether it should have been moved.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType


class Patience:
    """Enter it, then `wait_until` before each wait and `rest` behind it. It leaves with `TimeoutError`."""

    __slots__ = ("_end_s", "_handle", "_has_rung", "_loop", "_timeout")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._end_s = math.inf
        self._handle: asyncio.TimerHandle | None = None
        self._has_rung = False

    def wait_until(self, end_s: float) -> None:
        """`end_s`: on the loop's clock."""
        self._end_s = end_s
        if self._handle is None or end_s < self._handle.when():
            self._set()

    def rest(self) -> None:
        """What happens now may take any time."""
        self._end_s = math.inf
        if self._has_rung:
            # It came in the same moment as what was waited for.
            self._has_rung = False
            self._timeout.reschedule(None)

    async def __aenter__(self) -> Patience:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _set(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self._end_s, self._ring)

    def _ring(self) -> None:
        self._handle = None
        if self._end_s <= self._loop.time():
            self._has_rung = True
            self._timeout.reschedule(self._end_s)
        elif self._end_s < math.inf:
            self._set()
