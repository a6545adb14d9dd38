"""What a Llama model writes -> text and calls of functions, while it is written.

    [get_weather(city='Paris'), get_time()]                         3.2 1B and 3B, 3.3, 4
    {"name": "get_weather", "parameters": {"city": "Paris"}}        3.1, 3.2 11B and 90B; several of them, or a list
    <function=get_weather>{"city": "Paris"}</function>              all of them at times
    <tool_call>{"name": "get_weather", "arguments": {…}}</tool_call>    Hermes and Qwen, as imported models

Whatever it was asked for, a model may answer in any of these, behind `<|python_tag|>`, in a code fence, after a sentence or
between `<|python_start|>` and `<|python_end|>`: so every form is read from every model. A call begins the answer or a line
(behind a tag, anywhere) and names a function that was offered. What does not is text, to the letter. Nothing is held
back longer than it can still become a call, and nothing of a call is given before its name and the beginning of its
arguments are known.

Source: meta-llama/llama-models prompt formats and its tool parser, 2024 to 2025.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from proxy import jsonio
from proxy.families.llama import literals
from proxy.families.llama.arguments import ArgumentsReader
from proxy.families.llama.coercion import Shape, coerce
from proxy.families.llama.literals import JSON
from proxy.families.llama.pieces import Piece, Pieces
from proxy.families.llama.scanner import Choice, Mismatch, Scanner, Step
from proxy.neutral.events import ArgumentsDelta, TextDelta

_PYTHON_MARKS = ("<|python_tag|>", "<|python_start|>")
_MARKS = (
    *_PYTHON_MARKS,
    "<|python_end|>",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<|header_start|>assistant<|header_end|>",
)
_MARK = Choice(_MARKS)
"""Said to the machine, not to the reader: they are no part of any text."""
_OPENING = Choice(("<tool_call>",))
_TAG = Choice((*_MARKS, "<tool_call>", "<function="))
_MARK_BEHIND = Choice(
    (
        *_MARKS,
        "<tool_call>",
        "</tool_call>",
        "</function>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end_of_text|>",
        "<|eot|>",
        "<|eom|>",
    )
)
"""The same where calls are over, with what ends a function and a turn."""
_LEAKED_ROLE = Choice(("assistant\n",))
_FENCE = Choice(("```",))
_LANGUAGE = re.compile(r"[A-Za-z_]*")
_SEPARATORS = re.compile(r"[\s,;})]*")
_BEHIND_NAME = re.compile(r"[\s>]*")
_FUNCTION_END = Choice(("</function>",))
_TEXT = re.compile(r"(?:[^<\n]|<(?=[^|ft]))*")
_BLANK = re.compile(r"\s*")
_QUOTES = ("'", '"')
_KEYS = ("name", "parameters", "arguments", "function", "type", "id")
_KEY = Choice(f"{quote}{key}{quote}" for key in _KEYS for quote in _QUOTES)
_FUNCTION_TYPE = Choice(f"{quote}function{quote}" for quote in _QUOTES)
_NAMED = ("NAME(", "NAME.call(")
_QUOTED = ("'NAME'", '"NAME"')
_TAGGED = ("<function=NAME>", "<function=NAME ", "<function=NAME\n", "<function=NAME{")
_MOST_LISTS = 2
_OBJECT = Shape({"type": "object"})


def _is_in_line(text: str) -> bool:
    """Nothing in it can begin a call."""
    return "<" not in text and "\n" not in text


class CallParser:
    """One per answer. `feed` it the text as it comes, `close` it at the end; both give pieces.

    functions  the names that were offered -> the JSON Schema of their arguments, or None
    prefill    what the prompt has put into the model's mouth (`tool_prompts.prefill`): it is read before the first text
    max_calls  how many calls the client takes. Those beyond are left out
    """

    __slots__ = (
        "_arguments", "_choices", "_functions", "_has_fence", "_is_tagged", "_lists", "_machine", "_name",
        "_pieces", "_scanner", "_shapes", "_unsaid",
    )  # fmt: skip

    def __init__(
        self,
        functions: Mapping[str, Mapping[str, Any] | None],
        *,
        prefill: str = "",
        max_calls: int | None = None,
    ) -> None:
        self._functions = functions
        self._shapes: dict[str, Shape] = {}
        self._choices: dict[tuple[str, ...], Choice] = {}
        self._scanner = Scanner(prefill)
        self._arguments = ArgumentsReader(self._scanner, self._say)
        self._pieces = Pieces(max_calls)
        # Characters that the model was given come back as part of a call or not at all.
        self._unsaid = len(prefill)
        self._name = ""
        self._is_tagged = False
        self._has_fence = False
        self._lists = 0
        self._machine = self._answer()
        next(self._machine)

    def pass_on(self, text: str) -> TextDelta | ArgumentsDelta | None:
        """The one piece that a text is which changes nothing: in the middle of a line, or of a string. None: `feed` it."""
        is_in_run = self._scanner.waits_in
        if not text or is_in_run is None or not is_in_run(text):
            return None
        return self._pieces.going_on(text)

    def feed(self, text: str) -> list[Piece]:
        if text:
            self._scanner.add(text)
            next(self._machine, None)
        return self._pieces.take()

    def close(self) -> list[Piece]:
        """The answer has ended: what could still have become a call is text, and an open call is ended as it is."""
        self._scanner.is_closed = True
        next(self._machine, None)
        return self._pieces.take()

    def _answer(self) -> Step[None]:
        scanner = self._scanner
        is_first = is_line_start = True
        while True:
            char = yield from scanner.wait_in(None if is_line_start else _is_in_line)
            if not char:
                return
            if is_first or (is_line_start and char in "{[`") or (char == "<" and (yield from scanner.see(_TAG))):
                before = scanner.taken
                scanner.hold()
                with suppress(Mismatch):
                    yield from self._calls(is_first)
                is_first = False
                is_line_start = self._put_text(scanner.release(), is_line_start)
                # What of a prefill has not been read yet is no text of the model's either.
                scanner.take(self._unsaid)
                self._unsaid = 0
                if scanner.taken > before:
                    continue
            text = scanner.take_match(_BLANK) if is_line_start or char == "\n" else ""
            if not text:
                text = scanner.take_match(_TEXT) or scanner.take(1)
            is_line_start = self._put_text(text, is_line_start)

    def _calls(self, is_first: bool) -> Step[None]:
        """Calls, one or more, up to the end of the answer. `Mismatch` where something else stands."""
        scanner = self._scanner
        yield from self._introduction(is_first)
        yield from self._call()
        while True:
            scanner.hold()
            yield from self._separators()
            if scanner.is_empty:
                scanner.forget()
                return
            yield from self._call()

    def _introduction(self, is_first: bool) -> Step[None]:
        """What may stand before a call and is no part of it."""
        scanner = self._scanner
        self._is_tagged = self._has_fence = False
        self._lists = 0
        while True:
            char = yield from scanner.skip_space()
            found: str | None = None
            if char == "<":
                found = yield from scanner.one_of(_MARK, is_kept=False)
                self._is_tagged = self._is_tagged or found in _PYTHON_MARKS
                if found is None:
                    found = yield from scanner.one_of(_OPENING)
            elif char == "`" and not self._has_fence:
                found = yield from scanner.one_of(_FENCE)
                self._has_fence = found is not None
                yield from scanner.run(_LANGUAGE)
            elif char == "a" and is_first:
                found = yield from scanner.one_of(_LEAKED_ROLE)
            if found is None:
                return

    def _separators(self) -> Step[None]:
        """What may stand behind a call and is no part of a text."""
        scanner = self._scanner
        while True:
            yield from scanner.run(_SEPARATORS)
            char = yield from scanner.peek()
            found: str | None = None
            if char == "]":
                found = scanner.take(1, is_kept=self._lists == 0)
                self._lists = max(self._lists - 1, 0)
            elif char == "<":
                found = yield from scanner.one_of(_MARK_BEHIND, is_kept=False)
            elif char == "`" and self._has_fence:
                found = yield from scanner.one_of(_FENCE, is_kept=False)
                self._has_fence = found is None
            if found is None:
                return

    def _call(self) -> Step[None]:
        """One call in any form, from its first character."""
        scanner = self._scanner
        char = yield from scanner.skip_space()
        while char == "[" and self._lists < _MOST_LISTS:
            scanner.take(1)
            self._lists += 1
            char = yield from scanner.skip_space()
        if char == "{":
            yield from self._json_call()
        elif char == "<":
            yield from self._tagged_call()
        elif self._lists or self._is_tagged:
            name = yield from scanner.one_of(self._names(_NAMED))
            if name is None:
                raise Mismatch
            yield from self._read(name.removesuffix("(").removesuffix(".call"), self._arguments.keywords)
        else:
            raise Mismatch

    def _tagged_call(self) -> Step[None]:
        """`<function=name>{…}`; what ends it is left to `_separators`."""
        scanner = self._scanner
        opening = yield from scanner.see(self._names(_TAGGED))
        if opening is None:
            raise Mismatch
        name = scanner.take(len(opening) - 1).removeprefix("<function=")
        yield from scanner.run(_BEHIND_NAME)
        if (yield from scanner.peek()) == "{":
            yield from self._read(name, self._arguments.json_object)
        elif (yield from scanner.see(_FUNCTION_END)):
            self._put_call(name, {})
        else:
            raise Mismatch

    def _json_call(self, is_inner: bool = False) -> Step[None]:
        """`{"name": …, "parameters": {…}}`, its members in any order, or `{"function": {…}}` around it."""
        scanner = self._scanner
        scanner.take(1)
        name: str | None = None
        early: Any = None
        while True:
            key = yield from self._key()
            char = yield from scanner.skip_space()
            if key in ("parameters", "arguments"):
                if name is not None and char == "{":
                    yield from self._read(name, self._arguments.json_object)
                    break
                early = yield from literals.value(scanner, JSON)
            elif key == "function" and char == "{":
                if is_inner:
                    raise Mismatch
                yield from self._json_call(is_inner=True)
                break
            elif key in ("name", "function"):
                name = (yield from self._word(self._names(_QUOTED)))[1:-1]
            elif key == "type":
                yield from self._word(_FUNCTION_TYPE)
            else:
                yield from literals.value(scanner, JSON)
            char = yield from scanner.skip_space()
            if char == "}" and name is not None:
                self._put_call(name, early)
                break
            if char != ",":
                raise Mismatch
            scanner.take(1)
        yield from self._rest_of_object()

    def _key(self) -> Step[str]:
        yield from self._scanner.skip_space()
        key = yield from self._word(_KEY)
        if (yield from self._scanner.skip_space()) != ":":
            raise Mismatch
        self._scanner.take(1)
        return key[1:-1]

    def _word(self, choice: Choice) -> Step[str]:
        word = yield from self._scanner.one_of(choice)
        if word is None:
            raise Mismatch
        return word

    def _rest_of_object(self) -> Step[None]:
        """Behind the arguments, up to the `}`: nothing of it matters."""
        scanner = self._scanner
        with suppress(Mismatch):
            while (yield from scanner.skip_space()) == ",":
                scanner.take(1)
                if (yield from scanner.skip_space()) not in _QUOTES:
                    return
                yield from literals.value(scanner, JSON)
                if (yield from scanner.skip_space()) != ":":
                    return
                scanner.take(1)
                yield from literals.value(scanner, JSON)
            if (yield from scanner.peek()) == "}":
                scanner.take(1)

    def _read(self, name: str, arguments: Callable[[Shape], Step[None]]) -> Step[None]:
        self._name = name
        try:
            yield from arguments(self._shape(name))
        except Mismatch:
            if self._pieces.is_in_call:
                # It is no JSON any more, but nothing that was written is lost.
                rest = self._arguments.untold()
                if rest.strip():
                    self._say(rest)
                self._end(is_complete=False)
            raise
        self._end(is_complete=True)

    def _put_call(self, name: str, arguments: Any) -> None:
        """A call whose arguments were read before it could begin: an object, its JSON text, or nothing."""
        value = coerce(arguments or {}, _OBJECT)
        if not isinstance(value, dict):
            raise Mismatch
        self._name = name
        self._say(jsonio.encode(coerce(value, self._shape(name))).decode())
        self._end(is_complete=True)

    def _names(self, forms: tuple[str, ...]) -> Choice:
        """One of the functions, written in one of the forms."""
        choice = self._choices.get(forms)
        if choice is None:
            choice = Choice(form.replace("NAME", name) for name in self._functions for form in forms)
            self._choices[forms] = choice
        return choice

    def _shape(self, name: str) -> Shape:
        if name not in self._shapes:
            self._shapes[name] = Shape(self._functions[name] or {})
        return self._shapes[name]

    def _say(self, fragment: str) -> None:
        if not self._pieces.is_in_call:
            self._scanner.forget()
            self._unsaid = 0
            self._pieces.begin(self._name)
        self._pieces.put_arguments(fragment)

    def _end(self, *, is_complete: bool) -> None:
        self._scanner.forget()
        self._pieces.end(is_complete=is_complete)

    def _put_text(self, text: str, is_line_start: bool) -> bool:
        """Gives back whether the next character begins a line, white space aside."""
        if self._unsaid:
            text, self._unsaid = text[self._unsaid :], max(self._unsaid - len(text), 0)
        if not text:
            return is_line_start
        self._pieces.put_text(text)
        line = text.rpartition("\n")
        return not line[2].strip() and (bool(line[1]) or is_line_start)
