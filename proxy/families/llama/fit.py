"""A conversation -> the prompt that a chat template makes of it, with nothing of it lost in silence.

Templates refuse what their makers did not think of, or pass over it without a word. So a conversation that a template does
not take as it is, is tried in the forms that stricter templates want: the arguments of calls as text; user and assistant by
turns, with system messages only first, or none at all. Whether a template has a place for something is seen by rendering
the same conversation once more, with a mark in place of each text, and looking for the marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.families.llama.said import TOOL, Said
from proxy.families.llama.tool_prompts import definition
from proxy.families.turns import PLACEHOLDER
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Role, Tool
from proxy.routing.catalog import ChatTemplate

_MOST_MESSAGES = 2_000
_MOST_CHARACTERS = 1_000_000
"""Of a conversation that is tried in more than one form: rendering one takes time. No model reads more."""
_LONGEST_KEPT = 65_536
"""Bytes of the form of a conversation that is remembered."""


@dataclass(slots=True)
class _Form:
    said: list[Said]
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    """`Adaptations.change`'s arguments."""


def fit(
    template: ChatTemplate,
    said: Sequence[Said],
    tools: Sequence[Tool],
    *,
    now: datetime,
    settings: Mapping[str, Any] = MappingProxyType({}),
    adapted: Adaptations,
) -> str:
    """The prompt. A last message of the assistant's ends it, to be gone on from. `settings`: see `ChatTemplate.render`.

    Raises `InvalidRequest` with the template's words, or with what the template would leave out.
    """
    # Templates count on a description, which OpenAI's clients need not give.
    definitions = [
        {"type": "function", "function": {"name": "", "description": "", **definition(tool)}} for tool in tools
    ]
    trouble: InvalidRequest | None = None
    usable: tuple[str, _Form, _Lost] | None = None
    for form in _forms(said):
        try:
            prompt = _render(template, form.said, definitions, now, settings)
            lost = _lost(template, form.said, len(tools))
            _refuse(lost, tools)
        except InvalidRequest as error:
            trouble = trouble or error
            continue
        except OverflowError as error:
            raise _refusal(error) from None
        except ValueError as error:
            trouble = trouble or _refusal(error)
            continue
        if usable is None or len(lost.parts) < len(usable[2].parts):
            usable = (prompt, form, lost)
        if not lost.has_one_of_several_calls:
            break
    if usable is None:
        assert trouble is not None
        raise trouble
    prompt, form, lost = usable
    for param, what, why in form.changes:
        adapted.change(param, what, why)
    for param in lost.parts:
        adapted.drop(param, "The chat template of this model leaves it out.")
    return prompt


def _refusal(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"The chat template of this model does not take these messages: {error}", param="messages")


def _render(
    template: ChatTemplate, said: Sequence[Said], tools: Sequence[Any], now: datetime, settings: Mapping[str, Any]
) -> str:
    last = said[-1]
    is_begun = last.role == Role.ASSISTANT and not last.calls
    prompt = template.render(
        [one.wire for one in said], tools=tools, now=now, opens_answer=not is_begun, settings=settings
    )
    if not is_begun:
        return prompt
    # The model goes on from these very words: what the template puts behind them is cut off.
    begun = template.neutralise(last.content).strip()
    end = prompt.rfind(begun)
    if end < 0:
        raise InvalidRequest(
            "The chat template of this model has no place for a last message of the assistant's.", param=last.param
        )
    return prompt[: end + len(begun)]


def _forms(said: Sequence[Said]) -> Iterator[_Form]:
    """As it is first; then what changes more and more of it."""
    yield from _with_texts(_Form(list(said)))
    if len(said) <= _MOST_MESSAGES and sum(len(one.content) for one in said) <= _MOST_CHARACTERS:
        if any(len(one.calls) > 1 for one in said):
            yield from _with_texts(_one_by_one(said))
        for keeps_system in (True, False):
            form = _by_turns(said, keeps_system=keeps_system)
            if form.said != said:
                yield from _with_texts(form)


def _with_texts(form: _Form) -> Iterator[_Form]:
    """Most templates want the arguments of calls as objects, some as the JSON text that OpenAI has."""
    yield form
    if any(one.calls for one in form.said):
        yield _Form([replace(one, wire=_with_text_arguments(one.wire)) for one in form.said], form.changes)


def _with_text_arguments(wire: dict[str, Any]) -> dict[str, Any]:
    if "tool_calls" not in wire:
        return wire
    calls = []
    for call in wire["tool_calls"]:
        arguments = call["function"]["arguments"]
        text = arguments if isinstance(arguments, str) else jsonio.encode(arguments).decode()
        calls.append({**call, "function": {**call["function"], "arguments": text}})
    return {**wire, "tool_calls": calls}


def _one_by_one(said: Sequence[Said]) -> _Form:
    """Each call in a message of its own, with its result behind it."""
    form = _Form([])
    told: set[int] = set()
    for at, one in enumerate(said):
        if len(one.calls) > 1:
            form.changes.append((f"{one.param}.tool_calls", "one-by-one", "This model makes one call at a time."))
            results: dict[str, list[int]] = {call["id"]: [] for call in one.calls}
            for behind in takewhile(lambda number: said[number].role == TOOL, range(at + 1, len(said))):
                results.get(said[behind].wire["tool_call_id"], []).append(behind)
            for number, call in enumerate(one.calls):
                content = "" if number else one.content
                form.said.append(Said({**one.wire, "content": content, "tool_calls": [call]}, one.param))
                answers = results.pop(call["id"], [])
                form.said += [said[behind] for behind in answers]
                told.update(answers)
        elif at not in told:
            # An id may come again in a later turn, or a result behind other messages.
            form.said.append(one)
    return form


