from dataclasses import replace
from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.families import FAMILIES
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Message, Request, Role, Tool
from proxy.routing.catalog import Catalog

NOVA = Catalog.load().find("amazon.nova-pro-v1:0")
CLAUDE = Catalog.load().find("anthropic.claude-sonnet-4-5-20250929-v1:0")
HELLO = [Message(Role.USER, [Text("Hello")])]


def large(number: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{number}_{n}": {"type": "string"} for n in range(3_000)}}


def costly() -> dict[str, Any]:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "properties": {f"q{n}": {"type": "string"} for n in range(9_000)}}


@pytest.mark.parametrize("family", ["claude", "converse"])
def test_all_schemas_of_a_request_draw_on_one_budget(family: str) -> None:
    assert CLAUDE is not None
    tools = [Tool(f"f{n}", f"tools[{n}].function", parameters=large(n)) for n in range(128)]
    assert FAMILIES[family].build(Request("m", HELLO, tools=tools[:2]), CLAUDE, Adaptations()).body
    with pytest.raises(InvalidRequest, match="the schemas of this request are too large") as raised:
        FAMILIES[family].build(Request("m", HELLO, tools=tools), CLAUDE, Adaptations())
    assert str(raised.value.param).endswith(".function.parameters")


@pytest.mark.parametrize("family", ["claude", "converse"])
def test_what_a_grammar_costs_beyond_the_budget_is_said_of_its_tool(family: str) -> None:
    """The schema itself is within it, and a grammar of it is not."""
    assert CLAUDE is not None
    tool = Tool("f", "tools[0].function", parameters=costly())
    assert FAMILIES[family].build(Request("m", HELLO, tools=[tool]), CLAUDE, Adaptations()).body
    with pytest.raises(InvalidRequest, match=r"^Invalid schema for function 'f': with it the schemas") as raised:
        FAMILIES[family].build(Request("m", HELLO, tools=[replace(tool, is_strict=True)]), CLAUDE, Adaptations())
    assert (raised.value.param, raised.value.code) == (
        "tools[0].function.parameters",
        "invalid_function_parameters",
    )


def test_what_nova_does_not_know_at_the_top_stands_one_level_down() -> None:
    assert NOVA is not None
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    plain = {"type": "object", "title": "T", "properties": {"a": {"type": "string", "title": "A"}}}
    tools = [Tool("free", "tools[0]", parameters=free), Tool("plain", "tools[1]", parameters=plain)]
    call = FAMILIES["converse"].build(Request("m", HELLO, tools=tools), NOVA, Adaptations(is_strict=True))
    first, second = (tool["toolSpec"]["inputSchema"]["json"] for tool in decode(call.body)["toolConfig"]["tools"])
    assert first["properties"] == {"value": {"properties": {}, **free}}
    assert call.argument_keys == {"free": "value"}
    assert second == {"type": "object", "properties": plain["properties"]}
