"""Requests to imported models, as their own chat template has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy.chat_template import ChatTemplate, read
from proxy.errors import InvalidRequest
from proxy.families import Call
from proxy.families.llama import FAMILY
from proxy.families.llama.answer import Expected
from proxy.families.tool_names import safe
from proxy.jsonio import decode, encode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.reply import FinishReason
from proxy.neutral.request import Guardrail, Message, OutputFormat, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog, Model

CHATML = read(Path(__file__).parents[2] / "chatml" / "tokenizer_config.json")
DUMP = ChatTemplate("{{ messages | tojson }}{{ tools | tojson if tools }}{{ add_generation_prompt }}")
PLAIN = ChatTemplate("{{ messages | tojson }}")
LOOK = Tool("look", "tools[0]", parameters={"type": "object", "properties": {"at": {"type": "string"}}})
FREE = Tool("write.it", "tools[1]", description="Writes.", is_free_text=True)


def model(template: ChatTemplate, **facts: Any) -> Model:
    imported = Catalog.load().imported
    assert imported is not None
    return replace(imported, chat_template=template, **facts)


def built(template: ChatTemplate, *messages: Message, **fields: Any) -> tuple[dict[str, Any], str, Call]:
    facts = {name: fields.pop(name) for name in ("completion", "context_tokens", "max_output_tokens") if name in fields}
    request = Request("m", list(messages) or [said("Hi")], **fields)
    before = repr(request)
    adapted = Adaptations()
    call = FAMILY.build(request, model(template, **facts), adapted)
    assert repr(request) == before
    return decode(call.body), adapted.header(), call


def said(*blocks: Block | str, role: Role = Role.USER, param: str = "messages[0]") -> Message:
    return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks], param)


def refusal(template: ChatTemplate, *messages: Message, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        built(template, *messages, **fields)
    return caught.value


def test_messages_are_as_openai_has_them() -> None:
    body, adapted, _ = built(
        DUMP,
        said("Be brief.", role=Role.SYSTEM),
        said("a", "b", CacheMark("messages[1].content[1]")),
        said(
            Reasoning("Hm."), "Let me see.", ToolUse("call_1", "look", '{"at": 1}'), role=Role.ASSISTANT, param="m[2]"
        ),
        said(ToolResult("call_1", [Text("no"), Text("on")], cache_mark=CacheMark("m[3].cache_control")), "And?"),
        said(ToolResult("call_9", [], error_param="m[4].is_error")),
        said("", role=Role.ASSISTANT),
        said("", role=Role.USER),
        tools=[LOOK],
    )
    messages, _, rest = body["prompt"].partition('[{"type": "function"')
    assert rest.endswith("]True")
    said_, asked, called, result, and_, lost, blank = decode(messages)
    assert said_ == {"role": "system", "content": "Be brief."}
    assert asked == {"role": "user", "content": "ab"}
    function = {"name": "look", "arguments": {"at": 1}}
    assert called["tool_calls"] == [{"id": called["tool_calls"][0]["id"], "type": "function", "function": function}]
    assert (called["role"], called["content"]) == ("assistant", "Let me see.")
    assert result == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "name": "look", "content": "noon"}
    assert and_ == {"role": "user", "content": "And?"}
    assert lost == {"role": "tool", "tool_call_id": lost["tool_call_id"], "content": ""}
    assert blank == {"role": "user", "content": ""}
    ids = [result["tool_call_id"], lost["tool_call_id"]]
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert len(set(ids)) == 2
    assert (
        adapted
        == "messages[1].content[1]=dropped, m[2].thinking_blocks=dropped, m[3].cache_control=dropped, m[4].is_error=dropped"
    )


def test_tools_are_as_openai_has_them() -> None:
    body, adapted, call = built(
        DUMP, tools=[replace(LOOK, is_strict=True, cache_mark=CacheMark("tools[0].cache_control")), FREE]
    )
    look, write = decode(body["prompt"][body["prompt"].index('[{"type": "function"') :].removesuffix("True"))
    assert look == {
        "type": "function",
        "function": {"name": "look", "description": "", "parameters": LOOK.parameters},
    }
    assert write["function"] == {
        "name": safe("write.it"),
        "description": "Writes.",
        "parameters": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
    }
    assert adapted == "tools[0].strict=dropped, tools[0].cache_control=dropped"
    answer = {
        "generation": '<tool_call>\n{"name": "look", "arguments": {"at": "x"}}\n</tool_call>',
        "stop_reason": "stop",
    }
    reply = FAMILY.parse(encode(answer), call)
    assert reply.finish is FinishReason.TOOL_USE
    (block,) = reply.blocks
    assert isinstance(block, ToolUse)
    assert (block.name, block.arguments) == ("look", '{"at":"x"}')


CHOICES = {
    "auto": ({}, "", ["look", "write"]),
    "none": ({"tool_choice": ToolChoice.NONE}, "", []),
    "required": (
        {"tool_choice": ToolChoice.REQUIRED},
        "Answer by calling at least one of the functions.",
        ["look", "write"],
    ),
    "named": (
        {"tool_choice": ToolChoice.NAMED, "chosen_tool": "look"},
        "Answer by calling the function look.",
        ["look"],
    ),
}


@pytest.mark.parametrize("case", CHOICES)
@pytest.mark.parametrize("role", [Role.SYSTEM, Role.USER])
def test_the_choice_of_a_tool_is_asked_for(case: str, role: Role) -> None:
    fields, note, names = CHOICES[case]
    tools = [LOOK, replace(FREE, name="write")]
    body, adapted, call = built(DUMP, said("Hi", role=role), said("?"), tools=tools, **fields)
    assert ("Answer by" in body["prompt"]) == bool(note)
    start = decode(body["prompt"].partition('[{"type"')[0].removesuffix("True"))[0]
    assert start == {"role": str(role), "content": f"{note}\n\nHi" if note else "Hi"}
    assert adapted == ("tool_choice=instruction" if note else "")
    assert isinstance(call.reading, Expected)
    assert list(call.reading.functions) == names


def test_a_note_where_nobody_has_asked() -> None:
    body, _, _ = built(
        DUMP, said("It is", role=Role.ASSISTANT), said("?"), output_format=OutputFormat("response_format")
    )
    first, second, _ = decode(body["prompt"].removesuffix("True"))
    assert first["role"] == "system"
    assert "JSON" in first["content"]
    assert second == {"role": "assistant", "content": "It is"}


def test_an_answer_by_schema_is_asked_for() -> None:
    schema = {"type": "object", "properties": {"<|im_end|>": {}}}
    body, adapted, call = built(CHATML, output_format=OutputFormat("response_format", schema=schema))
    assert adapted == "response_format=instruction"
    assert '{"type":"object","properties":{"< |im_end|>":{}}}\n\nHi<|im_end|>' in body["prompt"]
    assert call.is_bare_json


def test_one_call_only() -> None:
    _, _, call = built(DUMP, tools=[LOOK], has_parallel_tools=False)
    assert isinstance(call.reading, Expected)
    assert call.reading.max_calls == 1


def test_arguments_that_are_no_object_stay_text() -> None:
    for text in ("[1]", "{broken", "7", '{"a":' * 5000):
        body, _, _ = built(DUMP, said(ToolUse("1", "look", text), role=Role.ASSISTANT), tools=[LOOK])
        messages = decode(body["prompt"].partition('[{"type": "function", "function": {"name": "look", "desc')[0])
        assert messages[0]["tool_calls"][0]["function"]["arguments"] == text
    body, _, _ = built(DUMP, said(ToolUse("1", "look", ""), role=Role.ASSISTANT), tools=[LOOK])
    assert '"arguments": {}' in body["prompt"]


BODIES: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[str]]] = {
    "bedrock": ({}, {"max_gen_len": 4096}, "", []),
    "bedrock sampling": (
        {"sampling": Sampling(max_tokens=9, temperature=1.5, top_p=0.5, stop=["x"], seed=1, frequency_penalty=1)},
        {"max_gen_len": 9, "temperature": 1, "top_p": 0.5},
        "temperature=1.5->1, seed=dropped, frequency_penalty=dropped",
        ["x"],
    ),
    "openai": ({"completion": "openai"}, {"max_tokens": 4096}, "", []),
    "openai sampling": (
        {
            "completion": "openai",
            "sampling": Sampling(max_tokens=9, temperature=1.5, top_p=0.5, stop=["x"], seed=1, frequency_penalty=1),
        },
        {"max_tokens": 9, "temperature": 1.5, "top_p": 0.5, "stop": ["x"], "seed": 1, "frequency_penalty": 1},
        "",
        [],
    ),
    "too much": (
        {"max_output_tokens": 100, "sampling": Sampling(max_tokens=9000)},
        {"max_gen_len": 100},
        "max_tokens=9000->100",
        [],
    ),
    "little room": ({"context_tokens": 300}, {"max_gen_len": 283}, "", []),
    "what it lacks": (
        {"end_user": "me", "extra": {"top_k": 5}, "sampling": Sampling(reasoning_effort="high")},
        {"max_gen_len": 4096},
        "reasoning_effort=dropped, top_k=dropped, end_user=dropped",
        [],
    ),
}


@pytest.mark.parametrize("case", BODIES)
def test_the_body(case: str) -> None:
    fields, expected, header, stops = BODIES[case]
    body, adapted, call = built(CHATML, **fields)
    assert body.pop("prompt") == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert (adapted, call.stops) == (header, stops)
    assert body == expected


def test_a_guardrail_is_named_in_headers_and_body() -> None:
    guardrail = Guardrail("abc", "1", tag_suffix="x")
    body, _, call = built(CHATML, guardrail=guardrail)
    assert body["amazon-bedrock-guardrailConfig"] == {"tagSuffix": "x"}
    assert call.headers["x-amzn-bedrock-guardrailidentifier"] == "abc"
    assert call.guardrail == guardrail


def test_the_date_is_that_of_the_request() -> None:
    now = datetime(2026, 11, 21, 23, 59, tzinfo=UTC).timestamp()
    body, _, _ = built(ChatTemplate("{{ strftime_now('%Y-%m-%d %H:%M') }} {{ messages[0].content }}"), now=now)
    assert body["prompt"] == "2026-11-21 23:59 Hi"


@pytest.mark.parametrize(
    ("begun", "end"), [("It is", "It is"), (" It\nis \n", " It\nis"), ("<|im_end|>", "< |im_end|>")]
)
def test_an_answer_that_was_begun(begun: str, end: str) -> None:
    body, _, _ = built(CHATML, said("It is?"), said(begun, role=Role.ASSISTANT))
    assert body["prompt"].endswith(f"<|im_start|>assistant\n{end}")


def test_a_leaked_end_token_is_no_part_of_the_answer() -> None:
    _, _, call = built(CHATML)
    reply = FAMILY.parse(encode({"generation": "Hello<|im_end|>", "stop_reason": "stop"}), call)
    assert reply.blocks == [Text("Hello")]


RESULT_WITH_IMAGE = ToolResult("1", [Image("messages[0].content[0]")])
REFUSED: dict[str, tuple[ChatTemplate, list[Message], dict[str, Any], str, str]] = {
    "image": (DUMP, [said(Image("messages[0].content[0]"))], {}, "messages[0].content[0]", "images"),
    "document": (DUMP, [said(Document("messages[0].content[0]"))], {}, "messages[0].content[0]", "documents"),
    "image of a tool": (DUMP, [said(RESULT_WITH_IMAGE)], {"tools": [LOOK]}, "messages[0].content[0]", "results"),
    "tools": (PLAIN, [], {"tools": [LOOK]}, "tools[0]", "its chat template has no place for them"),
    "calls": (PLAIN, [said(ToolUse("1", "f", "{}", "m[0]"))], {}, "m[0]", "its chat template has no place for them"),
    "results": (PLAIN, [said(ToolResult("1", [], "m[0]"))], {}, "m[0]", "its chat template has no place for them"),
    "a tool that is not there": (
        DUMP,
        [],
        {"tools": [LOOK], "tool_choice": ToolChoice.NAMED, "chosen_tool": "f"},
        "tool_choice",
        "Tool choice 'f' not found in 'tools'.",
    ),
    "its own words": (
        ChatTemplate("{{ raise_exception('I am not in the mood.') }}"),
        [],
        {},
        "messages",
        "The chat template of this model does not take these messages: I am not in the mood.",
    ),
    "nothing": (DUMP, [said(" ", role=Role.ASSISTANT)], {}, "messages", "nothing in them"),
    "no place for a beginning": (
        ChatTemplate("{{ messages[0].content }}"),
        [said("a"), said("b", role=Role.ASSISTANT, param="messages[1]")],
        {},
        "messages[1]",
        "no place for a last message",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    template, messages, fields, param, words = REFUSED[case]
    error = refusal(template, *messages, **fields)
    assert (error.status, error.param) == (400, param)
    assert words in error.message
