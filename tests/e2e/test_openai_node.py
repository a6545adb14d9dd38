"""openai-node in front. Its tasks are done by node/client.mjs; what it saw comes back as JSON."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
HI: Any = [{"role": "user", "content": "Hello there"}]
HERE = Path(__file__).parent / "node"
FILES = ("package.json", "package-lock.json", ".npmrc", "client.mjs", "smoke.mjs")


@pytest.fixture(scope="session")
def node_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the locked client is installed: beside the scripts if it is there already, else in pytest's cache."""
    if not (shutil.which("node") and shutil.which("npm")):
        reason = "node and npm are not installed, so the official Node client cannot be asked"
        if os.environ.get("BEDROCK_PROXY_REQUIRE_NODE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    if (HERE / "node_modules" / "openai").is_dir():
        return HERE
    digest = sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    cache = getattr(pytestconfig, "cache", None)  # it can be switched off
    folder = cache.mkdir(f"openai-node-{digest}") if cache is not None else tmp_path_factory.mktemp("openai-node")
    if not (folder / "complete").exists():
        for name in FILES:
            shutil.copy(HERE / name, folder / name)
        npm = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True)
        assert npm.returncode == 0, npm.stdout + npm.stderr
        (folder / "complete").touch()
    return folder


@pytest.fixture
def perform(node_folder, proxy):
    """`perform((how, body, headers), …)` -> one report for each."""

    def perform(*tasks: tuple[str, dict[str, Any], dict[str, str]], **options: Any) -> list[dict[str, Any]]:
        order = {
            "base_url": proxy.base_url,
            "api_key": proxy.key,
            "tasks": [{"how": how, "body": body, "headers": headers} for how, body, headers in tasks],
        }
        result = subprocess.run(
            ["node", "client.mjs"], cwd=node_folder, input=jsonio.encode(order | options), capture_output=True
        )
        assert result.returncode == 0, result.stderr.decode()
        return [jsonio.decode(line) for line in result.stdout.splitlines()]

    return perform


@BOTH
def test_whole_streamed_and_by_the_helper(perform, bedrock, model):
    body = {"model": model, "messages": HI}
    options = {"stream_options": {"include_usage": True}}
    whole, stream, helper = perform(
        ("create", body, {}), ("iterate", body | options, {}), ("helper", body | options, {})
    )
    (choice,) = whole["value"]["choices"]
    assert choice["message"]["content"] == "You said: Hello there"
    assert choice["finish_reason"] == "stop"
    assert whole["request_id"] == whole["headers"]["x-request-id"]
    assert whole["headers"]["x-amzn-requestid"] == bedrock.calls[0].request_id
    *chunks, last = stream["chunks"]
    assert stream["is_whole"]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "You said: Hello there"
    assert last["choices"] == []
    assert last["usage"] == whole["value"]["usage"]
    assert "".join(helper["chunks"]) == helper["value"]["choices"][0]["message"]["content"] == "You said: Hello there"
    assert helper["usage"]["total_tokens"] == whole["value"]["usage"]["total_tokens"]


def test_several_choices(perform):
    body = {"model": LLAMA, "messages": HI, "n": 2}
    whole, helper = perform(("create", body, {}), ("helper", body, {}))
    for report in (whole, helper):
        assert [choice["index"] for choice in report["value"]["choices"]] == [0, 1]
        assert [choice["message"]["content"] for choice in report["value"]["choices"]] == ["You said: Hello there"] * 2


def test_models(perform):
    (report,) = perform(("models", {}, {}))
    assert LLAMA in {model["id"] for model in report["value"]}
    assert report["one"] == report["value"][0]


def test_errors_before_the_answer(perform, bedrock):
    body = {"model": LLAMA, "messages": HI}
    names = ("ValidationException", "AccessDeniedException", "ThrottlingException", "InternalServerException")
    refused = [(how, body, bedrock.script(error={"type": name})) for name in names for how in ("create", "iterate")]
    reports = perform(("create", body | {"model": "gpt-4o"}, {}), ("create", body | {"temperature": 3}, {}), *refused)
    errors = [report["error"] for report in reports]
    assert [error["class"] for error in errors[:2]] == ["NotFoundError", "BadRequestError"]
    assert [(error["code"], error["param"]) for error in errors[:2]] == [
        ("model_not_found", None),
        ("decimal_above_max_value", "temperature"),
    ]
    classes = ["BadRequestError", "PermissionDeniedError", "RateLimitError", "InternalServerError"]
    assert [error["class"] for error in errors[2:]] == [name for name in classes for _ in range(2)]
    assert all(error["request_id"].startswith("req_") for error in errors)


def test_a_wrong_key(perform):
    (report,) = perform(("create", {"model": LLAMA, "messages": HI}, {}), api_key="sk-wrong")
    assert (report["error"]["class"], report["error"]["code"]) == ("AuthenticationError", "invalid_api_key")


FAULTS = [
    {"kind": "exception", "type": "internalServerException"},
    {"kind": "exception", "type": "modelStreamErrorException"},
    {"kind": "exception", "type": "validationException"},
    {"kind": "exception", "type": "throttlingException"},
    {"kind": "exception", "type": "modelTimeoutException"},
    {"kind": "exception", "type": "serviceUnavailableException"},
    {"kind": "error"},
    {"kind": "cut"},
    {"kind": "end"},
    {"kind": "bad_crc"},
    {"kind": "bad_length"},
    {"kind": "bad_json"},
]


@BOTH
def test_errors_in_the_middle_of_a_stream(perform, bedrock, model):
    faults = [*FAULTS, {"kind": "claude_error"}] if model == CLAUDE else FAULTS
    after = 5 if model == CLAUDE else 2
    body = {"model": model, "messages": HI}
    for how in ("iterate", "helper"):
        tasks = [
            (how, body, bedrock.script(text=["One", " two"], fault={**fault, "after_events": after}))
            for fault in faults
        ]
        for fault, report in zip(faults, perform(*tasks), strict=True):
            assert report["error"]["is_api_error"], (how, fault)
            assert "is_whole" not in report
            assert "value" not in report
            # What came before the failure is not lost, but for the bytes that aiohttp drops with a connection.
            assert len(report["chunks"]) >= (0 if fault["kind"] == "cut" else 2), (how, fault)


def test_a_stream_that_falls_silent(perform, serve, bedrock):
    proxy = serve(timeouts={"gap_s": 0.05})
    script = bedrock.script(fault={"kind": "stall", "after_events": 2})
    (report,) = perform(("iterate", {"model": LLAMA, "messages": HI}, script), base_url=proxy.base_url)
    assert report["error"]["is_api_error"]
    assert report["error"]["code"] == "timeout"


def test_comments_are_not_noticed(perform, serve, bedrock):
    proxy = serve(timeouts={"keepalive_s": 0.02})
    script = bedrock.script(text=["One", " two"], first_event_ms=100, gap_ms=60)
    body = {"model": LLAMA, "messages": HI}
    stream, helper = perform(("iterate", body, script), ("helper", body, script), base_url=proxy.base_url)
    assert stream["is_whole"]
    assert helper["value"]["choices"][0]["message"]["content"] == "One two"


@pytest.mark.parametrize(("path", "code"), [("", 0), ("/v1", 0), ("/elsewhere", 1)])
def test_the_smoke_test(node_folder, proxy, path, code):
    result = subprocess.run(
        ["node", "smoke.mjs", proxy.url + path],
        cwd=node_folder,
        env=os.environ | {"BEDROCK_PROXY_API_KEY": proxy.key},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout.count("\n")) == (code, 1), result
    assert ("models of" in result.stdout) == (code == 0)
