"""Is an answer that has to be JSON in the form that was asked for?

Only an answer that ended of itself is judged. One that was cut, filtered or calls a tool says so itself. The words of a
complaint quote the answer, briefly: they are for the client, not for the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.neutral.events import Event, Finish, TextDelta
from proxy.neutral.reply import FinishReason, Reply
from proxy.neutral.request import OutputFormat
from proxy.schemas.check import Checker

_ANY_OBJECT = Checker({"type": "object"}, "response_format")


def complaint(output: OutputFormat | None, reply: Reply) -> str | None:
    """What is wrong with the answer, in one line: `$.items[2].price: "x" is not a number`. None: nothing.

    Raises `InvalidRequest` for a schema that is none; better to have looked at it before the model was asked.
    """
    if output is None or reply.finish is not FinishReason.STOP:
        return None
    return _problem(output, reply.text)


class ConformityWatch:
    """The same for an answer that streams by: `complaint` is there once `Finish` has been fed."""

    __slots__ = ("_output", "_pieces", "complaint")

    def __init__(self, output: OutputFormat | None) -> None:
        self._output = output
        self._pieces: list[str] = []
        self.complaint: str | None = None

    def feed(self, events: Iterable[Event]) -> None:
        """Raises like `complaint`."""
        if self._output is None:
            return
        for event in events:
            if isinstance(event, TextDelta):
                self._pieces.append(event.text)
            elif isinstance(event, Finish) and event.reason is FinishReason.STOP:
                self.complaint = _problem(self._output, "".join(self._pieces))


def _problem(output: OutputFormat, text: str) -> str | None:
    if output.schema is None:
        return _ANY_OBJECT.problem(text)
    return Checker(output.schema, output.param, name=output.name).problem(text)
