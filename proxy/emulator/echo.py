"""What the emulated models say when no script tells them: an echo, with a little obedience.

one word asked        "Reply with the single word: ok" -> "ok"; without a word named -> "Yes"
JSON asked            a JSON object: {"answer": "You said: …"}
anything else         "You said: …"
"""

from __future__ import annotations

import re
from typing import Any

from proxy import jsonio

_ONE_WORD = re.compile(r"\b(?:one|single) word\b(?: ?: ?[\"'“]?(\w+))?", re.IGNORECASE)
_JSON = re.compile(r"\bJSON\b", re.IGNORECASE)


def say(system: str, user: str) -> str:
    """The answer to the last thing the user said."""
    word = _ONE_WORD.search(user) or _ONE_WORD.search(system)
    if word:
        return word[1] or "Yes"
    echo = f"You said: {user}" if user.strip() else "You said nothing."
    return jsonio.encode({"answer": echo}).decode() if _JSON.search(system) else echo


def sample(schema: Any, name: str = "") -> Any:
    """A value that fits a JSON schema: the first choice, all properties, no surprises."""
    if not isinstance(schema, dict):
        return name
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(several), list) and schema[several]:
            return sample(schema[several][0], name)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            properties = schema.get("properties")
            return {key: sample(inner, key) for key, inner in properties.items()} if isinstance(properties, dict) else {}
        case "array":
            return [sample(schema.get("items", {}), name)] if schema.get("minItems", 1) else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return name or "text"
