"""LangChain's agents, and its three ways to a structured output."""

from __future__ import annotations

from typing import Any

import openai
import pydantic
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
# LangChain dumps chunks in which openai-python has put the parsed object, where the type says that there is none.
PARSED = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
ASK = "Use get_weather and get_time."


@tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather in a city."""
    return f"{6 + days} degrees"


@tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    return "noon"


TOOLS: Any = [get_weather, get_time]
DO = {one.name: one for one in TOOLS}


class Step(pydantic.BaseModel):
    """One step of a plan."""

    explanation: str
    cost: float


class Plan(pydantic.BaseModel):
    """A plan with its steps."""

    title: str
    steps: list[Step]
    is_final: bool


PLAN = Plan(title="title", steps=[Step(explanation="explanation", cost=1)], is_final=True)
"""What the emulator answers by this schema."""


@pytest.fixture(autouse=True)
def no_traces(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.fixture
def chat(proxy):
    # Its own pool of connections is shared by all instances and never closed.
    with openai.DefaultHttpxClient() as http:

        def chat(model: str, **options: Any) -> ChatOpenAI:
            return ChatOpenAI(
                model=model, base_url=proxy.base_url, api_key=proxy.key, max_retries=0, http_client=http, **options
            )

        yield chat


@ALL
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_loop_of_ones_own(chat, model, stream):
    llm = chat(model, stream_usage=True).bind_tools(TOOLS)
    messages: list[Any] = [HumanMessage(ASK)]
    called = []
    for _ in range(3):
        if stream:
            pieces = list(llm.stream(messages))
            whole = pieces[0]
            for piece in pieces[1:]:
                whole += piece
            reply = AIMessage(content=whole.content, tool_calls=whole.tool_calls)
            assert whole.usage_metadata["output_tokens"] > 0
        else:
            reply = llm.invoke(messages)
        assert not reply.invalid_tool_calls
        messages.append(reply)
        if not reply.tool_calls:
            break
        called += [call["name"] for call in reply.tool_calls]
        messages += [DO[call["name"]].invoke(call) for call in reply.tool_calls]
    assert called == ["get_weather", "get_time"]
    assert "noon" in messages[-1].content
    assert "degrees" in messages[-1].content


@ALL
@pytest.mark.parametrize("choice", ["any", "get_time"])
def test_a_forced_call(chat, model, choice):
    reply = chat(model).bind_tools(TOOLS, tool_choice=choice).invoke("Hi")
    (call,) = reply.tool_calls
    assert call["name"] in (DO if choice == "any" else ["get_time"])


@ALL
def test_an_agent(chat, bedrock, model):
    agent = create_agent(chat(model), TOOLS, system_prompt="You are kind.")
    messages = agent.invoke({"messages": [HumanMessage(ASK)]})["messages"]
    assert [message.name for message in messages if isinstance(message, ToolMessage)] == ["get_weather", "get_time"]
    assert "noon" in messages[-1].content
    assert len(bedrock.calls) == 2
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
def test_an_agent_that_streams(chat, model):
    agent = create_agent(chat(model, streaming=True), TOOLS)
    said, results = "", 0
    for message, _ in agent.stream({"messages": [HumanMessage(ASK)]}, stream_mode="messages"):
        if isinstance(message, ToolMessage):
            results += 1
        elif results:
            said += message.text
    assert results == 2
    assert "noon" in said


@ALL
@PARSED
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_agent_that_answers_by_a_schema(chat, bedrock, model, strategy, stream):
    agent = create_agent(chat(model, streaming=stream), TOOLS, response_format=strategy(Plan))
    asked = {"messages": [HumanMessage(ASK)]}
    state = [*agent.stream(asked, stream_mode="values")][-1] if stream else agent.invoke(asked)
    assert state["structured_response"] == PLAN
    assert all(call.operation.endswith("stream") == stream for call in bedrock.calls)
    names = {message.name for message in state["messages"] if isinstance(message, ToolMessage)}
    assert {"get_weather", "get_time"} <= names


@ALL
@PARSED
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_structured_output(chat, model, method, stream):
    llm = chat(model).with_structured_output(Plan, method=method)
    prompt = "Plan it."
    if method == "json_mode":
        prompt += f" Answer in JSON that follows this schema: {Plan.model_json_schema()}".replace("'", '"')
    answer = [*llm.stream(prompt)][-1] if stream else llm.invoke(prompt)
    assert answer == PLAN


@ALL
def test_structured_output_as_a_dict_with_the_raw_message(chat, model):
    schema = Plan.model_json_schema()
    answer = chat(model).with_structured_output(schema, method="json_schema", include_raw=True).invoke("Plan it.")
    assert answer["parsing_error"] is None
    assert answer["parsed"] == PLAN.model_dump()
    assert answer["raw"].content
