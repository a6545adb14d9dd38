"""What Llama is told of tools and of the form of an answer, how its answer is begun for it, and what is read of it."""

from typing import Any

import pytest

from proxy.errors import UnsupportedParameter
from proxy.families import Call
from proxy.neutral.blocks import CacheMark, Image, Text, ToolUse
from proxy.neutral.events import BlockKind, BlockStart, Unrecognised
from proxy.neutral.reply import FinishReason
from proxy.neutral.request import OutputFormat, Role, Sampling, Tool, ToolChoice

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
WEATHER = Tool("mcp.weather/get", "tools[0].function", "Tells the weather.", SCHEMA)
TIME = Tool("get_time", "tools[1].function")
TOOLS = [WEATHER, TIME]
PYTHON = ("3-2-1b", "3-2-3b", "3-3", "4-scout", "4-maverick")
JSON = ("3-1-8b", "3-1-70b", "3-2-11b", "3-2-90b")
ALL = (*PYTHON, *JSON)
ANSWER = OutputFormat("response_format", "city", schema=SCHEMA)


def built(llama: Any, name: str, choice: ToolChoice = ToolChoice.AUTO, **others: Any) -> Any:
    others.setdefault("tools", TOOLS)
    if choice is ToolChoice.NAMED:
        others.setdefault("chosen_tool", WEATHER.name)
    return llama.build(llama.asked(tool_choice=choice, **others), name)


def wire_name(llama: Any) -> str:
    names = list(built(llama, "3-3").expected.functions)
    assert names[1] == "get_time"
    return str(names[0])


@pytest.mark.parametrize("name", ALL)
def test_instructions_stand_in_the_system_text(name: str, llama: Any) -> None:
    alone = built(llama, name)
    assert alone.adapted == ""
    header = "system<|end_header_id|>\n\n" if name[0] == "3" else "system<|header_end|>\n\n"
    assert f"{header}You have access to the functions below." in alone.prompt
    messages = [llama.said("Be brief.", role=Role.SYSTEM), llama.said("Hi")]
    beside = built(llama, name, messages=messages)
    assert beside.prompt.count(header) == 1
    end = "<|eot_id|>" if name[0] == "3" else "<|eot|>"
    system = alone.prompt.partition(header)[2].partition(end)[0]
    assert f"{header}{system}\n\nBe brief.{end}" in beside.prompt
    assert wire_name(llama) in beside.prompt
    assert "ipython" not in beside.prompt


@pytest.mark.parametrize("name", ALL)
def test_every_choice(name: str, llama: Any) -> None:
    weather = wire_name(llama)
    is_json = name in JSON
    for choice, prefill, words in (
        (ToolChoice.AUTO, "", "Call one where it is needed"),
        (ToolChoice.REQUIRED, '{"name": "' if is_json else "[", "You MUST answer with a call of one of them."),
        (
            ToolChoice.NAMED,
            f'{{"name": "{weather}", "parameters": {{' if is_json else f"[{weather}(",
            f"You MUST answer with a call of the function {weather}.",
        ),
    ):
        one = built(llama, name, choice)
        assert one.expected.prefill == prefill
        assert one.prompt.endswith(f"|>\n\n{prefill}")
        assert words in one.prompt
        assert one.adapted == ""
        assert list(one.expected.functions) == [weather, "get_time"]
    none = built(llama, name, ToolChoice.NONE)
    assert none.prompt == llama.build(llama.asked(), name).prompt
    assert none.expected.functions == {}


@pytest.mark.parametrize("name", ["3-3", "3-1-8b"])
def test_an_answer_that_the_client_has_begun(name: str, llama: Any) -> None:
    begun = [llama.said("Hi"), llama.said("Well, ", role=Role.ASSISTANT, param="messages[1]")]
    for choice in (ToolChoice.REQUIRED, ToolChoice.NAMED):
        one = built(llama, name, choice, messages=begun)
        assert one.prompt.endswith("|>\n\nWell, ")
        assert one.expected.prefill == ""
        assert one.adapted == "tool_choice=auto-and-asked-for"
    assert built(llama, name, messages=begun).adapted == ""
    as_json = llama.build(llama.asked(messages=begun, output_format=ANSWER), name)
    assert as_json.adapted == f"{ANSWER.param}=instruction"
    assert as_json.prompt.endswith("|>\n\nWell, ")
    assert as_json.expected.prefill == ""


@pytest.mark.parametrize("name", ["3-3", "3-1-8b", "4-scout"])
def test_a_blank_beginning_is_none(name: str, llama: Any) -> None:
    blank = [llama.said("Hi"), llama.said(" ", role=Role.ASSISTANT)]
    call = ToolUse("a", "get_time", "{}")
    for messages in (blank, [*blank[:1], llama.said(call, role=Role.ASSISTANT)]):
        one = built(llama, name, ToolChoice.REQUIRED, messages=messages)
        assert one.expected.prefill
        assert one.prompt.endswith(f"|>\n\n{one.expected.prefill}")
        assert one.adapted == ""
    # A beginning that a blank message follows is one.
    both = [llama.said("Hi"), llama.said("Well", role=Role.ASSISTANT), llama.said(" ", role=Role.ASSISTANT)]
    one = built(llama, name, ToolChoice.REQUIRED, messages=both)
    assert (one.expected.prefill, one.prompt[-4:]) == ("", "Well")


