"""Marks that nobody wrote, and how long marks live that do not say."""

from dataclasses import replace
from typing import Any

import pytest

from proxy.emulator import claude_rules
from proxy.emulator.models import read_catalog
from proxy.errors import UnsupportedParameter
from proxy.families import FAMILIES
from proxy.families.cache_points import with_cache_points
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Caching, Message, Request, Role, Tool
from proxy.routing.catalog import Catalog, Model

EMULATED = read_catalog()


def model(beginning: str) -> Model:
    return next(model for model in Catalog.load().all() if model.id.startswith(beginning))


SONNET = model("anthropic.claude-sonnet-4-5")  # 1,024 tokens, 5m and 1h
OLDER = model("anthropic.claude-sonnet-4-2025")  # 5m alone
NOVA = model("amazon.nova-pro")  # 1,000 tokens, and no tools
LLAMA = model("meta.llama3-3")
IMPLICIT = next(one for one in Catalog.load().all() if "caching" in one.features and not one.cache_points)
LONG = "Rule. " * 700  # 4,200 characters
SHORT = "Rule. " * 600  # 3,600
MADE = CacheMark("prompt_cache_options")


def system(text: str) -> Message:
    return Message(Role.SYSTEM, [Text(text)])


def user(*blocks: Block | str) -> Message:
    return Message(Role.USER, [Text(block) if isinstance(block, str) else block for block in blocks])


def assistant(*blocks: Block | str) -> Message:
    return replace(user(*blocks), role=Role.ASSISTANT)


def tool(description: str = "") -> Tool:
    return Tool("look", "tools[0].function", description, {"type": "object", "properties": {}})


def marked(
    *messages: Message,
    tools: list[Tool] | None = None,
    facts: Model = SONNET,
    caching: Caching | None = None,
    is_automatic: bool = True,
) -> tuple[Request, str]:
    request = Request("m", [*messages], tools=tools or [], caching=caching)
    before = repr(request)
    adapted = Adaptations()
    made = with_cache_points(request, facts, adapted, is_automatic=is_automatic)
    assert repr(request) == before, "the request was changed"
    return made, adapted.header()


def places(made: Request) -> list[str]:
    """Where marks stand: `tools[0]`, `0.1`, message and block."""
    return [
        *(f"tools[{at}]" for at, tool in enumerate(made.tools) if tool.cache_mark),
        *(
            f"{at}.{within}"
            for at, message in enumerate(made.messages)
            for within, block in enumerate(message.blocks)
            if isinstance(block, CacheMark)
        ),
    ]


def spots(*messages: Message, **others: Any) -> list[str]:
    made, header = marked(*messages, **others)
    assert header == ""
    return places(made)


TURNS = [user("a"), assistant("b"), user("c"), assistant("d"), user("e")]


@pytest.mark.parametrize(
    ("messages", "tools", "expected"),
    [
        # One question: what will come again, and nothing of the question.
        ([system(LONG), user("a")], [], ["0.1"]),
        ([system(SHORT), user("a")], [], []),
        ([user(LONG)], [], []),
        ([user(LONG), user(LONG)], [], []),
        ([system(LONG)], [], []),
        ([system("a"), system(LONG), user("a")], [], ["1.1"]),
        ([system(SHORT), system("b" * 600), user("a")], [], ["1.1"]),
        ([system("a"), user("a")], [tool(LONG)], ["tools[0]", "0.1"]),
        ([system("a"), user("a")], [tool(LONG), tool("b")], ["tools[1]", "0.1"]),
        ([system("a" * 600), user("a")], [tool(SHORT)], ["0.1"]),
        # A conversation: the last turn and the one before.
        ([system(LONG), *TURNS], [], ["0.1", "3.1", "5.1"]),
        ([system(LONG), *TURNS], [tool(LONG)], ["tools[0]", "0.1", "3.1", "5.1"]),
        (TURNS, [], []),
        ([*TURNS[:-1], user(LONG)], [], ["4.1"]),
        ([user(LONG), *TURNS[1:]], [], ["2.1", "4.1"]),
        ([user(LONG), assistant("b")], [], ["0.1"]),
        ([user(SHORT), assistant("b" * 600), user("c")], [], ["2.1"]),
        ([user("a"), assistant(ToolUse("t", "look", LONG)), user(ToolResult("t", [Text("c")]))], [tool()], ["2.1"]),
        ([user("a"), assistant(ToolUse("t", "look", "{}")), user(ToolResult("t", [Text(LONG)]))], [tool()], ["2.1"]),
        # System messages inside are no places.
        ([user(LONG), assistant("b"), system("s"), user("c")], [], ["0.1", "3.1"]),
        # Behind the last block that can bear a mark.
        ([user(LONG, Image("i", "aGk=", "image/png")), assistant("b"), user("c", "  ")], [], ["0.2", "2.1"]),
        ([user(LONG), assistant("b"), user("c", Document("d", "aGk=", "text/plain"))], [], ["0.1", "2.1"]),
        ([user(LONG), assistant("b"), user("c", Document("d", "aGk=", "application/pdf"))], [], ["0.1", "2.2"]),
        ([user(LONG), assistant("b"), user(" ")], [], ["0.1"]),
    ],
    ids=str,
)
def test_where(messages: list[Message], tools: list[Tool], expected: list[str]) -> None:
    assert spots(*messages, tools=tools) == expected
    assert spots(*messages, tools=tools, is_automatic=False) == []
    asked = Caching(True, "prompt_cache_options.mode")
    assert spots(*messages, tools=tools, caching=asked, is_automatic=False) == expected
    assert spots(*messages, tools=tools, caching=Caching(False)) == []


