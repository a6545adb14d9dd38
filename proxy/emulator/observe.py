"""`/_emulator/…`: what tests look at and set. No credentials are asked for.

GET    /_emulator/health                     {"status": "ok"}
GET    /_emulator/calls[?open=N&timeout=S]   {"calls": […], "total": n, "open": n, "hung_up": n}
DELETE /_emulator/calls                      forgets them, how often each script has been used, and cached prompts
GET, PUT, DELETE /_emulator/rules            the rules that answer calls without a script of their own
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from proxy import jsonio
from proxy.emulator.auth import Request
from proxy.emulator.script import read_rules
from proxy.emulator.stream import Send

if TYPE_CHECKING:
    from proxy.emulator.app import Emulator

DEFAULT_TIMEOUT_S = 10.0


async def observe(emulator: Emulator, request: Request, send: Send) -> None:
    try:
        status, value = await _answer(emulator, request)
    except (jsonio.BadJSON, ValueError) as error:
        status, value = 400, {"emulator": str(error)}
    body = jsonio.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _answer(emulator: Emulator, request: Request) -> tuple[int, Any]:
    match request.method, request.raw_path.removeprefix("/_emulator/"):
        case "GET", "health":
            return 200, {"status": "ok"}
        case "GET", "calls":
            return await _calls(emulator, dict(parse_qsl(request.query)))
        case "DELETE", "calls":
            emulator.calls.clear()
            emulator.scripts.forget_uses()
            emulator.cache.clear()
            return 200, {"status": "ok"}
        case "GET", "rules":
            return 200, emulator.scripts.rules
        case "PUT", "rules":
            emulator.scripts.replace(read_rules(jsonio.decode_strictly(request.body)))
            return 200, {"rules": len(emulator.scripts.rules)}
        case "DELETE", "rules":
            emulator.scripts.replace([])
            return 200, {"rules": 0}
    return 404, {"emulator": f"no such route: {request.method} {request.raw_path}"}


async def _calls(emulator: Emulator, query: dict[str, str]) -> tuple[int, Any]:
    """With `open=N`, waits until exactly N calls are being answered, or says 408 with what there is."""
    calls = emulator.calls
    if "open" not in query:
        return 200, calls.report()
    wanted, timeout_s = int(query["open"]), float(query.get("timeout", DEFAULT_TIMEOUT_S))
    is_so = await calls.wait_until(lambda: calls.open == wanted, timeout_s)
    return 200 if is_so else 408, calls.report()
