"""A Llama answer -> `Reply`.

    {"generation": "Hello!", "prompt_token_count": 14, "generation_token_count": 4, "stop_reason": "stop"}

An imported model answers like this too, or as OpenAI's completions do, or, if it was imported long ago, as Mistral did:

    {"choices": [{"text": "Hello!", "finish_reason": "stop"}], "usage": {"prompt_tokens": 14, "completion_tokens": 4}}
    {"outputs": [{"text": "Hello!", "stop_reason": "stop"}]}

Source: AWS Bedrock user guide, "Meta Llama models", "Mistral AI text completion" and "Invoke your imported model", 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from proxy import jsonio
from proxy.errors import UpstreamBroken
from proxy.families.call import Call
from proxy.families.invoke import INTERVENED, Metrics, check_guarded
from proxy.families.llama.answer import AnswerText, expected
from proxy.neutral.events import Event, Finish, UsageReport
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Reply, Usage

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
)


class _Choice(msgspec.Struct):
    text: str = ""
    finish_reason: str | None = None


class _Output(msgspec.Struct):
    text: str = ""
    stop_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Answer(msgspec.Struct, gc=False):
    """The whole answer, and each piece of a stream: there counts are cumulative and null where they are not told."""

    generation: str | msgspec.UnsetType | None = msgspec.UNSET
    prompt_token_count: int | None = None
    generation_token_count: int | None = None
    stop_reason: str | None = None
    choices: list[_Choice] | None = None
    outputs: list[_Output] | None = None
    usage: _Usage | None = None
    metrics: Metrics | None = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")
    guardrail_action: str | None = msgspec.field(default=None, name="amazon-bedrock-guardrailAction")
    trace: Any = msgspec.field(default=None, name="amazon-bedrock-trace")


_read = msgspec.json.Decoder(Answer).decode


def read(text: bytes) -> Answer:
    """In the one form, whichever it came in."""
    try:
        answer = _read(text)
    except jsonio.UNREADABLE as error:
        raise UpstreamBroken(f"Bedrock's answer is not that of a Llama model: {error}") from None
    return _as_generation(answer) if answer.generation is msgspec.UNSET else answer


def _as_generation(answer: Answer) -> Answer:
    """The last piece of a stream may hold nothing but the usage."""
    if answer.choices is not None:
        choice = answer.choices[0] if answer.choices else _Choice()
        answer.generation, answer.stop_reason = choice.text, choice.finish_reason
    elif answer.outputs is not None:
        output = answer.outputs[0] if answer.outputs else _Output()
        answer.generation, answer.stop_reason = output.text, output.stop_reason
    else:
        raise UpstreamBroken("Bedrock's answer is not that of a Llama model: it has no generation.")
    if answer.usage is not None:
        answer.prompt_token_count = answer.usage.prompt_tokens
        answer.generation_token_count = answer.usage.completion_tokens
    return answer


def finish_reason(word: str, guardrail_action: str | None, *, has_calls: bool) -> FinishReason:
    """The wire has no word for calls: it says `stop`."""
    if guardrail_action == INTERVENED:
        return FinishReason.FILTERED
    reason = FINISH_REASONS.get(word, FinishReason.UNKNOWN)
    return FinishReason.TOOL_USE if has_calls and reason is FinishReason.STOP else reason


def without_end_token(text: str, tokens: Sequence[str]) -> str:
    """One of the tokens that end a turn, leaked into the very end of an answer, taken away."""
    return next((text.removesuffix(token) for token in tokens if text.endswith(token)), text)


def parse(body: bytes, call: Call) -> Reply:
    """A call that is cut off keeps the arguments it has, as in a stream: no JSON, and the finish says `length`."""
    answer = read(body)
    if answer.stop_reason is None or not isinstance(answer.generation, str):
        raise UpstreamBroken("Bedrock's answer has no text or no stop reason.")
    check_guarded(call, answer.guardrail_action)
    told = expected(call)
    text = AnswerText(told, call.answer_token)
    events: list[Event] = []
    text.feed(without_end_token(answer.generation, told.end_tokens), events)
    text.close(events)
    events.append(UsageReport(Usage(answer.prompt_token_count or 0, answer.generation_token_count or 0)))
    reason = finish_reason(answer.stop_reason, answer.guardrail_action, has_calls=text.has_calls)
    events.append(Finish(reason, answer.stop_reason, trace=answer.trace if call.is_traced else None))
    fold = Fold()
    fold.feed(events)
    return fold.reply()
