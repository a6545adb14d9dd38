"""pydantic-ai: typed agents with tools, and outputs by tool, by the model's own schemas, and by the prompt."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.messages import ModelRequest, ModelResponse, ThinkingPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
ASK = "Use get_weather and get_time."


class Step(pydantic.BaseModel):
    explanation: str
    cost: float


class Plan(pydantic.BaseModel):
    title: str
    steps: list[Step]
    is_final: bool


PLAN = Plan(title="title", steps=[Step(explanation="explanation", cost=1)], is_final=True)
"""What the emulator answers by this schema."""


def get_weather(city: str, days: int) -> str:
    """The weather in a city."""
    return f"{6 + days} degrees"


def get_time(zone: str) -> str:
    """The time in a zone."""
    return "noon"


@pytest.fixture
async def agent(proxy):
    async with proxy.async_openai() as client:

        def agent(model: str, **options: Any) -> Agent[None, Any]:
            llm = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
            return Agent(llm, tools=[get_weather, get_time], **options)

        yield agent


def called(messages: list[Any]) -> list[str]:
    replies = [message for message in messages if isinstance(message, ModelResponse)]
    return [part.tool_name for reply in replies for part in reply.parts if isinstance(part, ToolCallPart)]


def returned(messages: list[Any]) -> list[Any]:
    requests = [message for message in messages if isinstance(message, ModelRequest)]
    return [part.content for request in requests for part in request.parts if isinstance(part, ToolReturnPart)]


@ALL
async def test_two_tools(agent, bedrock, model):
    result = await agent(model, instructions="You are kind.").run(ASK)
    assert called(result.all_messages()) == ["get_weather", "get_time"]
    assert returned(result.all_messages()) == ["7 degrees", "noon"]
    assert "noon" in result.output
    assert result.usage.output_tokens > 0
    assert len(bedrock.calls) == 2
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
async def test_two_tools_streamed(agent, model):
    async with agent(model).run_stream(ASK) as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    assert called(result.all_messages()) == ["get_weather", "get_time"]
    assert "noon" in "".join(pieces)
    assert len(pieces) > 2


@ALL
@pytest.mark.parametrize("form", [ToolOutput, NativeOutput, PromptedOutput])
async def test_tools_and_an_output(agent, model, form):
    result = await agent(model, output_type=form(Plan)).run(ASK)
    assert result.output == PLAN
    assert called(result.all_messages())[:2] == ["get_weather", "get_time"]


@ALL
@pytest.mark.parametrize("form", [ToolOutput, NativeOutput, PromptedOutput])
async def test_tools_and_an_output_streamed(agent, model, form):
    async with agent(model, output_type=form(Plan)).run_stream(ASK) as result:
        seen = [partial async for partial in result.stream_output(debounce_by=None)]
    assert seen[-1] == PLAN
    assert called(result.all_messages())[:2] == ["get_weather", "get_time"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_claude_thinks_between_turns(agent, bedrock, stream):
    """pydantic-ai sends the reasoning back in plain; what Claude gets is what it signed."""
    thinker = agent(CLAUDE, model_settings={"openai_reasoning_effort": "high", "max_tokens": 20000})
    if stream:
        async with thinker.run_stream(ASK) as result:
            output = await result.get_output()
    else:
        result = await thinker.run(ASK)
        output = result.output
    assert "noon" in output
    first = next(message for message in result.all_messages() if isinstance(message, ModelResponse))
    assert any(isinstance(part, ThinkingPart) and part.content for part in first.parts)
    _, second = bedrock.calls
    (thought,) = [block for block in second.body["messages"][1]["content"] if block["type"] == "thinking"]
    assert thought["signature"]
