import asyncio
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.neutral.blocks import Reasoning
from proxy.storage.thoughts import ThoughtStore

SIGNED = [
    Reasoning("First I look.\n", "sig=="),
    Reasoning("", redacted="Ünread/able+"),
]
OTHER = [Reasoning("Then I act.", "other")]


class Clock:
    def __init__(self) -> None:
        self.time_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time_s


class Opener:
    """Opens stores on one clock, and closes them when the test is over."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.opened: list[ThoughtStore] = []

    async def __call__(
        self,
        path: Path | None,
        *,
        max_entries: int = 100,
        ttl_s: float = 60.0,
        max_bytes: int = 100_000,
        patience_s: float = 60.0,
    ) -> ThoughtStore:
        store = await ThoughtStore.open(
            path, max_entries=max_entries, ttl_s=ttl_s, max_bytes=max_bytes, now=self.clock, patience_s=patience_s
        )
        self.opened.append(store)
        return store


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    opener = Opener()
    yield opener
    for store in opener.opened:
        await store.aclose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "thoughts.db"


@pytest.fixture(params=["memory", "file, by who kept it", "file, by another"])
async def pair(request: pytest.FixtureRequest, opener: Opener, path: Path) -> tuple[ThoughtStore, ThoughtStore]:
    """One store to keep by and one to find by: with the same outcome, wherever the thoughts are."""
    if request.param == "memory":
        store = await opener(None, max_entries=3, max_bytes=3000)
        return store, store
    writer = await opener(path, max_entries=3, max_bytes=3000)
    return writer, (writer if request.param.endswith("kept it") else await opener(path, max_entries=3, max_bytes=3000))


Pair = tuple[ThoughtStore, ThoughtStore]


async def test_what_is_kept_is_found_under_each_of_its_ids(pair: Pair) -> None:
    writer, reader = pair
    await writer.keep("me", ["call_1", "call_2"], SIGNED)
    await writer.keep("me", ["call_3"], OTHER)
    found = await reader.find("me", ["call_3", "call_0", "call_2", "call_1", "call_2"])
    assert found == {"call_3": OTHER, "call_2": SIGNED, "call_1": SIGNED}
    assert list(found) == ["call_3", "call_2", "call_1"]
    assert found["call_1"] is found["call_2"]
    assert await reader.find("me", ["call_1"]) == {"call_1": SIGNED}
    assert await reader.find("me", []) == {}


async def test_thoughts_of_one_owner_are_never_given_to_another(pair: Pair) -> None:
    writer, reader = pair
    await writer.keep("me", ["call_1"], SIGNED)
    await writer.keep("", ["call_2"], OTHER)
    for owner, tool_use_id in [("you", "call_1"), ("", "call_1"), ("m", "ecall_1"), ("mecall_1", ""), ("me", "call_2")]:
        assert await reader.find(owner, [tool_use_id]) == {}
    assert await reader.find("", ["call_2"]) == {"call_2": OTHER}


async def test_the_same_id_again_takes_the_place_of_the_first(pair: Pair) -> None:
    writer, reader = pair
    await writer.keep("me", ["call_1", "call_2"], SIGNED)
    await writer.keep("me", ["call_1"], OTHER)
    assert await reader.find("me", ["call_1", "call_2"]) == {"call_1": OTHER, "call_2": SIGNED}


async def test_the_oldest_go_first_when_there_are_too_many(pair: Pair) -> None:
    writer, reader = pair
    for ids in (["call_0"], ["call_1", "call_2"], ["call_3"], ["call_4", "call_5"], ["call_6"]):
        await writer.keep("me", ids, SIGNED)
    found = await reader.find("me", [f"call_{number}" for number in range(7)])
    assert list(found) == ["call_3", "call_4", "call_5", "call_6"]


async def test_an_id_that_was_kept_again_goes_with_the_later_one(pair: Pair) -> None:
    writer, reader = pair
    for ids in (["call_0", "again"], ["again"], ["call_2"], ["call_3"]):
        await writer.keep("me", ids, SIGNED)
    assert list(await reader.find("me", ["call_0", "again", "call_2", "call_3"])) == ["again", "call_2", "call_3"]


@pytest.mark.parametrize(
    ("sizes", "left"), [([1400] * 4, [2, 3]), ([1000, 300, 300, 2200], [1, 2, 3]), ([9, 2900], [1])]
)
async def test_the_oldest_go_first_when_there_is_too_much(pair: Pair, sizes: list[int], left: list[int]) -> None:
    writer, reader = pair
    for number, size in enumerate(sizes):
        await writer.keep("me", [f"call_{number}"], [Reasoning("x" * size, "s")])
    found = await reader.find("me", [f"call_{number}" for number in range(len(sizes))])
    assert list(found) == [f"call_{number}" for number in left]


async def test_what_is_larger_than_all_there_is_room_for_pushes_nothing_out(pair: Pair) -> None:
    writer, reader = pair
    await writer.keep("me", ["call_1"], SIGNED)
    await writer.keep("me", ["call_2"], [Reasoning("x" * 3000, "s")])
    assert await reader.find("me", ["call_1", "call_2"]) == {"call_1": SIGNED}


async def test_it_expires(pair: Pair, opener: Opener) -> None:
    writer, reader = pair
    await writer.keep("me", ["call_1"], SIGNED)
    opener.clock.time_s += 59
    await writer.keep("me", ["call_2"], OTHER)
    assert list(await reader.find("me", ["call_1", "call_2"])) == ["call_1", "call_2"]
    opener.clock.time_s += 1
    # Finding it has not made it younger.
    assert list(await reader.find("me", ["call_1", "call_2"])) == ["call_2"]
    await writer.keep("me", ["call_3"], OTHER)
    assert list(await reader.find("me", ["call_1", "call_2", "call_3"])) == ["call_2", "call_3"]


async def test_nothing_is_kept_without_calls_or_without_thoughts(pair: Pair) -> None:
    writer, reader = pair
    await writer.keep("me", [], SIGNED)
    await writer.keep("me", ["call_1"], [])
    assert await reader.find("me", ["call_1"]) == {}


async def test_what_is_given_is_the_callers_own(pair: Pair) -> None:
    writer, reader = pair
    kept = [Reasoning("as it was", "s")]
    await writer.keep("me", ["call_1"], kept)
    kept[0].text = "changed"
    found = await reader.find("me", ["call_1"])
    found["call_1"][0].text = "changed"
    assert await reader.find("me", ["call_1"]) == {"call_1": [Reasoning("as it was", "s")]}


async def test_any_id_and_text(pair: Pair) -> None:
    writer, reader = pair
    ids = ["", "'; DROP TABLE calls; --", "é😀\u2028\0", "x" * 10_000]
    await writer.keep("'me\0", ids, SIGNED)
    assert await reader.find("'me\0", ids) == dict.fromkeys(ids, SIGNED)


async def test_many_ids_at_once(opener: Opener, path: Path) -> None:
    """More than SQLite's largest number of parameters in old versions: a long conversation has as many."""
    writer, reader = await opener(path), await opener(path)
    await writer.keep("me", ["call_1999"], OTHER)
    assert await reader.find("me", [f"call_{number}" for number in range(2000)]) == {"call_1999": OTHER}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path, data: bytes) -> None:
    """In place of what is there, and with nothing beside it."""
    path.parent.mkdir(exist_ok=True)
    for file in path.parent.iterdir():
        file.unlink()
    path.write_bytes(data)
    path.chmod(0o666)


