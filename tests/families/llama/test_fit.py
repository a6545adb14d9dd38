"""Conversations that a chat template does not take as they are, or would leave something out of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.chat_template import ChatTemplate
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.families.llama.fit import fit
from proxy.families.llama.said import Said
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Tool

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LOOK = Tool("look", "tools[0].function")


def said(role: str, content: str, number: int, **more: Any) -> Said:
    return Said({"role": role, "content": content, **more}, f"messages[{number}]")


def call(id: str, at: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": {"at": at}}}


def prompt(template: str, *conversation: Said, tools: tuple[Tool, ...] = (), strict: bool = False) -> tuple[str, str]:
    adapted = Adaptations(strict)
    text = fit(ChatTemplate(template), conversation, tools, now=NOW, adapted=adapted)
    return text, adapted.header()


BY_TURNS = """
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns!') }}{% endif %}
    {{- '[' + m.role + ': ' + m.content + ']' }}
{%- endfor %}"""
SYSTEM_FIRST = """
{%- set turns = messages[1:] if messages[0].role == 'system' else messages %}
{%- if messages[0].role == 'system' %}{{ '[system: ' + messages[0].content + ']' }}{% endif %}
{%- for m in turns %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns!') }}{% endif %}
    {{- '[' + m.role + ': ' + m.content + ']' }}
{%- endfor %}"""
PASSES_OVER = """
{%- for m in messages %}
    {%- if m.role != 'system' or loop.first %}{{ '[' + m.role + ': ' + m.content + ']' }}{% endif %}
{%- endfor %}"""
ANY = "{% for m in messages %}{{ '[' + m.role + ': ' + m.content + ']' }}{% endfor %}"
HI, GO = said("user", "Hi", 1), said("user", "Go", 2)
BRIEF, LATE = said("system", "Be brief.", 0), said("system", "Be kind.", 3)
YES = said("assistant", "Yes?", 4)
FITS: dict[str, tuple[str, list[Said], str, str]] = {
    "as it is": (ANY, [BRIEF, HI, GO, LATE], "[system: Be brief.][user: Hi][user: Go][system: Be kind.]", ""),
    "neighbours": (BY_TURNS, [HI, GO], "[user: Hi\n\nGo]", ""),
    "no system": (BY_TURNS, [BRIEF, HI], "[user: Be brief.\n\nHi]", "messages[0]=moved-to-user-turn"),
    "system alone": (BY_TURNS, [BRIEF], "[user: Be brief.]", "messages[0]=moved-to-user-turn"),
    "system first": (
        SYSTEM_FIRST,
        [BRIEF, HI, YES, LATE],
        "[system: Be brief.][user: Hi][assistant: Yes?][user: <system>\nBe kind.\n</system>]",
        "messages[3]=moved-to-user-turn",
    ),
    "systems first": (SYSTEM_FIRST, [BRIEF, LATE, HI], "[system: Be brief.\n\nBe kind.][user: Hi]", ""),
    "passed over": (
        PASSES_OVER,
        [HI, LATE],
        "[user: Hi\n\n<system>\nBe kind.\n</system>]",
        "messages[3]=moved-to-user-turn",
    ),
    "assistant first": (
        BY_TURNS,
        [YES, HI],
        "[user: .][assistant: Yes?][user: Hi]",
        "messages[4]=user-turn-inserted",
    ),
    "begun": (BY_TURNS, [HI, GO, YES], "[user: Hi\n\nGo][assistant: Yes?", ""),
    "the proxy's own": (BY_TURNS, [Said({"role": "system", "content": "JSON!"}, ""), HI], "[user: JSON!\n\nHi]", ""),
}


@pytest.mark.parametrize("case", FITS)
def test_it_fits(case: str) -> None:
    template, conversation, expected, header = FITS[case]
    assert prompt(template, *conversation) == (expected, header)


def test_in_strict_mode_it_has_to_fit_as_it_is() -> None:
    assert prompt(BY_TURNS, HI, strict=True)[0] == "[user: Hi]"
    with pytest.raises(UnsupportedParameter) as caught:
        prompt(BY_TURNS, BRIEF, HI, strict=True)
    assert caught.value.param == "messages[0]"


CALLS = """
{%- for m in messages %}
    {{- '[' + m.role + ': ' + m.content }}
    {%- for c in m.tool_calls %}{{ ' ' + c.function.name + (c.function.arguments | tojson) }}{% endfor %}]
{%- endfor %}"""
AS_TEXT = CALLS.replace("(c.function.arguments | tojson)", "c.function.arguments")
ONE = CALLS.replace("{%- for c", "{%- if m.tool_calls | length > 1 %}{{ raise_exception('One!') }}{% endif %}{% for c")
FIRST = CALLS.replace("in m.tool_calls", "in (m.tool_calls or [])[:1]")
NONE = "{% for m in messages %}{{ '[' + m.role + ': ' + m.content + ']' }}{% endfor %}"
BARE = CALLS.replace("m.content }}", "(m.content if not m.tool_calls else '') }}")
NO_USER_BEHIND = CALLS.replace(
    "{{- '['",
    "{%- if m.role == 'user' and loop.previtem and loop.previtem.role == 'tool' %}{{ raise_exception('No!') }}{% endif %}"
    "{{- '['",
)
ASKED = said("user", "Go", 0)
CALLED = said("assistant", "Well", 1, tool_calls=[call("a", "x")])
TWICE = said("assistant", "Well", 1, tool_calls=[call("a", "x"), call("b", "y")])
SUNNY = said("tool", "Sunny", 2, tool_call_id="a")
RAIN = said("tool", "Rain", 3, tool_call_id="b")
NEXT = said("user", "So?", 4)
FIT_CALLS: dict[str, tuple[str, list[Said], str, str]] = {
    "as they are": (
        CALLS,
        [ASKED, TWICE, RAIN, SUNNY],
        '[user: Go][assistant: Well look{"at": "x"} look{"at": "y"}][tool: Rain][tool: Sunny]',
        "",
    ),
    "arguments as text": (
        AS_TEXT,
        [ASKED, CALLED, SUNNY],
        '[user: Go][assistant: Well look{"at":"x"}][tool: Sunny]',
        "",
    ),
    "one at a time": (
        ONE,
        [ASKED, TWICE, RAIN, SUNNY, NEXT],
        '[user: Go][assistant: Well look{"at": "x"}][tool: Sunny][assistant:  look{"at": "y"}][tool: Rain][user: So?]',
        "messages[1].tool_calls=one-by-one",
    ),
    "only the first is told": (
        FIRST,
        [ASKED, TWICE, SUNNY, RAIN],
        '[user: Go][assistant: Well look{"at": "x"}][tool: Sunny][assistant:  look{"at": "y"}][tool: Rain]',
        "messages[1].tool_calls=one-by-one",
    ),
    "none is told": (
        NONE,
        [ASKED, TWICE, SUNNY, RAIN],
        "[user: Go][assistant: Well][tool: Sunny][tool: Rain]",
        "messages[1].tool_calls=dropped",
    ),
    "no text beside calls": (
        BARE,
        [ASKED, CALLED, SUNNY],
        '[user: Go][assistant:  look{"at": "x"}][tool: Sunny]',
        "messages[1].content=dropped",
    ),
    "no user behind a tool": (
        NO_USER_BEHIND,
        [ASKED, CALLED, SUNNY, NEXT],
        '[user: Go][assistant: Well look{"at": "x"}][tool: Sunny][assistant: .][user: So?]',
        "messages[4]=assistant-turn-inserted",
    ),
}


@pytest.mark.parametrize("case", FIT_CALLS)
def test_calls_fit(case: str) -> None:
    template, conversation, expected, header = FIT_CALLS[case]
    assert prompt(template, *conversation) == (expected, header)


def test_no_result_is_lost_where_calls_go_one_by_one() -> None:
    again, late = said("tool", "Again", 5, tool_call_id="a"), said("tool", "Late", 6, tool_call_id="b")
    text, _ = prompt(FIRST, ASKED, TWICE, SUNNY, NEXT, late, CALLED, again)
    assert [word for word in ("Sunny", "Late", "Again") if text.count(word) != 1] == []


def test_a_call_without_arguments_is_told_by_its_name() -> None:
    bare = {"id": "a", "type": "function", "function": {"name": "look", "arguments": {}}}
    names = (
        "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}{% endfor %}{% endfor %}"
    )
    conversation = [ASKED, said("assistant", "", 1, tool_calls=[bare]), SUNNY]
    assert prompt(names, *conversation) == ("GolookSunny", "")


LEFT_OUT: dict[str, tuple[str, list[Said], tuple[Tool, ...], str, str]] = {
    "what the user says": ("{{ messages[-1].content }}", [HI, YES, GO], (), "messages[1]", "leaves it out"),
    "what a tool says": (
        "{% for m in messages if m.role != 'tool' %}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}",
        [ASKED, CALLED, SUNNY],
        (),
        "messages[2]",
        "leaves it out",
    ),
    "tools": ("{{ tools | length if tools }}" + ANY, [HI], (LOOK,), "tools[0].function", "leaves tools out"),
    "all": ("{{ raise_exception('Never.') }}", [BRIEF, HI, GO], (), "messages", "Never."),
    "too much": (
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        [BRIEF, HI],
        (),
        "messages",
        "too long",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_would_be_lost_is_refused(case: str) -> None:
    template, conversation, tools, param, words = LEFT_OUT[case]
    with pytest.raises(InvalidRequest) as caught:
        prompt(template, *conversation, tools=tools)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert words in caught.value.message


def test_a_long_conversation_is_tried_as_it_is_alone() -> None:
    with pytest.raises(InvalidRequest, match=r"Turns!"):
        prompt(BY_TURNS, *[HI] * 2_001)
    assert prompt(BY_TURNS, *[HI] * 2_000)[0].count("Hi") == 2_000
    half = said("user", "x" * 500_000, 0)
    assert len(prompt(BY_TURNS, half, half)[0]) > 1_000_000
    with pytest.raises(InvalidRequest, match=r"Turns!"):
        prompt(BY_TURNS, half, half, HI)


def test_neighbours_are_joined() -> None:
    long = said("user", "x" * 400, 0)
    assert len(prompt(BY_TURNS, *[long] * 2_000)[0]) == 2_000 * 402 - 2 + len("[user: ]")


def test_a_template_that_looks_into_what_is_said_is_believed() -> None:
    picky = "{% for m in messages %}{{ m.content if m.content == 'Hi' else raise_exception('Not Hi') }}{% endfor %}"
    assert prompt(picky, HI) == ("Hi", "")
