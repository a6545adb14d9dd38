"""Real traffic of Converse and ConverseStream: what Bedrock answered is read, and what it was asked we would ask as well.

The recordings lie beside the repository, in `../shared/recordings/bedrock`; without them there is nothing to hold against.
"""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from proxy import jsonio
from proxy.bedrock.eventstream import Decoder
from proxy.families import Call
from proxy.families.converse import FAMILY
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.events import Event, Finish, TextDelta, Unrecognised
from proxy.neutral.fold import Fold
from proxy.neutral.request import Message, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog

RECORDINGS = Path(__file__).parents[4] / "shared/recordings/bedrock"
pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of Bedrock lie outside of the repository"
)

MEDIA_TYPES = {"pdf": "application/pdf", "txt": "text/plain"}
NOT_OURS = {
    "model_with_code_execution_tool": "asks for a tool of the service's own, which OpenAI's API has no word for",
    "document_url_input": "Claude 2 is gone from Bedrock, and the catalogue knows no documents of it",
    "text_document_url_input": "as above",
    "error": "a model that does not exist",
    "streaming_error": "as above",
    "model_other_parameters": "its body was not recorded as JSON",
}
"""Recordings whose request is not held against ours."""


def exchanges(operation: str) -> list[Any]:
    found = []
    for path in sorted(RECORDINGS.glob("*.json")):
        for index, one in enumerate(jsonio.decode(path.read_bytes())):
            if one["request"]["path"].endswith(f"/{operation}"):
                found.append(pytest.param(one, path.stem, id=f"{path.stem}-{index}"))
    return found


WHOLE, STREAMED = exchanges("converse"), exchanges("converse-stream")


