"""The Dockerfile, read and carried out without Docker: what its lines say is what is tested, so they cannot drift apart.

Carrying out the build installs every package once more (about half a minute, from the package registry); that test runs
where BEDROCK_PROXY_BUILD_IMAGE=1 is set, as it is in continuous integration.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy import __version__, jsonio

ROOT = Path(__file__).parent.parent
MOST_PACKAGES = 38
MOST_BYTES = 100_000_000
"""In site-packages; the larger part is botocore's description of every AWS service."""


class Instruction(NamedTuple):
    stage: str
    word: str
    rest: str


def read_dockerfile() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    instructions, stage = [], ""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line:
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                stage = rest.partition(" AS ")[2] or "final"
            instructions.append(Instruction(stage, word, rest))
    return instructions


INSTRUCTIONS = read_dockerfile()


def every(word: str, stage: str = "final") -> list[str]:
    return [one.rest for one in INSTRUCTIONS if (one.stage, one.word) == (stage, word)]


def the(word: str) -> str:
    (rest,) = every(word)
    return rest


def exec_form(text: str) -> list[str]:
    words = jsonio.decode(text)
    assert isinstance(words, list)
    return [str(word) for word in words]


def environment(path: str) -> dict[str, str]:
    """What ENV sets, with `path` for the image's own $PATH."""
    pairs = (pair.split("=", 1) for pair in shlex.split(the("ENV")))
    return {name: value.replace("$PATH", path) for name, value in pairs}


def health_command() -> list[str]:
    return exec_form(the("HEALTHCHECK").partition(" CMD ")[2])


def test_the_last_stage_only_takes_what_the_build_made() -> None:
    assert {one.word for one in INSTRUCTIONS if one.stage == "final"} == {
        "FROM", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    source, target = the("COPY").removeprefix("--from=build ").split()
    assert source == target, "a virtual environment works only where it was made"
    assert the("FROM") == every("FROM", "build")[0].removesuffix(" AS build"), "and on the Python that it was made with"


def test_it_runs_as_a_numbered_user_and_gets_its_signals() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", the("USER"))
    assert the("STOPSIGNAL") == "SIGTERM"
    assert exec_form(the("ENTRYPOINT")) + exec_form(the("CMD")) == ["bedrock-proxy", "serve"]


def test_every_install_is_locked() -> None:
    """A third party's package comes with a hash; our own wheel brings no dependency in."""
    installs = [part for run in every("RUN", "build") for part in run.split("&&") if " install " in part]
    assert installs
    assert [
        part for part in installs if not ("--require-hashes -r requirements.lock" in part or "--no-deps dist/" in part)
    ] == []


def test_what_is_copied_exists_and_is_let_through() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    sources = {source for copy in every("COPY", "build") for source in copy.split()[:-1]}
    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern[0] == "!"} == sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


class _Health(http.server.BaseHTTPRequestHandler):
    def __init__(self, status: int, *connection: object) -> None:
        self.status = status
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def health_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server whose /healthz answers with the status that is the fixture's parameter."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Health, request.param)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def is_healthy(port: int, python: str = sys.executable) -> bool:
    # A proxy of the environment that leads nowhere: the check must not take it.
    variables = {"PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    command = [python, *health_command()[1:]]
    return subprocess.run(command, env=variables, capture_output=True, timeout=30).returncode == 0


@pytest.mark.parametrize(
    ("health_port", "expected"), [(200, True), (503, False), (404, False)], indirect=["health_port"]
)
def test_health_is_what_healthz_says(health_port: int, expected: bool) -> None:
    assert health_command()[0] == "python"
    assert is_healthy(health_port) is expected


class _Image:
    """A folder that stands for the image's `/`: the virtual environment ends up at `path("/opt/venv")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workdir = folder
        # The base image's part: a `python` with pip, on the PATH.
        subprocess.run([sys.executable, "-m", "venv", self.path("/usr/local")], check=True)
        self.search_path = f"{self.path('/usr/local')}/bin:/usr/bin:/bin"

    def path(self, absolute: str) -> Path:
        return self.folder / absolute.lstrip("/")

    def perform(self, instruction: Instruction) -> None:
        match instruction.word:
            case "WORKDIR":
                self.workdir = self.path(instruction.rest)
                self.workdir.mkdir(parents=True)
            case "COPY":
                *sources, target = instruction.rest.split()
                for source in sources:
                    self._copy(ROOT / source, self.workdir / target)
            case "RUN":
                command = re.sub(r"(?<=\s)/(?=\w)", f"{self.folder}/", instruction.rest)
                subprocess.run(
                    ["/bin/sh", "-c", command],
                    cwd=self.workdir,
                    env=os.environ | {"PATH": self.search_path},
                    check=True,
                )
            case other:
                raise AssertionError(f"{other} is not known here")

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.skipif(
    os.environ.get("BEDROCK_PROXY_BUILD_IMAGE") != "1",
    reason="installs every package anew, from the registry; BEDROCK_PROXY_BUILD_IMAGE=1 runs it",
)
def test_the_image_builds_serves_and_stops(tmp_path: Path) -> None:
    image = _Image(tmp_path)
    for instruction in INSTRUCTIONS:
        if instruction.stage == "build" and instruction.word != "FROM":
            image.perform(instruction)
    venv = image.path(the("COPY").split()[-1])
    (packages,) = venv.glob("lib/python3.*/site-packages")
    assert not (packages / "pip").exists(), "pip has no work in the image"
    assert (packages / "proxy" / "__init__.py").exists(), "the wheel is installed, not a link to the source"
    assert len(list(packages.glob("*.dist-info"))) - 1 <= MOST_PACKAGES
    assert sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) < MOST_BYTES

    port = free_port()
    variables = environment("/usr/bin:/bin") | {"PORT": str(port), "HOME": str(tmp_path)}
    program = str(venv / "bin" / exec_form(the("ENTRYPOINT"))[0])
    command = [program, *exec_form(the("CMD"))]
    version = subprocess.run([program, "--version"], env=variables, capture_output=True, text=True, check=True).stdout
    assert version == f"bedrock-proxy {__version__}\n"
    without_key = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert without_key.returncode == 2
    assert "BEDROCK_PROXY_API_KEY" in without_key.stderr

    variables |= {"BEDROCK_PROXY_API_KEY": "a-key"}
    with subprocess.Popen([*command, "--emulator"], env=variables, cwd=tmp_path) as server:
        # As Docker does: ask again until it answers; each asking is a process of its own.
        python = str(venv / "bin" / health_command()[0])
        assert any(is_healthy(port, python) or server.poll() is not None for _ in range(100))
        server.send_signal(getattr(signal, the("STOPSIGNAL")))
        assert server.wait(timeout=60) == 0
