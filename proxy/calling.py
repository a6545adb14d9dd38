"""The call that a request becomes, and what it becomes once Bedrock has refused a part that it can do without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from proxy.errors import GrammarRefused, ProxyError, StreamRefused, ThoughtsRefused
from proxy.families import FAMILIES, Call
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.neutral.thoughts import have_thoughts, without_thoughts
from proxy.routing.resolve import Target
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record


class WholeOnly:
    """Models that have refused to stream, at all or with tools: for an hour none is asked again. One per process."""

    __slots__ = ("_until_s",)
    _HOUR_S = 3600.0
    _MOST = 1_000

    def __init__(self) -> None:
        self._until_s: dict[tuple[str, bool], float] = {}

    def add(self, model_id: str, has_tools: bool, now_s: float) -> None:
        if len(self._until_s) >= self._MOST:
            del self._until_s[next(iter(self._until_s))]
        self._until_s[model_id, has_tools] = now_s + self._HOUR_S

    def has(self, model_id: str, has_tools: bool, now_s: float) -> bool:
        return self._until_s.get((model_id, has_tools), now_s) > now_s


class CallBuilder:
    """One per request. `adapted`: what has been noted before; what a call adapts goes into the record with each."""

    __slots__ = ("_adapted", "_headers", "_key", "_model", "_record", "_request", "_whole_only")

    def __init__(
        self,
        request: Request,
        target: Target,
        adapted: Adaptations,
        headers: Mapping[str, str],
        record: Record,
        whole_only: WholeOnly,
    ) -> None:
        """`headers`: of the client's, for the upstream."""
        self._request = request
        self._model = target.model
        self._key = target.model_id, bool(request.tools), request.now
        self._whole_only = whole_only
        self._adapted = adapted
        self._headers = headers
        self._record = record

    def build(self) -> Call:
        """Raises `InvalidRequest` for what the model cannot take."""
        adapted = self._adapted.copy()
        request, is_whole = self._request, self._whole_only.has(*self._key)
        if is_whole:
            request = replace(request, stream=False)
        call = FAMILIES[self._model.family].build(request, self._model, adapted)
        call.headers |= self._headers
        call.can_stream = call.can_stream and not is_whole
        self._record.adapted = adapted.header()
        return call

    @property
    def instead(self) -> dict[type[ProxyError], Callable[[], Call]]:
        """Refusal -> what gives the call to be made after it."""
        calls: dict[type[ProxyError], Callable[[], Call]] = {StreamRefused: self._whole}
        if have_thoughts(self._request.messages):
            calls[ThoughtsRefused] = self._without_thoughts
        if self._has_grammars():
            calls[GrammarRefused] = self._without_grammars
        return calls

    def _has_grammars(self) -> bool:
        output = self._request.output_format
        has_answer = output is not None and output.schema is not None and "schema" in self._model.features
        return has_answer or (self._model.has_strict_tools and any(tool.is_strict for tool in self._request.tools))

    def _whole(self) -> Call:
        """Bedrock knows better than the catalogue which models stream, and with what."""
        self._whole_only.add(*self._key)
        log.warning("id=%s asks for the whole answer, for Bedrock refused to stream it", self._record.request_id)
        return self.build()

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
