"""Thoughts of earlier answers, which clients bring back -> neutral blocks.

"thinking_blocks": [{"type": "thinking", "thinking": "…", "signature": "…"}, {"type": "redacted_thinking", "data": "…"}]
"reasoning_content": "…", "reasoning": "…"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.unknown import note_unknown
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning

_PLAIN = ("reasoning_content", "reasoning")
THINKING = frozenset({"thinking_blocks", *_PLAIN})


def parse_thinking(message: Mapping[str, Any], path: str, adapted: Adaptations) -> list[Reasoning]:
    """The blocks as they were given: signed by the model that wrote them, and for its eyes alone. LiteLLM made the field.

    The plain text beside them repeats what they say. Alone, it is nothing that a model could be given for its own.
    """
    listed = fields.array(message, "thinking_blocks", "an array of objects", path) or ()
    blocks = [_block(item, f"{path}.thinking_blocks[{index}]", adapted) for index, item in enumerate(listed)]
    if not blocks:
        note_unknown(message, message.keys() - set(_PLAIN), path, adapted)
    return [block for block in blocks if block is not None]


def _block(item: Any, path: str, adapted: Adaptations) -> Reasoning | None:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    kind = fields.word(item, "type", ("thinking", "redacted_thinking"), path)
    if kind is None:
        raise fields.missing(f"{path}.type")
    # Pieces of a stream are counted, and clients keep the number.
    note_unknown(item, {"type", "index", "thinking", "signature", "data"}, path, adapted)
    text = fields.string(item, "thinking", path) or ""
    signature = fields.string(item, "signature", path) or ""
    data = fields.string(item, "data", path) or ""
    if kind == "thinking" and signature:
        # The text may be empty: some models show the signature alone.
        return Reasoning(text, signature=signature)
    if kind == "redacted_thinking" and data:
        return Reasoning("", redacted=data)
    adapted.drop(path, "It is not signed, and so no model takes it back.")
    return None
