"""What AWS answers when it refuses or fails -> the `ProxyError` to raise.

Three wires say the same thing: an HTTP response that is an error, an exception frame inside an event stream, and an
event of Claude's, `{"type": "error"}`. Each is brought to a name of AWS's, a message and a few numbers. The name
decides first, the known texts of error_texts.py refine it. What Bedrock said stays in the message, without ARNs and
account numbers; of texts about the proxy's own credentials nothing stays, for they can quote what was signed.

Sources: botocore 1.44 service model and `parsers.py` (how the name is found), AWS "Common error types", Anthropic
"Errors" in the API reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import DecodeError

from proxy import jsonio
from proxy.bedrock.error_texts import (
    NO_ACCESS,
    NO_MODEL,
    Meaning,
    describe_context_length,
    find_meaning,
    find_param,
    redact,
)
from proxy.errors import (
    ContextLengthExceeded,
    CredentialsExpired,
    InvalidRequest,
    ModelFailed,
    ModelNotReady,
    Overloaded,
    ProxyError,
    QuotaExceeded,
    RateLimited,
    RequestTooLarge,
    UpstreamBroken,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamUnreachable,
)

_INVALID = Meaning(InvalidRequest)
_THROTTLED = Meaning(RateLimited)
_QUOTA = Meaning(QuotaExceeded)
_FAILED = Meaning(UpstreamFailed)
_OVERLOADED = Meaning(Overloaded)
_TIMEOUT = Meaning(UpstreamTimeout)
_MODEL_FAILED = Meaning(ModelFailed)
_REFUSED = Meaning(UpstreamRefusedUs)
_EXPIRED = Meaning(CredentialsExpired)
_TOO_LARGE = Meaning(RequestTooLarge)
_NOT_OURS = Meaning(UpstreamError)

BY_NAME: dict[str, Meaning] = {
    # In the service model.
    "AccessDeniedException": NO_ACCESS,
    "ConflictException": _INVALID,
    "InternalServerException": _FAILED,
    "ModelErrorException": _MODEL_FAILED,
    "ModelNotReadyException": Meaning(ModelNotReady, "model"),
    "ModelStreamErrorException": _MODEL_FAILED,
    "ModelTimeoutException": _TIMEOUT,
    "ResourceNotFoundException": NO_MODEL,
    "ServiceQuotaExceededException": _QUOTA,
    "ServiceUnavailableException": _OVERLOADED,
    "ThrottlingException": _THROTTLED,
    "ValidationException": _INVALID,
    # From the layers in front of the service: AWS's common errors and their older names.
    "AccessDenied": NO_ACCESS,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "FTUFormNotFilled": NO_ACCESS,
    "IncompleteSignature": _REFUSED,
    "IncompleteSignatureException": _REFUSED,
    "InternalFailure": _FAILED,
    "InternalServerError": _FAILED,
    "InvalidClientTokenId": _REFUSED,
    "InvalidSignatureException": _REFUSED,
    "MissingAuthenticationToken": _REFUSED,
    "MissingAuthenticationTokenException": _REFUSED,
    "NotAuthorized": NO_ACCESS,
    "OptInRequired": NO_ACCESS,
    "RequestEntityTooLarge": _TOO_LARGE,
    "RequestEntityTooLargeException": _TOO_LARGE,
    "RequestExpired": _REFUSED,
    "RequestTimeoutException": Meaning(UpstreamTimeout, is_retryable=True),
    "SerializationException": _INVALID,
    "ServiceUnavailable": _OVERLOADED,
    "SignatureDoesNotMatch": _REFUSED,
    "Throttling": _THROTTLED,
    "ThrottledException": _THROTTLED,
    "TooManyRequestsException": _THROTTLED,
    "UnknownOperationException": _NOT_OURS,
    "UnrecognizedClientException": _REFUSED,
    "ValidationError": _INVALID,
    # Claude's own, on a 529 and inside a stream.
    "api_error": _FAILED,
    "authentication_error": _REFUSED,
    "billing_error": _QUOTA,
    "invalid_request_error": _INVALID,
    "not_found_error": NO_MODEL,
    "overloaded_error": _OVERLOADED,
    "permission_error": NO_ACCESS,
    "rate_limit_error": _THROTTLED,
    "request_too_large": _TOO_LARGE,
    "timeout_error": _TIMEOUT,
}

_BY_STATUS: dict[int, Meaning] = {
    # For an answer without a name that we know: a gateway's, or one of the layer that checks bearer keys.
    400: _INVALID,
    401: _REFUSED,
    403: _REFUSED,
    404: NO_MODEL,
    407: _REFUSED,
    408: _TIMEOUT,
    409: _INVALID,
    413: _TOO_LARGE,
    422: _INVALID,
    424: _MODEL_FAILED,
    429: _THROTTLED,
    500: _FAILED,
    502: Meaning(UpstreamUnreachable),
    503: _OVERLOADED,
    504: Meaning(UpstreamTimeout, is_retryable=True),
    529: _OVERLOADED,
}

_OPERATORS_MATTER = "This is for the operator of the proxy to mend; your own API key is not at fault."
_LONGEST_TEXT = 2000


@dataclass(slots=True)
class _Failure:
    """One failure, whatever wire it came over."""

    name: str
    """The exception as AWS wrote it; "" when it gave none."""
    text: str
    meaning: Meaning
    original_status: int | None = None
    """What the model's own server answered, in a ModelErrorException."""
    retry_after_s: float | None = None
    request_id: str | None = None


