"""An imported model: a prompt in ChatML, as Qwen and Hermes have it, answered in the form of the body that came.

    {"prompt", "max_gen_len", …}    BedrockCompletion   -> {"generation", "prompt_token_count", …, "logprobs": null}
    {"prompt", "max_tokens", …}     OpenAICompletion    -> {"choices": [{"index": 0, "text", "finish_reason"}], "usage": {…}}

Source: Amazon Bedrock user guide, "Invoke your imported model" (2026). It shows no streams; the chunks here are those of
Llama, and of OpenAI's completions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy import jsonio
from proxy.emulator import llama
from proxy.emulator.agent import Situation, Tool, choose_tools, words
from proxy.emulator.cache import PromptCache
from proxy.emulator.json_text import read_values
from proxy.emulator.llama_rules import GUARDRAIL, malformed, out_of_range
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.samples import sample
from proxy.emulator.script import Script
from proxy.emulator.tokens import count, cut, tokenise

_DEFAULT_TOKENS = 512
_BEDROCK = {"prompt", "max_gen_len", "temperature", "top_p", "response_format", "return_logprobs"}
_OPENAI = {
    "prompt", "max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty",
    "response_format", "structured_outputs",
}  # fmt: skip
_TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL)
_TOOLS = re.compile(r"<tools>\n(.*?)\n</tools>", re.DOTALL)
_CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
_RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)


@dataclass(slots=True)
class Answer(llama.Answer):
    is_openai: bool = False


def check(body: Any, model: Model) -> list[str]:
    """What is wrong with the prompt, which the model would still take. Raises `Refusal` for a body that is none."""
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str) or not body["prompt"]:
        raise malformed("#: required key [prompt] not found")
    is_openai = _is_openai(body)
    for name in body:
        if name != GUARDRAIL and name not in (_OPENAI if is_openai else _BEDROCK):
            raise malformed(f"#: extraneous key [{name}] is not permitted")
    limit = "max_tokens" if is_openai else "max_gen_len"
    ranges = [(limit, 1, model.context_tokens, True), ("temperature", 0, 2 if is_openai else 1, False)]
    ranges += [("top_p", 0, 1, False), ("frequency_penalty", -2, 2, False), ("presence_penalty", -2, 2, False)]
    for name, least, most, is_whole in ranges:
        for fault in out_of_range(name, body[name], least, most, is_whole=is_whole) if name in body else ():
            raise malformed(fault)
    stops = body.get("stop", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise malformed("#/stop: an array of strings is expected")
    return _faults(body["prompt"])


def answer(body: Mapping[str, Any], model: Model, script: Script, cache: PromptCache) -> Answer:
    """The answer to a valid body. Raises `Refusal` when prompt and answer are too long for the model."""
    is_openai = _is_openai(body)
    limit = body.get("max_tokens" if is_openai else "max_gen_len", _DEFAULT_TOKENS)
    input_tokens = count(body["prompt"])
    if input_tokens + limit > model.context_tokens:
        raise invalid(f"This model's maximum context length is {model.context_tokens} tokens.")
    text = script.text if script.text is not None else _say(_read(body["prompt"]))
    pieces = tokenise(text) if isinstance(text, str) else text
    stop_reason = script.stop_reason or "stop"
    stops = [at for stop in body.get("stop", []) if (at := "".join(pieces).find(stop)) >= 0]
    if stops:
        pieces = cut(pieces, min(stops))
    elif script.stop_reason is None and len(tokens := tokenise("".join(pieces))) > limit:
        pieces, stop_reason = cut(pieces, len("".join(tokens[:limit]))), "length"
    return Answer(pieces, stop_reason, input_tokens, count("".join(pieces)), is_openai)


def instead(text: str, body: Mapping[str, Any], model: Model, given: Answer | None) -> Answer:
    """What a guardrail says in place of the answer that was `given`, or of asking the model."""
    counts = (0, 0) if given is None else (given.input_tokens, given.output_tokens)
    return Answer(tokenise(text), "stop", *counts, _is_openai(body))


def render(given: Answer) -> dict[str, Any]:
    """The body of InvokeModel."""
    if not given.is_openai:
        return {**llama.render(given), "logprobs": None}
    choice = {"index": 0, "text": given.said, "finish_reason": given.stop_reason}
    return {**_ENVELOPE, "choices": [choice], "usage": _usage(given)}


def events(given: Answer, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of InvokeModelWithResponseStream."""
    if not given.is_openai:
        yield from llama.events(given, metrics)
        return
    for piece in given.pieces:
        yield {**_ENVELOPE, "choices": [{"index": 0, "text": piece, "finish_reason": None}], "usage": None}
    last = {"index": 0, "text": "", "finish_reason": given.stop_reason}
    yield {**_ENVELOPE, "choices": [last], "usage": None}
    yield {**_ENVELOPE, "choices": [], "usage": _usage(given), "amazon-bedrock-invocationMetrics": dict(metrics)}


def last_user_text(body: Any, model: Model) -> str:
    """The last thing the user said in the prompt; "" where a body, valid or not, has none."""
    prompt = body.get("prompt") if isinstance(body, dict) else None
    return _read(prompt).user if isinstance(prompt, str) else ""


_ENVELOPE = {"id": "cmpl-emulator", "object": "text_completion", "created": 1763166682}


def _usage(given: Answer) -> dict[str, int]:
    total = given.input_tokens + given.output_tokens
    return {"prompt_tokens": given.input_tokens, "total_tokens": total, "completion_tokens": given.output_tokens}


def _is_openai(body: Mapping[str, Any]) -> bool:
    return "max_tokens" in body


def _faults(prompt: str) -> list[str]:
    turns = list(_TURN.finditer(prompt))
    faults = []
    if "".join(turn[0] for turn in turns) != prompt:
        faults.append("text outside of the turns")
    if not turns or turns[-1][1] != "assistant" or turns[-1][0].rstrip("\n").endswith("<|im_end|>"):
        faults.append("does not end in an open assistant turn")
    faults += [f"a special token in the turn of {turn[1]!r}" for turn in turns if "<|im_" in turn[2]]
    return faults


def _read(prompt: str) -> Situation:
    seen = Situation(is_parallel=True)
    for turn in _TURN.finditer(prompt):
        role, text = turn[1], turn[2]
        if role == "system":
            if tools := _TOOLS.search(text):
                seen.tools = list(_tools(read_values(tools[1])[0]))
            seen.system += _TOOLS.sub("", text)
        elif role == "user" and (results := _RESULT.findall(text)):
            seen.results, seen.has_spoken = results, False
        elif role == "user":
            seen.user, seen.results, seen.called, seen.has_spoken = text, [], [], True
        elif role == "assistant":
            calls = [call for found in _CALL.findall(text) for call in read_values(found)[0]]
            seen.called += [str(call.get("name")) for call in calls if isinstance(call, dict)]
    return seen


def _tools(values: Sequence[Any]) -> Iterator[Tool]:
    for value in values:
        function = value.get("function") if isinstance(value, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield Tool(function["name"], function.get("parameters"))


def _say(seen: Situation) -> str:
    calls = [{"name": tool.name, "arguments": sample(tool.schema)} for tool in choose_tools(seen)]
    if calls:
        return "\n".join(f"<tool_call>\n{jsonio.encode(call).decode()}\n</tool_call>" for call in calls)
    # Qwen is told of its tools in words about JSON, which are not the client's.
    seen.system = seen.system.partition("\n\n# Tools")[0]
    return words(seen)