def test_where_a_model_takes_none() -> None:
    assert spots(system(LONG), user("a"), tools=[tool(LONG)], facts=NOVA) == ["0.1"]
    assert spots(system(LONG), *TURNS, facts=replace(NOVA, cache_points=("messages",))) == ["3.1", "5.1"]
    assert spots(system(LONG), *TURNS, facts=replace(NOVA, cache_points=("system",))) == ["0.1"]
    assert spots(system(LONG), *TURNS, facts=LLAMA) == spots(system(LONG), *TURNS, facts=IMPLICIT) == []


def test_how_long_a_prompt_has_to_be() -> None:
    for facts, least in ((SONNET, 1_024), (NOVA, 1_000), (replace(SONNET, min_cache_tokens=None), 1_024)):
        assert spots(system("a" * (4 * least)), user("b"), facts=facts) == ["0.1"]
        assert spots(system("a" * (4 * least - 1)), user("b"), facts=facts) == []


@pytest.mark.parametrize(
    ("messages", "tools"),
    [
        ([system(LONG), Message(Role.USER, [Text("a"), CacheMark("m")]), assistant("b"), user(LONG)], []),
        ([system(LONG), user("a")], [replace(tool(LONG), cache_mark=CacheMark("t"))]),
        ([assistant(ToolUse("t", "look", "{}")), user(ToolResult("t", [Text(LONG)], cache_mark=CacheMark("r")))], []),
    ],
)
def test_marks_of_its_own(messages: list[Message], tools: list[Tool]) -> None:
    """Then there are no others, and those that do not say live as long as the request says."""
    plain, _ = marked(*messages, tools=tools)
    assert (plain.messages, plain.tools) == (messages, tools)
    made, header = marked(*messages, tools=tools, caching=Caching(True, "o.mode", "1h", "o.ttl", "30m"))
    assert header == "o.mode=explicit, o.ttl=30m->1h"
    assert repr(made.messages).replace("ttl='1h'", "ttl=None") == repr(messages)
    assert repr([made.messages, made.tools]).count("ttl='1h'") == 1


def test_a_mark_keeps_the_lifetime_that_it_says() -> None:
    own = Message(Role.USER, [Text("a"), CacheMark("m", "5m"), Text("b"), CacheMark("n")])
    made, header = marked(own, caching=Caching(None, "", "1h", "prompt_cache_retention", "24h"))
    assert [block.ttl for block in made.messages[0].blocks if isinstance(block, CacheMark)] == ["5m", "1h"]
    assert header == "prompt_cache_retention=24h->1h"


@pytest.mark.parametrize(
    ("facts", "ttl", "word", "made", "header"),
    [
        (SONNET, None, None, None, ""),
        (SONNET, "5m", "5m", None, ""),
        (SONNET, "1h", "1h", "1h", ""),
        (SONNET, "1h", "30m", "1h", "o.ttl=30m->1h"),
        (OLDER, "1h", "1h", None, "o.ttl=1h->5m"),
        (NOVA, "1h", "30m", None, "o.ttl=30m->5m"),
    ],
)
def test_how_long_it_lives(facts: Model, ttl: str | None, word: str | None, made: str | None, header: str) -> None:
    caching = Caching(True, "o.mode", ttl, "o.ttl", word)
    request, told = marked(system(LONG), user("a"), facts=facts, caching=caching, is_automatic=False)
    assert (request.messages[0].blocks[1], told) == (CacheMark("prompt_cache_options", made), header)


@pytest.mark.parametrize(
    ("facts", "caching", "header"),
    [
        (LLAMA, Caching(True, "o.mode"), "o.mode=dropped"),
        (LLAMA, Caching(False, "o.mode"), ""),
        (LLAMA, Caching(None, "", "1h", "o.ttl", "30m"), "o.ttl=dropped"),
        (IMPLICIT, Caching(True, "o.mode"), ""),
        (IMPLICIT, Caching(True, "o.mode", "1h", "o.ttl", "30m"), "o.ttl=dropped"),
        (SONNET, Caching(None, "", "1h", "o.ttl", "30m"), "o.ttl=dropped"),
        (SONNET, Caching(False, "o.mode", "1h", "o.ttl", "30m"), "o.ttl=dropped"),
    ],
)
def test_what_has_no_effect_is_said(facts: Model, caching: Caching, header: str) -> None:
    request, told = marked(system(LONG), user("a"), facts=facts, caching=caching, is_automatic=False)
    assert (places(request), told) == ([], header)
    if header:
        with pytest.raises(UnsupportedParameter):
            with_cache_points(replace(request), facts, Adaptations(is_strict=True), is_automatic=False)


@pytest.mark.parametrize("facts", [one for one in Catalog.load().all() if one.cache_points], ids=lambda one: one.id)
@pytest.mark.parametrize("family", ["own", "converse"])
def test_every_model_takes_them(facts: Model, family: str) -> None:
    """Nothing is adapted for what nobody wrote, and at most four marks go out."""
    text = "Rule. " * 5_000
    calls = [assistant("b", ToolUse("t", "look", "{}")), user(ToolResult("t", [Text("c")]), "d", " ")]
    request, _ = marked(system(text), user("a"), *calls, tools=[tool(text)], facts=facts)
    adapted = Adaptations(is_strict=True)
    called = FAMILIES[facts.family if family == "own" else "converse"].build(request, facts, adapted)
    body = decode(called.body)
    count = called.body.count(b'"cachePoint"') + called.body.count(b'"cache_control"')
    assert count == 1 + len(facts.cache_points)
    if facts.family == "claude" and family == "own":
        claude_rules.check(body, EMULATED[facts.id])
