import pytest

from proxy.emulator.json_text import read_values


@pytest.mark.parametrize(
    ("text", "values", "rest"),
    [
        ('{"a": "}"} and', [{"a": "}"}], " and"),
        ('\n{"a": 1}\n\n{"b": [2]}; [3], x', [{"a": 1}, {"b": [2]}, [3]], ", x"),
        ('{"a": "\\""}', [{"a": '"'}], ""),
        ("{a}", [], "{a}"),
        ("{", [], "{"),
        ("", [], ""),
        ("text", [], "text"),
    ],
)
def test_values_up_to_the_first_word(text, values, rest):
    found, at = read_values(text)
    assert (found, text[at:]) == (values, rest)


def test_values_from_a_place_on():
    assert read_values("x {} y", 2) == ([{}], 4)
