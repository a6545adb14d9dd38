"""Answers that have to be bare JSON, from models that wrap it: in a code fence, or in an object made for their tools.

What streams in streams out: nothing is held back but what could still be wrapping. The outcome does not depend on how the
text was cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.neutral.events import ArgumentsDelta, BlockKind, BlockStart, BlockStop, Event, Finish, TextDelta

_SPACE = " \t\r\n"
_FENCE = "```"
_OPENING = re.compile(r"[ \t\r\n]*```(?:json)?(?:[ \t\r\n]+|(?=[{\[]))", re.ASCII | re.IGNORECASE)
_OPENING_BEGUN = re.compile(r"[ \t\r\n]*(?:`{0,2}|```(?:j|js|jso|json)?)", re.ASCII | re.IGNORECASE)


class Unfencer:
    """Text in, text out. A fence that opens at the very beginning is left out, and so is the one that closes at the very end.

    White space beside them goes with them. A text that begins in any other way comes out as it is: its fences are part of
    what the model says, and so are those inside of the JSON's own strings.
    """

    __slots__ = ("_has_begun", "_held", "_is_fenced")

    def __init__(self) -> None:
        self._held = ""
        self._is_fenced: bool | None = None
        """None: not known yet."""
        self._has_begun = False
        """Has the fenced text had anything but white space?"""

    def feed(self, text: str) -> str:
        if self._is_fenced is False:
            return text
        text = self._held + text
        self._held = ""
        if self._is_fenced is None:
            opening = _OPENING.match(text)
            if opening is None:
                if _OPENING_BEGUN.fullmatch(text):
                    self._held = text
                    return ""
                self._is_fenced = False
                return text
            self._is_fenced = True
            text = text[opening.end() :]
        if not self._has_begun:
            text = text.lstrip(_SPACE)
            self._has_begun = bool(text)
        size = _size_without_closing(text)
        self._held = text[size:]
        return text[:size]

    def flush(self) -> str:
        """What was held back and was no fence, once the text has ended."""
        held, self._held = self._held, ""
        return "" if self._is_fenced and _FENCE in held else held


def _size_without_closing(text: str) -> int:
    """Up to where no closing fence can begin, whatever comes next."""
    end = text.rstrip(_SPACE)
    if end.endswith(_FENCE):
        end = end[: -len(_FENCE)].rstrip(_SPACE)
    elif len(end) == len(text):
        end = end.rstrip("`").rstrip(_SPACE)
    return len(end)


class FenceFilter:
    """Takes a code fence away from around the text of an answer. Events in, events out."""

    __slots__ = ("_unfencer",)

    def __init__(self) -> None:
        self._unfencer = Unfencer()

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            match event:
                case TextDelta():
                    text = self._unfencer.feed(event.text)
                    if text:
                        out.append(event if text is event.text else TextDelta(text))
                case Finish():
                    # Held back to the very end: text blocks are one text to the reader.
                    held = self._unfencer.flush()
                    if held:
                        out += [BlockStart(BlockKind.TEXT), TextDelta(held), BlockStop()]
                    out.append(event)
                case _:
                    out.append(event)
        return out


_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_MARK = re.compile(r'"|\\.?', re.DOTALL)
_SCALAR_END = re.compile(r"[ \t\r\n,}\]]")
_TRAILER_BEGUN = re.compile(r"[ \t\r\n]*\}?[ \t\r\n]*")


class Unwrapper:
    """The text of `{"value": X}` in, the text of X out: for tools whose schema had to be put into an object.

    What is no such object comes out as it is: all of it, where that shows before X begins; else X and what follows it.
    """

    __slots__ = ("_has_ended", "_head", "_head_begun", "_held", "_is_other", "_value")

    def __init__(self, key: str) -> None:
        """`key` is a plain name of ASCII letters, digits and underscores. A model may escape them all the same."""
        name = "".join(rf"(?:{letter}|\\u(?i:{ord(letter):04x}))" for letter in key)
        self._head = re.compile(rf'[ \t\r\n]*\{{[ \t\r\n]*"{name}"[ \t\r\n]*:[ \t\r\n]*(?=[{{\["\-0-9tfn])')
        string = rf'"(?:[^"\\]|\\.){{0,{5 * len(key)}}}'
        self._head_begun = re.compile(
            rf'[ \t\r\n]*(?:\{{[ \t\r\n]*(?:{string}(?:\\?|"[ \t\r\n]*(?::[ \t\r\n]*)?))?)?', re.DOTALL
        )
        self._held = ""
        self._value: _ValueEnd | None = None
        self._has_ended = False
        self._is_other = False

    def feed(self, text: str) -> str:
        if self._is_other or not text:
            return text
        text = self._held + text
        self._held = ""
        if self._value is None:
            head = self._head.match(text)
            if head is None:
                if self._head_begun.fullmatch(text):
                    self._held = text
                    return ""
                self._is_other = True
                return text
            self._value = _ValueEnd()
            text = text[head.end() :]
        value = ""
        if not self._has_ended:
            end = self._value.find(text)
            if end is None:
                return text
            self._has_ended = True
            value, text = text[:end], text[end:]
        if _TRAILER_BEGUN.fullmatch(text):
            self._held = text
            return value
        self._is_other = True
        return value + text

    def flush(self) -> str:
        """What was held back and is no part of the object around X, once the text has ended."""
        held, self._held = self._held, ""
        return "" if self._has_ended and "}" in held else held


class UnwrapFilter:
    """Takes the object away that had to be put around an answer, or around the arguments of a call. Events in, events out.

    `text_key`: the key of it around each text. `argument_keys`: that around the arguments of the tools of these names.
    """

    __slots__ = ("_argument_keys", "_delta", "_text_key", "_unwrapper")

    def __init__(self, text_key: str | None, argument_keys: Mapping[str, str]) -> None:
        self._text_key = text_key
        self._argument_keys = argument_keys
        self._unwrapper: Unwrapper | None = None
        self._delta: type[TextDelta] | type[ArgumentsDelta] = TextDelta

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart):
                is_call = event.kind is BlockKind.TOOL_USE
                key = self._argument_keys.get(event.name) if is_call else self._text_key
                self._delta = ArgumentsDelta if is_call else TextDelta
                self._unwrapper = Unwrapper(key) if key is not None else None
            elif self._unwrapper is not None:
                if isinstance(event, TextDelta | ArgumentsDelta):
                    self._say(self._unwrapper.feed(event.text), out)
                    continue
                if isinstance(event, BlockStop):
                    self._say(self._unwrapper.flush(), out)
                    self._unwrapper = None
            out.append(event)
        return out

    def _say(self, text: str, out: list[Event]) -> None:
        if text:
            out.append(self._delta(text))


class _ValueEnd:
    """Looks for the end of a JSON value that comes in pieces. Whether the value is sound is not its concern."""

    __slots__ = ("_depth", "_is_escaped", "_is_in_string", "_is_scalar")

    def __init__(self) -> None:
        self._is_scalar: bool | None = None
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False

    def find(self, text: str) -> int | None:
        """The index behind the value's last character; None: it goes on."""
        if self._is_scalar is None:
            self._is_scalar = text[0] not in '"{['
        if self._is_scalar:
            end = _SCALAR_END.search(text)
            return end.start() if end else None
        at = 1 if self._is_escaped else 0
        self._is_escaped = False
        while mark := (_STRING_MARK if self._is_in_string else _STRUCTURE).search(text, at):
            at = mark.end()
            match mark[0]:
                case '"':
                    self._is_in_string = not self._is_in_string
                case "{" | "[":
                    self._depth += 1
                case "}" | "]":
                    self._depth -= 1
                case escape:
                    # A backslash that ends the piece hides the first character of the next.
                    self._is_escaped = len(escape) == 1
                    continue
            if self._depth == 0 and not self._is_in_string:
                return at
        return None
