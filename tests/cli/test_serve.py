"""`serve` up to the moment when it would serve: what stops it, and with which words."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.cli.serve import config_path


@pytest.fixture
def fail(tmp_path, monkeypatch, capsys):
    """`fail("--port", "1")` -> what it said when it refused to start. The configuration is `config.yaml` here."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_PROXY_"))] + ["HOST", "PORT"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)

    def fail(*arguments: str, config: str | None = None) -> str:
        if config is not None:
            (tmp_path / "config.yaml").write_text(config)
        with pytest.raises(SystemExit) as caught:
            main(["serve", "--emulator", *arguments])
        assert caught.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    return fail


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("servers: {}", ["config.yaml", "servers"]),
        ("server: {prt: 1}", ["config.yaml", "server", "prt"]),
        ("server: {port: 70000}", ["config.yaml", "server.port", "70000", "65535"]),
        ("server: {port: eighty}", ["config.yaml", "server.port", "eighty"]),
        ("server: {workers: 0}", ["server.workers"]),
        ("server: {grace_s: -1}", ["server.grace_s", "-1"]),
        ("timeouts: {gap_s: fast}", ["timeouts.gap_s", "fast"]),
        ("timeouts: {gap: 1}", ["timeouts", "gap"]),
        ("auth: {keys: ['']}", ["auth.keys"]),
        ("auth: {keys: sk-1}", ["auth.keys"]),
        ("strict: maybe", ["strict", "maybe"]),
        ("log: {level: loud}", ["log.level", "loud", "debug"]),
        ("routing: {profile_scope: moon}", ["routing.profile_scope", "moon", "geo", "global"]),
        ("models: {gpt-4o: [1]}", ["models.gpt-4o"]),
        ("models: {gpt-4o: {id: x, colour: red}}", ["models.gpt-4o", "colour"]),
        ("models: {gpt-4o: 'not an id!'}", ["models.gpt-4o", "not an id!"]),
        ("models: {a: b, b: c}", ["models.a"]),
        ("strict: true\nstrict: false", ["config.yaml", "strict", "twice"]),
        ("a: [", ["config.yaml", "not YAML"]),
        ("- a list", ["config.yaml"]),
    ],
)
def test_a_configuration_that_cannot_be_used(fail, config, words):
    said = fail(config=config)
    assert said.startswith("bedrock-proxy: ")
    for word in words:
        assert word in said
    assert "Traceback" not in said


def test_secrets_of_a_bad_configuration_are_not_quoted(fail):
    assert "sk-very-secret" not in fail(config="auth: {keys: {first: sk-very-secret}}")


def test_a_file_that_is_not_there(fail):
    assert "nowhere.yaml" in fail("--config", "nowhere.yaml")


@pytest.mark.parametrize(("name", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("WEB_CONCURRENCY", "-1")])
def test_an_environment_that_cannot_be_used(fail, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert value in fail()


@pytest.mark.parametrize("arguments", [["--port", "eighty"], ["--workers", "x"], ["--colour", "red"], ["extra"]])
def test_a_command_line_that_cannot_be_read(fail, arguments):
    assert arguments[-1] in fail(*arguments)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(fail, monkeypatch):
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        in_file, in_environment, in_command = (str(listener.getsockname()[1]) for listener in taken)
        config = f"server: {{port: {in_file}}}"
        assert f"127.0.0.1:{in_file}:" in fail(config=config)
        monkeypatch.setenv("PORT", in_environment)
        assert f"127.0.0.1:{in_environment}:" in fail(config=config)
        assert f"127.0.0.1:{in_command}:" in fail("--port", in_command, config=config)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
@pytest.mark.parametrize("how", ["argument", "environment", "file"])
def test_others_are_not_let_in_without_a_key(fail, monkeypatch, host, how):
    if how == "argument":
        said = fail("--host", host)
    elif how == "environment":
        monkeypatch.setenv("HOST", host)
        said = fail()
    else:
        said = fail(config=f"server: {{host: '{host}'}}")
    for word in ("server.host", host, "BEDROCK_PROXY_API_KEY", "--allow-open"):
        assert word in said


@pytest.mark.parametrize(
    ("variable", "has_default", "chosen", "expected"),
    [
        (None, False, None, None),
        (None, True, None, "config.yaml"),
        ("env.yaml", True, None, "env.yaml"),
        ("env.yaml", True, "given.yaml", "given.yaml"),
        ("", True, None, "config.yaml"),
    ],
)
def test_which_file_is_read(tmp_path, monkeypatch, variable, has_default, chosen, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEDROCK_PROXY_CONFIG", raising=False)
    if variable is not None:
        monkeypatch.setenv("BEDROCK_PROXY_CONFIG", variable)
    if has_default:
        (tmp_path / "config.yaml").touch()
    found = config_path(Path(chosen) if chosen else None)
    assert found == (Path(expected) if expected else None)
