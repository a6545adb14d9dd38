"""Scripts: what one call shall be answered with instead of the echo, and how its answer shall go wrong.

A script comes in the request header `x-emulator-script`, or from a rule: `{"match": {…}, "script": {…}}`. Every field
is explained in the package's docstring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from proxy import jsonio

HEADER = "x-emulator-script"

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Status = Annotated[int, msgspec.Meta(ge=200, le=599)]
HeaderName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]+\Z")]
HeaderValue = Annotated[str, msgspec.Meta(pattern=r"\A[\x20-\x7e]*\Z")]

FaultKind = Literal[
    "exception", "error", "claude_error", "cut", "end", "stall", "bad_crc", "bad_length", "bad_json", "no_response"
]
_FOR_ANY_ANSWER = ("cut", "stall", "no_response")


class BadScript(ValueError):
    """A script that cannot be read. The text says why."""


class Error(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    message: str | None = None
    status: Status | None = None
    members: dict[str, Any] = {}


class Raw(msgspec.Struct, forbid_unknown_fields=True):
    body: Any = ""
    base64: str | None = None
    status: Status = 200
    content_type: HeaderValue = "application/json"


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    kind: FaultKind
    after_events: Natural = 0
    after_bytes: Natural | None = None
    type: str | None = None
    message: str | None = None
    members: dict[str, Any] = {}


class Script(msgspec.Struct, forbid_unknown_fields=True):
    text: str | list[str] | None = None
    thinking: str | list[str] | None = None
    content: list[dict[str, Any]] | None = None
    events: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Natural] = {}
    headers: dict[HeaderName, HeaderValue] = {}
    delay_ms: Milliseconds = 0
    first_event_ms: Milliseconds = 0
    gap_ms: Milliseconds = 0
    split: Positive | None = None
    error: Error | None = None
    raw: Raw | None = None
    fault: Fault | None = None
    times: Positive | None = None
    key: str | None = None


class Match(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None = None
    text: str | None = None
    operation: str | None = None


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    script: Script
    match: Match = msgspec.field(default_factory=Match)


def read_script(text: bytes) -> Script:
    """The header's JSON -> script. Raises `BadScript`."""
    try:
        return msgspec.convert(jsonio.decode_strictly(text), Script)
    except (jsonio.BadJSON, msgspec.ValidationError) as error:
        raise BadScript(f"unreadable script: {error}") from None


def read_rules(value: Any) -> list[Rule]:
    """A decoded list of rules. Raises `BadScript`."""
    try:
        return msgspec.convert(value, list[Rule])
    except msgspec.ValidationError as error:
        raise BadScript(f"unreadable rules: {error}") from None


def read_rule_file(path: Path) -> list[Rule]:
    """A YAML or JSON file of rules. Raises `BadScript`, or `OSError` when there is no such file."""
    import yaml  # a fifth of the start-up time, and most emulators have no file

    try:
        return read_rules(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadScript(f"unreadable rules: {error}") from None


class Scripts:
    """Which script applies to a call; counts how often each has applied."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._uses: Counter[str] = Counter()

    def choose(self, header: bytes | None, models: Sequence[str], text: str, operation: str) -> Script:
        """The header's script, or that of the first rule that matches and is not used up, or an empty one.

        `models`: the names that the model goes by. `text`: the last user message. Raises `BadScript`.
        """
        if header is not None:
            script = read_script(header)
            # Without a key, equal scripts count as one.
            return script if self._use(script, f"header:{script.key or header!r}") else Script()
        for number, rule in enumerate(self.rules):
            match = rule.match
            if match.model is not None and not any(match.model in name for name in models):
                continue
            if match.text is not None and match.text not in text:
                continue
            if match.operation is not None and match.operation != operation:
                continue
            if self._use(rule.script, rule.script.key or f"rule:{number}"):
                return rule.script
        return Script()

    def replace(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._uses.clear()

    def forget_uses(self) -> None:
        self._uses.clear()

    def _use(self, script: Script, key: str) -> bool:
        if script.times is None:
            return True
        self._uses[key] += 1
        return self._uses[key] <= script.times


def check_fits(script: Script, *, is_stream: bool, is_converse: bool = False) -> None:
    """Raises `BadScript` when the script contradicts itself, or asks a plain answer for what only a stream can do."""
    if script.error is not None and (script.raw is not None or script.fault is not None):
        raise BadScript("an error cannot stand beside raw or fault")
    if script.fault is None:
        return
    if script.fault.kind == "claude_error" and is_converse:
        raise BadScript("the fault 'claude_error' is one of InvokeModel")
    if script.fault.kind not in _FOR_ANY_ANSWER and (script.raw is not None or not is_stream):
        raise BadScript(f"the fault {script.fault.kind!r} needs the events of a stream")
