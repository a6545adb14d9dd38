"""Against servers on loopback, which say over raw sockets what a test wants, when it wants it.

Their names end in `.test`, which no name server knows (RFC 6761): whoever reaches them went by the lookup of the test.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from proxy.errors import InvalidRequest
from proxy.media.fetch import Fetched, Fetcher, FetchSettings, Kind, Lookup, Wanted

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
CERTIFICATE = Path(__file__).with_name("pics.test.pem")
PATIENT_S = 30.0
"""Longer than anything here takes: what ends a wait is what is waited for."""
NOT_PUBLIC = "its host was not found on the public internet"
PARAM = "messages[0].content[1].image_url.url"


def answer(body: bytes, content_type: str = "image/png", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(b"see there", status=status, Location=to)


class Site:
    """A server. `pages` holds, for a path, the bytes of an answer or what writes one."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]] = {}
        self.requests: list[str] = []
        self.connections = 0
        self.gone = asyncio.Event()
        """A client has hung up."""
        self.port = 0

    def url(self, path: str = "/a.png", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            page = self.pages[head.split()[1]]
            if isinstance(page, bytes):
                writer.write(page)
            else:
                await page(writer)
            await reader.read()  # till the client hangs up
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.gone.set()
            writer.close()


class Sites:
    """Opens servers and fetchers, and closes them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, tls: ssl.SSLContext | None = None) -> Site:
        site = Site()
        server = await asyncio.start_server(site.serve, "127.0.0.1", ssl=tls)
        site.port = server.sockets[0].getsockname()[1]
        self._stack.push_async_callback(server.wait_closed)
        self._stack.callback(server.close)
        return site

    def fetcher(
        self, settings: FetchSettings, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
    ) -> Fetcher:
        fetcher = Fetcher(settings, lookup=lookup, tls=tls)
        self._stack.push_async_callback(fetcher.aclose)
        return fetcher


@pytest.fixture
async def sites() -> AsyncIterator[Sites]:
    async with AsyncExitStack() as stack:
        yield Sites(stack)


@pytest.fixture
async def site(sites: Sites) -> Site:
    return await sites.open()


@pytest.fixture
def fetcher(sites: Sites, site: Site) -> Fetcher:
    """May go to `site`."""
    return sites.fetcher(FetchSettings(allow_private=frozenset({f"127.0.0.1:{site.port}"})))


class Names:
    """A lookup that knows what it was told, and what it was asked."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.addresses[host]


async def refusal(fetcher: Fetcher, url: str, kind: Kind = "image") -> str:
    """The reason that the client is given."""
    with pytest.raises(InvalidRequest) as error:
        await fetcher.fetch(url, param=PARAM, kind=kind)
    assert (error.value.param, error.value.code) == (PARAM, f"invalid_{kind}_url")
    start = f"Error while downloading the {kind} that '{PARAM}' names: "
    assert error.value.message.startswith(start)
    assert error.value.message.endswith(".")
    return error.value.message.removeprefix(start)[:-1]


# What comes back


async def test_image(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a.png"] = answer(PNG, "image/jpeg")
    assert await fetcher.fetch(site.url(), param="p") == Fetched("image/png", PNG, "a.png")


async def test_nothing_of_ours_is_sent(sites: Sites, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    site.pages["/a.png"] = answer(PNG, Set_Cookie="session=1; Path=/")
    site.pages["/b.png"] = redirect("/a.png")
    fetcher = sites.fetcher(
        FetchSettings(allow_private=frozenset({f"pics.test:{site.port}"})), Names(pics_test=["127.0.0.1"])
    )
    await fetcher.fetch(site.url(host="pics.test"), param="p")
    await fetcher.fetch(site.url("/b.png", host="pics.test"), param="p")
    assert len(site.requests) == 3
    for request in site.requests:
        names = {line.partition(":")[0] for line in request.split("\r\n")[1:] if line}
        assert names == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}
        assert "\r\nAccept-Encoding: identity\r\n" in request


@pytest.mark.parametrize(
    ("path", "on_the_wire"),
    [
        ("/a%20b/%7Ec?sig=%2B%2f%3D&x=a+b", "/a%20b/%7Ec?sig=%2B%2f%3D&x=a+b"),
        ("/é.png", "/%C3%A9.png"),
        ("/a.png#part", "/a.png"),
        ("", "/"),
        ("/a.png \n", "/a.png"),
    ],
)
async def test_url_as_it_stands(site: Site, fetcher: Fetcher, path: str, on_the_wire: str) -> None:
    """A signed URL must not be written anew."""
    site.pages[on_the_wire] = answer(PNG)
    assert (await fetcher.fetch(site.url(path), param="p")).data == PNG


@pytest.mark.parametrize(
    "content_type", ["", "application/octet-stream", "binary/octet-stream", "image/jpg", "IMAGE/X; a=b"]
)
async def test_declared_types_of_images(site: Site, fetcher: Fetcher, content_type: str) -> None:
    site.pages["/a.png"] = answer(PNG, content_type)
    assert (await fetcher.fetch(site.url(), param="p")).media_type == "image/png"


async def test_body_that_is_said_to_be_as_it_is(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a.png"] = answer(PNG, Content_Encoding="Identity")
    assert (await fetcher.fetch(site.url(), param="p")).data == PNG


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (answer(b"<html>", "text/html; charset=utf-8"), "it is text/html"),
        (answer(PNG, "x/" + "y" * 2_000), f"it is x/{'y' * 78}"),
        (answer(b"<svg/>", "image/svg+xml"), "it is no png, jpeg, gif or webp image"),
        (answer(b""), "it is empty"),
        (answer(PNG, status="404 Not Found"), "it answers with status 404"),
        (answer(PNG, status="206 Partial Content"), "it answers with status 206"),
        (answer(PNG, status="500 Oh"), "it answers with status 500"),
        (answer(b"", status="304 Not Modified"), "it answers with status 304"),
        (answer(PNG, Content_Encoding="gzip"), "it comes compressed, which was not asked for"),
        (answer(PNG)[:-1], "the connection failed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", "the connection failed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", "the connection failed"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "the connection failed"),
        (b"", "the connection failed"),
    ],
)
async def test_no_image(site: Site, fetcher: Fetcher, page: bytes, reason: str) -> None:
    async def write_and_end(writer: asyncio.StreamWriter) -> None:
        writer.write(page)
        writer.write_eof()

    site.pages["/a.png"] = write_and_end
    assert await refusal(fetcher, site.url()) == reason


@pytest.mark.parametrize(
    ("path", "content_type", "body", "media_type", "name"),
    [
        ("/report.pdf", "application/pdf", b"%PDF-1.7", "application/pdf", "report.pdf"),
        ("/get?id=7", "text/csv; charset=utf-8", b"a,b\n", "text/csv", "get"),
        ("/people.csv", "application/octet-stream", b"a,b\n", "text/csv", "people.csv"),
        ("/a%20b.md", "text/plain", b"# a", "text/markdown", "a b.md"),
        ("/", "", b"hello", "text/plain", ""),
    ],
)
async def test_file(
    site: Site, fetcher: Fetcher, path: str, content_type: str, body: bytes, media_type: str, name: str
) -> None:
    site.pages[path] = answer(body, content_type)
    assert await fetcher.fetch(site.url(path), param="p", kind="file") == Fetched(media_type, body, name)


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("image/png", PNG, "it is image/png"),
        ("video/mp4", PNG, "it is video/mp4"),
        ("audio/wav", PNG, "it is audio/wav"),
        ("", PNG, "it is no document of one of these formats: pdf, csv, doc, docx, xls, xlsx, html, txt, md"),
        ("", b"\x7fELF\0", "it is no document of one of these formats: pdf, csv, doc, docx, xls, xlsx, html, txt, md"),
    ],
)
async def test_no_file(site: Site, fetcher: Fetcher, content_type: str, body: bytes, reason: str) -> None:
    site.pages["/a"] = answer(body, content_type)
    assert await refusal(fetcher, site.url("/a"), "file") == reason


