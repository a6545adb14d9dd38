"""Is an answer that has to be JSON in the form that was asked for?

Only an answer that ended of itself is judged. One that was cut, filtered or calls a tool says so itself. The words of a
complaint quote the answer, briefly: they are for the client, not for the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.neutral.events import BlockKind, BlockStart, Event, Finish, TextDelta
from proxy.neutral.reply import FinishReason, Reply
from proxy.neutral.request import OutputFormat
from proxy.schemas.check import Checker


class Form:
    """The form asked for, made ready once, before the model is asked.

    Raises `InvalidRequest` for a schema that is none. `unchecked` names the patterns that cannot be checked.
    """

    __slots__ = ("_checker", "unchecked")

    def __init__(self, output: OutputFormat) -> None:
        schema = {"type": "object"} if output.schema is None else output.schema
        self._checker = Checker(schema, output.param, name=output.name)
        self.unchecked: list[str] = self._checker.unchecked

    def complaint(self, reply: Reply) -> str | None:
        """What is wrong with the answer, in one line: `$.items[2].price: "x" is not a number`. None: nothing."""
        is_final = reply.finish is FinishReason.STOP and not reply.tool_uses
        return self._checker.problem(reply.text) if is_final else None

    def watch(self) -> FormWatch:
        return FormWatch(self._checker)


class FormWatch:
    """The same for an answer that streams by: `complaint` is there once `Finish` has been fed."""

    __slots__ = ("_checker", "_has_calls", "_pieces", "complaint")

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._has_calls = False
        self._pieces: list[str] = []
        self.complaint: str | None = None

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, TextDelta):
                self._pieces.append(event.text)
            elif isinstance(event, BlockStart):
                self._has_calls |= event.kind is BlockKind.TOOL_USE
            elif isinstance(event, Finish) and event.reason is FinishReason.STOP and not self._has_calls:
                self.complaint = self._checker.problem("".join(self._pieces))
