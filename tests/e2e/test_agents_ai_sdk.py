"""The Vercel AI SDK in front. Its tasks are done by node/agent.mjs; what its user would have got comes back as JSON."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
ASK = "Use get_weather and get_time."
BY_SCHEMA = {"supportsStructuredOutputs": True}
"""Without it the SDK asks for `json_object`, and says nothing of the schema."""
PLAN = {"title": "title", "steps": [{"explanation": "explanation", "cost": 1}], "is_final": True}


@pytest.fixture
def perform(node_folder, proxy):
    """`perform({"how": …, "model": …, "prompt": …}, …)` -> one report for each. None of them failed."""

    def perform(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
        order = {"base_url": proxy.base_url, "api_key": proxy.key, "tasks": tasks}
        result = subprocess.run(["node", "agent.mjs"], cwd=node_folder, input=jsonio.encode(order), capture_output=True)
        assert result.returncode == 0, result.stderr.decode()
        reports = [jsonio.decode(line) for line in result.stdout.splitlines()]
        assert [report["error"] for report in reports if "error" in report] == []
        return reports

    return perform


def check_tools(report: dict[str, Any]) -> None:
    assert report["calls"] == [
        {"name": "get_weather", "input": {"city": "city", "days": 1}},
        {"name": "get_time", "input": {"zone": "zone"}},
    ]
    assert report["results"] == ["7 degrees", {"hour": "noon"}]
    assert report["reasons"] == ["tool-calls", "stop"]
    assert report["usage"]["outputTokens"] > 0


@ALL
def test_tools_whole_and_streamed(perform, bedrock, model):
    task = {"model": model, "prompt": ASK}
    whole, streamed = perform(task | {"how": "generateText"}, task | {"how": "streamText"})
    for report in (whole, streamed):
        check_tools(report)
        assert "7 degrees" in report["text"]
    assert "".join(streamed["pieces"]) == streamed["text"] == whole["text"]
    assert len(streamed["pieces"]) > 2
    assert len(bedrock.calls) == 4
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
def test_objects_whole_and_streamed(perform, bedrock, model):
    task = {"model": model, "prompt": "Plan it.", "provider": BY_SCHEMA}
    whole, streamed, agent, streaming_agent = perform(
        task | {"how": "generateObject"},
        task | {"how": "streamObject"},
        task | {"how": "agentWithOutput", "prompt": ASK},
        task | {"how": "streamingAgentWithOutput", "prompt": ASK},
    )
    assert whole["object"] == streamed["object"] == agent["object"] == streaming_agent["object"] == PLAN
    assert whole["finishReason"] == "stop"
    assert streamed["partials"][-1] == streaming_agent["partials"][-1] == PLAN
    assert whole["usage"]["outputTokens"] > 0
    check_tools(agent)
    check_tools(streaming_agent)
    assert all(call.faults == [] for call in bedrock.calls)


@pytest.mark.parametrize("how", ["generateText", "streamText"])
def test_claude_thinks_between_turns(perform, bedrock, how):
    """The SDK sends the reasoning back in plain; what Claude gets is what it signed."""
    options = {"maxOutputTokens": 20000, "providerOptions": {"proxy": {"reasoningEffort": "high"}}}
    (report,) = perform({"how": how, "model": CLAUDE, "prompt": ASK, "options": options})
    check_tools(report)
    assert report["reasoning"][0]
    _, second = bedrock.calls
    (thought,) = [block for block in second.body["messages"][1]["content"] if block["type"] == "thinking"]
    assert thought["signature"]
