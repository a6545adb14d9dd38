"""Two names that Bedrock would know as one: a client that has both is told so, and no call goes to the wrong tool."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidRequest
from proxy.families import FAMILIES
from proxy.families.tool_names import ToolNames, safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Request, Role, Tool
from proxy.routing.catalog import Catalog

ODD = "mcp.weather/get"
TWIN = safe(ODD)
HELLO = Message(Role.USER, [Text("Hello")])


def tools(*names: str) -> list[Tool]:
    return [Tool(name, f"tools[{index}].function") for index, name in enumerate(names)]


@pytest.mark.parametrize("model_id", ["anthropic.claude-sonnet-4-5", "amazon.nova-pro-v1:0", "meta.llama3-3-70b"])
@pytest.mark.parametrize("names", [(ODD, TWIN), (TWIN, ODD)])
def test_two_tools_of_one_safe_name_are_refused(model_id: str, names: tuple[str, str]) -> None:
    model = next(model for model in Catalog.load().all() if model.id.startswith(model_id))
    request = Request("m", [HELLO], tools=tools("now", *names))
    with pytest.raises(InvalidRequest, match="are the same name") as raised:
        FAMILIES[model.family].build(request, model, Adaptations())
    assert (raised.value.param, raised.value.code) == ("tools[2].function.name", "invalid_value")


@pytest.mark.parametrize(("offered", "called"), [(ODD, TWIN), (TWIN, ODD)])
def test_a_call_goes_to_the_tool_on_offer_whatever_the_history_called(offered: str, called: str) -> None:
    call = ToolUse("call_1", called, "{}", "messages[1].tool_calls[0].function")
    messages = [HELLO, Message(Role.ASSISTANT, [call]), Message(Role.USER, [ToolResult("call_1")])]
    assert ToolNames.of(Request("m", messages, tools=tools(offered))).to_client(TWIN) == offered