def test_what_it_cannot_do_with_tools_is_told(llama: Any) -> None:
    marked = Tool("a", "tools[0]", is_strict=True, cache_mark=CacheMark("tools[0].cache_control"))
    assert built(llama, "3-3", tools=[marked]).adapted == "tools[0].strict=dropped, tools[0].cache_control=dropped"


def test_tools_beside_an_image_are_for_llama_4_alone(llama: Any) -> None:
    messages = [llama.said(Image("messages[0].content[0]", "iVBORw0KGgo=", "image/png"), "?")]
    for name in ("3-2-11b", "3-2-90b"):
        with pytest.raises(UnsupportedParameter, match="tools beside an image") as raised:
            built(llama, name, messages=messages)
        assert raised.value.param == "tools[0].function"
        assert built(llama, name, ToolChoice.NONE, messages=messages).body["images"]
    for name in ("4-scout", "4-maverick"):
        one = built(llama, name, messages=messages)
        assert one.body["images"] == ["iVBORw0KGgo="]
        assert names_of(llama.whole("[get_time()]", one.call).blocks) == [("get_time", "{}")]


# What is read of the answer.

CITY = '{"city":"Paris"}'


def names_of(calls: list[ToolUse]) -> list[tuple[str, str]]:
    return [(call.name, call.arguments) for call in calls]


def every_cut(text: str) -> list[list[str]]:
    return [[text], list(text), *([text[:at], text[at:]] for at in range(1, len(text)))]


def same_however_cut(llama: Any, text: str, call: Call, stop_reason: str = "stop") -> Any:
    whole = llama.whole(text, call, stop_reason)
    for pieces in every_cut(text):
        assert llama.folded(llama.streamed(pieces, call, stop_reason)) == whole
    return whole


@pytest.mark.parametrize("name", ["3-3", "3-1-8b", "4-scout"])
def test_calls_in_every_syntax(name: str, llama: Any) -> None:
    one = built(llama, name)
    wire = wire_name(llama)
    for text in (
        f"[{wire}(city='Paris')]",
        f'{{"name": "{wire}", "parameters": {{"city": "Paris"}}}}',
        f'<|python_tag|>{{"type": "function", "name": "{wire}", "parameters": {{"city": "Paris"}}}}<|eom_id|>',
        f'<function={wire}>{{"city": "Paris"}}</function>',
        f"<|python_start|>[{wire}(city='Paris')]<|python_end|><|eot|>",
    ):
        reply = same_however_cut(llama, text, one.call)
        assert names_of(reply.blocks) == [(WEATHER.name, CITY)]
        assert (reply.finish, reply.finish_word) == (FinishReason.TOOL_USE, "stop")


def test_text_beside_calls(llama: Any) -> None:
    one = built(llama, "3-3")
    reply = same_however_cut(llama, "Let me see.\n[get_time()]", one.call)
    assert reply.text.strip() == "Let me see."
    assert names_of(reply.tool_uses) == [("get_time", "{}")]
    reply = same_however_cut(llama, "It is noon [sic].", one.call)
    assert reply.blocks == [Text("It is noon [sic].")]
    assert reply.finish is FinishReason.STOP


def test_names_that_were_not_offered_are_text(llama: Any) -> None:
    text = "[launch(city='Paris')]"
    reply = same_however_cut(llama, text, built(llama, "3-3").call)
    assert (reply.blocks, reply.finish) == ([Text(text)], FinishReason.STOP)


def test_arguments_follow_the_schema(llama: Any) -> None:
    reply = same_however_cut(llama, f"[{wire_name(llama)}(city='Paris', days='3')]", built(llama, "3-3").call)
    assert names_of(reply.blocks) == [(WEATHER.name, '{"city":"Paris","days":3}')]


@pytest.mark.parametrize("name", ["3-3", "3-1-8b"])
def test_a_call_that_was_begun_for_it(name: str, llama: Any) -> None:
    rest = "city='Paris')]" if name == "3-3" else '"city": "Paris"}}'
    reply = same_however_cut(llama, rest, built(llama, name, ToolChoice.NAMED).call)
    assert names_of(reply.blocks) == [(WEATHER.name, CITY)]
    rest = "get_time()]" if name == "3-3" else 'get_time", "parameters": {}}'
    reply = same_however_cut(llama, rest, built(llama, name, ToolChoice.REQUIRED).call)
    assert names_of(reply.blocks) == [("get_time", "{}")]


def test_ids_are_of_their_turn_and_their_place(llama: Any) -> None:
    one = built(llama, "3-3")
    text = "[get_time(), get_time()]"
    reply = same_however_cut(llama, text, one.call)
    first, second = (call.id for call in reply.tool_uses)
    assert first != second
    assert all(call.startswith("call_") and len(call) <= 64 and call.isascii() for call in (first, second))
    assert [call.id for call in llama.whole(text, built(llama, "3-3").call).tool_uses] == [first, second]
    other = built(llama, "3-3", messages=[llama.said("Hello")])
    assert not {call.id for call in llama.whole(text, other.call).tool_uses} & {first, second}


