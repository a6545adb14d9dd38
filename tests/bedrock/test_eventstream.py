import base64
from binascii import crc32
from collections.abc import Iterable
from pathlib import Path
from struct import pack

import pytest
from botocore.eventstream import EventStreamBuffer, ParserError

from proxy import jsonio
from proxy.bedrock.eventstream import BrokenStream, Decoder, Frame, encode_frame

RECORDINGS = Path(__file__).parents[2] / "../shared/recordings/bedrock"
MAX_HEADERS, MAX_PAYLOAD = 131_072, 25_165_824

# A chunk of Llama's: its payload is base64 in JSON, with padding beside it.
CHUNK = (
    bytes.fromhex(
        "000000ea"
        "0000004b"
        "e648980f"
        "0b3a6576656e742d747970650700056368756e6b"
        "0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
        "0d3a6d6573736167652d747970650700056576656e74"
    )
    + b'{"bytes":"eyJnZW5lcmF0aW9uIjoiSGkiLCJwcm9tcHRfdG9rZW5fY291bnQiOjEyLCJnZW5lcmF0aW9uX3Rva2VuX2NvdW50IjoxLCJz'
    b'dG9wX3JlYXNvbiI6bnVsbH0=","p":"abcd"}' + bytes.fromhex("4e787737")
)
CHUNK_HEADERS = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}

EXCEPTION = bytes.fromhex(
    "000000b2000000613590d5d30f3a657863657074696f6e2d747970650700137468726f74746c696e6745786365"
    "7074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d65737361"
    "67652d74797065070009657863657074696f6e7b226d657373616765223a22546f6f206d616e79207265717565"
    "7374732c20706c656173652077616974206265666f726520747279696e6720616761696e2e227de8ffb26a"
)


def build(headers: bytes, payload: bytes = b"", *, total: int | None = None, headers_size: int | None = None) -> bytes:
    """A frame with right CRCs around whatever it is given."""
    lengths = pack(
        ">II",
        len(headers) + len(payload) + 16 if total is None else total,
        len(headers) if headers_size is None else headers_size,
    )
    message = lengths + pack(">I", crc32(lengths)) + headers + payload
    return message + pack(">I", crc32(message))


def decode(pieces: Iterable[bytes]) -> list[Frame]:
    decoder = Decoder()
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    decoder.close()
    return frames


def by_botocore(data: bytes) -> list[Frame]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [
        Frame({name: value for name, value in event.headers.items() if isinstance(value, str)}, event.payload)
        for event in buffer
    ]


def recorded() -> dict[str, bytes]:
    """Every event stream among the recordings."""
    streams = {}
    for path in sorted(RECORDINGS.glob("*.json")):
        for number, exchange in enumerate(jsonio.decode(path.read_bytes())):
            if text := exchange["response"].get("body_base64"):
                streams[f"{path.stem}-{number}"] = base64.b64decode(text)
    return streams


RECORDED = recorded()


def test_a_chunk() -> None:
    [frame] = decode([CHUNK])
    assert frame.headers == CHUNK_HEADERS
    payload = jsonio.decode(frame.payload)
    assert payload["p"] == "abcd"
    assert jsonio.decode(base64.b64decode(payload["bytes"])) == {
        "generation": "Hi",
        "prompt_token_count": 12,
        "generation_token_count": 1,
        "stop_reason": None,
    }
    assert encode_frame(CHUNK_HEADERS.items(), frame.payload) == CHUNK


