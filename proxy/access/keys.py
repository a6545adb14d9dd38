"""Who may use the proxy: the keys that the operator gave out, and, where there are none, who can reach the port.

Clients send a key as `Authorization: Bearer …`; some, by Azure's or Anthropic's habit, as `api-key` or `x-api-key`.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from hashlib import sha256

from proxy.errors import Forbidden, Unauthenticated


class Keyring:
    """No keys at all: everyone may."""

    __slots__ = ("_digests",)

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def check(self, headers: Mapping[str, str]) -> str:
        """A name for the key's holder that tells nothing of the key; "" where there are no keys.

        Raises `Unauthenticated`. Every key is compared, in constant time, so that time tells nothing.
        """
        if not self._digests:
            return ""
        presented = _presented(headers)
        if not presented:
            raise Unauthenticated(
                "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
                "auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
        digest = _digest(presented)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise Unauthenticated(f"Incorrect API key provided: {_masked(presented)}.", code="invalid_api_key")
        return _name(digest)


def holder(key: str) -> str:
    """What `Keyring.check` calls the holder of this key."""
    return _name(_digest(key))


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _name(digest: bytes) -> str:
    return digest.hex()[:16]


def _presented(headers: Mapping[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("api-key") or headers.get("x-api-key") or ""


def _masked(key: str) -> str:
    """Enough to tell one key from another, too little to use it."""
    return "***" if len(key) < 16 else f"{key[:3]}***{key[-4:]}"


def is_loopback(host: str) -> bool:
    """A name or address that only this machine can reach."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_host(headers: Mapping[str, str]) -> None:
    """An open proxy on loopback answers to loopback names only: a web page whose name was bound to 127.0.0.1 would
    otherwise spend the user's money. Raises `Forbidden`.
    """
    origin = headers.get("origin", "")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") or (origin and not is_loopback(_host_of(origin))):
        raise Forbidden(
            "This proxy has no keys and so serves no web pages of others. Have its operator set BEDROCK_PROXY_API_KEY.",
            code="origin_not_allowed",
        )
    host = headers.get("host", "")
    name = _host_of(host)
    if not is_loopback(name):
        raise Forbidden(
            "This proxy has no keys and so serves this machine only: call it as localhost or 127.0.0.1, or have its operator "
            "set BEDROCK_PROXY_API_KEY.",
            code="host_not_allowed",
        )


def _host_of(authority: str) -> str:
    """`http://127.0.0.1:8000` or `[::1]:8000` -> the name or address in it."""
    host = authority.rpartition("//")[2]
    return host if host.endswith("]") else host.rpartition(":")[0] or host
