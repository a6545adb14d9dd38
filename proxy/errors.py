"""Every failure by name: what a client is told, and whether trying again can help.

    ProxyError
    ├── InvalidRequest 400           the client's request is at fault; `param` names the place
    │   ├── UnsupportedParameter     the field cannot work on this model
    │   ├── ContextLengthExceeded
    │   ├── StreamRefused            the model gives its answer whole or not at all
    │   ├── GrammarRefused           a schema that Bedrock does not compile, or not for this model
    │   └── ThoughtsRefused          the model does not take back the thoughts that were sent
    ├── Unauthenticated 401
    ├── Forbidden 403                the account behind the proxy may not use this model
    ├── NotFound 404                 no such URL
    │   └── ModelNotFound
    ├── MethodNotAllowed 405
    ├── SlowRequest 408              the body did not arrive in time
    ├── RequestTooLarge 413
    ├── UnsupportedMediaType 415
    ├── RateLimited 429
    ├── QuotaExceeded 429            waiting does not help
    ├── InternalError 500            our own fault: a bug
    └── UpstreamError 5xx            Bedrock, or the way there
        ├── UpstreamFailed 500       Bedrock says that it failed
        ├── UpstreamUnreachable 502
        ├── UpstreamBroken 502       the answer cannot be read, or stops too early
        ├── UpstreamRefusedUs 502    the proxy's own credentials
        │   └── CredentialsExpired   a refresh may help
        ├── ModelFailed 502
        ├── NotConfigured 503        the operator has set up no credentials or no region
        ├── Overloaded 503
        ├── ModelNotReady 503
        ├── Draining 503
        └── UpstreamTimeout 504

Shapes and words follow OpenAI's; each client API renders these in its own form. Sources: OpenAI API reference, "Error codes"
(statuses, types, codes); the exceptions of the botocore 1.44 service model.
"""

from __future__ import annotations

from typing import ClassVar


class ProxyError(Exception):
    """A failure with an answer. `message` is for the client: no secrets, no ARNs, no account numbers."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str | None] = None
    is_retryable: bool = False
    """May the proxy itself try the same call again, before anything has been sent to the client? One failure can know
    better than its class."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        upstream_request_id: str | None = None,
        upstream_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code if code is not None else self.default_code
        self.retry_after_s = retry_after_s
        self.upstream_request_id = upstream_request_id
        self.upstream_code = upstream_code
        """The exception's name as AWS gave it, for the log."""


class InvalidRequest(ProxyError):
    status = 400
    type = "invalid_request_error"


class UnsupportedParameter(InvalidRequest):
    default_code = "unsupported_parameter"


class ContextLengthExceeded(InvalidRequest):
    default_code = "context_length_exceeded"


class StreamRefused(UnsupportedParameter):
    """Asked for the whole answer, the same request may pass."""


class GrammarRefused(InvalidRequest):
    """Of the service itself: left to the model, its schemas may pass."""


class ThoughtsRefused(InvalidRequest):
    """Without them the same request may pass."""


class Unauthenticated(ProxyError):
    status = 401
    type = "invalid_request_error"


class Forbidden(ProxyError):
    status = 403
    type = "permission_error"


class NotFound(ProxyError):
    status = 404
    type = "invalid_request_error"
    default_code = "unknown_url"


class ModelNotFound(NotFound):
    default_code = "model_not_found"


class MethodNotAllowed(ProxyError):
    status = 405
    type = "invalid_request_error"
    default_code = "method_not_supported"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow
        """The methods there are, for the `Allow` header."""


class SlowRequest(ProxyError):
    status = 408
    type = "invalid_request_error"
    default_code = "request_timeout"


class RequestTooLarge(ProxyError):
    status = 413
    type = "invalid_request_error"
    default_code = "request_too_large"


class UnsupportedMediaType(ProxyError):
    status = 415
    type = "invalid_request_error"
    default_code = "unsupported_media_type"


class RateLimited(ProxyError):
    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"
    is_retryable = True


class QuotaExceeded(ProxyError):
    status = 429
    type = "insufficient_quota"
    default_code = "insufficient_quota"


class InternalError(ProxyError):
    pass


class UpstreamError(ProxyError):
    status = 502


class UpstreamFailed(UpstreamError):
    status = 500
    is_retryable = True


class UpstreamUnreachable(UpstreamError):
    default_code = "upstream_unreachable"
    is_retryable = True


class UpstreamBroken(UpstreamError):
    default_code = "upstream_broken"
    is_retryable = True


class UpstreamRefusedUs(UpstreamError):
    default_code = "upstream_auth_error"


class CredentialsExpired(UpstreamRefusedUs):
    """Tried once more, with credentials read anew."""

    used: object = None
    """Those that have expired: what signed the call."""


class GuardrailNotApplied(UpstreamError):
    default_code = "guardrail_not_applied"


class ModelFailed(UpstreamError):
    default_code = "model_error"
    is_retryable = True


class NotConfigured(UpstreamError):
    status = 503
    default_code = "proxy_not_configured"


class Overloaded(UpstreamError):
    status = 503
    type = "service_unavailable_error"
    default_code = "overloaded"
    is_retryable = True


class ModelNotReady(UpstreamError):
    status = 503
    default_code = "model_not_ready"
    is_retryable = True


class Draining(UpstreamError):
    status = 503
    default_code = "shutting_down"


class UpstreamTimeout(UpstreamError):
    status = 504
    default_code = "timeout"