# Where it may go


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/a.png", "it is no https URL"),
        ("ftp://example.com/a.png", "it is no https URL"),
        ("file:///etc/passwd", "it is no https URL"),
        ("gopher://127.0.0.1:6379/_x", "it is no https URL"),
        ("s3://bucket/key", "it is no https URL"),
        ("//example.com/a.png", "it is no https URL"),
        ("/etc/passwd", "it is no https URL"),
        ("https:///a.png", "it is no https URL"),
        ("https:a.png", "it is no https URL"),
        ("", "it is no https URL"),
        ("https://[::1/a.png", "it is no URL"),
        ("https://example.com:99999/", "it is no URL"),
        ("https://[::1]@", "it is no URL"),
        ("https://example.com/\r\nX-Header: 1", "it is no URL"),
        ("https://example.com/\x01\udc80", "it is no URL"),
        ("https://example.com\\@127.0.0.1/", "it is no URL"),
        ("https://example.com/" + "a" * 8_192, "it is longer than 8192 characters"),
        ("https://user:password@example.com/a.png", "it holds a user name or password"),
        ("https://user@example.com/a.png", "it holds a user name or password"),
        ("https://@example.com/a.png", "it holds a user name or password"),
        ("https://example.com@127.0.0.1/a.png", "it holds a user name or password"),
        ("https://example.com:8443/a.png", "port 8443 is not allowed"),
        ("https://example.com:22/a.png", "port 22 is not allowed"),
        ("https://example.com:0/a.png", "port 0 is not allowed"),
        *[
            (f"https://{host}/latest/meta-data/", NOT_PUBLIC)
            for host in (
                "127.0.0.1",
                "10.1.2.3",
                "169.254.169.254",
                "100.64.0.1",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "[::]",
                "[::1]",
                "[fd00:ec2::254]",
                "[fe80::1]",
                "[fe80::1%25eth0]",
                "[2600::1%25eth0]",
                "[::ffff:169.254.169.254]",
                "[::ffff:a9fe:a9fe]",
                "[64:ff9b::a9fe:a9fe]",
                "[2002:a9fe:a9fe::1]",
                # other spellings
                "2852039166",
                "0xa9fea9fe",
                "0xa9.0xfe.0xa9.0xfe",
                "0251.0376.0251.0376",
                "025177524776",
                "169.254.43518",
                "127.1",
                "0",
                "127.0.0.1.",
                "8.8.8.8.",
                "１０.１.２.３",
                "①②⑦.0.0.1",
                "127。0。0。1",
                "1.2.3.4.5",
                "example.com.127",
                # names that only the inside knows
                "localhost",
                "LOCALHOST",
                "metadata",
                "example.com.",
                "example..com",
                ".example.com",
                "example.c",
                "exam ple.com",
                "example%2ecom",
                "example.com%00",
                "a" * 64 + ".com",
                "a." * 127 + "com",
            )
        ],
    ],
)
async def test_refused_without_a_lookup(sites: Sites, url: str, reason: str) -> None:
    lookup = Names()
    fetcher = sites.fetcher(FetchSettings(), lookup)
    assert await refusal(fetcher, url) == reason
    assert lookup.asked == []


