"""What a script does to the wire, seen from a client: frames, pace and faults."""

import asyncio

import aiohttp
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, InvalidPayloadLength

from proxy import jsonio
from proxy.emulator.stream import chunk, damage, error_frame, exception_frame

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi there"}],
}
EVENTS = 11  # of the stream that answers BODY


def decode(data):
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def test_a_chunk_of_a_llama():
    """The frame of AWS's own example, whose padding is as long as chance had it there."""
    event = {"generation": "Hi", "prompt_token_count": 12, "generation_token_count": 1, "stop_reason": None}
    (frame,) = decode(chunk(event))
    assert frame.headers == {
        ":event-type": "chunk",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    payload = jsonio.decode(frame.payload)
    assert payload["bytes"] == (
        "eyJnZW5lcmF0aW9uIjoiSGkiLCJwcm9tcHRfdG9rZW5fY291bnQiOjEyLCJnZW5lcmF0aW9uX3Rva2VuX2NvdW50IjoxLCJzdG9wX3JlYXNv"
        "biI6bnVsbH0="
    )
    assert "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".startswith(payload["p"])
    assert chunk(event) == chunk(event)


def test_the_padding_varies():
    lengths = {len(jsonio.decode(decode(chunk({"n": n}))[0].payload)["p"]) for n in range(200)}
    assert len(lengths) > 40


def test_an_exception_frame_is_bedrocks_byte_for_byte():
    message = "Too many requests, please wait before trying again."
    assert exception_frame("ThrottlingException", message, {}) == bytes.fromhex(
        "000000b2000000613590d5d30f3a657863657074696f6e2d747970650700137468726f74746c696e6745786365"
        "7074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d65737361"
        "67652d74797065070009657863657074696f6e7b226d657373616765223a22546f6f206d616e79207265717565"
        "7374732c20706c656173652077616974206265666f726520747279696e6720616761696e2e227de8ffb26a"
    )


def test_an_error_frame_has_no_payload():
    (frame,) = decode(error_frame("InternalFailure", "Oh"))
    assert frame.headers == {":error-code": "InternalFailure", ":error-message": "Oh", ":message-type": "error"}
    assert frame.payload == b""


@pytest.mark.parametrize(("kind", "error"), [("bad_crc", ChecksumMismatch), ("bad_length", InvalidPayloadLength)])
def test_damage_is_seen(kind, error):
    with pytest.raises(error):
        decode(damage(chunk({"a": 1}), kind))


async def test_a_stream_as_it_should_be(client):
    answer = await client.invoke(CLAUDE, BODY, stream=True)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert answer.headers["x-amzn-bedrock-content-type"] == "application/json"
    assert "content-length" not in answer.headers
    assert [event["type"] for event in answer.events][-1] == "message_stop"
    assert len(answer.chunks) == len(answer.events) == EVENTS
    call = client.last_call
    assert (call.events_sent, call.bytes_sent, call.hung_up) == (EVENTS, len(answer.body), False)


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
async def test_split_cuts_the_body_into_chunks_of_its_own(client, size):
    whole = await client.invoke(CLAUDE, BODY, stream=True)
    answer = await client.invoke(CLAUDE, BODY, {"split": size}, stream=True)
    assert answer.body == whole.body
    assert {len(part) for part in answer.chunks[:-1]} <= {size}
    assert len(answer.chunks) == -(-len(whole.body) // size)


async def test_split_cuts_a_plain_answer_too(client):
    answer = await client.invoke(CLAUDE, BODY, {"split": 10})
    assert answer.json["stop_reason"] == "end_turn"


@pytest.mark.parametrize("sent", [0, 1, 5, EVENTS, 99])
@pytest.mark.parametrize(
    ("fault", "headers", "payload"),
    [
        (
            {"kind": "exception", "type": "throttlingException"},
            {":exception-type": "throttlingException", ":message-type": "exception"},
            {"message": "Too many requests, please wait before trying again."},
        ),
        (
            {
                "kind": "exception",
                "type": "ModelStreamErrorException",
                "message": "m",
                "members": {"originalStatusCode": 503},
            },
            {":exception-type": "modelStreamErrorException", ":message-type": "exception"},
            {"message": "m", "originalStatusCode": 503},
        ),
        (
            {"kind": "exception"},
            {":exception-type": "internalServerException", ":message-type": "exception"},
            {"message": "The system encountered an unexpected error during processing. Try again later."},
        ),
        ({"kind": "error", "type": "Oops"}, {":error-code": "Oops", ":message-type": "error"}, None),
    ],
)
async def test_an_error_frame_after_so_many_events(client, fault, headers, payload, sent):
    answer = await client.invoke(CLAUDE, BODY, {"fault": fault | {"after_events": sent}}, stream=True)
    assert answer.is_whole
    *before, last = answer.frames
    assert len(before) == min(sent, EVENTS)
    assert last.headers.items() >= headers.items()
    assert last.payload == (jsonio.encode(payload) if payload else b"")
    assert client.last_call.fault == fault["kind"]


async def test_claudes_own_error_event(client):
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": "claude_error", "after_events": 4}}, stream=True)
    assert answer.events[4:] == [{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]
    api_error = {"kind": "claude_error", "type": "api_error", "message": "Oh"}
    answer = await client.invoke(CLAUDE, BODY, {"fault": api_error}, stream=True)
    assert answer.events == [{"type": "error", "error": {"type": "api_error", "message": "Oh"}}]


@pytest.mark.parametrize(("kind", "is_whole"), [("cut", False), ("end", True)])
@pytest.mark.parametrize("sent", [0, 3])
async def test_a_stream_that_stops_too_early(client, kind, is_whole, sent):
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": kind, "after_events": sent}}, stream=True)
    assert answer.status == 200
    assert answer.is_whole is is_whole
    assert len(answer.events) == sent
    assert not client.last_call.hung_up


@pytest.mark.parametrize(("kind", "is_whole"), [("cut", False), ("end", True)])
async def test_a_stream_that_stops_within_a_frame(client, kind, is_whole):
    whole = await client.invoke(CLAUDE, BODY, stream=True)
    size = len(whole.chunks[0]) + 5
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": kind, "after_bytes": size}}, stream=True)
    assert answer.body == whole.body[:size]
    assert answer.is_whole is is_whole
    assert client.last_call.bytes_sent == size


@pytest.mark.parametrize("kind", ["bad_crc", "bad_length", "bad_json"])
async def test_one_damaged_frame(client, kind):
    whole = await client.invoke(CLAUDE, BODY, stream=True)
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": kind, "after_events": 2}}, stream=True)
    assert answer.chunks[2] == damage(whole.chunks[2], kind)
    assert answer.chunks[:2] + answer.chunks[3:] == whole.chunks[:2] + whole.chunks[3:]


async def test_bad_json_is_a_whole_frame_all_the_same(client):
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": "bad_json"}}, stream=True)
    with pytest.raises(ValueError, match="truncated"):
        jsonio.decode(answer.frames[0].payload)


async def test_a_cut_plain_answer(client):
    answer = await client.invoke(CLAUDE, BODY, {"fault": {"kind": "cut", "after_bytes": 20}})
    assert (answer.status, answer.is_whole, len(answer.body)) == (200, False, 20)


@pytest.mark.parametrize("stream", [True, False])
async def test_no_response_at_all(client, stream):
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.invoke(CLAUDE, BODY, {"fault": {"kind": "no_response"}}, stream=stream)
    assert client.last_call.status is None
    assert not client.last_call.hung_up
    assert client.server.app.calls.open == 0


async def open_stream(client, script, operation="invoke-with-response-stream"):
    """The response, of which only the head has been read."""
    return await client.session.post(
        f"{client.server.url}/model/{CLAUDE}/{operation}",
        data=jsonio.encode(BODY),
        headers={
            "authorization": "Bearer bedrock-api-key-emulator",
            "x-emulator-script": jsonio.encode(script).decode(),
        },
    )


async def test_a_stall_lasts_until_the_client_leaves(client):
    calls = client.server.app.calls
    response = await open_stream(client, {"fault": {"kind": "stall", "after_events": 3}})
    assert len(await read_frames(response, 3)) == 3
    assert (calls.open, calls.hung_up) == (1, 0)
    response.close()
    assert await calls.wait_until(lambda: calls.open == 0, timeout_s=10)
    assert calls.hung_up == 1
    assert (client.last_call.hung_up, client.last_call.events_sent) == (True, 3)


async def read_frames(response, count):
    buffer = EventStreamBuffer()
    frames = []
    while len(frames) < count:
        part, _ = await response.content.readchunk()
        buffer.add_data(part)
        frames += buffer
    return frames


@pytest.mark.parametrize(
    ("script", "sent"),
    [({"first_event_ms": 3_600_000}, 0), ({"gap_ms": 3_600_000}, 1), ({"gap_ms": 3_600_000, "split": 10}, 1)],
)
async def test_a_hang_up_ends_a_wait_at_once(client, script, sent):
    calls = client.server.app.calls
    response = await open_stream(client, script)
    await read_frames(response, sent)
    assert calls.open == 1
    response.close()
    assert await calls.wait_until(lambda: calls.open == 0, timeout_s=10)
    assert (client.last_call.hung_up, client.last_call.events_sent) == (True, sent)


async def test_a_hang_up_before_the_status_line(client):
    calls = client.server.app.calls
    waiting = asyncio.create_task(open_stream(client, {"delay_ms": 3_600_000}, "invoke"))
    assert await calls.wait_until(lambda: calls.open == 1, timeout_s=10)
    waiting.cancel()
    assert await calls.wait_until(lambda: calls.open == 0, timeout_s=10)
    assert (client.last_call.hung_up, client.last_call.status) == (True, None)


async def test_delays_are_kept(client):
    clock = asyncio.get_running_loop()
    started = clock.time()
    script = {"delay_ms": 30, "first_event_ms": 30, "gap_ms": 5}
    answer = await client.invoke(CLAUDE, BODY, script, stream=True)
    # The least that it may take: nothing here fails when it takes longer.
    assert clock.time() - started >= 0.06 + 0.005 * (EVENTS - 1) - 0.01
    assert len(answer.events) == EVENTS


async def test_many_streams_at_once(client):
    calls = client.server.app.calls
    script = {"fault": {"kind": "stall", "after_events": EVENTS}}
    responses = await asyncio.gather(*(open_stream(client, script) for _ in range(90)))
    for response in responses:
        assert len(await read_frames(response, EVENTS)) == EVENTS
    assert (calls.open, calls.hung_up, calls.total) == (90, 0, 90)
    for response in responses:
        response.close()
    assert await calls.wait_until(lambda: calls.open == 0, timeout_s=10)
    assert calls.hung_up == 90


async def test_events_are_sent_as_scripted(client):
    events = [{"type": "ping"}, {"anything": [1, None]}]
    answer = await client.invoke(CLAUDE, BODY, {"events": events}, stream=True)
    assert answer.events == events


@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
async def test_every_count_agrees(client, model):
    body = BODY if model == CLAUDE else {"prompt": "Hi there\n\n"}
    plain = await client.invoke(model, body)
    usage = plain.json.get("usage") or {
        "input_tokens": plain.json["prompt_token_count"],
        "output_tokens": plain.json["generation_token_count"],
    }
    streamed = (await client.invoke(model, body, stream=True)).events
    metrics = streamed[-1]["amazon-bedrock-invocationMetrics"]
    counted = (usage["input_tokens"], usage["output_tokens"])
    assert counted == (metrics["inputTokenCount"], metrics["outputTokenCount"])
    names = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
    assert counted == tuple(int(plain.headers[name]) for name in names)
    if model == CLAUDE:
        assert counted == (streamed[0]["message"]["usage"]["input_tokens"], streamed[-2]["usage"]["output_tokens"])
    else:
        assert counted == (streamed[0]["prompt_token_count"], streamed[-1]["generation_token_count"])
