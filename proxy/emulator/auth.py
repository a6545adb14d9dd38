"""Who calls: Signature Version 4 verified byte by byte, or a bearer key.

The signature is computed here a second time from the request as it came over the wire, with code of its own. Source:
AWS "Create a signed AWS API request"; the words are those of AWS's common errors.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote_plus

from proxy.emulator.refusal import BearerRefusal, SignatureRefusal
from proxy.emulator.settings import Settings

SERVICE = "bedrock"
MAX_SKEW = timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_STAMP = "%Y%m%dT%H%M%SZ"
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105  a message
_EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105  a message


@dataclass(slots=True)
class Request:
    """One request as it stood on the wire. Header names are in lower case, in their order."""

    method: str
    raw_path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None


@dataclass(slots=True)
class _Signature:
    key_id: str
    day: str
    region: str
    service: str
    signed: list[str]
    value: str


def authenticate(request: Request, settings: Settings) -> str:
    """The region of the call, once its signature or bearer key has been accepted. Raises `Refusal`, status 403."""
    authorization = request.header("authorization")
    if not authorization:
        raise SignatureRefusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    if authorization.startswith("Bearer "):
        _check_bearer(authorization.removeprefix("Bearer ").strip(), settings)
        return settings.region
    signature = _read(authorization)
    _check_key(signature, request, settings)
    stamp = _check_time(signature, request, settings)
    _check_scope(signature)
    canonical = canonical_request(request, signature.signed)
    to_sign = string_to_sign(canonical, stamp, signature.region)
    expected = sign(settings.keys[signature.key_id], to_sign)
    if not hmac.compare_digest(expected, signature.value):
        raise SignatureRefusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.\n\n"
            f"The Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign}'\n",
        )
    return signature.region


def canonical_request(request: Request, signed: list[str]) -> str:
    """The six parts of a request that are signed. The path is encoded once more than it was on the wire."""
    signed = sorted(name.lower() for name in signed)
    headers = "".join(f"{name}:{_canonical_value(request.header(name) or '')}\n" for name in signed)
    return "\n".join(
        (
            request.method,
            quote(_without_dots(request.raw_path), safe="/-_.~"),
            _canonical_query(request.query),
            headers,
            ";".join(signed),
            sha256(request.body).hexdigest(),
        )
    )


def string_to_sign(canonical: str, stamp: str, region: str) -> str:
    scope = f"{stamp[:8]}/{region}/{SERVICE}/aws4_request"
    return "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))


def sign(secret: str, to_sign: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in to_sign.split("\n")[2].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _check_bearer(key: str, settings: Settings) -> None:
    if not any(hmac.compare_digest(key.encode(), known.encode()) for known in settings.bearer_keys):
        raise BearerRefusal("Bearer Token is invalid")
    if key in settings.expired:
        raise BearerRefusal("Bearer Token has expired")


def _read(authorization: str) -> _Signature:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    scope = parts["Credential"].rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        )
    signed = parts["SignedHeaders"].split(";")
    return _Signature(scope[0], scope[1], scope[2], scope[3], signed, parts["Signature"])


def _check_key(signature: _Signature, request: Request, settings: Settings) -> None:
    for name in ("host", "x-amz-date", "x-amz-security-token"):
        if request.header(name) is not None and name not in signature.signed:
            raise _incomplete(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    token = request.header("x-amz-security-token")
    if signature.key_id not in settings.keys or (signature.key_id.startswith("ASIA") and not token):
        raise SignatureRefusal("UnrecognizedClientException", _INVALID_TOKEN)
    if signature.key_id in settings.expired or token in settings.expired:
        raise SignatureRefusal("ExpiredTokenException", _EXPIRED_TOKEN)


def _check_time(signature: _Signature, request: Request, settings: Settings) -> str:
    stamp = request.header("x-amz-date")
    if stamp is None:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    try:
        sent = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.") from None
    now = settings.now()
    earliest, latest = now - MAX_SKEW, now + MAX_SKEW
    if sent < earliest:
        raise SignatureRefusal(
            "InvalidSignatureException",
            f"Signature expired: {stamp} is now earlier than {earliest:{_STAMP}} ({now:{_STAMP}} - 5 min.)",
        )
    if sent > latest:
        raise SignatureRefusal(
            "InvalidSignatureException",
            f"Signature not yet current: {stamp} is still later than {latest:{_STAMP}} ({now:{_STAMP}} + 5 min.)",
        )
    if signature.day != stamp[:8]:
        raise SignatureRefusal(
            "InvalidSignatureException",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.day}' != '{stamp[:8]}', from '{stamp}'.",
        )
    return stamp


def _check_scope(signature: _Signature) -> None:
    if signature.service != SERVICE:
        raise SignatureRefusal(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{SERVICE}'. "
        )
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", signature.region):
        raise SignatureRefusal("InvalidSignatureException", "Credential should be scoped to a valid region. ")


def _incomplete(message: str) -> SignatureRefusal:
    return SignatureRefusal("IncompleteSignatureException", message)


def _canonical_value(value: str) -> str:
    return re.sub(r" +", " ", value.strip())


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = sorted((quote(unquote_plus(name), safe="-_.~"), quote(unquote_plus(value), safe="-_.~"))
                     for name, _, value in pairs)  # fmt: skip
    return "&".join(f"{name}={value}" for name, value in encoded)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)
