"""Models that were imported with a template of their own, and think in their answers."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from proxy.bedrock.eventstream import Frame
from proxy.chat_template import ChatTemplate
from proxy.families import Call
from proxy.families.llama import FAMILY
from proxy.families.llama.answer import Expected
from proxy.families.llama.thoughts import ThinkingStream
from proxy.jsonio import decode, encode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse
from proxy.neutral.events import BlockKind, BlockStart, Event, ReasoningDelta
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Reply
from proxy.neutral.request import Message, Request, Role, Sampling, Tool
from proxy.routing.catalog import Catalog

SAYS = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}"
BEFORE = ChatTemplate(SAYS + "{{ tools | tojson if tools }}")
BEGUN = ChatTemplate(SAYS + "{{ '<think>\n' if add_generation_prompt }}")
PLAIN = ChatTemplate("{% for m in messages %}{{ m.content }}{% endfor %}")


def built(template: ChatTemplate, **fields: Any) -> tuple[Call, str]:
    imported = Catalog.load().imported
    assert imported is not None
    adapted = Adaptations()
    request = Request("m", [Message(Role.USER, [Text("Hi")], "messages[0]")], **fields)
    return FAMILY.build(request, replace(imported, chat_template=template), adapted), adapted.header()


def whole(call: Call, text: str) -> Reply:
    return FAMILY.parse(encode(piece(text, "stop", 9)), call)


def piece(text: str, word: str | None = None, tokens: int | None = None) -> dict[str, Any]:
    return {"generation": text, "prompt_token_count": 5, "generation_token_count": tokens, "stop_reason": word}


def streamed(call: Call, *texts: str) -> Reply:
    reader, fold = FAMILY.reader(call), Fold()
    pieces = [*(piece(text) for text in texts), piece("", "stop", 9)]
    for one in pieces:
        chunk = encode({"bytes": b64encode(encode(one)).decode()})
        frame = Frame({":message-type": "event", ":event-type": "chunk"}, chunk)
        events: list[Event] = []
        reader.feed([frame], events)
        fold.feed(events)
    reader.close()
    return fold.reply()


ANSWERS: dict[str, tuple[ChatTemplate, str, list[ReplyBlock]]] = {
    "thoughts": (BEFORE, "<think>\nHm.\n</think>\n\nHello!", [Reasoning("Hm.\n"), Text("Hello!")]),
    "white space first": (BEFORE, "\n <think>Hm.</think>Hello!", [Reasoning("Hm."), Text("Hello!")]),
    "begun by the prompt": (BEGUN, "Hm. 1 < 2 </th\n</think>\n\nHi", [Reasoning("Hm. 1 < 2 </th\n"), Text("Hi")]),
    "none": (BEFORE, "Hello!", [Text("Hello!")]),
    "none, like some": (BEFORE, " <thin air>", [Text(" <thin air>")]),
    "begun, and no more": (BEFORE, "<thi", [Text("<thi")]),
    "blank": (BEFORE, "<think>\n\n</think>\n\nHello!", [Text("Hello!")]),
    "nothing else": (BEFORE, "<think>Hm.</think>\n", [Reasoning("Hm.")]),
    "without an end": (BEGUN, "Hm. I see </thi", [Reasoning("Hm. I see </thi")]),
    "nothing at all": (BEGUN, "", []),
    "an empty answer": (BEFORE, "", [Text("")]),
    "later": (BEFORE, "Hello <think>x</think>", [Text("Hello <think>x</think>")]),
    "twice": (BEFORE, "<think>a</think>b<think>c</think>", [Reasoning("a"), Text("b<think>c</think>")]),
    "a model that does not": (PLAIN, "<think>a</think>b", [Text("<think>a</think>b")]),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_thoughts_are_reasoning(case: str) -> None:
    template, text, blocks = ANSWERS[case]
    call, _ = built(template)
    reply = whole(call, text)
    assert reply.blocks == blocks
    assert reply.finish is FinishReason.STOP
    size = sum(len(block.text) for block in blocks if isinstance(block, Reasoning))
    assert (reply.usage.reasoning_tokens > 0) == (size > 0)
    for cut in range(len(text) + 1):
        assert streamed(call, text[:cut], text[cut:]) == reply
    assert streamed(call, *text) == reply
    assert streamed(call, text) == reply


def test_thoughts_have_their_share_of_the_count() -> None:
    call, _ = built(BEFORE)
    assert whole(call, f"<think>{'a' * 60}</think>{'b' * 30}").usage.reasoning_tokens == 6
    assert whole(call, f"<think>{'a' * 600}</think>{'b' * 300}").usage.reasoning_tokens == 6
    call, _ = built(BEFORE, tools=[Tool("look", "tools[0]")])
    asked = '<tool_call>{"name": "look", "arguments": {"at":"' + "b" * 51 + '"}}</tool_call>'
    assert whole(call, f"<think>{'a' * 120}</think>{asked}").usage.reasoning_tokens == 6


def test_a_call_without_thoughts() -> None:
    call, _ = built(BEFORE, tools=[Tool("look", "tools[0]")])
    (use,) = whole(call, '<tool_call>{"name": "look", "arguments": {}}</tool_call>').blocks
    assert isinstance(use, ToolUse)


def test_calls_behind_thoughts() -> None:
    call, _ = built(BEFORE, tools=[Tool("look", "tools[0]")])
    text = '<think>\nI look.\n</think>\n\n<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>'
    reply = whole(call, text)
    assert reply.finish is FinishReason.TOOL_USE
    thought, use = reply.blocks
    assert thought == Reasoning("I look.\n")
    assert isinstance(use, ToolUse)
    assert (use.name, use.arguments) == ("look", "{}")
    assert streamed(call, *text).blocks == reply.blocks


def test_an_answer_that_is_ended_early_counts_its_thoughts() -> None:
    call, _ = built(BEGUN)
    reader = FAMILY.reader(call)
    assert isinstance(reader, ThinkingStream)
    chunk = encode({"bytes": b64encode(encode(piece("Hm. " * 10, None, 40))).decode()})
    events: list[Event] = []
    reader.feed([Frame({":message-type": "event", ":event-type": "chunk"}, chunk)], events)
    assert events == [BlockStart(BlockKind.REASONING), ReasoningDelta("Hm. " * 10)]
    usage = reader.usage_so_far()
    assert (usage.output_tokens, usage.reasoning_tokens) == (40, 40)


def test_llamas_own_prompts_expect_no_thoughts() -> None:
    call, _ = built(PLAIN)
    assert type(call.reading) is Expected


SWITCH = "{{ enable_thinking }}</think>"
DEPTH = "{{ reasoning_effort }}"
EFFORTS = {
    "on and off: off": (SWITCH, "none", "False", ""),
    "on and off: on": (SWITCH, "high", "True", "reasoning_effort=high->on"),
    "on and off: unasked": (SWITCH, None, "", ""),
    "another name": ("{{ thinking }}", "none", "False", ""),
    "depth": (DEPTH, "low", "low", ""),
    "depth and a switch": (DEPTH + SWITCH, "high", "highTrue", ""),
    "another depth": (DEPTH, "xhigh", "", "reasoning_effort=dropped"),
    "always on": ("</think>", "none", "", "reasoning_effort=dropped"),
    "never": ("", "none", "", ""),
    "never, but asked": ("", "low", "", "reasoning_effort=dropped"),
}


@pytest.mark.parametrize("case", EFFORTS)
def test_what_a_template_is_told_of_reasoning(case: str) -> None:
    text, effort, told, header = EFFORTS[case]
    template = ChatTemplate("{{ messages[0].content }}" + text)
    call, adapted = built(template, sampling=Sampling(reasoning_effort=effort))
    assert decode(call.body)["prompt"] == "Hi" + told + ("</think>" if "</think>" in text else "")
    assert adapted == header
