"""What the emulated models say when no script tells them: an echo, with a little obedience.

one word asked        "Reply with the single word: ok" -> "ok"; without a word named -> "Yes"
JSON asked            a JSON object: {"answer": "You said: …"}
anything else         "You said: …"
"""

from __future__ import annotations

import re

from proxy import jsonio

_ONE_WORD = re.compile(r"\b(?:one|single) word\b(?: ?: ?[\"'“]?(\w+))?", re.IGNORECASE)
_JSON = re.compile(r"\bJSON\b", re.IGNORECASE)


def say(system: str, user: str, heard: str = "", *, has_spoken: bool = True) -> str:
    """The answer to the last thing the user said. `heard` is what tools have said since, or beside it."""
    word = _ONE_WORD.search(user) or _ONE_WORD.search(system)
    if word:
        return word[1] or "Yes"
    echo = f"You said: {user}" if user.strip() else "You said nothing."
    if heard:
        echo = f"{heard}\n{echo}" if has_spoken else heard
    return jsonio.encode({"answer": echo}).decode() if _JSON.search(system) else echo