def _by_turns(said: Sequence[Said], *, keeps_system: bool) -> _Form:
    """User first, neighbours of one role as one, nobody but the assistant behind a tool."""
    form = _Form([])
    made = form.said
    texts: list[list[str]] = []
    for one in said:
        is_first = all(other.role == Role.SYSTEM for other in made)
        if one.role == Role.SYSTEM and not (keeps_system and is_first):
            if one.param:
                form.changes.append((one.param, "moved-to-user-turn", "This model takes no system message there."))
            content = f"<system>\n{one.content}\n</system>" if made else one.content
            one = Said({"role": str(Role.USER), "content": content}, one.param)
        before = made[-1] if made else None
        if before is not None and before.role == one.role != TOOL and not (before.calls or one.calls):
            texts[-1].append(one.content)
            made[-1] = replace(before, param=before.param or one.param)
            continue
        if one.role == Role.USER and before is not None and before.role == TOOL:
            form.changes.append((one.param, "assistant-turn-inserted", "No user can speak behind a tool here."))
            made.append(Said({"role": str(Role.ASSISTANT), "content": PLACEHOLDER}, ""))
            texts.append([PLACEHOLDER])
        elif one.role == Role.ASSISTANT and is_first:
            form.changes.append((one.param, "user-turn-inserted", "A conversation begins with a user message here."))
            made.append(Said({"role": str(Role.USER), "content": PLACEHOLDER}, ""))
            texts.append([PLACEHOLDER])
        made.append(one)
        texts.append([one.content])
    form.said = [
        replace(one, wire={**one.wire, "content": "\n\n".join(parts)}) for one, parts in zip(made, texts, strict=True)
    ]
    return form


@dataclass(slots=True)
class _Lost:
    """What a template has no place for."""

    messages: list[str] = field(default_factory=list)
    """Of the client, whole, by their params: the model cannot answer what it does not see."""
    parts: list[str] = field(default_factory=list)
    """Of what the assistant said or called, which only reminds the model of it."""
    tools: list[int] = field(default_factory=list)
    has_one_of_several_calls: bool = False


def _lost(template: ChatTemplate, said: Sequence[Said], tools: int) -> _Lost:
    lost = _Lost()
    conversation = jsonio.encode(_marked(said))
    find = _left_out if len(conversation) <= _LONGEST_KEPT else _left_out.__wrapped__
    left_out = find(template, conversation, tools)
    for at, one in enumerate(said):
        if _mark("m", at) in left_out:
            if one.role == Role.ASSISTANT:
                lost.parts.append(f"{one.param}.content")
            else:
                lost.messages.append(one.param)
        if any(_mark(kind, at, number) in left_out for number in range(len(one.calls)) for kind in "ca"):
            lost.parts.append(f"{one.param}.tool_calls")
            lost.has_one_of_several_calls |= len(one.calls) > 1
    lost.tools = [at for at in range(tools) if _mark("t", at) in left_out]
    return lost


@lru_cache(maxsize=128)
def _left_out(template: ChatTemplate, conversation: bytes, tools: int) -> frozenset[str]:
    """Which of the marks in a conversation do not come through. Many conversations have one form, so it is remembered."""
    definitions = [
        {"type": "function", "function": {"name": _mark("t", at), "description": "", "parameters": _NO_PARAMETERS}}
        for at in range(tools)
    ]
    try:
        prompt = template.render(jsonio.decode(conversation), tools=definitions, now=_ANY_DAY, opens_answer=True)
    except ValueError:  # it looks into what is said
        return frozenset()
    marks = {*_MARK.findall(conversation.decode()), *(_mark("t", at) for at in range(tools))}
    return frozenset(marks - set(_MARK.findall(prompt)))


_ANY_DAY = datetime(2025, 1, 1, tzinfo=UTC)
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
_MARK = re.compile(r"zq[a-z][0-9x]+qz")
"""A word that no template has, and no filter changes."""


def _mark(kind: str, *numbers: int) -> str:
    return f"zq{kind}{'x'.join(map(str, numbers))}qz"


def _marked(said: Sequence[Said]) -> list[dict[str, Any]]:
    """The same conversation as far as its form goes."""
    ids: dict[str, str] = {}
    marked = []
    for at, one in enumerate(said):
        wire = dict(one.wire)
        if one.content.strip():
            wire["content"] = _mark("m", at)
        if one.calls:
            wire["tool_calls"] = [_marked_call(call, at, number, ids) for number, call in enumerate(one.calls)]
        if "tool_call_id" in wire:
            wire |= {"tool_call_id": _numbered(wire["tool_call_id"], ids), "name": "function"}
        marked.append(wire)
    return marked


def _marked_call(call: dict[str, Any], at: int, number: int, ids: dict[str, str]) -> dict[str, Any]:
    arguments: Any = call["function"]["arguments"]
    if arguments:
        mark = _mark("a", at, number)
        arguments = mark if isinstance(arguments, str) else {"argument": mark}
    function = {**call["function"], "name": _mark("c", at, number), "arguments": arguments}
    return {**call, "id": _numbered(call["id"], ids), "function": function}


def _numbered(id: str, ids: dict[str, str]) -> str:
    """As long as any, for some templates count."""
    return ids.setdefault(id, f"{len(ids):0{len(id)}}")


def _refuse(lost: _Lost, tools: Sequence[Tool]) -> None:
    if lost.tools:
        param = tools[lost.tools[0]].param
        raise UnsupportedParameter(
            f"Unsupported parameter: '{param}': the chat template of this model leaves tools out.", param=param
        )
    if lost.messages:
        param = next(filter(None, lost.messages), "messages")
        raise InvalidRequest(
            f"Unsupported value: '{param}': the chat template of this model leaves it out.",
            param=param,
            code="unsupported_value",
        )
