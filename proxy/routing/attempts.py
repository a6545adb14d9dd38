"""After this failure, what next: again, after how long, or no more. Pure: the time passed and the dice are arguments.

Exponential back-off with full jitter, as AWS's SDKs do by default: `roll x min(base x 2^n, cap)`, where throttling has
a base of its own. Source: botocore 1.44, standard retry mode; AWS Architecture Blog, "Exponential Backoff And Jitter".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy.errors import CredentialsExpired, ProxyError, QuotaExceeded, RateLimited

_LONGEST_HINT_S = 60
"""Every OpenAI SDK takes a Retry-After of up to 60 s at its word; several ignore a longer one."""
_SPREAD_S = 10
"""Without a hint from Bedrock, clients are sent away for 1 to 10 s, not all for the same time."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    attempts: int = 3
    """In all, the first included."""
    base_s: float = 0.1
    """The longest first wait, doubled with each attempt."""
    throttled_base_s: float = 1.0
    """The same after throttling, which passes by the second at best."""
    cap_s: float = 20.0
    """The longest wait of all. Is a longer one asked for, then the client is told, not kept."""


def next_delay(
    policy: RetryPolicy,
    error: ProxyError,
    tried: int,
    elapsed_s: float,
    deadline_s: float,
    roll: float,
    *,
    refreshed: bool = False,
) -> float | None:
    """Seconds to wait before the same call is made again, or None: give up, and answer with the error.

    Only for calls of which nothing has been sent to the client. `tried`: attempts made, at least 1. `elapsed_s`: since
    the request came; no attempt begins at `deadline_s` or later. `roll`: at random from 0 to 1. `refreshed`: this
    request has had its credentials read anew already; expired ones are worth one more call, at once, which counts as no
    attempt, as the one before was never let in.
    """
    if isinstance(error, CredentialsExpired):
        return None if refreshed or elapsed_s >= deadline_s else 0.0
    if not error.is_retryable or tried >= policy.attempts:
        return None
    base_s = policy.throttled_base_s if isinstance(error, RateLimited) else policy.base_s
    delay_s = roll * min(base_s * 2 ** (tried - 1), policy.cap_s)
    if error.retry_after_s is not None:
        if error.retry_after_s > policy.cap_s:
            return None
        delay_s = max(delay_s, error.retry_after_s)
    return delay_s if elapsed_s + delay_s < deadline_s else None


def retry_after_for_client(error: ProxyError, roll: float = 0.5) -> int:
    """The Retry-After header of a 429 or 503: whole seconds, 1 to 60.

    What Bedrock asked for, rounded up; for an exhausted quota, where waiting hardly helps, the most; else 1 to 10 by
    `roll`, at random from 0 to 1.
    """
    if error.retry_after_s is not None:
        return math.ceil(min(max(1, error.retry_after_s), _LONGEST_HINT_S))
    if isinstance(error, QuotaExceeded):
        return _LONGEST_HINT_S
    return 1 + round(roll * (_SPREAD_S - 1))
