"""What is installed on someone else's machine: the locks, pyproject.toml and the version, held against each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
RUNTIME_LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
INSTRUCTOR_LOCK = ROOT / "tests/e2e/instructor/requirements.lock"
MOST_RUNTIME_PACKAGES = 38


def pins(lock: Path) -> dict[str, Requirement]:
    """Package name -> its pinned requirement, from lines such as `uvloop==0.23.0 ; sys_platform != "win32" \\`."""
    lines = [line.removesuffix("\\") for line in lock.read_text().splitlines() if line and line[0] not in " #"]
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


def pinned_version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        pytest.param(RUNTIME_LOCK, PROJECT["dependencies"], id="runtime"),
        pytest.param(TEST_LOCK, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"], id="test"),
    ],
)
def test_every_declared_dependency_is_locked_within_its_bounds(lock: Path, declared: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, declared):
        pin = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned_version(pin)), f"{requirement}: locked is {pin}"
        assert str(pin.marker) == str(requirement.marker), f"{requirement}: locked for {pin.marker}"


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    tested = pins(TEST_LOCK)
    assert {name: tested.get(name) for name in pins(RUNTIME_LOCK)} == pins(RUNTIME_LOCK)


def test_runtime_stays_small() -> None:
    assert len(pins(RUNTIME_LOCK)) <= MOST_RUNTIME_PACKAGES


@pytest.mark.parametrize(
    "lock", [RUNTIME_LOCK, TEST_LOCK, INSTRUCTOR_LOCK], ids=lambda lock: f"{lock.relative_to(ROOT)}"
)
def test_every_pin_has_hashes(lock: Path) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(lock))
    assert [block.splitlines()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)] == []


@pytest.mark.parametrize(
    "lock",
    [
        RUNTIME_LOCK,
        TEST_LOCK,
        INSTRUCTOR_LOCK,
        ROOT / "tests/e2e/node/package-lock.json",
        ROOT / "tests/e2e/node/.npmrc",
    ],
    ids=lambda lock: f"{lock.relative_to(ROOT)}",
)
def test_no_lock_says_where_to_download_from(lock: Path) -> None:
    # The "url" of a package in npm's lock is where it asks for funding.
    found = re.findall(
        r"^(?! +\"url\": ).*(?:://|--(?:extra-)?index-url|--find-links|--trusted-host).*$",
        lock.read_text(),
        re.MULTILINE,
    )
    assert found == []


def test_every_dependency_says_what_it_saves() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lines = [
        line
        for block in re.findall(r"^(?:dependencies|test) = \[\n(.*?)^\]", text, re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(lines) == len(PROJECT["dependencies"]) + len(PROJECT["optional-dependencies"]["test"])
    assert [line for line in lines if not re.fullmatch(r'    ".+", +# \S.{10,}', line)] == []


def test_version_is_written_once() -> None:
    source = ROOT / PYPROJECT["tool"]["hatch"]["version"]["path"]
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    assert [
        path for path in (ROOT / "proxy").rglob("*.py") if re.search(r"^__version__ = ", path.read_text(), re.M)
    ] == [source]
