"""What the golden cases of streams do not tell: the count of an answer that is ended before Bedrock counts it."""

from __future__ import annotations

from typing import Any

from proxy import jsonio
from proxy.bedrock.eventstream import Frame
from proxy.families import Call
from proxy.families.converse import FAMILY
from proxy.neutral.reply import Usage


def frame(kind: str, payload: dict[str, Any]) -> Frame:
    return Frame({":message-type": "event", ":event-type": kind}, jsonio.encode(payload))


def test_the_count_of_an_answer_that_is_left_is_estimated_from_its_texts() -> None:
    image = {"image": {"format": "png", "source": {"bytes": "A" * 4000}}}
    body = {
        "messages": [{"role": "user", "content": [{"text": "x" * 400}, image]}],
        "system": [{"text": "y" * 40}],
        "inferenceConfig": {"maxTokens": 5},
        "additionalModelRequestFields": {"note": "z" * 4000},
    }
    reader = FAMILY.reader(Call(jsonio.encode(body)))
    reader.feed([frame("messageStart", {"role": "assistant"})], [])
    reader.feed([frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "four and four"}})], [])
    usage = reader.usage_so_far()
    assert usage.is_estimate
    # The words beside them (names of members, roles) are not the prompt, but stand for the tokens between its parts.
    assert 110 <= usage.input_tokens < 130
    assert usage.output_tokens == 4


def test_tools_are_part_of_the_prompt() -> None:
    tool = {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "description": "d" * 400}}}}
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "toolConfig": {"tools": [tool]}}
    assert FAMILY.reader(Call(jsonio.encode(body))).usage_so_far().input_tokens > 100


def test_what_bedrock_has_counted_is_no_estimate() -> None:
    reader = FAMILY.reader(Call(b"not looked at"))
    usage = {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}
    reader.feed(
        [frame("messageStop", {"stopReason": "end_turn"}), frame("metadata", {"usage": usage, "metrics": {}})], []
    )
    assert reader.usage_so_far() == Usage(9, 3)


def test_what_is_new_in_a_whole_answer_is_told() -> None:
    call = {"toolUseId": "t", "name": "search", "input": {}, "type": "server_tool_use"}
    answer = {
        "output": {"message": {"content": [{"video": {}}, {"toolUse": call}, {"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1},
    }
    reply = FAMILY.parse(jsonio.encode(answer), Call(b""))
    assert (reply.text, reply.unrecognised) == ("Hi", ["Converse block 'video'", "Converse block 'server_tool_use'"])
