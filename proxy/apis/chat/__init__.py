"""`/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.apis import openai_error
from proxy.apis.api import Identity, StreamWriter
from proxy.apis.chat.reply import Envelope, render
from proxy.apis.chat.request import AnswerForm, parse
from proxy.apis.chat.stream import ChatStream
from proxy.errors import ProxyError
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.reply import Reply
from proxy.neutral.request import Request


class ChatAsked:
    def __init__(self, request: Request, form: AnswerForm) -> None:
        self.request = request
        self._form = form

    def render(self, identity: Identity, replies: Sequence[Reply]) -> dict[str, Any]:
        return render(self._envelope(identity), replies, self._form)

    def stream(self, identity: Identity) -> StreamWriter:
        return ChatStream(self._envelope(identity), self.request.choices, self._form)

    def _envelope(self, identity: Identity) -> Envelope:
        return Envelope(f"chatcmpl-{identity.token}", identity.created, self.request.model, identity.service_tier)


class ChatApi:
    def parse(self, body: Any, adapted: Adaptations, max_choices: int) -> ChatAsked:
        return ChatAsked(*parse(body, adapted, max_choices))

    def render_error(self, error: ProxyError) -> dict[str, Any]:
        return openai_error.render_error(error)
