"""Signed and redacted thinking, kept under the ids of the tool calls that it led to.

Models want it back when the results of the calls come, and stock OpenAI clients do not return it. Each process remembers
what it has kept itself; where several serve one port, a SQLite file tells the others. It is a convenience that is never
waited for long: what the file cannot do is logged and done without, and what is lost costs a model its train of thought, not
a client its answer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec

from proxy import jsonio
from proxy.neutral.blocks import Reasoning
from proxy.telemetry.logs import log

T = TypeVar("T")
_MOST_BYTES = 64 * 1024 * 1024
_PATIENCE_S = 1.0
_TELL_AGAIN_S = 600.0
_decode = msgspec.json.Decoder(list[Reasoning]).decode


@dataclass(slots=True, eq=False)
class _Thought:
    """What was kept at once."""

    keys: list[bytes]
    blocks: bytes
    kept_s: float
    """Since the epoch."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The oldest thoughts go first when one of these is passed."""

    entries: int
    bytes: int
    ttl_s: float


class ThoughtStore:
    """Use it from one event loop. An id names one call for ever: what is kept under it again takes the place of the first."""

    def __init__(self, file: _File | None, bounds: _Bounds, now: Callable[[], float], patience_s: float) -> None:
        self._memory = _Memory(bounds)
        self._file = file
        self._bounds = bounds
        self._now = now
        self._patience_s = patience_s
        # One thread of its own: a slow disk holds up nobody's name look-ups and files.
        self._thread = ThreadPoolExecutor(1, "thoughts")
        self._told_s: dict[str, float] = {}

    @classmethod
    async def open(
        cls,
        path: Path | None,
        *,
        max_entries: int,
        ttl_s: float,
        max_bytes: int = _MOST_BYTES,
        now: Callable[[], float] = time.time,
        patience_s: float = _PATIENCE_S,
    ) -> ThoughtStore:
        """`path` is the file that the processes of one server share, made if it is not there; None: memory alone.

        `max_entries` (answers) and `max_bytes` bound the file and each process's memory. `now` is in seconds since the epoch,
        since other processes read it too. No look into the file makes a request wait longer than `patience_s`.
        """
        bounds = _Bounds(max_entries, max_bytes, ttl_s)
        store = cls(_File(path, bounds, patience_s) if path is not None else None, bounds, now, patience_s)
        if store._file is not None:
            await store._in_thread(store._file.open, None)
        return store

    async def aclose(self) -> None:
        if self._file is not None:
            await self._in_thread(self._file.close, None)
        self._thread.shutdown(wait=False)

    async def keep(self, owner: str, tool_use_ids: Sequence[str], blocks: Sequence[Reasoning]) -> None:
        """Keeps the blocks under each of the ids, for this owner alone. When it returns, every process can find them."""
        if not tool_use_ids or not blocks:
            return
        keys = [_key(owner, tool_use_id) for tool_use_id in tool_use_ids]
        thought = _Thought(keys, jsonio.encode(blocks), self._now())
        if len(thought.blocks) > self._bounds.bytes:
            return
        self._memory.add(thought, thought.kept_s)
        if self._file is not None:
            file = self._file
            await self._in_thread(lambda: file.add(thought), None)

    async def find(self, owner: str, tool_use_ids: Sequence[str]) -> dict[str, list[Reasoning]]:
        """id -> blocks, for those ids that there are any of. Ids whose blocks were kept at once have the same list."""
        keys = {tool_use_id: _key(owner, tool_use_id) for tool_use_id in tool_use_ids}
        now = self._now()
        thoughts = self._memory.find(keys.values(), now)
        missing = [key for key in keys.values() if key not in thoughts]
        if missing and self._file is not None:
            file = self._file
            nothing: list[_Thought] = []
            for thought in await self._in_thread(lambda: file.find(missing, now), nothing):
                self._memory.add(thought, now)
                thoughts |= dict.fromkeys(thought.keys, thought)
        blocks = {thought: _read(thought.blocks) for thought in thoughts.values()}
        return {
            tool_use_id: found
            for tool_use_id, key in keys.items()
            if key in thoughts and (found := blocks[thoughts[key]])
        }

    async def _in_thread(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            # A timeout is an OSError, and the last is what Python makes of an error text that quotes a damaged file:
            # for that sake the texts are not logged.
            self._tell(getattr(error, "sqlite_errorname", type(error).__name__))
            return otherwise

    def _tell(self, trouble: str) -> None:
        """Not with every request."""
        now = self._now()
        if now >= self._told_s.get(trouble, -_TELL_AGAIN_S) + _TELL_AGAIN_S:
            self._told_s[trouble] = now
            log.warning("Thinking cannot be shared between processes, each goes on with its own: %s", trouble)


def _key(owner: str, tool_use_id: str) -> bytes:
    """Tells nothing of either, so that the file holds no names."""
    return blake2b(f"{len(owner)}:{owner}{tool_use_id}".encode(), digest_size=16).digest()


def _read(blocks: bytes) -> list[Reasoning]:
    """Each call gives new ones, which are the caller's own. Nothing for what a damaged file gave."""
    try:
        return _decode(blocks)
    except jsonio.UNREADABLE:
        return []


class _Memory:
    """What this process has kept, or has found in the file."""

    def __init__(self, bounds: _Bounds) -> None:
        self._bounds = bounds
        self._thoughts: dict[bytes, _Thought] = {}
        self._order: deque[_Thought] = deque()
        self._bytes = 0

    def add(self, thought: _Thought, now: float) -> None:
        self._thoughts |= dict.fromkeys(thought.keys, thought)
        self._order.append(thought)
        self._bytes += len(thought.blocks)
        while self._is_too_much(now):
            oldest = self._order.popleft()
            self._bytes -= len(oldest.blocks)
            for key in oldest.keys:
                if self._thoughts.get(key) is oldest:
                    del self._thoughts[key]

    def _is_too_much(self, now: float) -> bool:
        bounds = self._bounds
        return bool(self._order) and (
            len(self._order) > bounds.entries
            or self._bytes > bounds.bytes
            or self._order[0].kept_s <= now - bounds.ttl_s
        )

    def find(self, keys: Iterable[bytes], now: float) -> dict[bytes, _Thought]:
        oldest_s = now - self._bounds.ttl_s
        found = {key: self._thoughts[key] for key in keys if key in self._thoughts}
        return {key: thought for key, thought in found.items() if thought.kept_s > oldest_s}


class _File:
    """What all processes have kept. Used in one thread; raises `sqlite3.Error`, and `OSError` where it cannot be made."""

    def __init__(self, path: Path, bounds: _Bounds, patience_s: float) -> None:
        self._path = path
        self._bounds = bounds
        self._patience_s = patience_s
        self._db: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Tried again at each use until it succeeds."""
        if self._db is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the files that it puts beside this one the same mode.
            self._path.touch(0o600)
            self._path.chmod(0o600)
            db = sqlite3.connect(self._path, timeout=self._patience_s, isolation_level="IMMEDIATE")
            try:
                db.executescript(_SCHEMA)
            except sqlite3.Error:
                db.close()
                raise
            self._db = db
        return self._db

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

    def add(self, thought: _Thought) -> None:
        db, bounds = self.open(), self._bounds
        with db:
            number = db.execute(_INSERT, (thought.kept_s, thought.blocks)).lastrowid
            db.executemany(
                "INSERT OR REPLACE INTO calls (key, number) VALUES (?, ?)", [(key, number) for key in thought.keys]
            )
            db.execute(_TRIM, (number, bounds.entries, number, bounds.bytes, thought.kept_s - bounds.ttl_s))
            db.execute("DELETE FROM calls WHERE number < (SELECT min(number) FROM thoughts)")

    def find(self, keys: Iterable[bytes], now: float) -> list[_Thought]:
        db, oldest_s = self.open(), now - self._bounds.ttl_s
        found: dict[int, _Thought] = {}
        for key in keys:
            for number, kept_s, blocks in db.execute(_FIND, (key, oldest_s)):
                found.setdefault(number, _Thought([], blocks, kept_s)).keys.append(key)
        return [*found.values()]


_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS thoughts (
    number INTEGER PRIMARY KEY,  -- in the order kept
    begins INTEGER NOT NULL,     -- the bytes of all thoughts before it, those since deleted included
    kept_s REAL NOT NULL,
    blocks BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY,
    number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_number ON calls (number);
"""

_INSERT = """
INSERT INTO thoughts (begins, kept_s, blocks) VALUES (
    coalesce((SELECT begins + length(blocks) FROM thoughts ORDER BY number DESC LIMIT 1), 0), ?, ?
)
"""

_TRIM = """
DELETE FROM thoughts WHERE number < (
    SELECT number FROM thoughts
    WHERE number > ? - ?
      AND begins >= (SELECT begins + length(blocks) FROM thoughts WHERE number = ?) - ?
      AND kept_s > ?
    ORDER BY number LIMIT 1
)
"""
"""Everything before the first that may stay: it reads no more than it deletes."""

_FIND = """
SELECT number, kept_s, blocks FROM calls JOIN thoughts USING (number)
WHERE key = ? AND kept_s > ? AND typeof(kept_s) = 'real' AND typeof(blocks) = 'blob'
"""
"""The types are asked for because a damaged file can hold others."""