def test_an_exception() -> None:
    [frame] = decode([EXCEPTION])
    assert frame.headers == {
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert jsonio.decode(frame.payload) == {"message": "Too many requests, please wait before trying again."}
    assert encode_frame(frame.headers.items(), frame.payload) == EXCEPTION


def test_two_frames_however_they_are_split() -> None:
    data = CHUNK + EXCEPTION
    whole = decode([data])
    assert [frame.headers[":message-type"] for frame in whole] == ["event", "exception"]
    for at in range(len(data) + 1):
        assert decode([data[:at], data[at:]]) == whole
    for size in (1, 2, 7, 11, 12, 13):
        assert decode(data[at : at + size] for at in range(0, len(data), size)) == whole


def test_a_frame_is_given_as_soon_as_it_is_whole() -> None:
    decoder = Decoder()
    assert decoder.feed(CHUNK[:-1]) == []
    assert len(decoder.feed(CHUNK[-1:] + EXCEPTION[:-1])) == 1
    assert decoder.feed(b"") == []
    assert len(decoder.feed(EXCEPTION[-1:])) == 1


@pytest.mark.skipif(not RECORDED, reason="the recordings of real traffic are not beside this checkout")
def test_recordings_however_they_are_split() -> None:
    for name, data in RECORDED.items():
        whole = decode([data])
        assert whole, name
        assert whole == by_botocore(data), name
        assert whole == decode(data[at : at + 1] for at in range(len(data))), name
        for at in range(len(data)):
            assert whole == decode([data[:at], data[at:]]), (name, at)


@pytest.mark.skipif(not RECORDED, reason="the recordings of real traffic are not beside this checkout")
def test_recordings_are_written_again_as_they_were() -> None:
    for name, data in RECORDED.items():
        assert b"".join(encode_frame(frame.headers.items(), frame.payload) for frame in decode([data])) == data, name


def name_of(kind: int) -> bytes:
    return b"\x01" + bytes([97 + kind])


VALUES = {
    # type byte -> value as on the wire (AWS event stream encoding).
    0: b"",
    1: b"",
    2: b"\x80",
    3: b"\x80\x00",
    4: b"\x80\x00\x00\x00",
    5: b"\x80" + b"\x00" * 7,
    6: b"\x00\x03\x00\xff\x80",
    7: b"\x00\x05\xe2\x82\xacuh",
    8: b"\x00\x00\x01\x9a" + b"\x00" * 4,
    9: bytes(range(16)),
}


def test_every_type_of_header() -> None:
    block = b"".join(name_of(kind) + bytes([kind]) + value for kind, value in VALUES.items())
    data = build(block + b"\x04last\x07\x00\x01x", b"payload")
    assert decode([data]) == [Frame({name_of(7)[1:].decode(): "€uh", "last": "x"}, b"payload")] == by_botocore(data)


def test_a_frame_with_nothing_in_it() -> None:
    assert decode([build(b"")]) == [Frame({}, b"")] == by_botocore(build(b""))


BAD_HEADERS = {
    "unknown type": b"\x01a\x0a",
    "name past the end": b"\x05a\x07",
    "no type": b"\x01a",
    "no length": b"\x01a\x07\x00",
    "string past the end": b"\x01a\x07\x00\x05abc",
    "bytes past the end": b"\x01a\x06\x00\x05abc",
    "number past the end": b"\x01a\x05\x00",
    "identifier past the end": b"\x01a\x09\x00",
    "no UTF-8 in a value": b"\x01a\x07\x00\x01\xff",
    "no UTF-8 in a name": b"\x01\xff\x07\x00\x01a",
    "a name twice": b"\x01a\x07\x00\x01x\x01a\x00",
}


@pytest.mark.parametrize("block", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_headers_that_cannot_be_read(block: bytes) -> None:
    decoder = Decoder()
    with pytest.raises(BrokenStream) as caught:
        decoder.feed(CHUNK + build(block, b"payload"))
    assert [frame.headers for frame in caught.value.frames] == [CHUNK_HEADERS]


BAD_LENGTHS = {
    "total below the fixed parts": build(b"", total=15),
    "total of nothing": build(b"", total=0),
    "headers beyond the total": build(b"\x01a\x00", total=18),
    "headers beyond the frame": build(b"\x01a\x00", headers_size=4),
    "headers too large": build(b"", total=MAX_HEADERS + 17, headers_size=MAX_HEADERS + 1),
    "payload too large": build(b"", total=MAX_PAYLOAD + 17),
    "as large as can be written": build(b"", total=0xFFFFFFFF, headers_size=0),
}


@pytest.mark.parametrize("data", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_impossible_lengths(data: bytes) -> None:
    decoder = Decoder()
    with pytest.raises(BrokenStream, match="impossible") as caught:
        decoder.feed(CHUNK + data)
    assert [frame.headers for frame in caught.value.frames] == [CHUNK_HEADERS]


def test_the_largest_frame() -> None:
    block = b"\x01a\x06\xff\xff" + b"h" * 0xFFFF + b"\x01b\x06\xff\xf7" + b"h" * 0xFFF7
    assert len(block) == MAX_HEADERS
    data = build(block, b"p" * MAX_PAYLOAD)
    [frame] = decode([data[:-1], data[-1:]])
    assert frame == Frame({}, b"p" * MAX_PAYLOAD)


def test_no_flipped_bit_yields_a_wrong_frame() -> None:
    for at in range(len(CHUNK)):
        for bit in range(8):
            data = bytearray(CHUNK)
            data[at] ^= 1 << bit
            with pytest.raises(BrokenStream):
                Decoder().feed(bytes(data))
            buffer = EventStreamBuffer()
            buffer.add_data(bytes(data))
            with pytest.raises(ParserError):
                next(buffer)


def test_a_flipped_bit_leaves_the_frames_before_it() -> None:
    for at in range(len(EXCEPTION)):
        data = bytearray(EXCEPTION)
        data[at] ^= 1
        decoder = Decoder()
        with pytest.raises(BrokenStream) as caught:
            decoder.feed(CHUNK + bytes(data))
        assert caught.value.frames == decode([CHUNK])


def test_an_end_inside_a_frame() -> None:
    for at in range(1, len(CHUNK)):
        decoder = Decoder()
        assert decoder.feed(CHUNK[:at]) == []
        with pytest.raises(BrokenStream, match=rf"\({at} bytes left over\)"):
            decoder.close()


def test_an_end_between_frames() -> None:
    decoder = Decoder()
    decoder.close()
    decoder.feed(CHUNK + EXCEPTION)
    decoder.close()
