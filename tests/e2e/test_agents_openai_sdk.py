"""The OpenAI Agents SDK in its chat mode: agents with tools and output types, run whole and streamed."""

from __future__ import annotations

import agents
import pydantic
import pytest
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
ASK = "Use get_weather and get_time."

agents.set_tracing_disabled(True)


class Step(pydantic.BaseModel):
    explanation: str
    cost: float


class Plan(pydantic.BaseModel):
    title: str
    steps: list[Step]
    is_final: bool


@function_tool
def get_weather(city: str, days: int) -> str:
    """The weather in a city."""
    return f"{6 + days} degrees"


@function_tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    return "noon"


TOOLS = [get_weather, get_time]


@pytest.fixture
async def chat(proxy):
    async with proxy.async_openai() as client:
        yield lambda model: OpenAIChatCompletionsModel(model=model, openai_client=client)


def called(items: list[agents.RunItem]) -> list[str]:
    return [item.raw_item.name for item in items if isinstance(item, agents.ToolCallItem)]


@ALL
async def test_two_tools(chat, bedrock, model):
    agent = Agent("helper", instructions="You are kind.", model=chat(model), tools=TOOLS)
    result = await Runner.run(agent, ASK)
    assert called(result.new_items) == ["get_weather", "get_time"]
    assert "noon" in result.final_output
    assert "7 degrees" in result.final_output
    assert len(bedrock.calls) == 2
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
async def test_two_tools_streamed(chat, bedrock, model):
    agent = Agent("helper", model=chat(model), tools=TOOLS)
    result = Runner.run_streamed(agent, ASK)
    pieces = [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    assert called(result.new_items) == ["get_weather", "get_time"]
    assert "noon" in result.final_output
    assert "".join(pieces).endswith(result.final_output)
    assert len(pieces) > 2
    assert len(bedrock.calls) == 2
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tools_and_an_output_type(chat, bedrock, model, stream):
    agent = Agent("planner", model=chat(model), tools=TOOLS, output_type=Plan)
    if stream:
        running = Runner.run_streamed(agent, ASK)
        async for _ in running.stream_events():
            pass
        items, output = running.new_items, running.final_output
    else:
        result = await Runner.run(agent, ASK)
        items, output = result.new_items, result.final_output
    assert called(items) == ["get_weather", "get_time"]
    assert output == Plan(title="title", steps=[Step(explanation="explanation", cost=1)], is_final=True)
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
async def test_a_forced_tool(chat, model):
    agent = Agent(
        "helper",
        model=chat(model),
        tools=TOOLS,
        model_settings=ModelSettings(tool_choice="get_time", include_usage=True),
        tool_use_behavior="stop_on_first_tool",
    )
    result = await Runner.run(agent, "Hi")
    assert (called(result.new_items), result.final_output) == (["get_time"], "noon")
    assert result.context_wrapper.usage.output_tokens > 0


@ALL
async def test_a_handoff(chat, model):
    """The other agent is offered as a tool, and sees the conversation with that call in it."""
    expert = Agent("expert", instructions="You know.", model=chat(model))
    desk = Agent("desk", model=chat(model), handoffs=[expert])
    result = await Runner.run(desk, "Please transfer_to_expert now.")
    assert result.last_agent is expert
    assert result.final_output


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_claude_thinks_between_turns(chat, bedrock, stream):
    settings = ModelSettings(reasoning={"effort": "high"}, max_tokens=20000)
    agent = Agent("thinker", model=chat(CLAUDE), tools=TOOLS, model_settings=settings)
    if stream:
        running = Runner.run_streamed(agent, ASK)
        async for _ in running.stream_events():
            pass
        output = running.final_output
    else:
        output = (await Runner.run(agent, ASK)).final_output
    assert "noon" in output
    _, second = bedrock.calls
    assert second.body["messages"][1]["content"][0]["type"] == "thinking"
