"""What has to be known of an answer when it finishes: its count, the thoughts behind its calls, and its form."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.conformity import Form, FormWatch
from proxy.neutral.blocks import Reasoning
from proxy.neutral.events import Event, Finish, Unrecognised, UsageReport
from proxy.neutral.reply import FinishReason, Usage
from proxy.neutral.request import Request
from proxy.neutral.thoughts import ThoughtWatch
from proxy.routing.catalog import Model
from proxy.telemetry.logs import log


class Watch:
    """Sees every event of a request's answers. Most have neither thoughts nor a form to be watched for."""

    __slots__ = ("_forms", "_request_id", "_thoughts", "_usages")

    def __init__(
        self, request: Request, model: Model, form: Form | None, request_id: str, *, thinks: bool = False
    ) -> None:
        """`thinks`: is the model free to?"""
        has_thoughts = bool(request.tools) and model.signs_thoughts
        self._thoughts = [ThoughtWatch(thinks) for _ in range(request.choices if has_thoughts else 0)]
        self._forms: list[FormWatch] = [form.watch() for _ in range(request.choices)] if form is not None else []
        self._usages = [Usage()] * request.choices
        self._request_id = request_id

    @property
    def usage(self) -> Usage:
        """Of all choices, so far."""
        return sum(self._usages, Usage())

    def feed(self, events: list[Event], choice: int) -> bool:
        """Has the choice finished? Then `thoughts` and `complaint` can be asked for."""
        if self._thoughts:
            self._thoughts[choice].feed(events)
        if self._forms:
            self._forms[choice].feed(events)
        has_finished = False
        for event in events:
            if isinstance(event, UsageReport):
                self._usages[choice] = event.usage
            elif isinstance(event, Finish):
                has_finished = True
                if event.reason is FinishReason.UNKNOWN:
                    log.warning("id=%s Bedrock stopped for a reason not known: %r", self._request_id, event.word)
            elif isinstance(event, Unrecognised):
                log.warning("id=%s Bedrock sent something new, which was left out: %s", self._request_id, event.what)
        return has_finished

    def thoughts(self, choice: int) -> Mapping[str, list[Reasoning]]:
        """Those that have to be kept, by the id of the call that each led to."""
        return self._thoughts[choice].thoughts if self._thoughts else {}

    def complaint(self, choice: int) -> str | None:
        """How the answer misses the form that was asked for. None: it does not."""
        return self._forms[choice].complaint if self._forms else None
