"""`Request` -> a body for a model that was imported with a chat template of its own.

    completion: bedrock    {"prompt": "<|im_start|>…", "max_gen_len": 2048, "temperature": 0.5, "top_p": 0.9}
    completion: openai     {"prompt": "<|im_start|>…", "max_tokens": 2048, "temperature": 0.5, "top_p": 0.9, "stop": ["…"]}

The template gets messages and tools as Hugging Face templates know them, which is as OpenAI has them, but that arguments
are objects. Source: AWS Bedrock user guide, "Invoke your imported model", 2026; Hugging Face transformers, "Chat
templates", 4.57.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.invoke import guardrail_fields, invoke_headers
from proxy.families.llama.answer import Expected
from proxy.families.llama.history import refused_block
from proxy.families.llama.request import drop_what_llama_lacks, json_instruction, max_gen_len, refused
from proxy.families.llama.tool_prompts import arguments_of, definition, offered
from proxy.families.tool_names import ToolNames, safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Request, Role, Tool, ToolChoice
from proxy.routing.catalog import ChatTemplate, Model

_ID_LENGTH = 9
"""Mistral's templates take ids of exactly nine letters and digits."""


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    template = model.chat_template
    assert template is not None
    tools, notes = _tools(request, template, adapted)
    if request.output_format is not None:
        adapted.change(request.output_format.param, "instruction", "This model has no schemas and no JSON mode.")
        notes.append(json_instruction(request.output_format))
    messages = _with_notes(_History(template, adapted).messages(request.messages), notes)
    prompt = _render(request, template, messages, tools)
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
    drop_what_llama_lacks(request, adapted, has_openai_sampling=is_openai)
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        guardrail=request.guardrail,
        stops=[] if is_openai else request.sampling.stop,
        is_bare_json=request.output_format is not None,
        reading=Expected(
            functions=offered(tools),
            max_calls=None if request.has_parallel_tools else 1,
            id_seed=sha256(prompt.encode()).hexdigest()[:20],
            names=ToolNames.of(request),
            end_tokens=template.end_tokens,
        ),
    )


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


class _History:
    """Neutral messages -> those of a template."""

    def __init__(self, template: ChatTemplate, adapted: Adaptations) -> None:
        self._template = template
        self._adapted = adapted
        self._names: dict[str, str] = {}

    def messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for message in messages:
            results = [block for block in message.blocks if isinstance(block, ToolResult)]
            made += [self._result(result) for result in results]
            rest = [block for block in message.blocks if not isinstance(block, ToolResult)]
            if rest or not results:
                made.append(self._message(message, rest))
        # An empty answer would teach the model to give one.
        speaking = [
            one for one in made if one["role"] != Role.ASSISTANT or one["content"].strip() or "tool_calls" in one
        ]
        if not speaking:
            raise InvalidRequest(
                "Invalid 'messages': there is nothing in them that could be answered.", param="messages"
            )
        return speaking

    def _message(self, message: Message, blocks: Sequence[Block]) -> dict[str, Any]:
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        for block in blocks:
            match block:
                case Text(text):
                    texts.append(text)
                case ToolUse():
                    calls.append(self._call(block))
                case Image():
                    raise refused_block(block.param, "images")
                case Document():
                    raise refused_block(block.param, "documents")
                case CacheMark():
                    self._adapted.drop(block.param, "This model has no prompt cache.")
                case _:
                    self._adapted.drop(f"{message.param}.thinking_blocks", "This model cannot use it.")
        made: dict[str, Any] = {"role": str(message.role), "content": "".join(texts)}
        return {**made, "tool_calls": calls} if calls else made

    def _call(self, call: ToolUse) -> dict[str, Any]:
        self._check_tools(call.param)
        self._names[call.id] = safe(call.name)
        arguments = arguments_of(call.arguments)
        # What is no object stays the text it is.
        function = {"name": safe(call.name), "arguments": call.arguments if arguments is None else arguments}
        return {"id": _id(call.id), "type": "function", "function": function}

    def _result(self, result: ToolResult) -> dict[str, Any]:
        self._check_tools(result.param)
        for block in result.blocks:
            if not isinstance(block, Text):
                raise refused_block(block.param, "images and documents in the results of tools")
        if result.cache_mark is not None:
            self._adapted.drop(result.cache_mark.param, "This model has no prompt cache.")
        if result.error_param is not None:
            self._adapted.drop(result.error_param, "This model is not told of it.")
        made = {"role": "tool", "tool_call_id": _id(result.tool_use_id)}
        if name := self._names.get(result.tool_use_id):
            made["name"] = name
        return {**made, "content": "".join(block.text for block in result.blocks if isinstance(block, Text))}

    def _check_tools(self, param: str) -> None:
        if not self._template.takes_tools:
            raise refused_block(param, "calls of tools: its chat template has no place for them")


def _id(client_id: str) -> str:
    return sha256(client_id.encode()).hexdigest()[:_ID_LENGTH]


def _with_notes(messages: list[dict[str, Any]], notes: Sequence[str]) -> list[dict[str, Any]]:
    """What the proxy has to say goes in front of the first message: not every template takes a system message."""
    if not notes:
        return messages
    said = "\n\n".join(notes)
    first = messages[0]
    if first["role"] in (Role.SYSTEM, Role.USER):
        return [{**first, "content": f"{said}\n\n{first['content']}"}, *messages[1:]]
    return [{"role": "system", "content": said}, *messages]


def _render(
    request: Request, template: ChatTemplate, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool]
) -> str:
    last = messages[-1]
    is_begun = last["role"] == Role.ASSISTANT and "tool_calls" not in last
    try:
        prompt = template.render(
            messages,
            tools=[{"type": "function", "function": definition(tool)} for tool in tools],
            now=datetime.fromtimestamp(request.now, UTC),
            opens_answer=not is_begun,
        )
    except ValueError as error:
        raise InvalidRequest(
            f"The chat template of this model does not take these messages: {error}", param="messages"
        ) from None
    if not is_begun:
        return prompt
    # The model goes on from these very words: what the template puts behind them is cut off.
    begun = template.neutralise(last["content"]).strip()
    end = prompt.rfind(begun)
    if end < 0:
        raise InvalidRequest(
            "The chat template of this model has no place for a last message of the assistant's.",
            param=request.messages[-1].param,
        )
    return prompt[: end + len(begun)]
