"""`Request` -> a body for a model that was imported with a chat template of its own.

    completion: bedrock    {"prompt": "<|im_start|>…", "max_gen_len": 2048, "temperature": 0.5, "top_p": 0.9}
    completion: openai     {"prompt": "<|im_start|>…", "max_tokens": 2048, "temperature": 0.5, "top_p": 0.9, "stop": ["…"]}

Source: AWS Bedrock user guide, "Invoke your imported model", 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.invoke import guardrail_fields, invoke_headers
from proxy.families.llama.answer import Expected
from proxy.families.llama.fit import fit
from proxy.families.llama.request import drop_what_llama_lacks, json_instruction, max_gen_len, refused
from proxy.families.llama.said import Said, say
from proxy.families.llama.thoughts import thinking
from proxy.families.llama.tool_prompts import offered
from proxy.families.tool_names import ToolNames, safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request, Role, Tool, ToolChoice
from proxy.routing.catalog import ChatTemplate, Model

_EFFORTS = ("low", "medium", "high")


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    template = model.chat_template
    assert template is not None
    tools, notes = _tools(request, template, adapted)
    if request.output_format is not None:
        adapted.change(request.output_format.param, "instruction", "This model has no schemas and no JSON mode.")
        notes.append(json_instruction(request.output_format))
    said = _with_notes(say(request.messages, template, adapted), notes)
    now, settings = datetime.fromtimestamp(request.now, UTC), _settings(request, template, adapted)
    prompt = fit(template, said, tools, now=now, settings=settings, adapted=adapted)
    is_openai = model.completion == "openai"
    limit = "max_tokens" if is_openai else "max_gen_len"
    body: dict[str, Any] = {
        "prompt": prompt,
        limit: max_gen_len(request, model, prompt, adapted),
        **guardrail_fields(request, adapted),
    }
    if request.sampling.top_p is not None:
        body["top_p"] = request.sampling.top_p
    if is_openai:
        body |= _openai_sampling(request)
    elif (temperature := sampling.temperature(request, adapted)) is not None:
        body["temperature"] = temperature
    drop_what_llama_lacks(request, adapted, has_openai_sampling=is_openai, has_effort=True)
    reading = Expected(
        functions=offered(tools),
        max_calls=None if request.has_parallel_tools else 1,
        id_seed=sha256(prompt.encode()).hexdigest()[:20],
        names=ToolNames.of(request),
        end_tokens=template.end_tokens,
    )
    if template.thinks:
        reading = thinking(reading, prompt)
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        guardrail=request.guardrail,
        stops=[] if is_openai else request.sampling.stop,
        is_bare_json=request.output_format is not None,
        reading=reading,
    )


def _settings(request: Request, template: ChatTemplate, adapted: Adaptations) -> dict[str, Any]:
    """What the template is told of reasoning: by the names that Qwen's, GLM's, DeepSeek's and OpenAI's have for it."""
    effort, param = request.sampling.reasoning_effort, request.param("reasoning_effort")
    if effort is None:
        return {}
    settings: dict[str, Any] = {"enable_thinking": effort != "none", "thinking": effort != "none"}
    if effort in _EFFORTS:
        settings["reasoning_effort"] = effort
    settings = {name: value for name, value in settings.items() if name in template.settings}
    if "reasoning_effort" in settings or (settings and effort == "none"):
        return settings
    if settings:
        adapted.change(param, f"{effort}->on", "Its reasoning can be switched on and off, and no more.")
    elif effort != "none" or template.thinks:
        adapted.drop(param, "Its reasoning cannot be chosen here.")
    return settings


def _openai_sampling(request: Request) -> dict[str, Any]:
    asked = request.sampling
    fields: dict[str, Any] = {
        "temperature": asked.temperature,
        "seed": asked.seed,
        "frequency_penalty": asked.frequency_penalty,
        "presence_penalty": asked.presence_penalty,
        "stop": asked.stop or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _tools(request: Request, template: ChatTemplate, adapted: Adaptations) -> tuple[Sequence[Tool], list[str]]:
    """Those to offer, and what the model is to be told of the choice: no template has a word for it."""
    tools, choice = request.tools, request.tool_choice
    if not tools or choice is ToolChoice.NONE:
        return (), []
    if not template.takes_tools:
        raise refused(tools[0].param, "tools: its chat template has no place for them")
    notes: list[str] = []
    if choice is ToolChoice.NAMED:
        tools = [tool for tool in tools if tool.name == request.chosen_tool]
        if not tools:
            raise InvalidRequest(f"Tool choice '{request.chosen_tool}' not found in 'tools'.", param="tool_choice")
        notes.append(f"Answer by calling the function {safe(tools[0].name)}.")
    elif choice is ToolChoice.REQUIRED:
        notes.append("Answer by calling at least one of the functions.")
    if notes:
        adapted.change(request.param("tool_choice"), "instruction", "This model cannot be made to call a function.")
    for tool in tools:
        if tool.is_strict:
            adapted.drop(f"{tool.param}.strict", "This model follows schemas without a guarantee.")
        if tool.cache_mark is not None:
            adapted.drop(tool.cache_mark.param, "This model has no prompt cache.")
    return tools, notes


def _with_notes(said: list[Said], notes: Sequence[str]) -> list[Said]:
    """What the proxy has to say goes in front of the first message: not every template takes a system message."""
    if not notes:
        return said
    note = "\n\n".join(notes)
    first = said[0]
    if first.role in (Role.SYSTEM, Role.USER):
        return [replace(first, wire={**first.wire, "content": f"{note}\n\n{first.content}"}), *said[1:]]
    return [Said({"role": str(Role.SYSTEM), "content": note}, ""), *said]
