"""Conversations in the middle of calling tools, with their thoughts and without."""

import pytest

from proxy.families.loops import begins_without_thought, calls_without_thoughts
from proxy.neutral.blocks import Block, CacheMark, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role

CALL, RESULT = ToolUse("1", "f", "{}"), ToolResult("1", [Text("noon")])
SEALED, PLAIN, REDACTED = Reasoning("Hm.", "signed"), Reasoning("Hm."), Reasoning("", redacted="r")
NONE = Reasoning("", is_kept=True)
ASK, HAVE = ("user", [Text("When?")]), ("user", [RESULT])
SAID = ("assistant", [Text("Noon.")])


def called(*before: Block) -> tuple[str, list[Block]]:
    return "assistant", [*before, CALL]


@pytest.mark.parametrize(
    ("turns", "begins", "params"),
    [
        ([], False, []),
        ([ASK], False, []),
        ([ASK, SAID, ASK], False, []),
        ([ASK, called(), HAVE], True, ["m1"]),
        ([ASK, called(PLAIN), HAVE], True, ["m1"]),
        ([ASK, called(SEALED), HAVE], False, []),
        ([ASK, called(REDACTED), HAVE], False, []),
        # There was no thought: none is lost, but one that has to be there is not.
        ([ASK, called(NONE), HAVE], True, []),
        ([ASK, called(NONE), HAVE, called(), HAVE], True, ["m3"]),
        ([ASK, called(CacheMark("c"), Text(" "), SEALED), HAVE], False, []),
        ([ASK, called(Text("Well"), SEALED), HAVE], True, []),
        # Neighbours are one turn.
        ([ASK, ("assistant", [SEALED]), called(), HAVE, ("system", [Text("Be brief.")])], False, []),
        ([ASK, SAID, called(), HAVE], True, ["m2"]),
        # Several rounds, up to where the user spoke last.
        ([ASK, called(), HAVE, called(SEALED), HAVE], False, ["m1"]),
        ([ASK, called(), HAVE, called(), ("user", [RESULT, Text("So?")])], True, ["m1", "m3"]),
        ([ASK, called(), HAVE, SAID, ASK, called(), HAVE], True, ["m5"]),
        ([called(), HAVE], True, ["m0"]),
        # Nothing has been said since.
        ([ASK, called(), HAVE, ("assistant", [Text(" ")]), ("user", [Text(""), CacheMark("c")])], True, ["m1"]),
        ([ASK, called(SEALED), ("assistant", [PLAIN]), HAVE, ("user", [Text(" ")])], False, []),
    ],
)
def test_what_is_missed(turns: list[tuple[str, list[Block]]], begins: bool, params: list[str]) -> None:
    messages = [Message(Role(role), blocks, f"m{index}") for index, (role, blocks) in enumerate(turns)]
    assert begins_without_thought(messages) is begins
    assert calls_without_thoughts(messages) == params
