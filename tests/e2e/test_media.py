"""Images and documents: sent along, or named by URL and fetched. What the model gets is seen at Bedrock."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-2-90b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
CERTIFICATE = Path(__file__).with_name("loopback.pem")


def png(width: int, height: int = 20) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    rows = zlib.compress((b"\0" + bytes(width)) * height)
    header = chunk(b"IHDR", size + b"\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = png(20)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(*parts: dict[str, Any]) -> list[Any]:
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "What is it?"}]}]


def seen(call: Any) -> list[bytes]:
    """The images and documents that the model got."""
    if "prompt" in call.body:
        return [b64decode(text) for text in call.body.get("images", ())]
    found = []
    for message in call.body["messages"]:
        blocks = list(message["content"])
        while blocks:
            block = blocks.pop(0)
            for inner in (block.get("toolResult"), block if block.get("type") == "tool_result" else None):
                blocks += inner["content"] if inner else []
            if "source" in block:
                found.append(b64decode(block["source"]["data"]))
            for kind in ("image", "document"):
                if kind in block:
                    found.append(b64decode(block[kind]["source"]["bytes"]))
    return found


@pytest.fixture
def site(theatre):
    """`site(path, body, content_type)` -> the URL at which a server on loopback has it, over TLS."""
    pages: dict[str, bytes] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(pages[head.decode().split()[1]])
        await writer.drain()
        writer.close()

    async def start() -> asyncio.Server:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(CERTIFICATE)
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)

    server = theatre.backstage.run(start())
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def put(path: str, body: bytes, content_type: str) -> str:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        pages[path] = head.encode() + body
        return f"https://{address}{path}"

    put.address = address
    yield put

    async def stop() -> None:
        server.close()
        await server.wait_closed()

    theatre.backstage.run(stop())


@pytest.fixture
def fetching(serve, site, monkeypatch):
    """A proxy that may fetch from the site, and trusts its certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    return lambda **media: serve(media={"allow_private": [site.address], **media})


@ALL
def test_an_image_that_is_sent_along(client, bedrock, model):
    completion = client.chat.completions.create(model=model, messages=user(image(data_url(PNG))))
    assert completion.choices[0].message.content.endswith("What is it?")
    assert seen(bedrock.call) == [PNG]
    assert bedrock.call.faults == []


@ALL
def test_an_image_behind_a_url(fetching, site, bedrock, model):
    url = site("/a.png", PNG, "image/png")
    reply = fetching().chat(model, messages=user(image(url), image(url)) if model != LLAMA else user(image(url)))
    assert reply.status_code == 200, reply.text
    assert set(seen(bedrock.call)) == {PNG}
    assert url not in str(bedrock.call.body)


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_an_image_as_the_result_of_a_tool(client, bedrock, model):
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages: Any = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [image(data_url(PNG)), {"type": "text", "text": "it"}]},
    ]
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    client.chat.completions.create(model=model, messages=messages, tools=[tool])
    assert seen(bedrock.call) == [PNG]


def file(data: str, name: str = "paper.pdf") -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_document(fetching, site, bedrock, model):
    proxy = fetching()
    url = site("/paper.pdf", PDF, "application/pdf")
    for data in (data_url(PDF, "application/pdf"), url):
        reply = proxy.chat(model, messages=user(file(data)))
        assert reply.status_code == 200, reply.text
    assert [seen(call) for call in bedrock.calls] == [[PDF], [PDF]]


@pytest.mark.parametrize(
    ("model", "part", "param"),
    [
        (LLAMA, file(data_url(PDF, "application/pdf")), "messages[0].content[0].file.file_data"),
        ("meta.llama3-3-70b-instruct-v1:0", image(data_url(PNG)), "messages[0].content[0].image_url.url"),
        ("amazon.nova-micro-v1:0", image(data_url(PNG)), "messages[0].content[0].image_url.url"),
        (CLAUDE, image(data_url(b"no image")), "messages[0].content[0].image_url.url"),
        (CLAUDE, image("data:image/png;base64,???"), "messages[0].content[0].image_url.url"),
        (CLAUDE, image("ftp://files.example/a.png"), "messages[0].content[0].image_url.url"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(proxy, bedrock, model, part, param):
    reply = proxy.chat(model, messages=user(part))
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert bedrock.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://[::1]/a.png",
        "https://10.0.0.1/a.png",
        "https://localhost/a.png",
        "https://2130706433/a.png",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_private_addresses_are_never_asked(proxy, bedrock, url, stream):
    reply = proxy.chat(CLAUDE, messages=user(image(url)), stream=stream)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_image_url")
    assert error["param"] == "messages[0].content[0].image_url.url"
    assert "was not found on the public internet" in error["message"]
    assert bedrock.calls == []


def test_a_site_is_private_until_the_operator_says_otherwise(proxy, site, bedrock):
    reply = proxy.chat(CLAUDE, messages=user(image(site("/a.png", PNG, "image/png"))))
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_image_url")
    assert bedrock.calls == []


def test_too_many_bytes_behind_a_url(fetching, site, bedrock):
    proxy = fetching(max_bytes=len(PNG) - 1)
    reply = proxy.chat(CLAUDE, messages=user(image(site("/a.png", PNG, "image/png"))))
    assert reply.status_code == 400
    assert f"larger than {len(PNG) - 1} bytes" in reply.json()["error"]["message"]
    assert bedrock.calls == []


def test_nothing_is_fetched_where_the_operator_says_so(fetching, site, bedrock):
    proxy = fetching(fetch=False)
    reply = proxy.chat(CLAUDE, messages=user(image(site("/a.png", PNG, "image/png"))))
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].content[0].image_url.url")
    assert proxy.chat(CLAUDE, messages=user(image(data_url(PNG)))).status_code == 200
    assert len(bedrock.calls) == 1


def test_an_image_with_too_long_sides_is_made_smaller(proxy, bedrock):
    """Pillow, which is installed for the tests, can; the header says so."""
    reply = proxy.chat(CLAUDE, messages=user(image(data_url(png(8100)))))
    assert reply.status_code == 200, reply.text
    assert "scaled" in reply.headers["x-bedrock-proxy-adapted"]
    (smaller,) = seen(bedrock.call)
    assert int.from_bytes(smaller[16:20], "big") == 8000