def error_from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProxyError:
    """The error that an HTTP response states. `headers` have lower-case names; `body` may be anything, or nothing.

    A status below 400 with an exception's name is that exception; without one the answer is unreadable.
    """
    content = _read_object(body)
    nested = content.get("error")
    if isinstance(nested, dict):
        content, claude_name = nested, nested.get("type")
    else:
        claude_name = None
    stated = headers.get("x-amzn-errortype") or content.get("code") or content.get("Code") or content.get("__type")
    name = _normalise(stated or claude_name)
    # A body may be `{}`, and the words beside the name, in a header.
    text = _first_text(content, "message", "Message", "originalMessage") or headers.get("x-amzn-errormessage", "")
    return _to_error(
        _Failure(
            name,
            text,
            BY_NAME.get(name) or _meaning_of_status(status, has_message=bool(content)),
            _status_number(content.get("originalStatusCode")),
            _retry_after_s(headers),
            headers.get("x-amzn-requestid"),
        ),
        f"Bedrock answered with status {status} and no explanation.",
    )


def is_error_frame(headers: Mapping[str, str]) -> bool:
    """Whether a frame of an event stream is no event: an exception or an error, also one sent under an event's type."""
    return headers.get(":message-type", "event") != "event" or headers.get(":event-type", "").endswith("Exception")


def error_from_frame(
    headers: Mapping[str, str], payload: bytes, *, upstream_request_id: str | None = None
) -> ProxyError:
    """The error that a frame of an event stream states (`is_error_frame`), equal to what a response would give.

    `is_retryable` holds as long as nothing of the answer has been sent on.
    """
    stated = headers.get(":exception-type") or headers.get(":error-code") or headers.get(":event-type") or ""
    name = stated[:1].upper() + stated[1:]
    content = _read_object(payload)
    return _to_error(
        _Failure(
            name,
            _first_text(content, "message", "Message", "originalMessage") or headers.get(":error-message", ""),
            BY_NAME.get(name, _FAILED),
            _status_number(content.get("originalStatusCode")),
            request_id=upstream_request_id,
        ),
        f"Bedrock ended the answer with {stated or 'an error'} and no explanation.",
    )


def error_from_claude(payload: Mapping[str, Any], *, upstream_request_id: str | None = None) -> ProxyError:
    """The error in Claude's event `{"type": "error", "error": {"type": "overloaded_error", "message": "…"}}`."""
    error = payload.get("error")
    content = error if isinstance(error, dict) else {}
    name = _normalise(content.get("type"))
    failure = _Failure(
        name, _first_text(content, "message"), BY_NAME.get(name, _FAILED), request_id=upstream_request_id
    )
    return _to_error(failure, "The model ended its answer with an error and no explanation.")


def _to_error(failure: _Failure, silence: str) -> ProxyError:
    text = failure.text.removeprefix("The model returned the following errors: ")
    meaning = failure.meaning
    if meaning.kind is ModelFailed:
        meaning = _unwrap(meaning, failure.original_status)
    # What the text adds goes before what the name says; a param or code of the name's stays for its own class only.
    meaning = find_meaning(meaning.kind, text) or meaning
    param = meaning.param
    if param is None and issubclass(meaning.kind, InvalidRequest):
        param = find_param(text)
    error = meaning.kind(
        (_describe(meaning.kind, failure.name, text) or silence) + meaning.hint,
        param=param,
        code=meaning.code,
        retry_after_s=failure.retry_after_s,
        upstream_request_id=failure.request_id,
        upstream_code=failure.name or None,
    )
    if meaning.is_retryable is not None:
        error.is_retryable = meaning.is_retryable
    return error


def _unwrap(meaning: Meaning, original_status: int | None) -> Meaning:
    """A model's own failure: when its server blamed the request, so do we."""
    if original_status is None or not 400 <= original_status < 500:
        return meaning
    if original_status in (408, 429):
        return _BY_STATUS[original_status]
    return Meaning(InvalidRequest, code="model_error")


def _describe(kind: type[ProxyError], name: str, text: str) -> str:
    if issubclass(kind, UpstreamRefusedUs):
        # Such texts can quote the signed request, session token included: only the name is safe.
        verb = "no longer accepts" if issubclass(kind, CredentialsExpired) else "does not accept"
        return f"AWS {verb} the proxy's own credentials{f' ({name})' if name else ''}. {_OPERATORS_MATTER}"
    text = redact(text.strip()[:_LONGEST_TEXT])
    if issubclass(kind, ContextLengthExceeded):
        return describe_context_length(text)
    return text


def _meaning_of_status(status: int, *, has_message: bool) -> Meaning:
    """What a bare status means. A 4xx without JSON is not Bedrock's: a wrong address, or a gateway in the way."""
    meaning = _BY_STATUS.get(status)
    if meaning is not None and (has_message or meaning.kind not in (InvalidRequest, NO_MODEL.kind)):
        return meaning
    if status >= 500:
        return _FAILED
    return Meaning(UpstreamBroken, is_retryable=False) if status >= 300 else Meaning(UpstreamBroken)


def _read_object(text: bytes) -> dict[str, Any]:
    try:
        value = jsonio.decode(text)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _normalise(name: object) -> str:
    """`com.amazon.coral.service#ThrottlingException:http://…` -> `ThrottlingException`, as botocore does."""
    return name.partition(":")[0].rpartition("#")[2] if isinstance(name, str) else ""


def _first_text(content: Mapping[str, Any], *keys: str) -> str:
    return next((text for key in keys if isinstance(text := content.get(key), str) and text), "")


def _status_number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`x-amz-retry-after` counts milliseconds, `retry-after` seconds. A date in the latter is left aside."""
    for name, unit_s in (("x-amz-retry-after", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
