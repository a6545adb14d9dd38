"""Tools in a Llama prompt: the definitions found by the fixed lines of the trained formats, calls written in the same one.

    JSON        "Here is a list of functions in JSON format:" and an object for each
                -> {"name": "now", "parameters": {"zone": "UTC"}}, one at a time; behind <|python_tag|> and with a
                "type" where the system text says "Environment: ipython"
    pythonic    "Here is a list of functions in JSON format that you can invoke" and an array
                -> [now(zone='UTC'), weather(city='Paris')]
    tags        the line <function=example_function_name>{"example_name": "example_value"}</function>, definitions in front
                -> <function=now>{"zone": "UTC"}</function>, one at a time

Numbers in JSON calls are strings, as they often are. Source: Meta's prompt formats of Llama 3.1 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from proxy import jsonio
from proxy.emulator.agent import Situation, Tool
from proxy.emulator.json_text import read_values
from proxy.emulator.llama_rules import Prompt
from proxy.emulator.samples import sample

_INTRODUCTION = re.compile(r"Here is a list of functions in JSON format(?P<pythonic> that you can invoke)?[.:]?\s*")
_TAGGED = '<function=example_function_name>{"example_name": "example_value"}</function>'
_CLOSING = re.compile(
    r"\s*(?:Return function calls in JSON format\.?"
    r"|Should you decide to return the function call\(s\),[^\n]*"
    r"|You SHOULD NOT include any other text in the response\.?)"
)
_ONE_ONLY = re.compile(r"\bonly one (?:function|tool)", re.IGNORECASE)
_JSON, _PYTHONIC, _TAGS = "json", "pythonic", "tags"


@dataclass(slots=True)
class Offer:
    """What a prompt offers: the conversation without its definitions, and the syntax of a call ("" where none is)."""

    situation: Situation
    syntax: str = ""
    has_python_tag: bool = False


def read_offer(prompt: Prompt) -> Offer:
    offer = Offer(Situation())
    seen = offer.situation
    for role, text in prompt.messages:
        if role in ("system", "user"):
            text = _take_definitions(text, offer)
        if role == "system":
            seen.system += text
        elif role == "user":
            # Definitions may have a message of their own, in front of the question.
            seen.user, seen.results, seen.called = text or seen.user, [], []
        elif role == "assistant":
            seen.called += [tool.name for tool in seen.tools if re.search(rf"\b{re.escape(tool.name)}\b", text)]
            seen.results = []
        elif role == "ipython":
            seen.results.append(text)
    seen.has_spoken = not seen.results
    seen.is_parallel = offer.syntax == _PYTHONIC and not _ONE_ONLY.search(seen.system)
    offer.has_python_tag = "Environment: ipython" in seen.system
    _heed_prefill(offer, prompt.prefill)
    return offer


def write_calls(tools: Sequence[Tool], offer: Offer) -> str:
    """The calls of these tools, with arguments that fit their schemas."""
    if offer.syntax == _PYTHONIC:
        return f"[{', '.join(_pythonic(tool.name, sample(tool.schema)) for tool in tools)}]"
    if offer.syntax == _TAGS:
        return f"<function={tools[0].name}>{_spaced(sample(tools[0].schema))}</function>"
    call = {"name": tools[0].name, "parameters": _worded(sample(tools[0].schema))}
    return "<|python_tag|>" + _spaced({"type": "function", **call}) if offer.has_python_tag else _spaced(call)


def continue_after(prefill: str, text: str) -> str | None:
    """What is left of `text` after its beginning `prefill`, whose white space may differ; None if it begins otherwise."""
    wanted = "".join(prefill.split())
    at = 0
    for character in wanted:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text) or text[at] != character:
            return None
        at += 1
    return text[at:].lstrip() if prefill[-1:].isspace() else text[at:]


def _heed_prefill(offer: Offer, prefill: str) -> None:
    """An answer that has begun as a call must become one; one that has begun as words must not."""
    seen = offer.situation
    begun = prefill.strip()
    if not begun or not offer.syntax:
        return
    possible = [tool for tool in seen.tools if continue_after(begun, write_calls([tool], offer)) is not None]
    if not possible and offer.has_python_tag:
        offer.has_python_tag = False
        possible = [tool for tool in seen.tools if continue_after(begun, write_calls([tool], offer)) is not None]
    seen.may_call = seen.must_call = bool(possible)
    if len(possible) == 1 and any(tool.name in begun for tool in possible):
        seen.only = possible[0].name


def _take_definitions(text: str, offer: Offer) -> str:
    """Reads the tools that are defined in a message, and gives the rest of it."""
    if match := _INTRODUCTION.search(text):
        values, at = read_values(text, match.end())
        if tools := list(_tools(values)):
            offer.situation.tools = tools
            offer.syntax = _PYTHONIC if match["pythonic"] else _JSON
            while closing := _CLOSING.match(text, at):
                at = closing.end()
            return (text[: match.start()].rstrip() + "\n" + text[at:].lstrip()).strip().removeprefix("Questions: ")
    elif _TAGGED in text:
        before, _, after = text.partition(_TAGGED)
        values = [value for line in before.splitlines() for value in read_values(line)[0]]
        if tools := list(_tools(values)):
            offer.situation.tools = tools
            offer.syntax = _TAGS
            return after.strip()
    return text


def _tools(values: list[Any]) -> Iterator[Tool]:
    """`{"name", "parameters"}`, bare or inside `{"type": "function", "function": {…}}`, or in an array."""
    for value in values:
        if isinstance(value, list):
            yield from _tools(value)
        elif isinstance(value, dict):
            function = value.get("function", value)
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                yield Tool(function["name"], _schema(function.get("parameters")))


def _schema(parameters: Any) -> Any:
    """A JSON schema, also of the older form `{"city": {"param_type": "string", "required": true}}`."""
    if isinstance(parameters, dict) and "properties" not in parameters:
        given = {name: value for name, value in parameters.items() if isinstance(value, dict) and "param_type" in value}
        if given:
            return {
                "type": "object",
                "properties": {name: {"type": value["param_type"]} for name, value in given.items()},
            }
    return parameters if isinstance(parameters, dict) else {"type": "object"}


def _pythonic(name: str, arguments: Any) -> str:
    given = arguments if isinstance(arguments, dict) else {}
    written = [f"{key}={value!r}" if key.isidentifier() else f"**{ {key: value}!r}" for key, value in given.items()]
    return f"{name}({', '.join(written)})"


def _worded(value: Any) -> Any:
    """With the numbers of an object as strings."""
    if not isinstance(value, dict):
        return value
    return {
        key: str(inner) if isinstance(inner, int | float) and not isinstance(inner, bool) else inner
        for key, inner in value.items()
    }


def _spaced(value: Any) -> str:
    """JSON with a space after each colon and comma, as models write it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_spaced(key)}: {_spaced(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_spaced, value)) + "]"
    return jsonio.encode(value).decode()
