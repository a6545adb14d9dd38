"""`Request` -> a Llama body for InvokeModel.

    {"prompt": "<|begin_of_text|>…", "max_gen_len": 2048, "temperature": 0.5, "top_p": 0.9}

There is nothing else: Bedrock refuses every other key. Source: AWS Bedrock user guide, "Meta Llama models", 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.errors import UnsupportedParameter
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.invoke import guardrail_fields, invoke_headers
from proxy.families.llama.answer import Expected
from proxy.families.llama.history import History
from proxy.families.llama.template import TEMPLATES, HeaderTemplate
from proxy.families.llama.tool_prompts import Syntax, instructions, offered, prefill, syntax_of
from proxy.families.llama.turn import Turn, is_begun, speaking
from proxy.families.tool_names import ToolNames
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import OutputFormat, Request, Role, ToolChoice
from proxy.routing.catalog import Model

_FEWEST_BYTES_A_TOKEN = 3
"""Llama prompts have more than this on average, in English and code; enough to leave room, not to refuse."""


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    told = _told(request, model, adapted)
    history = History(model, told.syntax, adapted)
    turns = _with_system(history.turns(request.messages), told.instructions)
    if told.prefill and is_begun(speaking(turns)):
        # The client has begun the answer itself.
        told.prefill = ""
        if told.functions:
            param = request.param("tool_choice")
            adapted.change(param, "auto-and-asked-for", "The answer has begun already, and not with a call.")
    template = TEMPLATES[model.template]
    prompt = template.render(turns, adapted, told.prefill)
    body: dict[str, Any] = {
        "prompt": prompt,
        "max_gen_len": max_gen_len(request, model, prompt, adapted),
        **guardrail_fields(request, adapted),
    }
    temperature = sampling.temperature(request, adapted)
    if temperature is not None:
        body["temperature"] = temperature
    if request.sampling.top_p is not None:
        body["top_p"] = request.sampling.top_p
    if history.images:
        # Meta says of 3.2 that it makes no calls with an image in the prompt, and nothing like it of 4.
        if told.functions and told.syntax is not Syntax.PYTHONIC_4:
            raise refused(request.tools[0].param, "tools beside an image")
        body["images"] = history.images
    drop_what_llama_lacks(request, adapted)
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        guardrail=request.guardrail,
        stops=request.sampling.stop,
        is_bare_json=request.output_format is not None,
        reading=Expected(
            functions=told.functions,
            prefill=told.prefill,
            max_calls=None if request.has_parallel_tools else 1,
            id_seed=sha256(prompt.encode()).hexdigest()[:20],
            names=ToolNames.of(request),
            end_tokens=template.end_tokens,
        ),
    )


@dataclass(slots=True)
class _Told:
    """What the model is told beyond the conversation."""

    instructions: list[str] = field(default_factory=list)
    prefill: str = ""
    functions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    syntax: Syntax | None = None


def _told(request: Request, model: Model, adapted: Adaptations) -> _Told:
    told = _Told(syntax=syntax_of(model.template, has_images="images" in model.features))
    tools, choice = request.tools, request.tool_choice
    if tools and choice is not ToolChoice.NONE:
        if told.syntax is None:
            raise refused(tools[0].param, "tools")
        told.functions = offered(tools)
        told.prefill = prefill(told.syntax, tools, choice, chosen=request.chosen_tool)
        told.instructions.append(
            instructions(told.syntax, tools, choice, chosen=request.chosen_tool, is_parallel=request.has_parallel_tools)
        )
        for tool in tools:
            if tool.is_strict:
                adapted.drop(f"{tool.param}.strict", "This model follows schemas without a guarantee.")
            if tool.cache_mark is not None:
                adapted.drop(tool.cache_mark.param, "This model has no prompt cache.")
    if request.output_format is not None:
        adapted.change(request.output_format.param, "instruction", "This model has no schemas and no JSON mode.")
        told.instructions.append(json_instruction(request.output_format))
        if not told.functions:
            told.prefill = "{" if _is_object(request.output_format.schema) else ""
    return told


def json_instruction(output: OutputFormat) -> str:
    if output.schema is None:
        return "Answer with one JSON object and nothing else: no other text, and no code fence around it."
    schema = HeaderTemplate.neutralise(jsonio.encode(output.schema).decode())
    return (
        "Answer with JSON and nothing else: no other text, and no code fence around it. "
        f"It has to follow this JSON Schema:\n{schema}"
    )


def _is_object(schema: Mapping[str, Any] | None) -> bool:
    return schema is None or schema.get("type") == "object" or "properties" in schema


def _with_system(turns: list[Turn], texts: list[str]) -> list[Turn]:
    """What the proxy has to say stands in front of the client's own system text."""
    if not texts:
        return turns
    said = "\n\n".join(texts)
    if turns and turns[0].role == Role.SYSTEM:
        return [replace(turns[0], pieces=[f"{said}\n\n{turns[0].text}"]), *turns[1:]]
    return [Turn(Role.SYSTEM, [said], "messages"), *turns]


def drop_what_llama_lacks(
    request: Request, adapted: Adaptations, *, has_openai_sampling: bool = False, has_effort: bool = False
) -> None:
    if not has_openai_sampling:
        sampling.drop_what_bedrock_lacks(request, adapted)
    for name, asked in (
        ("reasoning_effort", request.sampling.reasoning_effort),
        ("reasoning_tokens", request.sampling.reasoning_tokens),
    ):
        if asked not in (None, "none") and not (has_effort and name == "reasoning_effort"):
            adapted.drop(request.param(name), "This model does not reason.")
    for name in request.extra:
        adapted.drop_unknown(name)
    if request.end_user is not None:
        adapted.drop(request.param("end_user"), "It is not told who asks.")


def refused(param: str, what: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"Unsupported parameter: '{param}': this model does not take {what}.", param=param)


def max_gen_len(request: Request, model: Model, prompt: str, adapted: Adaptations) -> int:
    asked = sampling.max_tokens(request, model, adapted)
    if request.sampling.max_tokens is None:
        # Nobody named a number, so ours must not be what makes prompt and answer together too long.
        room = model.context_tokens - len(prompt.encode()) // _FEWEST_BYTES_A_TOKEN
        return max(min(asked, room), min(asked, 256))
    return asked
