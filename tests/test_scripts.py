"""scripts/make-venv on the machines it may meet; each is a folder of stand-in commands that is the whole PATH.

A stand-in notes in `log` what would be installed, and how. What a machine has is a set of words: `ensurepip` and `pip`
are parts of its Python, `root` is who runs the script, `uv`, `virtualenv` and `apt-get` are commands.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SYSTEM_COMMANDS = ("cat", "cksum", "dirname", "env", "rm", "sh")
STAND_INS = ("apt-get", "id", "python3", "uv", "virtualenv")

STAND_IN = r"""
import os, pathlib, shutil, sys

machine, command, *words = sys.argv[1:]
machine, command = pathlib.Path(machine), pathlib.Path(command)

def has(word):
    return (machine / "has" / word).exists()

def make_environment(folder):
    bin = pathlib.Path(folder, "bin")
    bin.mkdir(parents=True)
    shutil.copy(machine / "bin" / "python3", bin / "python")

def note():
    with (machine / "log").open("a") as log:
        print(command.name, *words, file=log)
    sys.exit(has("broken network"))

match [command.name, *words]:
    case ["python3" | "python", "-c", code] if "version_info <" in code:
        sys.exit(has("old python"))
    case ["python3" | "python", "-m", "venv", *options, folder]:
        make_environment(folder)  # Debian's, too, leaves one behind when it fails
        sys.exit(not (options == ["--without-pip"] or has("ensurepip")))
    case ["python3" | "python", "-m", "pip", "--version"]:
        sys.exit(not has("pip"))
    case ["python3" | "python", "-m", "pip", *_] | ["uv", "pip", *_]:
        note()
    case ["python3" | "python", *_]:
        os.execv(sys.executable, [sys.executable, *words])
    case ["uv" | "virtualenv", *_, folder]:
        make_environment(folder)
    case ["apt-get", "install", *_]:
        (machine / "has" / "ensurepip").touch()
        note()
    case ["id", "-u"]:
        print(0 if has("root") else 1000)
"""


class Machine:
    def __init__(self, folder: Path, has: set[str]) -> None:
        self.folder = folder
        self.checkout = folder / "a checkout"
        self.venv = self.checkout / ".venv"
        (self.checkout / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "make-venv", self.checkout / "scripts")
        (self.checkout / "requirements.lock").write_text("a==1\n")
        (self.checkout / "pyproject.toml").write_text("[project]\n")
        (folder / "bin").mkdir()
        (folder / "has").mkdir()
        for word in has:
            (folder / "has" / word).touch()
        for command in SYSTEM_COMMANDS:
            found = shutil.which(command)
            assert found is not None
            (folder / "bin" / command).symlink_to(found)
        (folder / "stand_in.py").write_text(STAND_IN)
        for command in {"id", "python3"} | has.intersection(STAND_INS):
            path = folder / "bin" / command
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/stand_in.py" "{folder}" "$0" "$@"\n')
            path.chmod(0o755)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.checkout / "scripts" / "make-venv", ".venv", "requirements.lock"],
            env={"PATH": str(self.folder / "bin")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> tuple[int, str]:
        """Exit code and what was said. Standard output is left to the command that follows."""
        with self.start() as process:
            out, said = process.communicate(timeout=60)
        assert out == ""
        return process.returncode, said

    def installed(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with all that Python can have."""
    return Machine(tmp_path, {"ensurepip"})


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({"ensurepip", "pip", "uv", "virtualenv", "apt-get", "root"}, ["python -m pip install"]),
        ({"pip", "uv", "virtualenv", "apt-get", "root"}, ["uv pip install --python {venv}/bin/python"]),
        ({"pip", "virtualenv", "apt-get", "root"}, ["python3 -m pip --python {venv}/bin/python install"]),
        ({"virtualenv", "apt-get", "root"}, ["python -m pip install"]),
        ({"apt-get", "root"}, ["apt-get install -y -qq --no-install-recommends {package}", "python -m pip install"]),
    ],
    ids=["ensurepip", "uv", "system pip", "virtualenv", "apt-get"],
)
def test_there_is_a_way_on_every_machine(tmp_path: Path, has: set[str], expected: list[str]) -> None:
    machine = Machine(tmp_path, has)
    assert machine.run()[0] == 0
    names = {"venv": machine.venv, "package": f"python3.{sys.version_info.minor}-venv"}
    *before, install = [line.format(**names) for line in expected]
    assert machine.installed() == [
        *before,
        f"{install} --quiet --require-hashes -r requirements.lock",
        f"{install} --quiet --no-deps -e .",
    ]


def test_without_any_way_it_says_what_to_install(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"apt-get"})
    code, said = machine.run()
    assert code == 1
    assert f"Run 'sudo apt-get install python3.{sys.version_info.minor}-venv'" in said
    assert machine.installed() == []
    assert not machine.venv.exists()


def test_an_old_python_is_told_from_a_usable_one(tmp_path: Path) -> None:
    code, said = Machine(tmp_path, {"ensurepip", "old python"}).run()
    assert code == 1
    assert "needs Python 3.11 or newer" in said


def test_the_second_start_does_nothing(machine: Machine) -> None:
    machine.run()
    before = machine.installed()
    assert machine.run() == (0, "")
    assert machine.installed() == before


def _change(name: str) -> Callable[[Machine], object]:
    return lambda machine: (machine.checkout / name).write_text("changed\n")


def _move(machine: Machine) -> None:
    machine.checkout = machine.checkout.rename(machine.folder / "elsewhere")
    machine.venv = machine.checkout / ".venv"


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_change("requirements.lock"), id="another lock"),
        pytest.param(_change("pyproject.toml"), id="another pyproject.toml"),
        pytest.param(_move, id="another place"),
        pytest.param(lambda machine: (machine.venv / "stamp").unlink(), id="no stamp"),
        pytest.param(lambda machine: (machine.venv / "bin" / "python").unlink(), id="no Python"),
    ],
)
def test_what_is_not_up_to_date_is_made_anew(machine: Machine, spoil: Callable[[Machine], object]) -> None:
    machine.run()
    (machine.venv / "left over").touch()
    spoil(machine)
    assert machine.run()[0] == 0
    assert len(machine.installed()) == 4
    assert not (machine.venv / "left over").exists()


def test_a_broken_install_is_not_taken_for_a_whole_one(machine: Machine) -> None:
    switch = machine.folder / "has" / "broken network"
    switch.touch()
    assert machine.run()[0] != 0
    switch.unlink()
    assert machine.run()[0] == 0
    assert machine.run() == (0, "")


def test_of_two_starts_at_once_one_installs(machine: Machine) -> None:
    processes = [machine.start() for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(machine.installed()) == 2
