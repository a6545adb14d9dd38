"""How the emulated Llama answers: one text, cut at `max_gen_len`, as one body or as stream chunks.

Shapes: Amazon Bedrock user guide, "Meta Llama models". There are no stop sequences. A prompt that does not end in a
blank line is continued with one, as the model does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.emulator.agent import choose_tools, words
from proxy.emulator.cache import PromptCache
from proxy.emulator.llama_rules import Prompt, read_prompt
from proxy.emulator.llama_tools import continue_after, read_offer, write_calls
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.script import Script
from proxy.emulator.tokens import count, cut, tokenise

DEFAULT_MAX_GEN_LEN = 512
PER_IMAGE = 1000


@dataclass(slots=True)
class Answer:
    pieces: list[str]
    stop_reason: str
    input_tokens: int
    output_tokens: int

    @property
    def said(self) -> str:
        return "".join(self.pieces)


def count_input(body: Mapping[str, Any]) -> int:
    return count(body["prompt"]) + PER_IMAGE * len(body.get("images", []))


def answer(body: Mapping[str, Any], model: Model, script: Script, cache: PromptCache | None = None) -> Answer:
    """The answer to a valid body; nothing is cached. Raises `Refusal` when the prompt is too long for the model."""
    input_tokens = count_input(body)
    room = model.context_tokens - input_tokens
    if room <= 0:
        raise invalid(
            f"This model's maximum context length is {model.context_tokens} tokens. Please reduce the length of the "
            "prompt"
        )
    text, pieces = _pieces(body, model, script)
    stop_reason = script.stop_reason or "stop"
    limit = min(body.get("max_gen_len", DEFAULT_MAX_GEN_LEN), room)
    tokens = tokenise(text)
    if script.stop_reason is None and len(tokens) > limit:
        pieces, stop_reason = cut(pieces, len("".join(tokens[:limit]))), "length"
    output_tokens = count("".join(pieces))
    usage = {"prompt_token_count": input_tokens, "generation_token_count": output_tokens, **script.usage}
    return Answer(pieces, stop_reason, usage["prompt_token_count"], usage["generation_token_count"])


def instead(text: str, body: Mapping[str, Any], model: Model, given: Answer | None) -> Answer:
    """What a guardrail says in place of the answer that was `given`, or of asking the model."""
    if given is None:
        return Answer(tokenise(text), "stop", 0, 0)
    return Answer(tokenise(text), "stop", given.input_tokens, given.output_tokens)


def render(given: Answer) -> dict[str, Any]:
    """The body of InvokeModel."""
    return {
        "generation": "".join(given.pieces),
        "prompt_token_count": given.input_tokens,
        "generation_token_count": given.output_tokens,
        "stop_reason": given.stop_reason,
    }


def events(given: Answer, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of InvokeModelWithResponseStream: the first alone counts the prompt, the last alone has a reason."""
    done = 0
    for index, piece in enumerate(given.pieces):
        done += count(piece)
        yield {
            "generation": piece,
            "prompt_token_count": None if index else given.input_tokens,
            "generation_token_count": min(done, given.output_tokens),
            "stop_reason": None,
        }
    yield {
        "generation": "",
        "prompt_token_count": None if given.pieces else given.input_tokens,
        "generation_token_count": given.output_tokens,
        "stop_reason": given.stop_reason,
        "amazon-bedrock-invocationMetrics": dict(metrics),
    }


def last_user_text(body: Any, model: Model) -> str:
    """The last thing the user said in the prompt; "" where a body, valid or not, has none."""
    prompt = body.get("prompt") if isinstance(body, dict) else None
    return read_prompt(prompt, model).user if isinstance(prompt, str) else ""


def _pieces(body: Mapping[str, Any], model: Model, script: Script) -> tuple[str, list[str]]:
    if script.text is not None:
        pieces = tokenise(script.text) if isinstance(script.text, str) else script.text
        return "".join(pieces), pieces
    prompt = read_prompt(body["prompt"], model)
    text = _say(prompt, model)
    if (rest := continue_after(prompt.prefill, text)) is not None:
        text = rest
    if not prompt.ends_in_blank_line:
        text = "\n\n" + text
    return text, tokenise(text)


def _say(prompt: Prompt, model: Model) -> str:
    """Tools are called by the models that were trained to."""
    offer = read_offer(prompt)
    tools = choose_tools(offer.situation) if offer.syntax and "tools" in model.features else []
    return write_calls(tools, offer) if tools else words(offer.situation)
