"""instructor, in each of its modes. It wants an older jiter than the newest openai, and so runs in an environment of its own.

Its tasks are done by instructor/client.py; what its user would have got comes back as JSON.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "instructor"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
MODES = ("TOOLS", "JSON", "JSON_SCHEMA", "MD_JSON")
PLAN = {"title": "title", "steps": [{"explanation": "explanation", "cost": 1.0}], "is_final": True}


@pytest.fixture(scope="session")
def python() -> Path:
    """That of the environment in which instructor is installed as locked; made the first time."""
    made = subprocess.run(
        [ROOT / "scripts" / "make-venv", ".venv-instructor", HERE / "requirements.lock"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return ROOT / ".venv-instructor" / "bin" / "python"


@pytest.fixture
def perform(python, proxy):
    """`perform(model, (how, mode, headers), …)` -> what the user gets for each. One process: it takes seconds to start."""

    def perform(model: str, *tasks: tuple[str, str, dict[str, str]]) -> list[Any]:
        order = {
            "base_url": proxy.base_url,
            "api_key": proxy.key,
            "tasks": [{"how": how, "mode": mode, "model": model, "headers": headers} for how, mode, headers in tasks],
        }
        result = subprocess.run([python, HERE / "client.py"], input=jsonio.encode(order), capture_output=True)
        assert result.returncode == 0, result.stderr.decode()
        return [jsonio.decode(line) for line in result.stdout.splitlines()]

    return perform


@ALL
def test_answers_and_calls(perform, bedrock, model):
    tasks = [(how, mode, {}) for mode in MODES for how in ("create", "partial")]
    bad = [
        ("create", mode, bedrock.script(text='{"title": "", "steps": [], "is_final": true}', times=1, key=mode))
        for mode in ("JSON", "MD_JSON")
    ]
    steps, *answers = perform(model, ("iterable", "TOOLS", {}), *tasks, *bad)
    assert steps == PLAN["steps"]
    for (how, mode, _), answer in zip([*tasks, *bad], answers, strict=True):
        assert (answer[-1] if how == "partial" else answer) == PLAN, (how, mode)
    # What is not valid is asked for again, with the complaint as one more message of the user; all else is at once.
    assert len(bedrock.calls) == 1 + len(tasks) + 2 * len(bad)
    assert "at least 1 character" in jsonio.encode(bedrock.calls[-1].body).decode()
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
def test_two_tools_and_then_an_answer(perform, bedrock, model):
    (told,) = perform(model, ("conversation", "PARALLEL_TOOLS", {}))
    assert told["calls"] == [{"name": "GetWeather", "city": "city"}, {"name": "GetTime", "zone": "zone"}]
    assert told["answers"] == [PLAN, PLAN]
    assert len(bedrock.calls) == 3
    assert all(call.faults == [] for call in bedrock.calls)
