import signal
import socket
import subprocess
import sys
from argparse import ArgumentParser
from urllib.request import urlopen

import pytest

from proxy import jsonio
from proxy.cli.emulate import add_arguments, run


def parse(*arguments):
    parser = ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path, number):
    rules = tmp_path / "rules.yaml"
    rules.write_text("- script: {text: Hello}\n")
    command = [sys.executable, "-m", "proxy", "emulate", "--port", "0", "--script", str(rules), "--strict-prompts"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = {}
        for line in process.stdout:
            name, _, value = line.strip().removeprefix("export ").partition("=")
            lines[name] = value
            if "/_emulator/calls" in line:
                break
        url = lines["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
        assert lines["AWS_ENDPOINT_URL_BEDROCK"] == url
        assert (lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"]) == ("AKIDEMULATOR", "emulator-secret")
        with urlopen(f"{url}/_emulator/rules") as response:
            assert jsonio.decode(response.read())[0]["script"]["text"] == "Hello"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(parse("--port", str(port))) == 1
    error = capsys.readouterr().err
    assert error.startswith("cannot listen: ")
    assert f"{port}): address already in use" in error


@pytest.mark.parametrize(
    ("text", "why"),
    [("- script: {colour: red}", "unknown field `colour`"), (None, "No such file or directory")],
)
def test_rules_that_cannot_be_read(tmp_path, capsys, text, why):
    path = tmp_path / "rules.yaml"
    if text is not None:
        path.write_text(text)
    assert run(parse("--script", str(path))) == 2
    assert why in capsys.readouterr().err


def test_the_port_of_the_documentation():
    assert (parse().host, parse().port) == ("127.0.0.1", 9100)
