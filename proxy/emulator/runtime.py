"""InvokeModel, Converse, their streams and CountTokens: headers and body checked, answered by the model, dressed.

Headers: botocore 1.44 service model of `bedrock-runtime`; the token counts that Bedrock adds are in no model.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import Any

from proxy import jsonio
from proxy.emulator import (
    claude,
    claude_input,
    claude_rules,
    converse_input,
    converse_runtime,
    guardrails,
    imported,
    llama,
    llama_rules,
)
from proxy.emulator.auth import Request
from proxy.emulator.cache import PromptCache
from proxy.emulator.calls import Call
from proxy.emulator.models import GEOGRAPHIES, Model, Models
from proxy.emulator.refusal import invalid
from proxy.emulator.script import BadScript, Raw, Script
from proxy.emulator.settings import Settings
from proxy.emulator.stream import Reply, chunk

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
_FAMILIES: dict[str, Any] = {"claude": claude, "llama": llama, "imported": imported}
"""What has bodies of its own; to the others leads Converse alone."""
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
    if model.family == "claude":
        return claude_input.last_user_text(body)
    text: str = _FAMILIES.get(model.family, llama).last_user_text(body, model)
    return text


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


def answer(request: Request, model: Model, script: Script, call: Call, settings: Settings, cache: PromptCache) -> Reply:
    """The answer of one operation. Raises `Refusal`."""
    region = call.region or settings.region
    match call.operation:
        case "count-tokens":
            return _count(request, model)
        case "converse" | "converse-stream" as operation:
            if model.family == "imported":
                raise invalid("The imported model doesn't support the Converse API.")
            is_stream = operation == CONVERSE_STREAM
            return converse_runtime.answer(request.body, model, script, region, settings, cache, is_stream=is_stream)
    headers = _check_headers(request)
    body = _read_body(request, model, call, settings)
    verdict = _find_guardrail(request, body, region, settings)
    given = _guarded(body, model, script, cache, verdict)
    family = _FAMILIES[model.family]
    told = verdict.invoke_fields if verdict else {}
    latency_ms = 100 + 10 * given.output_tokens
    if call.operation == INVOKE:
        return Reply(200, [*headers, *_counts(given, latency_ms)], jsonio.encode({**family.render(given), **told}))
    metrics = {
        "inputTokenCount": given.input_tokens,
        "outputTokenCount": given.output_tokens,
        "invocationLatency": latency_ms,
        "firstByteLatency": 100,
    }
    events = script.events if script.events is not None else _told(family.events(given, metrics), told)
    headers = [
        ("content-type", "application/vnd.amazon.eventstream"),
        ("x-amzn-bedrock-content-type", "application/json"),
        *headers[1:],
    ]
    return Reply(200, headers, frames=map(chunk, events))


def _guarded(
    body: Any, model: Model, script: Script, cache: PromptCache, verdict: guardrails.Verdict | None
) -> claude.Answer | llama.Answer:
    """The answer, once a guardrail has had its say."""
    family = _FAMILIES[model.family]
    if verdict:
        text = guardrails.tagged(last_user_text(body, model, INVOKE), body.get(_GUARDRAIL_BODY, {}))
        if verdict.blocks("input", text):
            blocked: claude.Answer | llama.Answer = family.instead(verdict.guardrail.input_message, body, model, None)
            return blocked
    given: claude.Answer | llama.Answer = family.answer(body, model, script, cache)
    if verdict and verdict.blocks("output", given.said) and not verdict.is_async:
        given = family.instead(verdict.guardrail.output_message, body, model, given)
    return given


def _find_guardrail(request: Request, body: Any, region: str, settings: Settings) -> guardrails.Verdict | None:
    identifier, version = request.header(_GUARDRAIL), request.header(_GUARDRAIL_VERSION)
    verdict = guardrails.find(identifier, version, region, settings)
    config = body.get(_GUARDRAIL_BODY, {})
    if config and verdict is None:
        raise invalid(f"{_GUARDRAIL_BODY} is not permitted without a guardrail identifier and version.")
    if verdict:
        verdict.trace = (request.header("x-amzn-bedrock-trace") or "disabled").lower()
        verdict.is_async = config.get("streamProcessingMode") == "ASYNCHRONOUS"
    return verdict


def _told(events: Iterable[dict[str, Any]], told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events, with what a guardrail says in the last."""
    *events, last = events
    yield from events
    yield {**last, **told}


def _read_body(request: Request, model: Model, call: Call, settings: Settings) -> Any:
    if model.family not in _FAMILIES:
        raise invalid(f"The emulator does not answer InvokeModel for {model.id}.")
    try:
        body = jsonio.decode(request.body)
    except (ValueError, RecursionError):
        raise llama_rules.malformed() from None
    if model.family == "claude":
        claude_rules.check(body, model, binds_thinking=settings.binds_thinking)
    else:
        if model.family == "llama":
            llama_rules.check(body, model)
            call.faults = llama_rules.read_prompt(body["prompt"], model, len(body.get("images", []))).faults
        else:
            call.faults = imported.check(body, model)
        if call.faults and settings.has_strict_prompts:
            raise llama_rules.malformed(f"#/prompt: {'; '.join(call.faults)}")
    config = body.get(_GUARDRAIL_BODY, {})
    if not isinstance(config, dict) or not config.keys() <= {"tagSuffix", "streamProcessingMode"}:
        raise llama_rules.malformed(f"#/{_GUARDRAIL_BODY}: tagSuffix and streamProcessingMode are expected")
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
    """CountTokens, which takes the body of another operation, InvokeModel's in base64, and Claude models alone."""
    if model.family != "claude":
        raise invalid("The provided model doesn't support counting tokens.")
    try:
        given = jsonio.decode(request.body)["input"]
        ((kind, inner),) = given.items()
        if kind == "invokeModel":
            inner = jsonio.decode(b64decode(inner["body"], validate=True))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise invalid("The input must hold an invokeModel body in base64, or a converse body.") from None
    if kind == "converse":
        tokens = converse_runtime.count(inner, model)
    else:
        claude_rules.check(inner, model)
        tokens = claude_input.count_input(inner)
    return Reply(200, [("content-type", "application/json")], jsonio.encode({"inputTokens": tokens}))
