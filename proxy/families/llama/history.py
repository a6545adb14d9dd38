"""Neutral messages -> the turns of a Llama conversation: who speaks, and what stands there.

Calls are written in the syntax that the prompt asks for, their results are turns of the role `ipython`, and an image is a
token in the text with its base64 beside the prompt. In all prompts that Meta has published it is users who show
images, so those of a result follow it in a user's turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.errors import InvalidRequest
from proxy.families.llama.tool_prompts import Syntax, render_call, render_result
from proxy.families.llama.turn import IPYTHON, Turn
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Message
from proxy.routing.catalog import Model


class History:
    """One per request."""

    def __init__(self, model: Model, syntax: Syntax | None, adapted: Adaptations) -> None:
        self._model = model
        self._syntax = syntax
        self._adapted = adapted
        self._names: dict[str, str] = {}
        self.images: list[str] = []

    def turns(self, messages: Sequence[Message]) -> list[Turn]:
        """Raises `InvalidRequest` for what the model cannot take."""
        turns: list[Turn] = []
        for message in messages:
            results = [block for block in message.blocks if isinstance(block, ToolResult)]
            shown: list[str | Image] = []
            turns += [self._result(result, len(results) > 1, shown) for result in results]
            rest = [block for block in message.blocks if not isinstance(block, ToolResult)]
            if rest or shown or not results:
                turns.append(self._turn(message, shown, rest))
        return turns

    def _turn(self, message: Message, pieces: list[str | Image], blocks: Sequence[Block]) -> Turn:
        """`pieces` stand in front."""
        calls: list[ToolUse] = []
        for block in blocks:
            match block:
                case Text(text):
                    _add(pieces, text)
                case Image():
                    self._check_image(block)
                    pieces.append(block)
                case ToolUse():
                    self._names[block.id] = block.name
                    calls.append(block)
                case Document():
                    raise refused_block(block.param, "documents")
                case CacheMark():
                    self._adapted.drop(block.param, "This model has no prompt cache.")
                case _:
                    self._adapted.drop(f"{message.param}.thinking_blocks", "This model cannot use it.")
        if calls:
            if self._syntax is None:
                raise refused_block(calls[0].param, "tool calls")
            written = render_call(self._syntax, calls)
            _add(pieces, f"\n{written}" if "".join(piece for piece in pieces if isinstance(piece, str)) else written)
        return Turn(message.role, pieces, message.param, has_calls=bool(calls))

    def _result(self, result: ToolResult, is_one_of_several: bool, shown: list[str | Image]) -> Turn:
        """Its images go to `shown`, with a word about where they come from."""
        if self._syntax is None:
            raise refused_block(result.param, "the results of tools")
        name = self._names.get(result.tool_use_id)
        texts: list[str] = []
        images: list[Image] = []
        for block in result.blocks:
            match block:
                case Text(text):
                    texts.append(text)
                case Image():
                    self._check_image(block)
                    self._adapted.change(block.param, "moved-to-user-turn", "This model sees what users show it.")
                    images.append(block)
                case Document():
                    raise refused_block(block.param, "documents")
        if result.cache_mark is not None:
            self._adapted.drop(result.cache_mark.param, "This model has no prompt cache.")
        if result.error_param is not None:
            self._adapted.drop(result.error_param, "This model is not told of it.")
        if images:
            _add(shown, f"(What {name or 'the tool'} returned:)\n")
            shown += images
        text = "".join(texts)
        if images and not text.strip():
            text = "(an image, which follows)"
        return Turn(IPYTHON, [render_result(text, name=name if is_one_of_several else None)], result.param)

    def _check_image(self, image: Image) -> None:
        if "images" not in self._model.features:
            raise refused_block(image.param, "images")
        self.images.append(image.data)


def _add(pieces: list[str | Image], text: str) -> None:
    """Texts that meet are one text: a special token must not hide in the seam."""
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)


def refused_block(param: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}': this model does not take {what}.", param=param, code="unsupported_value"
    )
