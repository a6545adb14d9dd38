"""The headers that authorise one call to Bedrock: AWS Signature Version 4, or a Bedrock API key as bearer token.

Pure: the identity and the time are arguments. Sources: "Create a signed AWS API request" (AWS IAM User Guide) and
botocore 1.44 `auth.py`, against which the tests compare.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

_SERVICE = "bedrock"
"""In the scope of a signature, for the runtime and the control plane alike."""

# Whatever a proxy on the way may change is not signed (botocore 1.44 `SIGNED_HEADERS_BLACKLIST`).
_UNSIGNED = frozenset(
    (
        "authorization",
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    )
)


@dataclass(frozen=True, slots=True, repr=False)
class AccessKeys:
    """An AWS access key, with its session token when it is temporary. Printing it shows no secret."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"AccessKeys(…{self.access_key[-4:]})"


@dataclass(frozen=True, slots=True, repr=False)
class BearerToken:
    """A Bedrock API key. Printing it shows nothing of it."""

    token: str

    def __repr__(self) -> str:
        return "BearerToken(…)"


def sign(
    identity: AccessKeys | BearerToken,
    *,
    region: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    method: str = "POST",
    query: str = "",
) -> dict[str, str]:
    """The headers to add to this request before it is sent.

    `host` is what the Host header will say, `path` and `query` are as on the wire (already percent-encoded), `headers`
    are all others that are sent, `now` is in seconds since the epoch. Any change to these afterwards breaks the
    signature, which AWS accepts for five minutes.
    """
    if isinstance(identity, BearerToken):
        return {"Authorization": f"Bearer {identity.token}"}
    date = _amz_date(int(now))
    added = {"X-Amz-Date": date}
    signed = {lower: value for name, value in headers.items() if (lower := name.lower()) not in _UNSIGNED}
    signed["host"] = host
    signed["x-amz-date"] = date
    if identity.token:
        signed["x-amz-security-token"] = added["X-Amz-Security-Token"] = identity.token
    names = sorted(signed)
    lines = "".join([f"{name}:{_trimmed(signed[name])}\n" for name in names])
    signed_names = ";".join(names)
    target = f"{method}\n{_canonical_path(path)}\n{_canonical_query(query)}"
    canonical = f"{target}\n{lines}\n{signed_names}\n{sha256(body).hexdigest()}"
    scope = f"{date[:8]}/{region}/{_SERVICE}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(identity.secret_key, date[:8], region), to_sign.encode(), "sha256").hex()
    added["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={identity.access_key}/{scope}, "
        f"SignedHeaders={signed_names}, Signature={signature}"
    )
    return added


def _trimmed(value: str) -> str:
    # Beyond ASCII, str.split would take more for white space than AWS does.
    return " ".join(value.split() if value.isascii() else filter(None, value.split(" ")))


@lru_cache(maxsize=4)
def _amz_date(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, _SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _canonical_path(path: str) -> str:
    """The path without dot segments and empty segments, percent-encoded once more: `%2F` becomes `%252F`."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment and segment != ".":
            segments.append(segment)
    ending = "/" if path.endswith("/") and segments else ""
    return quote("/" + "/".join(segments) + ending, safe="/~")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(f"{key}={value}" for key, value in sorted((key, value) for key, _, value in pairs))
