"""What a URL in a request names -> its bytes. From the public internet alone, within limits of size, time and redirects.

A client chooses these URLs, so each hop is checked before a connection is made: scheme, port, spelling of the host, and
every address that the host's name has. The connection then goes to an address of that very lookup: there is no second
one in which the name could mean something else.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.errors import InvalidRequest
from proxy.media.addresses import is_public
from proxy.media.kinds import DOCUMENT_TYPES, HEAD_BYTES, IMAGE_TYPES, document_format, sniff
from proxy.media.names import Lookup, PublicResolver, SystemLookup

Kind = Literal["image", "file"]

_CODES: dict[Kind, str] = {"image": "invalid_image_url", "file": "invalid_file_url"}
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"bedrock-proxy/{__version__}"}
_REDIRECTS = (301, 302, 303, 307, 308)
_CONNECTIONS = 100
"""At a time, for all requests of this process. Waiting for one is a part of `connect_s`."""
_LONGEST_URL = 8_192
_AS_IT_STANDS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
"""The characters of RFC 3986. A URL of these alone is sent as it is: some are signed, and would not survive quoting."""
_NAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
"""A public host's name has a dot, no dot at its end, and a last label that is no number."""
_NOT_PUBLIC = "its host was not found on the public internet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    max_bytes: int = 20_000_000
    """Of one file. Reading stops there."""
    max_total_bytes: int = 50_000_000
    """Of all files of one request."""
    max_files: int = 100
    """In one request; the same URL twice counts once."""
    concurrency: int = 8
    """Files of one request that are fetched at the same time."""
    connect_s: float = 5.0
    """Name lookup, TCP and TLS of one hop."""
    total_s: float = 20.0
    """One file, redirects and body included."""
    max_redirects: int = 3
    allow_http: bool = False
    """Fetch `http:` URLs too."""
    ports: frozenset[int] = frozenset({80, 443})
    allow_private: frozenset[str] = frozenset()
    """Hosts of the operator's own, as `host:port` in lower case (`files.internal:9000`, `10.0.0.7:80`, `[fd00::7]:443`).
    They may be anywhere, on any port, and speak http. Whatever they serve, every client may have a model read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    url: str
    param: str
    """Where the client wrote it."""
    kind: Kind = "image"


@dataclass(frozen=True, slots=True)
class Fetched:
    media_type: str
    """What the bytes are: one of `IMAGE_TYPES` for an image, a value of `DOCUMENT_TYPES` for a file."""
    data: bytes
    name: str
    """The last part of the URL's path; may be empty."""