async def test_names_are_looked_up_and_checked(sites: Sites, site: Site) -> None:
    lookup = Names(
        inside_test=["10.0.0.7"],
        metadata_test=["fd00:ec2::254"],
        mixed_test=["8.8.8.8", "127.0.0.1"],
        late_test=["2600::1", "8.8.8.8", "::1"],
        mapped_test=["::ffff:127.0.0.1"],
        empty_test=[],
        host_localhost=["127.0.0.1"],
    )
    fetcher = sites.fetcher(FetchSettings(ports=frozenset({443, site.port}), allow_http=True), lookup)
    for host in [*lookup.addresses, "unknown.test"]:
        # Whether a name is unknown or belongs to the inside is not for the client to learn.
        assert await refusal(fetcher, site.url(host=host)) == NOT_PUBLIC
        assert await refusal(fetcher, f"https://{host}/") == NOT_PUBLIC
        assert lookup.asked == [host] * 2
        lookup.asked.clear()
    assert site.connections == 0


async def test_http_has_to_be_allowed(sites: Sites) -> None:
    lookup = Names(pics_test=["10.0.0.7"])
    assert await refusal(sites.fetcher(FetchSettings(), lookup), "http://pics.test/") == "it is no https URL"
    assert lookup.asked == []
    assert await refusal(sites.fetcher(FetchSettings(allow_http=True), lookup), "http://pics.test/") == NOT_PUBLIC
    assert lookup.asked == ["pics.test"]


