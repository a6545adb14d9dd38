"""Converse and ConverseStream: body read and checked, answered by the model, dressed."""

from __future__ import annotations

from typing import Any

from proxy import jsonio
from proxy.emulator import claude_input, converse, converse_rules, guardrails
from proxy.emulator.cache import PromptCache
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.script import BadScript, Script
from proxy.emulator.settings import Settings
from proxy.emulator.stream import Reply, event

_JSON, _EVENTS = "application/json", "application/vnd.amazon.eventstream"


def answer(
    raw: bytes, model: Model, script: Script, region: str, settings: Settings, cache: PromptCache, *, is_stream: bool
) -> Reply:
    """Raises `Refusal`, and `BadScript` for events that are none."""
    try:
        body = jsonio.decode(raw)
    except jsonio.UNREADABLE:
        raise invalid("The request body is not valid JSON.") from None
    native = converse_rules.check(body, model, is_stream=is_stream, binds_thinking=settings.binds_thinking)
    verdict = _find_guardrail(body.get("guardrailConfig", {}), region, settings)
    given = converse.answer(body, native, model, script, cache, verdict)
    if not is_stream:
        return Reply(200, [("content-type", _JSON)], jsonio.encode(converse.render(given)))
    events = converse.events(given) if script.events is None else [_read_event(value) for value in script.events]
    return Reply(200, [("content-type", _EVENTS)], frames=(event(type, payload) for type, payload in events))


def count(body: Any, model: Model) -> int:
    """The tokens of CountTokens' `converse`, which has messages, system, tools and additional fields."""
    native = converse_rules.check(body, model, is_stream=False, shape="ConverseTokensRequest")
    return claude_input.count_input(native)


def _find_guardrail(config: dict[str, Any], region: str, settings: Settings) -> guardrails.Verdict | None:
    verdict = guardrails.find(config.get("guardrailIdentifier"), config.get("guardrailVersion"), region, settings)
    if verdict:
        verdict.trace = config.get("trace", "disabled")
        verdict.is_async = config.get("streamProcessingMode") == "async"
    return verdict


def _read_event(value: dict[str, Any]) -> converse.Event:
    """`{"messageStop": {"stopReason": "end_turn"}}`, as a script has it."""
    if len(value) != 1 or not all(isinstance(payload, dict) for payload in value.values()):
        raise BadScript(f"an event of ConverseStream is an object with one member, which is an object: {value}")
    ((type, payload),) = value.items()
    return type, payload