class Fetcher:
    """Fetches for one event loop, where its session opens with the first call. `aclose` it; then it stays closed.

    `lookup` replaces the system's resolver; what it gives is checked just the same. `tls` verifies servers: None trusts
    the roots that Python's `ssl` finds.
    """

    def __init__(
        self, settings: FetchSettings | None = None, *, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings or FetchSettings()
        self._system = SystemLookup()
        self._lookup = lookup or self._system
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, *, param: str, kind: Kind = "image") -> Fetched:
        """Raises `InvalidRequest` with the code `invalid_image_url` or `invalid_file_url`."""
        return await self._fetch(Wanted(url, param, kind), _Allowance(self._settings.max_total_bytes))

    async def fetch_all(self, wanted: Sequence[Wanted]) -> list[Fetched]:
        """In the order of `wanted`, several at a time. The first failure ends the others and is raised."""
        distinct: dict[tuple[str, Kind], Wanted] = {}
        for item in wanted:
            distinct.setdefault((item.url, item.kind), item)
            if len(distinct) > self._settings.max_files:
                raise _failure(item, f"a request may name {self._settings.max_files} of them, and this is one more")
        gate = asyncio.Semaphore(self._settings.concurrency)
        allowance = _Allowance(self._settings.max_total_bytes)

        async def fetch(item: Wanted) -> Fetched:
            async with gate:
                return await self._fetch(item, allowance)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {key: group.create_task(fetch(item)) for key, item in distinct.items()}
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [tasks[item.url, item.kind].result() for item in wanted]

    async def aclose(self) -> None:
        self._system.close()
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, wanted: Wanted, allowance: _Allowance) -> Fetched:
        try:
            async with asyncio.timeout(self._settings.total_s):
                return await self._follow(wanted, allowance)
        except _Refused as refused:
            reason = str(refused)
        except aiohttp.ConnectionTimeoutError:
            reason = f"no connection within {self._settings.connect_s:g} seconds"
        except TimeoutError:
            reason = f"it took longer than {self._settings.total_s:g} seconds"
        except aiohttp.ClientConnectorDNSError:
            reason = _NOT_PUBLIC
        except aiohttp.ClientSSLError:
            reason = "its server cannot be verified, or speaks no TLS"
        except (aiohttp.ClientError, OSError):
            reason = "the connection failed"
        raise _failure(wanted, reason)

    async def _follow(self, wanted: Wanted, allowance: _Allowance) -> Fetched:
        first = url = _parse(wanted.url)
        self._check(url)
        session = self._opened()
        for _ in range(self._settings.max_redirects + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    name = first.name if "." in first.name else url.name
                    return await self._read(response, wanted.kind, name, allowance)
            url = self._next(url, response.headers.get("Location", ""))
        raise _Refused(f"it redirects more than {self._settings.max_redirects} times")

    def _next(self, url: URL, location: str) -> URL:
        if not location:
            raise _Refused("it redirects to nowhere")
        try:
            following = _parse(location, url)
            self._check(following)
        except _Refused as refused:
            raise _Refused(f"it redirects to a URL that is refused: {refused}") from None
        return following

    def _check(self, url: URL) -> None:
        """All that can be said before a lookup. Raises `_Refused`."""
        host = (url.raw_host or "").lower()
        if url.scheme not in ("https", "http") or not host:
            raise _Refused("it is no https URL")
        if "@" in url.raw_authority:
            raise _Refused("it holds a user name or password")
        if self._is_allowed(host, url.port or 0):
            return
        if url.scheme == "http" and not self._settings.allow_http:
            raise _Refused("it is no https URL")
        if url.port not in self._settings.ports:
            raise _Refused(f"port {url.port} is not allowed")
        # Names are checked here by their spelling alone, and by their addresses when they are looked up.
        if not (_NAME.fullmatch(host) or is_public(host)):
            raise _Refused(_NOT_PUBLIC)

    def _is_allowed(self, host: str, port: int) -> bool:
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return authority in self._settings.allow_private

    async def _read(self, response: aiohttp.ClientResponse, kind: Kind, name: str, allowance: _Allowance) -> Fetched:
        if response.status != 200:
            raise _Refused(f"it answers with status {response.status}")
        declared = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not _may_be(kind, declared):
            raise _Refused(f"it is {declared[:80]}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise _Refused("it comes compressed, which was not asked for")
        size, limit, chunks = 0, self._settings.max_bytes, []
        if (response.content_length or 0) > limit:
            raise _Refused(f"it is larger than {limit} bytes")
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise _Refused(f"it is larger than {limit} bytes")
            allowance.take(len(chunk))
            chunks.append(chunk)
        data = b"".join(chunks)
        return Fetched(_media_type(kind, name, declared, data), data, name)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=PublicResolver(self._lookup, self._is_allowed),
                use_dns_cache=False,
                ssl=self._tls or ssl.create_default_context(),
                limit=_CONNECTIONS,
                force_close=True,  # no connections lie about to hosts that clients chose
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                timeout=aiohttp.ClientTimeout(total=None, connect=self._settings.connect_s),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


class _Refused(Exception):
    """Why a URL is not fetched, in words for the client: nothing of our network."""


class _Allowance:
    """The bytes that the files of one request may still have, together."""

    __slots__ = ("_left", "_limit")

    def __init__(self, limit: int) -> None:
        self._left = self._limit = limit

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _Refused(f"with it, the files of this request are larger than {self._limit} bytes")


def _parse(text: str, base: URL | None = None) -> URL:
    if len(text) > _LONGEST_URL:
        raise _Refused(f"it is longer than {_LONGEST_URL} characters")
    text = text.strip()
    if not text.isprintable():
        raise _Refused("it is no URL")
    try:
        url = URL(text, encoded=_AS_IT_STANDS.fullmatch(text) is not None)
        url = base.join(url) if base else url
        _ = url.port  # yarl looks into host and port only when asked for them
    except (ValueError, IndexError):  # the latter for `https://[::1]@`, with nothing behind the @
        raise _Refused("it is no URL") from None
    return url


def _may_be(kind: Kind, declared: str) -> bool:
    """By the type that the server declares. It is often wrong, but not as wrong as that."""
    if kind == "image":
        return declared.startswith("image/") or declared in ("", "application/octet-stream", "binary/octet-stream")
    return not declared.startswith(("image/", "audio/", "video/"))


def _media_type(kind: Kind, name: str, declared: str, data: bytes) -> str:
    """By the bytes, and for documents by what they are called. Raises `_Refused`."""
    head = data[:HEAD_BYTES]
    if not head:
        raise _Refused("it is empty")
    if kind == "image":
        sniffed = sniff(head)
        if sniffed not in IMAGE_TYPES:
            raise _Refused("it is no png, jpeg, gif or webp image")
        return sniffed
    document = document_format(name, declared, head)
    if document is None:
        raise _Refused(f"it is no document of one of these formats: {', '.join(DOCUMENT_TYPES)}")
    return DOCUMENT_TYPES[document]


def _failure(wanted: Wanted, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"Error while downloading the {wanted.kind} that '{wanted.param}' names: {reason}.",
        param=wanted.param,
        code=_CODES[wanted.kind],
    )
