"""The call that a request becomes, and what it becomes once Bedrock has refused a part that it can do without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from proxy.errors import GrammarRefused, ProxyError, ThoughtsRefused
from proxy.families import FAMILIES, Call
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.neutral.thoughts import have_thoughts, without_thoughts
from proxy.routing.catalog import Model
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record


class CallBuilder:
    """One per request. `adapted`: what has been noted before; what a call adapts goes into the record with each."""

    __slots__ = ("_adapted", "_headers", "_model", "_record", "_request")

    def __init__(
        self, request: Request, model: Model, adapted: Adaptations, headers: Mapping[str, str], record: Record
    ) -> None:
        """`headers`: of the client's, for the upstream."""
        self._request = request
        self._model = model
        self._adapted = adapted
        self._headers = headers
        self._record = record

    def build(self) -> Call:
        """Raises `InvalidRequest` for what the model cannot take."""
        adapted = self._adapted.copy()
        call = FAMILIES[self._model.family].build(self._request, self._model, adapted)
        call.headers |= self._headers
        self._record.adapted = adapted.header()
        return call

    @property
    def instead(self) -> dict[type[ProxyError], Callable[[], Call]]:
        """Refusal -> what gives the call to be made after it."""
        calls: dict[type[ProxyError], Callable[[], Call]] = {}
        if have_thoughts(self._request.messages):
            calls[ThoughtsRefused] = self._without_thoughts
        if self._has_grammars():
            calls[GrammarRefused] = self._without_grammars
        return calls

    def _has_grammars(self) -> bool:
        output = self._request.output_format
        has_answer = output is not None and output.schema is not None and "schema" in self._model.features
        return has_answer or (self._model.has_strict_tools and any(tool.is_strict for tool in self._request.tools))

    def _without_thoughts(self) -> Call:
        self._tell("earlier thoughts")
        self._request = replace(self._request, messages=without_thoughts(self._request.messages, self._adapted))
        return self.build()

    def _without_grammars(self) -> Call:
        """Schemas are followed by means of a tool then, and tools without a guarantee."""
        self._tell("schemas kept by the service")
        self._model = replace(self._model, has_strict_tools=False, features=self._model.features - {"schema"})
        return self.build()

    def _tell(self, what: str) -> None:
        log.warning("id=%s asks again without %s, which Bedrock refused", self._record.request_id, what)