def get(path: Path) -> bytes:
    return path.read_bytes()


def rows(path: Path) -> tuple[int, int]:
    db = sqlite3.connect(path)
    try:
        thoughts, calls = (db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("thoughts", "calls"))
        return thoughts, calls
    finally:
        db.close()


async def test_the_file_is_kept_small(opener: Opener, path: Path) -> None:
    one, other = await opener(path, max_entries=5), await opener(path, max_entries=5)
    for number in range(20):
        await (one, other)[number % 2].keep("me", [f"call_{number}", f"and_{number}"], SIGNED)
    assert rows(path) == (5, 10)
    opener.clock.time_s += 60
    await one.keep("me", ["call_20"], OTHER)
    assert rows(path) == (1, 1)
    # Numbers go on where they were, also in a file that was emptied.
    await other.keep("me", ["call_21"], OTHER)
    third = await opener(path)
    assert list(await third.find("me", ["call_0", "call_20", "call_21"])) == ["call_20", "call_21"]


async def test_bytes_are_counted_over_all_that_share_the_file(opener: Opener, path: Path) -> None:
    writers = [await opener(path, max_bytes=5000) for _ in range(3)]
    for number in range(12):
        await writers[number % 3].keep("me", [f"call_{number}"], [Reasoning("x" * 1000, "s")])
    reader = await opener(path)
    assert len(await reader.find("me", [f"call_{number}" for number in range(12)])) == 4


