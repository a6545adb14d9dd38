from datetime import UTC, datetime, timedelta

import pytest

from proxy.emulator.cache import Counts, Piece, PromptCache
from proxy.emulator.claude_input import count_input, pieces
from proxy.emulator.models import Model
from proxy.emulator.settings import Settings

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
MODEL = Model("m", "claude", cache_points=("messages",), cache_ttls=("5m", "1h"), min_cache_tokens=100)
OTHER = Model("o", "claude", cache_points=("messages",), min_cache_tokens=100)
UNCACHED = Model("u", "claude", min_cache_tokens=100)
LONG = "word " * 1500
MARK = {"type": "ephemeral"}


class Clock:
    def __init__(self):
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.time

    def forward(self, **delta):
        self.time += timedelta(**delta)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return PromptCache(10, clock)


def row(*parts):
    """`"a5m"` is a piece of 100 tokens that holds `a`, with a mark of five minutes behind it."""
    return [Piece(part[0].encode(), 100, part[1:]) for part in parts]


def test_the_first_time_it_is_written_later_it_is_read(cache):
    assert cache.account(row("a", "b5m", "c"), MODEL) == Counts(fresh=100, read=0, written=200)
    assert cache.account(row("a", "b5m", "d"), MODEL) == Counts(fresh=100, read=200, written=0)


def test_without_a_mark_nothing_is_read(cache):
    cache.account(row("a", "b5m"), MODEL)
    assert cache.account(row("a", "b", "c"), MODEL) == Counts(fresh=300)


def test_a_later_mark_writes_what_is_new(cache):
    cache.account(row("a", "b5m"), MODEL)
    assert cache.account(row("a", "b", "c", "d5m", "e"), MODEL) == Counts(fresh=100, read=200, written=200)


def test_another_beginning_is_another_prompt(cache):
    cache.account(row("a", "b5m"), MODEL)
    assert cache.account(row("x", "b5m"), MODEL) == Counts(fresh=0, written=200)


def test_each_model_has_its_own(cache):
    cache.account(row("a5m"), MODEL)
    assert cache.account(row("a5m"), OTHER) == Counts(fresh=0, written=100)


def test_a_model_without_caching_ignores_marks(cache):
    assert cache.account(row("a5m"), UNCACHED) == Counts(fresh=100)


def test_too_short_a_beginning_is_not_cached(cache):
    short = [Piece(b"a", 99, "5m")]
    assert cache.account(short, MODEL) == Counts(fresh=99)
    assert cache.account(short, MODEL) == Counts(fresh=99)


@pytest.mark.parametrize(
    ("ttl", "minutes", "is_there"), [("5m", 4.9, True), ("5m", 5, False), ("1h", 59, True), ("1h", 60, False)]
)
def test_it_is_kept_as_long_as_the_mark_says(cache, clock, ttl, minutes, is_there):
    cache.account(row(f"a{ttl}"), MODEL)
    clock.forward(minutes=minutes)
    counts = cache.account(row(f"a{ttl}"), MODEL)
    assert (counts.read, counts.written) == ((100, 0) if is_there else (0, 100))


def test_every_use_keeps_it_for_longer(cache, clock):
    cache.account(row("a5m"), MODEL)
    for _ in range(3):
        clock.forward(minutes=4)
        assert cache.account(row("a5m"), MODEL).read == 100


def test_an_hour_is_counted_apart(cache):
    assert cache.account(row("a1h", "b", "c5m"), MODEL) == Counts(fresh=0, written=300, written_1h=100)


def test_it_looks_back_20_pieces(cache):
    cache.account(row("a5m"), MODEL)
    letters = [chr(ord("b") + number) for number in range(20)]
    assert cache.account(row("a", *letters[:19], "z5m"), MODEL).read == 100
    assert cache.account(row("a", *letters, "z5m"), MODEL).read == 0


def test_the_longest_known_beginning_is_read(cache):
    cache.account(row("a5m", "b5m", "c"), MODEL)
    assert cache.account(row("a5m", "b5m", "d5m"), MODEL) == Counts(fresh=0, read=200, written=100)
    assert cache.account(row("a5m", "x5m"), MODEL) == Counts(fresh=0, read=100, written=100)


def test_only_the_last_used_are_kept(clock):
    cache = PromptCache(2, clock)
    for part in ("a5m", "b5m", "a5m", "c5m"):
        cache.account(row(part), MODEL)
    assert [cache.account(row(part), MODEL).read for part in ("a5m", "c5m", "b5m")] == [100, 100, 0]
    cache.clear()
    assert cache.account(row("b5m"), MODEL).read == 0


def test_the_pieces_of_a_body():
    body = {
        "tools": [{"name": "now", "input_schema": {}}, {"name": "then", "input_schema": {}, "cache_control": MARK}],
        "system": [
            {"type": "text", "text": "a", "cache_control": {**MARK, "ttl": "1h"}},
            {"type": "text", "text": "b"},
        ],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": []},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "text", "text": "x", "cache_control": MARK}],
                    }
                ],
            },
        ],
    }
    found = pieces(body)
    assert [piece.ttl for piece in found] == ["", "5m", "1h", "", "", "", "5m"]
    assert sum(piece.tokens for piece in found) == count_input(body)


def test_marks_are_no_part_of_what_is_kept():
    def contents(mark):
        result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x", **mark}]}
        message = {"role": "user", "content": [{"type": "text", "text": "a", **mark}, result]}
        return [(piece.content, piece.tokens) for piece in pieces({"messages": [message]})]

    assert contents({}) == contents({"cache_control": MARK})


async def test_claude_counts_its_cache_in_body_headers_and_metrics(client):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 10,
        "system": [{"type": "text", "text": LONG, "cache_control": {**MARK, "ttl": "1h"}}],
        "messages": [{"role": "user", "content": "Hi"}],
    }
    first = await client.invoke(SONNET, body)
    written = first.json["usage"]["cache_creation_input_tokens"]
    assert written > 1500
    assert first.json["usage"] | {"output_tokens": 0} == {
        "input_tokens": 5,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written},
        "output_tokens": 0,
    }
    assert first.headers["x-amzn-bedrock-input-token-count"] == "5"
    assert first.headers["x-amzn-bedrock-cache-write-input-token-count"] == str(written)
    second = await client.invoke(SONNET, body, stream=True)
    start, *_, stop = second.events
    assert start["message"]["usage"]["cache_read_input_tokens"] == written
    metrics = stop["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["cacheReadInputTokenCount"]) == (5, written)
    assert metrics["cacheWriteInputTokenCount"] == 0


@pytest.mark.parametrize("model", [SONNET, NOVA])
async def test_converse_counts_its_cache(start, clock, model):
    def usage(answer):
        return {name: value for name, value in answer.json["usage"].items() if value}

    # The bearer key has no time in it, so the clock may be anywhere.
    client = await start(Settings(now=clock))
    body = {
        "system": [{"text": LONG}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    first = usage(await client.converse(model, body))
    written = first["cacheWriteInputTokens"]
    assert first == {
        "inputTokens": 5,
        "outputTokens": 4,
        "cacheWriteInputTokens": written,
        "cacheWriteInputTokenCount": written,
        "cacheDetails": [{"inputTokens": written, "ttl": "5m"}],
        "totalTokens": 9 + written,
    }
    clock.forward(minutes=1)
    second = usage(await client.converse(model, body))
    assert (second["cacheReadInputTokens"], second["totalTokens"]) == (written, 9 + written)
    assert "cacheWriteInputTokens" not in second
    await client.request("DELETE", "/_emulator/calls")
    assert "cacheReadInputTokens" not in usage(await client.converse(model, body))