async def test_the_address_that_was_checked_is_the_one_connected_to(sites: Sites, site: Site) -> None:
    """A name that means something else at every lookup gets one lookup a connection."""

    class Rebinding(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            addresses = await super().__call__(host, port)
            self.addresses[host] = ["127.0.0.2"]  # where nobody listens
            return addresses

    site.pages["/a.png"] = answer(PNG)
    lookup = Rebinding(pics_test=["127.0.0.1"])
    fetcher = sites.fetcher(FetchSettings(allow_private=frozenset({f"pics.test:{site.port}"})), lookup)
    assert (await fetcher.fetch(site.url(host="pics.test"), param="p")).data == PNG
    assert lookup.asked == ["pics.test"]
    assert await refusal(fetcher, site.url(host="pics.test")) == "the connection failed"
    assert lookup.asked == ["pics.test"] * 2
    assert site.connections == 1


async def test_a_host_is_allowed_with_its_port_alone(sites: Sites, site: Site) -> None:
    other = await sites.open()
    site.pages["/a.png"] = answer(PNG)
    lookup = Names(pics_test=["127.0.0.1"], more_pics_test=["127.0.0.1"])
    settings = FetchSettings(
        allow_private=frozenset({f"pics.test:{site.port}", f"[::1]:{site.port}", f"127.0.0.1:{site.port}"}),
        ports=frozenset({site.port, other.port}),
        allow_http=True,
    )
    fetcher = sites.fetcher(settings, lookup)
    assert (await fetcher.fetch(site.url(host="pics.test"), param="p")).data == PNG
    assert (await fetcher.fetch(site.url(host="127.0.0.1"), param="p")).data == PNG
    for url in (
        other.url(host="pics.test"),
        site.url(host="more.pics.test"),
        other.url(host="127.0.0.1"),
        other.url(host="[::1]"),
        site.url(host="[::2]"),
    ):
        assert await refusal(fetcher, url) == NOT_PUBLIC
    # Nobody listens there, but it is tried.
    assert await refusal(fetcher, site.url(host="[::1]")) == "the connection failed"
    assert other.connections == 0


async def test_case_of_a_host_does_not_matter(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = answer(PNG)

    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    fetcher = sites.fetcher(FetchSettings(allow_private=frozenset({f"pics.test:{site.port}"})), lookup)
    assert (await fetcher.fetch(site.url(host="PICS.Test"), param="p")).data == PNG


async def test_system_lookup(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = answer(PNG)
    fetcher = sites.fetcher(FetchSettings(allow_private=frozenset({f"localhost:{site.port}"})))
    assert (await fetcher.fetch(site.url(host="localhost"), param="p")).data == PNG


# Redirects


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_redirects(site: Site, fetcher: Fetcher, status: str) -> None:
    site.pages["/first/x"] = redirect("../second?a=%2F", status)
    site.pages["/second?a=%2F"] = redirect(site.url("/third"), status)
    site.pages["/third"] = redirect(f"//127.0.0.1:{site.port}/a.png", status)
    site.pages["/a.png"] = answer(PNG)
    assert await fetcher.fetch(site.url("/first/x"), param="p") == Fetched("image/png", PNG, "a.png")
    assert len(site.requests) == 4


async def test_name_of_a_file_that_has_moved(site: Site, fetcher: Fetcher) -> None:
    site.pages["/people.csv"] = redirect("/blob/7f3a.bin")
    site.pages["/blob/7f3a.bin"] = answer(b"a,b", "application/octet-stream")
    assert await fetcher.fetch(site.url("/people.csv"), param="p", kind="file") == Fetched(
        "text/csv", b"a,b", "people.csv"
    )


async def test_too_many_redirects(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a.png"] = redirect("/a.png")
    assert await refusal(fetcher, site.url()) == "it redirects more than 3 times"
    assert len(site.requests) == 4


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("https://169.254.169.254/latest/meta-data/", NOT_PUBLIC),
        ("http://example.com/", "it is no https URL"),
        ("file:///etc/passwd", "it is no https URL"),
        ("https://[::1]:8000/", "port 8000 is not allowed"),
        ("//user@example.com/", "it holds a user name or password"),
        ("https://[::1", "it is no URL"),
        ("https://example.com:x/", "it is no URL"),
        ("/\udc80\x01", "it is no URL"),
        ("https://127.1/", NOT_PUBLIC),
    ],
)
async def test_every_redirect_is_checked(site: Site, fetcher: Fetcher, to: str, reason: str) -> None:
    site.pages["/a.png"] = redirect(to)
    assert await refusal(fetcher, site.url()) == f"it redirects to a URL that is refused: {reason}"


async def test_every_redirect_is_looked_up(sites: Sites, site: Site) -> None:
    inside = await sites.open()
    lookup = Names(pics_test=["127.0.0.1"])
    settings = FetchSettings(
        allow_private=frozenset({f"pics.test:{site.port}"}), ports=frozenset({inside.port}), allow_http=True
    )
    site.pages["/a.png"] = redirect(inside.url(host="pics.test"))
    assert await refusal(sites.fetcher(settings, lookup), site.url(host="pics.test")) == NOT_PUBLIC
    assert lookup.asked == ["pics.test"] * 2
    assert inside.connections == 0


async def test_redirect_to_nowhere(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a.png"] = answer(b"", status="302 Found")
    assert await refusal(fetcher, site.url()) == "it redirects to nowhere"


# Limits


def limited(sites: Sites, site: Site, **limits: int | float) -> Fetcher:
    return sites.fetcher(FetchSettings(allow_private=frozenset({f"127.0.0.1:{site.port}"}), **limits))  # type: ignore[arg-type]


async def test_size(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = answer(PNG)
    assert (await limited(sites, site, max_bytes=len(PNG)).fetch(site.url(), param="p")).data == PNG
    assert await refusal(limited(sites, site, max_bytes=len(PNG) - 1), site.url()) == "it is larger than 107 bytes"


async def test_a_declared_size_is_believed(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"
    assert await refusal(limited(sites, site, max_bytes=1_000), site.url()) == "it is larger than 1000 bytes"
    await asyncio.wait_for(site.gone.wait(), PATIENT_S)


async def test_reading_stops_at_the_limit(sites: Sites, site: Site) -> None:
    async def write_without_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"3e8\r\n" + bytes(1_000) + b"\r\n")
            await writer.drain()

    site.pages["/a.png"] = write_without_end
    assert await refusal(limited(sites, site, max_bytes=100_000), site.url()) == "it is larger than 100000 bytes"
    await asyncio.wait_for(site.gone.wait(), PATIENT_S)


async def test_slow_body(site: Site, fetcher: Fetcher) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def write(writer: asyncio.StreamWriter) -> None:
        text = answer(PNG)
        writer.write(text[:-50])
        begun.set()
        await go_on.wait()
        writer.write(text[-50:])

    site.pages["/a.png"] = write
    fetching = asyncio.ensure_future(fetcher.fetch(site.url(), param="p"))
    await asyncio.wait_for(begun.wait(), PATIENT_S)
    assert not fetching.done()
    go_on.set()
    assert (await fetching).data == PNG


async def test_time(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = answer(PNG)[:-50]
    assert await refusal(limited(sites, site, total_s=0.05), site.url()) == "it took longer than 0.05 seconds"
    await asyncio.wait_for(site.gone.wait(), PATIENT_S)


async def test_time_without_an_answer(sites: Sites, site: Site) -> None:
    site.pages["/a.png"] = b""
    assert await refusal(limited(sites, site, total_s=0.05), site.url()) == "it took longer than 0.05 seconds"
    await asyncio.wait_for(site.gone.wait(), PATIENT_S)


async def test_time_to_connect(sites: Sites, site: Site) -> None:
    """TCP is there, but nobody speaks TLS."""
    assert (
        await refusal(limited(sites, site, connect_s=0.05), site.url(scheme="https"))
        == "no connection within 0.05 seconds"
    )


async def test_time_to_look_up(sites: Sites) -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    fetcher = sites.fetcher(FetchSettings(connect_s=0.05), never)
    assert await refusal(fetcher, "https://pics.test/") == "no connection within 0.05 seconds"


async def test_hanging_up(site: Site, fetcher: Fetcher) -> None:
    """A request that is given up takes its downloads along."""
    begun = asyncio.Event()

    async def begin(writer: asyncio.StreamWriter) -> None:
        begun.set()

    site.pages["/a.png"] = begin
    fetching = asyncio.ensure_future(fetcher.fetch_all([Wanted(site.url(), "p")]))
    await asyncio.wait_for(begun.wait(), PATIENT_S)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    await asyncio.wait_for(site.gone.wait(), PATIENT_S)


# Several


async def test_several_in_order(site: Site, fetcher: Fetcher) -> None:
    pages = {f"/{number}.png": PNG + bytes([number]) for number in range(20)}
    site.pages.update({path: answer(body) for path, body in pages.items()})
    fetched = await fetcher.fetch_all([Wanted(site.url(path), "p") for path in pages])
    assert [item.data for item in fetched] == list(pages.values())


async def test_none(fetcher: Fetcher) -> None:
    assert await fetcher.fetch_all([]) == []


async def test_the_same_url_is_fetched_once(site: Site, fetcher: Fetcher) -> None:
    """Agents send their whole history every time."""
    site.pages["/a"] = answer(b"text", "application/octet-stream")
    site.pages["/b"] = answer(PNG)
    wanted = [Wanted(site.url("/a"), "p", "file"), Wanted(site.url("/b"), "q"), Wanted(site.url("/a"), "r", "file")]
    first, second, third = await fetcher.fetch_all(wanted)
    assert (first.data, second.data, third.data) == (b"text", PNG, b"text")
    assert len(site.requests) == 2
    site.pages["/a"] = answer(b"", status="404 Not Found")
    with pytest.raises(InvalidRequest) as error:
        await fetcher.fetch_all(wanted)
    assert error.value.param == "p"


async def test_number_of_files(sites: Sites, site: Site) -> None:
    site.pages.update({path: answer(PNG) for path in ("/0", "/1")})
    fetcher = limited(sites, site, max_files=2)
    wanted = [Wanted(site.url(f"/{number}"), f"p[{number}]") for number in (0, 1, 0, 1, 2)]
    assert len(await fetcher.fetch_all(wanted[:4])) == 4
    with pytest.raises(
        InvalidRequest, match=r"'p\[2\]' names: a request may name 2 of them, and this is one more\.$"
    ) as error:
        await fetcher.fetch_all(wanted)
    assert error.value.param == "p[2]"
    assert len(site.requests) == 2


async def test_size_of_all_together(sites: Sites, site: Site) -> None:
    site.pages.update({path: answer(PNG) for path in ("/0", "/1")})
    wanted = [Wanted(site.url("/0"), "p"), Wanted(site.url("/1"), "p")]
    assert len(await limited(sites, site, max_total_bytes=2 * len(PNG)).fetch_all(wanted)) == 2
    with pytest.raises(InvalidRequest, match=r"with it, the files of this request are larger than 215 bytes\.$"):
        await limited(sites, site, max_total_bytes=2 * len(PNG) - 1).fetch_all(wanted)
    # For each request anew.
    assert len(await limited(sites, site, max_total_bytes=len(PNG)).fetch_all(wanted[:1])) == 1


async def test_so_many_at_a_time(sites: Sites, site: Site) -> None:
    arrived: asyncio.Queue[None] = asyncio.Queue()
    go_on = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        arrived.put_nowait(None)
        await go_on.wait()
        writer.write(answer(PNG))

    site.pages.update({f"/{number}": hold for number in range(6)})
    site.pages["/other"] = answer(PNG)
    fetcher = limited(sites, site, concurrency=2)
    fetching = asyncio.ensure_future(fetcher.fetch_all([Wanted(site.url(f"/{number}"), "p") for number in range(6)]))
    for _ in range(2):
        await asyncio.wait_for(arrived.get(), PATIENT_S)
    await fetcher.fetch(site.url("/other"), param="p")  # time enough for a third, if there were one
    assert arrived.empty()
    go_on.set()
    assert len(await fetching) == 6


async def test_the_first_failure_ends_the_others(sites: Sites, site: Site) -> None:
    slow = await sites.open()
    slow.pages["/a.png"] = b""
    site.pages["/a.png"] = answer(b"", status="404 Not Found")
    settings = FetchSettings(allow_private=frozenset({f"127.0.0.1:{site.port}", f"127.0.0.1:{slow.port}"}))
    with pytest.raises(InvalidRequest, match="'q' names: it answers with status 404") as error:
        await sites.fetcher(settings).fetch_all([Wanted(slow.url(), "p"), Wanted(site.url(), "q")])
    assert (error.value.param, error.value.code) == ("q", "invalid_image_url")


# TLS


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_tls(sites: Sites) -> None:
    site = await sites.open(server_tls())
    site.pages["/a.png"] = answer(PNG)
    lookup = Names(pics_test=["127.0.0.1"], other_test=["127.0.0.1"])
    hosts = ("pics.test", "other.test", "127.0.0.1")
    settings = FetchSettings(allow_private=frozenset(f"{host}:{site.port}" for host in hosts))
    trusting = sites.fetcher(settings, lookup, ssl.create_default_context(cafile=CERTIFICATE))
    assert (await trusting.fetch(site.url(host="pics.test", scheme="https"), param="p")).data == PNG

    # Another name than that of the certificate; no name; and a certificate of nobody that is trusted by default.
    unverified = "its server cannot be verified, or speaks no TLS"
    for fetcher, host in (
        (trusting, "other.test"),
        (trusting, "127.0.0.1"),
        (sites.fetcher(settings, lookup), "pics.test"),
    ):
        assert await refusal(fetcher, site.url(host=host, scheme="https")) == unverified
    assert len(site.requests) == 1


async def test_no_tls_where_it_is_expected(sites: Sites, site: Site, fetcher: Fetcher) -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(PNG))
        writer.close()

    server = await asyncio.start_server(speak_plainly, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    fetcher = sites.fetcher(FetchSettings(allow_private=frozenset({f"127.0.0.1:{port}"})))
    async with server:
        assert await refusal(fetcher, f"https://127.0.0.1:{port}/") == "its server cannot be verified, or speaks no TLS"


async def test_closed_before_it_was_used() -> None:
    await Fetcher().aclose()
