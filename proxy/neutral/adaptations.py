"""What was changed on the way to the model, by name. Nothing a client sent is lost in silence.

In strict mode the first change is refused instead: an `UnsupportedParameter` with its `param`.
"""

from __future__ import annotations

import re

from proxy.errors import UnsupportedParameter

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\[\]+:/>-]")
_LONGEST_PARAM = 100
"""A client may call its fields what it likes; it does not get a megabyte back for it."""
_LONGEST_HEADER = 1_800


class Adaptations:
    """Collects the changes of one request. Translators call the methods below; `header` tells the client."""

    __slots__ = ("_items", "is_strict")

    def __init__(self, is_strict: bool = False) -> None:
        self.is_strict = is_strict
        self._items: dict[str, dict[str, None]] = {}

    def drop(self, param: str, why: str) -> None:
        """The field has no effect on the answer."""
        param = _cut(param)
        if self.is_strict:
            raise UnsupportedParameter(
                f"Unsupported parameter: '{param}' is not supported with this model. {why}", param=param
            )
        self._note(param, "dropped")

    def drop_unknown(self, param: str) -> None:
        """Nobody knows the field: neither OpenAI's API nor the model."""
        param = _cut(param)
        if self.is_strict:
            raise UnsupportedParameter(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")
        self._note(param, "dropped")

    def take(self, param: str, sent: float, used: float) -> None:
        """The nearest value that the model has was used."""
        if self.is_strict:
            raise UnsupportedParameter(
                f"Unsupported value: '{param}' does not support {_number(sent)} with this model. "
                f"The nearest it has is {_number(used)}.",
                param=param,
                code="unsupported_value",
            )
        self._note(param, f"{_number(sent)}->{_number(used)}")

    def change(self, param: str, what: str, why: str) -> None:
        """The same meaning was said in another way; `what` is one word with hyphens."""
        param = _cut(param)
        if self.is_strict:
            raise UnsupportedParameter(
                f"Unsupported value: '{param}' cannot be sent to this model as it is. {why}",
                param=param,
                code="unsupported_value",
            )
        self._note(param, what)

    def tell(self, param: str, what: str) -> None:
        """Nothing that was sent is changed, so that strict mode has nothing against it; but the client should know."""
        self._note(_cut(param), what)

    def copy(self) -> Adaptations:
        other = Adaptations(self.is_strict)
        other._items = {param: dict(what) for param, what in self._items.items()}
        return other

    def _note(self, param: str, what: str) -> None:
        """Two changes at one place are joined with a plus."""
        self._items.setdefault(param, {})[what] = None

    def __bool__(self) -> bool:
        return bool(self._items)

    def items(self) -> dict[str, str]:
        """param -> what became of it, in order of appearance."""
        return {param: "+".join(what) for param, what in self._items.items()}

    def header(self) -> str:
        """`seed=dropped, temperature=1.4->1, messages[2]=moved`: short, ASCII, split by ", " and then by the first "="."""
        parts: list[str] = []
        size = 0
        for position, (param, what) in enumerate(self.items().items()):
            part = f"{_UNSAFE.sub('?', param)}={_UNSAFE.sub('?', what)}"
            size += len(part) + 2
            if size > _LONGEST_HEADER:
                parts.append(f"more={len(self._items) - position}")
                break
            parts.append(part)
        return ", ".join(parts)


def _cut(param: str) -> str:
    return param if len(param) <= _LONGEST_PARAM else f"{param[:_LONGEST_PARAM]}…"


def _number(value: float) -> str:
    """`1.4`, `1`, `1000000`: enough digits for any count of tokens, and no exponent."""
    return f"{value:.12g}"
