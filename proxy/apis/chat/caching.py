"""What a chat request says of the prompt cache as a whole; marks are in `marks.py`.

"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}      OpenAI's own, since 2026
"prompt_cache_retention": "24h"                                 and before
"cache_control": {"type": "ephemeral", "ttl": "1h"}             beside the messages: Anthropic's and OpenRouter's
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.marks import TTLS, cache_mark
from proxy.apis.chat.unknown import note_unknown
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Caching

CACHING = frozenset({"cache_control", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"})
_RETENTIONS = ("in_memory", "in-memory", "24h")
"""The second is how OpenAI's own SDKs wrote the first for a while."""


def parse_caching(body: Mapping[str, Any], adapted: Adaptations) -> Caching | None:
    """None: it says nothing. Of what it says twice and differently, the newest word counts. Raises `InvalidRequest`."""
    if fields.string(body, "prompt_cache_key"):
        adapted.drop("prompt_cache_key", "Bedrock finds what it has cached by the beginning of the prompt alone.")
    path = "prompt_cache_options"
    options = fields.mapping(body, path) or {}
    note_unknown(options, {"mode", "ttl"}, path, adapted)
    mode = fields.word(options, "mode", ("implicit", "explicit"), path)
    ttl = fields.word(options, "ttl", tuple(TTLS), path)
    retention = fields.word(body, "prompt_cache_retention", _RETENTIONS)
    mark = cache_mark({"cache_control": body.get("cache_control")}, "", adapted)
    caching = Caching(None if mode is None else mode == "implicit", f"{path}.mode")
    if mark is not None and mode is None:
        caching.is_automatic, caching.param = True, "cache_control"
    elif mark is not None and mode == "explicit":
        adapted.drop("cache_control", "'prompt_cache_options' says something else.")
        mark = None
    marked = None if mark is None else mark.ttl
    lifetimes = (
        (f"{path}.ttl", TTLS.get(ttl or ""), ttl),
        ("cache_control.ttl", marked, marked),
        ("prompt_cache_retention", "1h" if retention == "24h" else None, retention),
    )
    for param, value, word in lifetimes:
        if caching.ttl is None and value is not None:
            caching.ttl, caching.ttl_param, caching.ttl_word = value, param, word
        elif value not in (None, caching.ttl):
            adapted.drop(param, f"'{caching.ttl_param}' says something else.")
    return caching if caching.is_automatic is not None or caching.ttl is not None else None