async def test_what_was_found_in_the_file_is_remembered(opener: Opener, path: Path) -> None:
    writer, reader = await opener(path), await opener(path)
    await writer.keep("me", ["call_1", "call_2"], SIGNED)
    await reader.find("me", ["call_1"])
    db = sqlite3.connect(path)
    with db:
        db.execute("DELETE FROM calls")
    db.close()
    assert await reader.find("me", ["call_1", "call_2"]) == {"call_1": SIGNED}


async def test_what_is_found_is_given_also_where_it_cannot_be_remembered(opener: Opener, path: Path) -> None:
    writer, reader = await opener(path), await opener(path, max_bytes=50)
    await writer.keep("me", ["call_1"], SIGNED)
    for _ in range(2):
        assert await reader.find("me", ["call_1"]) == {"call_1": SIGNED}


async def test_what_was_found_in_the_file_is_no_younger_for_it(opener: Opener, path: Path) -> None:
    writer, reader = await opener(path), await opener(path)
    await writer.keep("me", ["call_1"], SIGNED)
    opener.clock.time_s += 59
    assert await reader.find("me", ["call_1"]) == {"call_1": SIGNED}
    opener.clock.time_s += 1
    assert await reader.find("me", ["call_1"]) == {}


async def test_only_its_user_can_read_it(opener: Opener, path: Path) -> None:
    store = await opener(path)
    await store.keep("me", ["call_1"], SIGNED)
    assert mode(path.parent) == 0o700
    files = [*path.parent.iterdir()]
    assert path in files
    assert {mode(file) for file in files} == {0o600}


async def test_a_file_that_others_could_read_is_closed_to_them(opener: Opener, path: Path) -> None:
    put(path, b"")
    await opener(path)
    assert mode(path) == 0o600


async def test_the_file_names_neither_keys_nor_calls(opener: Opener, path: Path) -> None:
    store = await opener(path)
    await store.keep("the-owner", ["the-call"], SIGNED)
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"sig==" in data
    assert b"the-owner" not in data
    assert b"the-call" not in data


