"""instructor does what it is told on stdin, and reports in one line of JSON each; see test_agents_instructor.py.

{"base_url": "…", "api_key": "…", "tasks": [
    {"how": "create" | "partial" | "iterable" | "conversation", "mode": "TOOLS", "model": "…", "headers": {…}}
]}
"""

from __future__ import annotations

import json  # noqa: TID251  this environment has no msgspec
import sys
from collections.abc import Iterable
from typing import Any

import instructor
import openai
import pydantic


class Step(pydantic.BaseModel):
    explanation: str
    cost: float


class Plan(pydantic.BaseModel):
    """A plan with its steps."""

    title: str = pydantic.Field(min_length=1)
    steps: list[Step]
    is_final: bool


class GetWeather(pydantic.BaseModel):
    """The weather in a city."""

    city: str


class GetTime(pydantic.BaseModel):
    """The time in a zone."""

    zone: str


def perform(client: Any, how: str, model: str, headers: dict[str, str]) -> Any:
    asked = {"model": model, "messages": [{"role": "user", "content": "Plan it."}], "extra_headers": headers}
    match how:
        case "create":
            return client.create(response_model=Plan, max_retries=2, **asked).model_dump()
        case "partial":
            return [partial.model_dump() for partial in client.create_partial(response_model=Plan, **asked)]
        case "iterable":
            return [step.model_dump() for step in client.create_iterable(response_model=Step, **asked)]
        case "conversation":
            return converse(client, asked)
    raise ValueError(how)


def converse(client: Any, asked: dict[str, Any]) -> Any:
    """Two tools, called at once; then, with what they said, the answer, whole and in parts."""
    messages = [{"role": "user", "content": "Use GetWeather and GetTime."}]
    called = client.create(response_model=Iterable[GetWeather | GetTime], **{**asked, "messages": messages})
    calls = list(called)
    names = [type(call).__name__ for call in calls]
    messages.append(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": name, "type": "function", "function": {"name": name, "arguments": call.model_dump_json()}}
                for name, call in zip(names, calls, strict=True)
            ],
        }
    )
    messages += [{"role": "tool", "tool_call_id": name, "content": "noon"} for name in names]
    by_tools = instructor.from_openai(client.client, mode=instructor.Mode.TOOLS)
    fields = {**asked, "messages": messages, "response_model": Plan}
    *_, last = by_tools.create_partial(**fields)
    return {
        "calls": [{"name": name, **call.model_dump()} for name, call in zip(names, calls, strict=True)],
        "answers": [by_tools.create(**fields).model_dump(), last.model_dump()],
    }


order = json.load(sys.stdin)
with openai.OpenAI(base_url=order["base_url"], api_key=order["api_key"], max_retries=0) as raw:
    for task in order["tasks"]:
        client = instructor.from_openai(raw, mode=instructor.Mode[task["mode"]])
        print(json.dumps(perform(client, task["how"], task["model"], task["headers"])))
