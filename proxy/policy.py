"""What the operator's configuration makes of a request: the guardrail it has to pass, the marks for the prompt cache.

A guardrail of the key goes before one of the model, and that before the default. One of a `models` entry holds for the
model behind it, by whatever name it is called. A client can ask for its trace, but neither replace nor weaken it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from proxy import config
from proxy.access.keys import holder
from proxy.apis.guardrail import guardrail_of_headers, no_guardrail
from proxy.errors import InvalidRequest, ModelNotFound
from proxy.families.cache_points import with_cache_points
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Guardrail, Request
from proxy.routing.resolve import Target


class Policy:
    """One per process. `resolve`: the client's name for a model -> its target, as the account's listing has it now."""

    def __init__(self, settings: config.Config, resolve: Callable[[str], Target]) -> None:
        self._default = settings.guardrail
        self._of_keys = {
            holder(entry.key): entry.guardrail
            for entry in settings.auth.keys
            if isinstance(entry, config.Key) and entry.guardrail is not None
        }
        entries = {name: settings.entry(name) for name in settings.models}
        self._of_models = {name: entry.guardrail for name, entry in entries.items() if entry.guardrail is not None}
        self._resolve = resolve
        self._has_automatic_marks = settings.cache.automatic

    def apply(
        self, request: Request, target: Target, owner: str, headers: Mapping[str, str], adapted: Adaptations
    ) -> Request:
        """`owner` as the keyring names it, `headers` the client's. Raises `InvalidRequest`."""
        request = replace(request, guardrail=self._guardrail(request, target, owner, headers))
        return with_cache_points(request, target.model, adapted, is_automatic=self._has_automatic_marks)

    def _guardrail(self, request: Request, target: Target, owner: str, headers: Mapping[str, str]) -> Guardrail | None:
        asked = _asked(request.guardrail, guardrail_of_headers(headers))
        told = self._of_keys.get(owner) or self._of_model(request.model, target) or self._default
        if told is not None:
            return _kept(told, asked)
        if asked is not None and not asked.id:
            raise no_guardrail(asked)
        return asked

    def _of_model(self, name: str, target: Target) -> config.Guardrail | None:
        """The called entry's own, else that of the first entry with the same model behind it."""
        if name in self._of_models:
            return self._of_models[name]
        return next((told for entry, told in self._of_models.items() if self._is_same(entry, target)), None)

    def _is_same(self, entry: str, target: Target) -> bool:
        try:
            behind = self._resolve(entry)
        except ModelNotFound:  # an alias for nothing that can be called here
            return False
        if behind.model_id == target.model_id:
            return True
        # Of an ARN that does not tell its model no more is known than a generation, and others are of that too.
        tells = target.model.is_listed or target.model.id in target.model_id
        return tells and _without_version(behind.model.id) == _without_version(target.model.id)


def _without_version(base_id: str) -> str:
    """`…-v1:0` -> `…-v1`: whatever a client writes behind that, Bedrock may take it for the same model."""
    return re.split("[:/]", base_id, maxsplit=1)[0]


def _asked(body: Guardrail | None, header: Guardrail | None) -> Guardrail | None:
    """By the body, by headers, or by both alike."""
    if body is None or header is None:
        return body or header
    if header.id and body.id and (header.id, header.version) != (body.id, body.version):
        raise InvalidRequest(
            f"Invalid '{header.param}': the body names another guardrail.", param=header.param, code="invalid_value"
        )
    named = body if body.id else header
    return replace(body, id=named.id, version=named.version, trace=body.trace or header.trace)


def _kept(told: config.Guardrail, asked: Guardrail | None) -> Guardrail:
    """The operator's, with what a client may choose of it."""
    version = str(told.version)
    if asked is None:
        return Guardrail(told.id, version, told.trace)
    is_same = not asked.id or (_bare(asked.id) == _bare(told.id) and asked.version == version)
    if not is_same or asked.stream_mode == "async" or asked.tag_suffix is not None:
        what = "have some of it pass unseen" if is_same else "have another one"
        raise InvalidRequest(
            f"Invalid '{asked.param}': the operator has set a guardrail for this request, which cannot {what}.",
            param=asked.param,
            code="guardrail_not_allowed",
        )
    return Guardrail(told.id, version, asked.trace or told.trace, asked.param, stream_mode=asked.stream_mode)


def _bare(id: str) -> str:
    """An ARN's id, or the id itself: Bedrock takes either for the same."""
    return id.rpartition("/")[2]
