"""Stop sequences for models that have none: matched in the text as it comes, over every border of its pieces.

The sequence that is complete first ends the answer, and nothing of it is shown. What could still be its beginning is held
back, and no more than that. The outcome does not depend on how the text was cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from proxy.neutral.events import BlockKind, BlockStart, BlockStop, Event, Finish, TextDelta, UsageReport
from proxy.neutral.reply import FinishReason


def longest_open_end(text: str, sequences: Iterable[str]) -> int:
    """How many characters at the end of `text` are the beginning, but not the whole, of one of the sequences."""
    longest = 0
    for sequence in sequences:
        at = text.find(sequence[0], max(len(text) - len(sequence) + 1, 0))
        while at >= 0 and not sequence.startswith(text[at:]):
            at = text.find(sequence[0], at + 1)
        if at >= 0:
            longest = max(longest, len(text) - at)
    return longest


class StopMatcher:
    """Text in, text out. After `hit` is set, nothing more comes out."""

    __slots__ = ("_begins", "_held", "_sequences", "hit")

    def __init__(self, sequences: Sequence[str]) -> None:
        # One that holds another before its own end can never be complete first: waiting for it would be in vain.
        self._sequences = [one for one in sequences if not any(other in one[:-1] for other in sequences)]
        self._begins = re.compile(f"[{re.escape(''.join(one[0] for one in sequences))}]")
        self._held = ""
        self.hit: str | None = None

    def feed(self, text: str) -> str:
        """The very string, where nothing in it begins a sequence: that is nearly always."""
        if self.hit is not None:
            return ""
        if not self._held and self._begins.search(text) is None:
            return text
        text = self._held + text
        first: tuple[int, int] | None = None  # (end, start): complete first, then the longer one
        for sequence in self._sequences:
            start = text.find(sequence)
            if start >= 0 and (first is None or (start + len(sequence), start) < first):
                first = (start + len(sequence), start)
        if first is not None:
            end, start = first
            self.hit, self._held = text[start:end], ""
            return text[:start]
        size = longest_open_end(text, self._sequences)
        self._held = text[len(text) - size :]
        return text[: len(text) - size]

    def flush(self) -> str:
        """What was held back, once the text has ended without a hit."""
        held, self._held = self._held, ""
        return held


class StopFilter:
    """Ends a reply at the first stop sequence in its text. Events in, events out; once `is_done`, close the upstream."""

    __slots__ = ("_matcher", "is_done")

    def __init__(self, sequences: Sequence[str]) -> None:
        self._matcher = StopMatcher(sequences)
        self.is_done = False

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if self.is_done:
                # A count that came in the same read as the stop is still Bedrock's own.
                if isinstance(event, UsageReport):
                    out.append(event)
                continue
            match event:
                case TextDelta():
                    text = self._matcher.feed(event.text)
                    if text:
                        out.append(event if text is event.text else TextDelta(text))
                    if self._matcher.hit is not None:
                        out += [BlockStop(), Finish(FinishReason.STOP, "stop_sequence", self._matcher.hit)]
                        self.is_done = True
                case Finish():
                    # Held back to the very end: text blocks are one text to the reader, and a match may run over a border.
                    held = self._matcher.flush()
                    if held:
                        out += [BlockStart(BlockKind.TEXT), TextDelta(held), BlockStop()]
                    out.append(event)
                case _:
                    out.append(event)
        return out
