"""InvokeModel, Converse, their streams and CountTokens: headers and body checked, answered by the model, dressed.

Headers: botocore 1.44 service model of `bedrock-runtime`; the token counts that Bedrock adds are in no model.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from typing import Any

from proxy import jsonio
from proxy.emulator import (
    claude,
    claude_input,
    claude_rules,
    converse,
    converse_input,
    converse_rules,
    llama,
    llama_rules,
)
from proxy.emulator.auth import Request
from proxy.emulator.calls import Call
from proxy.emulator.models import GEOGRAPHIES, Model, Models
from proxy.emulator.refusal import invalid
from proxy.emulator.script import BadScript, Raw, Script
from proxy.emulator.settings import Settings
from proxy.emulator.stream import Reply, chunk, event

INVOKE, STREAM, COUNT = "invoke", "invoke-with-response-stream", "count-tokens"
CONVERSE, CONVERSE_STREAM = "converse", "converse-stream"
OPERATIONS = (INVOKE, STREAM, COUNT, CONVERSE, CONVERSE_STREAM)
STREAMS = (STREAM, CONVERSE_STREAM)

_ENUMS = {
    "x-amzn-bedrock-trace": ("trace", ("ENABLED", "DISABLED", "ENABLED_FULL")),
    "x-amzn-bedrock-performanceconfig-latency": ("performanceConfigLatency", ("standard", "optimized")),
    "x-amzn-bedrock-service-tier": ("serviceTier", ("priority", "default", "flex", "reserved")),
}
_GUARDRAIL, _GUARDRAIL_VERSION = "x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion"
_GUARDRAIL_BODY = "amazon-bedrock-guardrailConfig"
_METADATA = "x-amzn-bedrock-request-metadata"


def guess_model(identifier: str, models: Models) -> Model | None:
    """What an identifier probably means, before any region is known; for the matching of rules alone."""
    name = identifier.rpartition("/")[2]
    for geography in GEOGRAPHIES:
        if name not in models.by_id:
            name = name.removeprefix(f"{geography}.")
    return models.by_id.get(name) or models.resources.get(identifier.rpartition(":")[2])


def last_user_text(body: Any, model: Model, operation: str) -> str:
    if operation in (CONVERSE, CONVERSE_STREAM):
        return converse_input.last_user_text(body)
    return llama.last_user_text(body, model) if model.family == "llama" else claude_input.last_user_text(body)


def raw_reply(raw: Raw) -> Reply:
    """Exactly what a script says."""
    if raw.base64 is not None:
        try:
            body = b64decode(raw.base64, validate=True)
        except (Base64Error, ValueError):
            raise BadScript("raw.base64 is not base64") from None
    else:
        body = raw.body.encode() if isinstance(raw.body, str) else jsonio.encode(raw.body)
    return Reply(raw.status, [("content-type", raw.content_type)], body)


def answer(request: Request, model: Model, script: Script, call: Call, settings: Settings) -> Reply:
    """The answer of one operation. Raises `Refusal`."""
    if call.operation == COUNT:
        return _count(request, model)
    if call.operation in (CONVERSE, CONVERSE_STREAM):
        return _converse(request, model, script, is_stream=call.operation == CONVERSE_STREAM)
    headers = _check_headers(request)
    body = _read_body(request, model, call, settings)
    has_guardrail = bool(request.header(_GUARDRAIL))
    family: Any = claude if model.family == "claude" else llama
    given = family.answer(body, model, script)
    latency_ms = 100 + 10 * given.output_tokens
    if call.operation == INVOKE:
        whole = family.render(given)
        if has_guardrail:
            whole["amazon-bedrock-guardrailAction"] = "NONE"
        return Reply(200, [*headers, *_counts(given, latency_ms)], jsonio.encode(whole))
    metrics = {
        "inputTokenCount": given.input_tokens,
        "outputTokenCount": given.output_tokens,
        "invocationLatency": latency_ms,
        "firstByteLatency": 100,
    }
    events: Iterable[dict[str, Any]] = script.events if script.events is not None else family.events(given, metrics)
    headers = [
        ("content-type", "application/vnd.amazon.eventstream"),
        ("x-amzn-bedrock-content-type", "application/json"),
        *headers[1:],
    ]
    return Reply(200, headers, frames=map(chunk, events))


def _converse(request: Request, model: Model, script: Script, *, is_stream: bool) -> Reply:
    try:
        body = jsonio.decode(request.body)
    except (ValueError, RecursionError):
        raise invalid("The request body is not valid JSON.") from None
    native = converse_rules.check(body, model, is_stream=is_stream)
    given = converse.answer(body, native, model, script)
    if not is_stream:
        return Reply(200, [("content-type", "application/json")], jsonio.encode(converse.render(given)))
    events = converse.events(given) if script.events is None else map(_as_event, script.events)
    frames = (event(type, payload) for type, payload in events)
    return Reply(200, [("content-type", "application/vnd.amazon.eventstream")], frames=frames)


def _as_event(value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """`{"messageStop": {"stopReason": "end_turn"}}`, as a script has it."""
    ((type, payload),) = value.items()
    return type, payload


def _read_body(request: Request, model: Model, call: Call, settings: Settings) -> Any:
    if model.family not in ("claude", "llama"):
        raise invalid(f"The emulator does not answer InvokeModel for {model.id}.")
    try:
        body = jsonio.decode(request.body)
    except (ValueError, RecursionError):
        raise llama_rules.malformed() from None
    if model.family == "claude":
        claude_rules.check(body, model)
    else:
        llama_rules.check(body, model)
        call.faults = llama_rules.read_prompt(body["prompt"], model, len(body.get("images", []))).faults
        if call.faults and settings.has_strict_prompts:
            raise llama_rules.malformed(f"#/prompt: {'; '.join(call.faults)}")
    if _GUARDRAIL_BODY in body and not request.header(_GUARDRAIL):
        raise invalid(f"{_GUARDRAIL_BODY} is not permitted without a guardrail identifier and version.")
    return body


def _check_headers(request: Request) -> list[tuple[str, str]]:
    """The headers of a good answer; tier and latency come back as they were asked for."""
    headers = [("content-type", "application/json")]
    for name, (member, choices) in _ENUMS.items():
        value = request.header(name)
        if value is None:
            continue
        if value not in choices:
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
                f"satisfy enum value set: [{', '.join(choices)}]"
            )
        if name != "x-amzn-bedrock-trace":
            headers.append((name, value))
    if bool(request.header(_GUARDRAIL)) != bool(request.header(_GUARDRAIL_VERSION)):
        raise invalid("Guardrail identifier and version must be given together.")
    _check_metadata(request.header(_METADATA))
    return headers


def _check_metadata(text: str | None) -> None:
    if text is None:
        return
    try:
        value = jsonio.decode(text.encode("latin-1"))
    except ValueError:
        value = None
    is_flat = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if len(text) > 8500 or not is_flat:
        raise invalid("requestMetadata must be a JSON object of strings of at most 8500 characters.")


def _counts(given: Any, latency_ms: int) -> list[tuple[str, str]]:
    headers = [
        ("x-amzn-bedrock-invocation-latency", str(latency_ms)),
        ("x-amzn-bedrock-input-token-count", str(given.input_tokens)),
        ("x-amzn-bedrock-output-token-count", str(given.output_tokens)),
    ]
    if isinstance(given, claude.Answer):
        headers += [
            ("x-amzn-bedrock-cache-read-input-token-count", str(given.usage["cache_read_input_tokens"])),
            ("x-amzn-bedrock-cache-write-input-token-count", str(given.usage["cache_creation_input_tokens"])),
        ]
    return headers


def _count(request: Request, model: Model) -> Reply:
    """CountTokens, which takes the body of another operation in base64, and Claude models alone."""
    if model.family != "claude":
        raise invalid("The provided model doesn't support counting tokens.")
    try:
        inner = jsonio.decode(request.body)["input"]["invokeModel"]["body"]
        body = jsonio.decode(b64decode(inner, validate=True))
    except (ValueError, RecursionError, KeyError, TypeError):
        raise invalid("The emulator counts the tokens of an `invokeModel` body alone.") from None
    claude_rules.check(body, model)
    return Reply(
        200, [("content-type", "application/json")], jsonio.encode({"inputTokens": claude_input.count_input(body)})
    )