@pytest.mark.parametrize(("exchange", "name"), [one for one in WHOLE if one.values[0]["response"]["status"] == 200])
def test_a_recorded_answer(exchange: Any, name: str) -> None:
    body = exchange["response"]["body"]
    reply = FAMILY.parse(jsonio.encode(body), Call(b""))
    content = body["output"]["message"]["content"]
    assert reply.text == "".join(block.get("text", "") for block in content)
    assert [(use.id, use.name, jsonio.decode(use.arguments)) for use in reply.tool_uses] == [
        (block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"])
        for block in content
        if block.get("toolUse", {"type": "server_tool_use"}).get("type") != "server_tool_use"
    ]
    thought = [block["reasoningContent"] for block in content if "reasoningContent" in block]
    assert [block for block in reply.blocks if isinstance(block, Reasoning)] == [
        Reasoning(
            text=one.get("reasoningText", {}).get("text", ""),
            signature=one.get("reasoningText", {}).get("signature", ""),
            redacted=b64decode(one.get("redactedContent", "")).decode("ascii"),
        )
        for one in thought
    ]
    expected = {"end_turn": "stop", "tool_use": "tool_use", "max_tokens": "length"}[body["stopReason"]]
    assert (reply.finish.value, reply.finish_word) == (expected, body["stopReason"])
    counts = body["usage"]
    assert counts["totalTokens"] == (
        reply.usage.input_tokens
        + reply.usage.output_tokens
        + reply.usage.cache_read_tokens
        + reply.usage.cache_write_tokens
    )
    assert reply.usage.output_tokens == counts["outputTokens"]


@pytest.mark.parametrize(("exchange", "name"), [one for one in STREAMED if one.values[0]["response"]["status"] == 200])
def test_a_recorded_stream_at_every_split(exchange: Any, name: str) -> None:
    data = b64decode(exchange["response"]["body_base64"])
    frames = Decoder().feed(data)
    expected = events_of([data])
    assert not [event for event in expected if isinstance(event, Unrecognised)]
    for pieces in cuts(data):
        assert events_of(pieces) == expected
    fold = Fold()
    fold.feed(expected)
    reply = fold.reply()
    # The same answer as Converse would give it whole.
    blocks: dict[int, dict[str, Any]] = {}
    payloads = [(frame.headers[":event-type"], jsonio.decode(frame.payload)) for frame in frames]
    for kind, payload in payloads:
        block = blocks.setdefault(payload.get("contentBlockIndex", -1), {})
        if kind == "contentBlockStart":
            block["toolUse"] = {**payload["start"]["toolUse"], "input": ""}
        for member, value in payload.get("delta", {}).items():
            if member == "text":
                block["text"] = block.get("text", "") + value
            elif member == "toolUse":
                block["toolUse"]["input"] += value["input"]
            elif "redactedContent" in value:
                block["reasoningContent"] = value
            else:
                thought = block.setdefault("reasoningContent", {"reasoningText": {"text": "", "signature": ""}})
                for key, piece in value.items():
                    thought["reasoningText"][key] += piece
    del blocks[-1]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = jsonio.decode(block["toolUse"]["input"])
    whole = {
        "output": {"message": {"role": "assistant", "content": list(blocks.values())}},
        "stopReason": next(payload["stopReason"] for kind, payload in payloads if kind == "messageStop"),
        "usage": next(payload["usage"] for kind, payload in payloads if kind == "metadata"),
    }
    assert reply == FAMILY.parse(jsonio.encode(whole), Call(b""))


def events_of(pieces: list[bytes]) -> list[Event]:
    reader, decoder = FAMILY.reader(Call(b"")), Decoder()
    events: list[Event] = []
    for piece in pieces:
        reader.feed(decoder.feed(piece), events)
    decoder.close()
    reader.close()
    assert reader.is_ended
    assert reader.usage_so_far().is_estimate is False
    return events


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """At every frame, byte by byte, and once at each place."""
    sizes, at = [], 0
    while at < len(data):
        sizes.append(int.from_bytes(data[at : at + 4], "big"))
        at += sizes[-1]
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    yield [data[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data), 53):
        yield [data[:at], data[at:]]


def test_a_stream_that_was_left_has_an_estimate() -> None:
    exchange = next(one.values[0] for one in STREAMED if one.values[1] == "stream_cancel")
    frames = Decoder().feed(b64decode(exchange["response"]["body_base64"]))
    reader = FAMILY.reader(Call(jsonio.encode(exchange["request"]["body"])))
    events: list[Event] = []
    reader.feed(frames[:8], events)
    size = sum(len(event.text) for event in events if isinstance(event, TextDelta))
    assert not any(isinstance(event, Finish) for event in events)
    usage = reader.usage_so_far()
    assert (usage.is_estimate, usage.output_tokens) == (True, -(-size // 4))
    assert usage.input_tokens > 0


@pytest.mark.parametrize(("exchange", "name"), [one for one in WHOLE + STREAMED if one.values[1] not in NOT_OURS])
def test_a_recorded_request_is_what_we_would_send(exchange: Any, name: str, converse: Any) -> None:
    asked = exchange["request"]["body"]
    model_id = unquote(exchange["request"]["path"].split("/")[2])
    base_id = Catalog.load().split_geo(model_id)[1]
    model = converse.model(base_id)
    adapted = Adaptations()
    call = converse.build(neutral(asked), model, adapted)
    body, expected = jsonio.decode(call.body), as_we_say_it(asked)
    if model.max_output_tokens > 32_768 and "maxTokens" not in expected.get("inferenceConfig", {}):
        # So that the account's quota does not pay for the maximum of a large model.
        assert body["inferenceConfig"].pop("maxTokens") == 32_768
        if not body["inferenceConfig"]:
            del body["inferenceConfig"]
    if "thinking" in expected.get("additionalModelRequestFields", {}):
        # To learn what of the output was reasoning.
        assert body.pop("additionalModelResponseFieldPaths") == ["/usage/output_tokens_details"]
    changes = adapted.items()
    if name == "anthropic_message_history_starting_with_response":
        # Converse's own documentation demands the user first, though Claude took this one.
        assert changes.pop("messages[0]") == "user-turn-inserted"
        assert body["messages"].pop(0) == {"role": "user", "content": [{"text": "."}]}
    if name.startswith("media_kind_delivered_in_tool_result") and len(expected["messages"]) == 3:
        # Told to be unsupported in results on these models; here it arrived, so nothing is lost by either way.
        (result,) = expected["messages"].pop()["content"]
        (document,) = result["toolResult"]["content"]
        assert changes.pop("messages[2].content[0]") == "moved-to-user-turn"
        moved = [block for message in body["messages"][2:] for block in message["content"]]
        assert document in moved
        del body["messages"][2:]
        changes.clear()
    if name == "writer_tool_result_followed_by_text_accepted":
        # The word of the assistant between the two is in the recording, where we would have put it.
        assert len(expected["messages"]) == 5
    assert body == expected
    assert changes == {}


def as_we_say_it(asked: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: empty members, the default choice and tier, and a status that is `success`."""
    expected: dict[str, Any] = jsonio.decode(jsonio.encode(asked))
    for member in ("system", "inferenceConfig"):
        if not expected.get(member, True):
            del expected[member]
    if expected.get("toolConfig", {}).get("toolChoice") == {"auto": {}}:
        del expected["toolConfig"]["toolChoice"]
    if expected.get("serviceTier") == {"type": "default"}:
        del expected["serviceTier"]
    for message in expected["messages"]:
        for block in message["content"]:
            # Clients of OpenAI have no way to say that a call has failed.
            block.get("toolResult", {}).pop("status", None)
    return expected


def neutral(asked: dict[str, Any]) -> Request:
    """The conversation of a recorded body."""
    system = Message(Role.SYSTEM, [to_block(one, "system") for one in asked.get("system", [])], "system")
    messages = [
        Message(
            Role(message["role"]),
            [to_block(one, f"messages[{index}].content[{at}]") for at, one in enumerate(message["content"])],
            f"messages[{index}]",
        )
        for index, message in enumerate(asked["messages"])
    ]
    config = asked.get("toolConfig", {})
    inference = asked.get("inferenceConfig", {})
    native = dict(asked.get("additionalModelRequestFields", {}))
    return Request(
        model="m",
        messages=([system] if system.blocks else []) + messages,
        sampling=Sampling(
            max_tokens=inference.get("maxTokens"),
            temperature=inference.get("temperature"),
            top_p=inference.get("topP"),
            reasoning_effort=native.pop("reasoning_effort", None),
        ),
        tools=[
            Tool(spec["name"], "tools", spec.get("description", ""), spec["inputSchema"]["json"])
            for spec in (tool["toolSpec"] for tool in config.get("tools", []))
        ],
        tool_choice=ToolChoice.REQUIRED if "any" in config.get("toolChoice", {}) else ToolChoice.AUTO,
        latency=asked.get("performanceConfig", {}).get("latency"),
        extra=native,
    )


def to_block(wire: dict[str, Any], param: str) -> Block:
    ((kind, value),) = wire.items()
    match kind:
        case "text":
            return Text(value)
        case "cachePoint":
            return CacheMark(param)
        case "document":
            return Document(param, value["source"]["bytes"], MEDIA_TYPES[value["format"]], "")
        case "toolUse":
            return ToolUse(value["toolUseId"], value["name"], jsonio.encode(value["input"]).decode(), param)
        case "toolResult":
            parts: list[Any] = [to_block(part, param) for part in value["content"]]
            return ToolResult(value["toolUseId"], parts, param)
        case "reasoningContent":
            if "redactedContent" in value:
                return Reasoning("", redacted=b64decode(value["redactedContent"]).decode("ascii"))
            return Reasoning(value["reasoningText"]["text"], value["reasoningText"].get("signature", ""))
    raise AssertionError(kind)
