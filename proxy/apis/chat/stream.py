"""Events -> the bytes of a chat stream.

    role chunk, one chunk a delta, the chunk with the finish_reason, the usage chunk when asked for, [DONE]

The constant part of a chunk is encoded once. Source: recorded streams of OpenAI, 2025.
"""

from __future__ import annotations

from proxy import jsonio
from proxy.apis import sse
from proxy.apis.chat.reply import FINISH_REASONS, Envelope, render_usage
from proxy.apis.openai_error import render_error
from proxy.errors import ProxyError
from proxy.neutral.events import Event, Finish, ReasoningDelta, TextDelta, UsageReport
from proxy.neutral.reply import Usage

_encode = jsonio.encode


class ChatStream:
    """One per answer, for all of its choices. `start`, then `send` as events come, then `close`."""

    __slots__ = ("_head", "_heads", "_includes_usage", "_tail", "_usage")

    def __init__(self, envelope: Envelope, choices: int, includes_usage: bool) -> None:
        constant = _encode(
            {
                "id": envelope.id,
                "object": "chat.completion.chunk",
                "created": envelope.created,
                "model": envelope.model,
                "service_tier": envelope.service_tier,
                "system_fingerprint": None,
            }
        )
        self._head = b'data: %b,"choices":[' % constant[:-1]
        self._heads = [b'%b{"index":%d,"delta":' % (self._head, index) for index in range(choices)]
        # With `include_usage` every chunk but the last has a null there; without it no chunk has the key.
        self._tail = b',"usage":null}\n\n' if includes_usage else b"}\n\n"
        self._includes_usage = includes_usage
        self._usage = [Usage()] * choices

    def start(self) -> bytes:
        """The role of every choice, in order: helpers of SDKs want choice 0 to come first."""
        delta = b'{"role":"assistant","content":"","refusal":null},"finish_reason":null}]'
        return b"".join(b"%b%b%b" % (head, delta, self._tail) for head in self._heads)

    def send(self, events: list[Event], choice: int = 0) -> bytes:
        head, tail = self._heads[choice], self._tail
        out = []
        for event in events:
            if isinstance(event, TextDelta):
                out.append(b'%b{"content":%b},"finish_reason":null}]%b' % (head, _encode(event.text), tail))
            elif isinstance(event, ReasoningDelta):
                text = _encode(event.text)
                out.append(
                    b'%b{"reasoning_content":%b,"reasoning":%b},"finish_reason":null}]%b' % (head, text, text, tail)
                )
            elif isinstance(event, Finish):
                reason = FINISH_REASONS[event.reason].encode()
                out.append(b'%b{},"finish_reason":"%b"}]%b' % (head, reason, tail))
            elif isinstance(event, UsageReport):
                self._usage[choice] = event.usage
        return b"".join(out)

    def close(self) -> bytes:
        """The end of an answer that is whole."""
        if not self._includes_usage:
            return sse.DONE
        usage = _encode(render_usage(sum(self._usage, Usage())))
        return b'%b],"usage":%b}\n\n%b' % (self._head, usage, sse.DONE)

    def fail(self, error: ProxyError) -> bytes:
        """The end of an answer that failed: SDKs raise it. No finish_reason and no [DONE] go with it."""
        return sse.data(render_error(error))
