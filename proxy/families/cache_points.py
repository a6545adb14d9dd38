"""Cache marks that nobody wrote: where a long prompt that will come again should be kept.

At the end of the tools, of the system text, and, once an answer has been given, behind the user's last two turns: the one
before the last is where the request before this one ended, and so what it has written. Writing costs a quarter more than
sending, so what a single question says of itself is never marked, nor what is too short to be kept. Sources: AWS Bedrock
user guide, "Prompt caching"; Anthropic API documentation, "Prompt caching", 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from proxy import jsonio
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Caching, Message, Request, Role, Tool
from proxy.routing.catalog import Model

_CHARACTERS_A_TOKEN = 4
"""Of English. Other text has fewer, so that its length is underestimated: then nothing is marked, and nothing paid."""
_LEAST_TOKENS = 1_024
"""For models that do not say."""
_TURNS = 2
_PARAM = "prompt_cache_options"


def with_cache_points(request: Request, model: Model, adapted: Adaptations, *, is_automatic: bool) -> Request:
    """The request with the marks, and the lifetimes of marks, that it or the operator (`is_automatic`) asks for."""
    caching = request.caching or Caching()
    if request.caching is None and not is_automatic:
        return request
    if not model.cache_points:
        _report_no_marks(caching, model, adapted)
        return request
    has_marks = _has_marks(request)
    if caching.is_automatic is not None:
        is_automatic = caching.is_automatic
    if has_marks and caching.is_automatic:
        adapted.change(caching.param, "explicit", "The request has marks of its own.")
    ttl = _ttl(caching, model, adapted, is_used=has_marks or is_automatic)
    if has_marks:
        return request if ttl is None else _with_ttl(request, ttl)
    return _marked(request, model, ttl) if is_automatic else request


def _report_no_marks(caching: Caching, model: Model, adapted: Adaptations) -> None:
    # Some models cache by themselves.
    if caching.is_automatic and "caching" not in model.features:
        adapted.drop(caching.param, "This model has no prompt cache.")
    if caching.ttl is not None:
        adapted.drop(caching.ttl_param, "This model takes no cache marks.")


def _ttl(caching: Caching, model: Model, adapted: Adaptations, *, is_used: bool) -> str | None:
    """What marks without a lifetime of their own get; None is the model's default of five minutes."""
    if caching.ttl is None:
        return None
    if not is_used:
        adapted.drop(caching.ttl_param, "Nothing of the request is marked to be cached.")
        return None
    ttl = caching.ttl if caching.ttl in model.cache_ttls else "5m"
    if ttl != caching.ttl_word:
        adapted.change(caching.ttl_param, f"{caching.ttl_word}->{ttl}", "It is the nearest that this model has.")
    return None if ttl == "5m" else ttl


def _has_marks(request: Request) -> bool:
    return any(tool.cache_mark is not None for tool in request.tools) or any(
        isinstance(block, CacheMark) or (isinstance(block, ToolResult) and block.cache_mark is not None)
        for message in request.messages
        for block in message.blocks
    )


def _with_ttl(request: Request, ttl: str) -> Request:
    def lasting(mark: CacheMark) -> CacheMark:
        return mark if mark.ttl is not None else replace(mark, ttl=ttl)

    def kept(block: Block) -> Block:
        if isinstance(block, CacheMark):
            return lasting(block)
        if isinstance(block, ToolResult) and block.cache_mark is not None:
            return replace(block, cache_mark=lasting(block.cache_mark))
        return block

    return replace(
        request,
        tools=[replace(tool, cache_mark=tool.cache_mark and lasting(tool.cache_mark)) for tool in request.tools],
        messages=[replace(message, blocks=[kept(block) for block in message.blocks]) for message in request.messages],
    )


def _marked(request: Request, model: Model, ttl: str | None) -> Request:
    least = (model.min_cache_tokens or _LEAST_TOKENS) * _CHARACTERS_A_TOKEN
    tools, messages = request.tools, request.messages
    first = next((at for at, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    size = sum(map(_tool_size, tools))
    if tools and size >= least and "tools" in model.cache_points:
        tools = [*tools[:-1], replace(tools[-1], cache_mark=CacheMark(_PARAM, ttl))]
    places: list[int] = []
    for at, message in enumerate(messages):
        size += _size(message.blocks)
        if size < least or at < first - 1:
            continue
        if at == first - 1:
            if "system" in model.cache_points and first < len(messages):
                places.append(at)
        elif message.role is Role.USER and "messages" in model.cache_points:
            places.append(at)
    turns = [at for at in places if at >= first]
    has_answer = any(message.role is Role.ASSISTANT for message in messages)
    chosen = {*places} - {*turns[: -_TURNS if has_answer else len(turns)]}
    if not chosen:
        return replace(request, tools=tools)
    marked = [_mark(message, ttl) if at in chosen else message for at, message in enumerate(messages)]
    return replace(request, tools=tools, messages=marked)


def _mark(message: Message, ttl: str | None) -> Message:
    """Behind the last block that can bear a mark in every family."""
    blocks = message.blocks
    end = next((at for at in range(len(blocks), 0, -1) if _bears_mark(blocks[at - 1])), 0)
    return replace(message, blocks=[*blocks[:end], CacheMark(_PARAM, ttl), *blocks[end:]]) if end else message


def _bears_mark(block: Block) -> bool:
    """Converse wants none behind a document that it reads itself, any but PDF; blank text is not sent."""
    match block:
        case Text(text):
            return bool(text.strip())
        case Document():
            return block.media_type == "application/pdf"
        case _:
            return isinstance(block, Image | ToolResult)


def _tool_size(tool: Tool) -> int:
    return len(tool.name) + len(tool.description) + len(jsonio.encode(tool.parameters))


def _size(blocks: Iterable[Block]) -> int:
    """Characters of text. What an image or a page costs is not known here, and counts as nothing."""
    size = 0
    for block in blocks:
        match block:
            case Text(text):
                size += len(text)
            case ToolUse():
                size += len(block.arguments)
            case ToolResult():
                size += _size(block.blocks)
            case _:
                pass
    return size
