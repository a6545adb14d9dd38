"""Llama's stream -> events.

    {"generation": "Hel", "prompt_token_count": 14, "generation_token_count": 1, "stop_reason": null}
    {"generation": "lo!", "prompt_token_count": null, "generation_token_count": 2, "stop_reason": "stop",
     "amazon-bedrock-invocationMetrics": {…}}

The prompt is counted in the first piece only, the answer cumulatively in every one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.families.call import Call
from proxy.families.invoke import INTERVENED, chunk
from proxy.families.llama.answer import AnswerText, expected
from proxy.families.llama.reply import Answer, finish_reason, read, without_end_token
from proxy.neutral.events import Event, Finish, Unrecognised, UsageReport
from proxy.neutral.reply import Usage


class LlamaStream:
    """One per answer. It takes frames as they come and gives the events they make."""

    __slots__ = (
        "_answer",
        "_asked",
        "_end_tokens",
        "_guardrail_action",
        "_held",
        "_trace",
        "_usage",
        "_word",
        "is_ended",
    )

    def __init__(self, call: Call) -> None:
        told = expected(call)
        self._asked = call
        self._answer = AnswerText(told, call.answer_token)
        self._end_tokens = told.end_tokens
        self._usage = Usage()
        self._held = ""
        self._word: str | None = None
        self._guardrail_action: str | None = None
        self._trace: Any = None
        self.is_ended = False

    def feed(self, frames: Iterable[Frame], out: list[Event]) -> None:
        """Raises `UpstreamBroken` for what cannot be read."""
        for frame in frames:
            inner = chunk(frame)
            if isinstance(inner, Unrecognised):
                out.append(inner)
                continue
            piece = read(inner)
            if piece.generation_token_count:
                self._usage.output_tokens = piece.generation_token_count
            if piece.prompt_token_count or piece.metrics is not None or piece.guardrail_action is not None:
                self._note(piece)
            if self.is_ended:
                if piece.metrics is not None or piece.usage is not None:
                    out.append(UsageReport(replace(self._usage)))
                continue
            text = piece.generation if isinstance(piece.generation, str) else ""
            if self._held or "<" in text:
                text = self._hold_back_end_token(text)
            self._answer.feed(text, out)
            word = piece.stop_reason or self._word
            if word is not None:
                self._word = word
                # What a guardrail says may come a piece later, at the latest with Bedrock's own counts.
                if self._asked.guardrail is None or self._guardrail_action is not None or piece.metrics is not None:
                    self._end(word, out)

    def close(self) -> None:
        if not self.is_ended:
            raise UpstreamBroken("Bedrock's stream ended before the answer did.")

    def usage_so_far(self) -> Usage:
        return replace(self._usage)

    def _note(self, piece: Answer) -> None:
        usage = self._usage
        if piece.prompt_token_count:
            usage.input_tokens = piece.prompt_token_count
        if piece.guardrail_action is not None:
            self._heed(piece)
        if piece.metrics is not None:
            usage.input_tokens = max(usage.input_tokens, piece.metrics.input_token_count)
            usage.output_tokens = max(usage.output_tokens, piece.metrics.output_token_count)

    def _heed(self, piece: Answer) -> None:
        """What a guardrail says; its trace comes beside it."""
        if self._guardrail_action != INTERVENED:
            self._guardrail_action = piece.guardrail_action
        if self._asked.is_traced:
            self._trace = piece.trace or self._trace

    def _hold_back_end_token(self, text: str) -> str:
        """An end-of-turn token that leaks stands at the very end of an answer, whole or in pieces."""
        text = self._held + text
        # All begin with it, and have no other.
        at = text.rfind("<")
        end = text[at:] if at >= 0 else ""
        self._held = end if end and any(token.startswith(end) for token in self._end_tokens) else ""
        return text.removesuffix(self._held)

    def _end(self, word: str, out: list[Event]) -> None:
        held = without_end_token(self._held, self._end_tokens)
        if held:
            self._answer.feed(held, out)
        self._answer.close(out)
        self.is_ended = True
        out.append(UsageReport(replace(self._usage)))
        reason = finish_reason(word, self._guardrail_action, has_calls=self._answer.has_calls)
        out.append(Finish(reason, word, trace=self._trace))
