"""The emulator judges the proxy, so it must not share the proxy's mistakes."""

import ast
from pathlib import Path

import proxy.emulator

ALLOWED = ("proxy.emulator", "proxy.jsonio", "proxy.bedrock.eventstream")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_is_shared_with_the_proxy_but_json_and_framing():
    files = list(Path(proxy.emulator.__file__).parent.glob("*.py"))
    found = {name for path in files for name in imports(path) if name.startswith("proxy.")}
    assert {name for name in found if not name.startswith(ALLOWED)} == set()
    assert any(name.startswith("proxy.bedrock.eventstream") for name in found)