def test_processes_share_it(path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from proxy.neutral.blocks import Reasoning
from proxy.storage.thoughts import ThoughtStore

async def main():
    store = await ThoughtStore.open(Path(sys.argv[1]), max_entries=1000, ttl_s=60, patience_s=60)
    for number in range(20):
        await store.keep("me", [f"{sys.argv[2]}_{number}"], [Reasoning("t", "s" * 500)])
    await store.aclose()

asyncio.run(main())
"""
    root = Path(__file__).resolve().parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", script, path, str(number)], cwd=root, stderr=subprocess.PIPE)
        for number in range(3)
    ]
    assert [writer.communicate()[1] for writer in writers] == [b""] * 3
    db = sqlite3.connect(path)
    counted = db.execute("SELECT count(*), max(number), max(begins) FROM thoughts").fetchone()
    size = db.execute("SELECT length(blocks) FROM thoughts").fetchone()[0]
    db.close()
    assert counted == (60, 60, 59 * size)


async def test_the_event_loop_does_not_wait_for_the_file(opener: Opener, path: Path) -> None:
    store = await opener(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    keeping = asyncio.ensure_future(store.keep("me", ["call_1"], SIGNED))
    await asyncio.sleep(0)
    assert not keeping.done()
    assert await store.find("me", ["call_1"]) == {"call_1": SIGNED}
    db.execute("COMMIT")
    db.close()
    await keeping
    assert rows(path) == (1, 1)


async def test_memory_alone_needs_no_thread(opener: Opener) -> None:
    before = {thread.name for thread in threading.enumerate()}
    store = await opener(None)
    await store.keep("me", ["call_1"], SIGNED)
    assert await store.find("me", ["call_1", "call_2"]) == {"call_1": SIGNED}
    assert {thread.name for thread in threading.enumerate()} == before


async def goes_on_alone(store: ThoughtStore) -> bool:
    for number in range(3):
        await store.keep("me", [f"call_{number}"], SIGNED)
    return await store.find("me", ["call_1", "elsewhere"]) == {"call_1": SIGNED}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert "sig==" not in caplog.text
    assert "call_" not in caplog.text
    return [record.message.rpartition(" ")[2] for record in caplog.records if record.levelname == "WARNING"]


async def test_a_file_that_is_something_else(opener: Opener, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = b"No database, and of some length. " * 100
    put(path, text)
    assert await goes_on_alone(await opener(path))
    assert warnings(caplog) == ["SQLITE_NOTADB"]
    assert get(path) == text


async def test_a_file_of_another_make(opener: Opener, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE calls (id INTEGER); CREATE TABLE thoughts (id INTEGER);")
    db.close()
    assert await goes_on_alone(await opener(path))
    assert warnings(caplog) == ["SQLITE_ERROR"]


async def test_a_place_where_no_file_can_be_until_it_can(
    opener: Opener, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("a file where the directory should be")
    store = await opener(path)
    assert await goes_on_alone(store)
    assert warnings(caplog) == ["FileExistsError"]
    path.parent.unlink()
    await store.keep("me", ["call_9"], OTHER)
    assert await (await opener(path)).find("me", ["call_1", "call_9"]) == {"call_9": OTHER}
    assert len(warnings(caplog)) == 1


async def test_trouble_that_lasts_is_told_now_and_then(
    opener: Opener, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opener(path)
    db = sqlite3.connect(path)
    db.executescript("CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT RAISE(FAIL, 'full'); END")
    db.close()
    for told in (1, 1, 2, 2):
        # Looking goes well all the while.
        assert await goes_on_alone(store)
        assert warnings(caplog) == ["SQLITE_CONSTRAINT_TRIGGER"] * told
        opener.clock.time_s += 300


async def test_a_file_that_another_holds_for_too_long(
    opener: Opener, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opener(path, patience_s=0.01)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    await store.keep("me", ["call_1"], SIGNED)
    assert await store.find("me", ["call_1"]) == {"call_1": SIGNED}
    db.execute("ROLLBACK")
    db.close()
    assert len(warnings(caplog)) == 1


def test_a_full_disk(path: Path) -> None:
    """The largest size of a file that the process may write stands for the room on the disk."""
    script = """
import asyncio, logging, resource, sys
from pathlib import Path
from proxy.neutral.blocks import Reasoning
from proxy.storage.thoughts import ThoughtStore

async def main():
    logging.basicConfig(format="%(message)s")
    store = await ThoughtStore.open(Path(sys.argv[1]), max_entries=1000, ttl_s=60, patience_s=60)
    await store.keep("me", ["call_1"], [Reasoning("t", "first")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for number in range(2, 6):
        await store.keep("me", [f"call_{number}"], [Reasoning("t", "s" * 150_000)])
    print(len(await store.find("me", [f"call_{number}" for number in range(1, 6)])))
    await store.aclose()

asyncio.run(main())
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, path], cwd=root, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "5\n")
    assert done.stderr.count("Thinking cannot be shared between processes") == 1
    assert rows(path)[0] < 5


@pytest.mark.parametrize("blocks", [b"", b"{", b"\xff\xfe", b'[{"text": 1}]', b'{"text": "t"}', "[]", "text", 5, 1.5])
async def test_blocks_that_cannot_be_read_are_none(opener: Opener, path: Path, blocks: object) -> None:
    writer, reader = await opener(path), await opener(path)
    await writer.keep("me", ["call_1"], SIGNED)
    await writer.keep("me", ["call_2"], OTHER)
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE thoughts SET blocks = ? WHERE number = 1", (blocks,))
    db.close()
    assert await reader.find("me", ["call_1", "call_2"]) == {"call_2": OTHER}


async def test_a_damaged_file_breaks_no_request(opener: Opener, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = await ThoughtStore.open(path, max_entries=100, ttl_s=60, now=opener.clock)
    ids = [f"call_{number}" for number in range(30)]
    for tool_use_id in ids:
        await writer.keep("me", [tool_use_id], SIGNED * 5)
    await writer.aclose()
    whole = get(path)
    chance = random.Random(17)
    found = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 10, 300])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        put(path, damaged)
        store = await ThoughtStore.open(path, max_entries=20, ttl_s=60, now=opener.clock, patience_s=60)
        found.append(len(await store.find("me", ids)))
        assert await goes_on_alone(store)
        await store.aclose()
    assert {0, 30} < {*found}
    assert warnings(caplog)
