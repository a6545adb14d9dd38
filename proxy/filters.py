"""What is done to an answer on its way, for models that cannot do it themselves. Sans-IO: events in, events out."""

from __future__ import annotations

from proxy.families import Call
from proxy.neutral.answers import AnswerFilter
from proxy.neutral.barejson import FenceFilter, UnwrapFilter
from proxy.neutral.calls import CallFilter
from proxy.neutral.events import Event
from proxy.neutral.fold import Fold
from proxy.neutral.reply import Reply
from proxy.neutral.stops import StopFilter
from proxy.neutral.unfold import unfold


class Filters:
    """Those that the call asks for. One per answer; without any, which is the rule, it is false."""

    __slots__ = ("_filters", "_stops")

    def __init__(self, call: Call) -> None:
        self._stops = StopFilter(call.stops) if call.stops else None
        self._filters: list[AnswerFilter | StopFilter | UnwrapFilter | FenceFilter | CallFilter] = []
        if call.answer_tool is not None:
            self._filters.append(AnswerFilter(call.answer_tool))
        if self._stops is not None:
            self._filters.append(self._stops)
        if call.answer_key is not None or call.argument_keys:
            self._filters.append(UnwrapFilter(call.answer_key, call.argument_keys))
        if call.is_bare_json:
            self._filters.append(FenceFilter())
        if call.most_calls is not None:
            self._filters.append(CallFilter(call.most_calls))

    def __bool__(self) -> bool:
        return bool(self._filters)

    @property
    def is_done(self) -> bool:
        """The answer is at its end, whatever still comes."""
        return self._stops is not None and self._stops.is_done

    def feed(self, events: list[Event]) -> list[Event]:
        for one in self._filters:
            events = one.feed(events)
        return events

    def feed_whole(self, reply: Reply) -> Reply:
        if not self._filters:
            return reply
        fold = Fold()
        fold.feed(self.feed(unfold(reply)))
        return fold.reply()