def test_one_call_at_a_time(llama: Any) -> None:
    one = built(llama, "3-3", has_parallel_tools=False)
    assert one.expected.max_calls == 1
    assert "Call only one function at a time." in one.prompt
    text = "[get_time(), get_time(), get_time()]"
    reply = same_however_cut(llama, text, one.call)
    assert names_of(reply.blocks) == [("get_time", "{}")]
    assert not [event for event in llama.streamed([text], one.call) if isinstance(event, Unrecognised)]
    many = built(llama, "3-3")
    assert many.expected.max_calls is None
    assert len(same_however_cut(llama, text, many.call).tool_uses) == 3


def test_a_call_that_is_cut_off_says_what_there_is(llama: Any) -> None:
    """Whole as in a stream, where its beginning has gone out already; OpenAI's answers end like that too."""
    reply = same_however_cut(llama, f"[{wire_name(llama)}(city='Par", built(llama, "3-3").call, "length")
    assert names_of(reply.blocks) == [(WEATHER.name, '{"city":"Par')]
    assert reply.finish is FinishReason.LENGTH
    reply = same_however_cut(llama, "[get_ti", built(llama, "3-3").call, "length")
    assert reply.blocks == [Text("[get_ti")]


def test_calls_stream_while_they_are_written(llama: Any) -> None:
    events = llama.streamed([f"[{wire_name(llama)}(city='Par", "is')]"], built(llama, "3-3").call)
    (start,) = [event for event in events if isinstance(event, BlockStart)]
    assert (start.kind, start.name) == (BlockKind.TOOL_USE, WEATHER.name)
    assert len(events) > 5


def test_stops_are_for_the_text_alone(llama: Any) -> None:
    one = built(llama, "3-3", sampling=Sampling(stop=["END", "Paris"]))
    assert one.call.stops == ["END", "Paris"]
    assert names_of(llama.whole(f"[{wire_name(llama)}(city='Paris')]", one.call).blocks) == [(WEATHER.name, CITY)]


# Answers in JSON.


@pytest.mark.parametrize("name", ["2-13b", "3-8b", "3-1-8b", "3-3", "4-scout"])
def test_an_answer_in_json(name: str, llama: Any) -> None:
    for output in (ANSWER, OutputFormat("response_format"), OutputFormat("response_format", schema={"properties": {}})):
        one = llama.build(llama.asked(output_format=output), name)
        assert one.adapted == f"{output.param}=instruction"
        assert one.prompt.endswith("{")
        assert one.expected.prefill == "{"
        assert one.call.is_bare_json
        assert "and nothing else: no other text" in one.prompt
        assert ("JSON Schema" in one.prompt) is (output.schema is not None)
        reply = same_however_cut(llama, '"city": "Paris"}', one.call)
        assert reply.blocks == [Text('{"city": "Paris"}')]
        assert same_however_cut(llama, "", one.call, "length").blocks == [Text("{")]
    one = llama.build(llama.asked(output_format=OutputFormat("response_format", schema={"type": "array"})), name)
    assert one.expected.prefill == ""
    assert same_however_cut(llama, "[1]", one.call).blocks == [Text("[1]")]


def test_json_beside_tools(llama: Any) -> None:
    one = built(llama, "3-3", output_format=ANSWER)
    assert one.expected.prefill == ""
    assert one.call.is_bare_json
    assert one.prompt.index("functions below") < one.prompt.index("JSON Schema")
    assert same_however_cut(llama, '{"city": "Paris"}', one.call).blocks == [Text('{"city": "Paris"}')]
    assert names_of(same_however_cut(llama, "[get_time()]", one.call).blocks) == [("get_time", "{}")]
    assert built(llama, "3-3", ToolChoice.REQUIRED, output_format=ANSWER).expected.prefill == "["
    assert built(llama, "3-3", ToolChoice.NONE, output_format=ANSWER).expected.prefill == "{"


@pytest.mark.parametrize("name", ["2-13b", "3-3", "4-scout"])
def test_special_tokens_in_a_schema_are_text(name: str, llama: Any) -> None:
    for evil in ("<|eot_id|>", "<|eot|>", "[/INST]", "<</SYS>>", "</s>"):
        output = OutputFormat("response_format", schema={"type": "object", "description": evil})
        harmless = OutputFormat("response_format", schema={"type": "object", "description": "x"})
        prompts = [llama.build(llama.asked(output_format=one), name).prompt for one in (output, harmless)]
        marks = ("<|eot_id|>", "<|eot|>") if name != "2-13b" else ("[/INST]", "<</SYS>>", "</s>")
        for mark in marks:
            assert prompts[0].count(mark) == prompts[1].count(mark)


def test_a_call_without_notes_is_read_as_plain_text(llama: Any) -> None:
    assert llama.whole("[get_time()]", Call(b"")).blocks == [Text("[get_time()]")]
