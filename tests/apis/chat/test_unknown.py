"""Keys that nobody here knows."""

import pytest

from proxy.apis.chat.unknown import note_unknown
from proxy.errors import UnsupportedParameter
from proxy.neutral.adaptations import Adaptations


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_what_says_nothing_passes(value: object) -> None:
    note_unknown({"a": value}, set(), "tools[0]", Adaptations(is_strict=True))


@pytest.mark.parametrize("value", [0, False, 0.0, " ", [None], {"": None}])
def test_what_says_something_is_told(value: object) -> None:
    notes = Adaptations()
    note_unknown({"a": value, "b": value, "known": value}, {"known"}, "tools[0]", notes)
    assert notes.items() == {"tools[0].a": "dropped", "tools[0].b": "dropped"}
    with pytest.raises(UnsupportedParameter, match=r"^Unknown parameter: 'tools\[0\].a'\.$"):
        note_unknown({"a": value}, set(), "tools[0]", Adaptations(is_strict=True))
