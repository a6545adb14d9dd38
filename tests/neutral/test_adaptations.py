import pytest

from proxy.errors import UnsupportedParameter
from proxy.neutral.adaptations import Adaptations

SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]+:/>-?=, ")


def test_header() -> None:
    adapted = Adaptations()
    assert not adapted
    assert adapted.header() == ""
    adapted.drop("seed", "why")
    adapted.take("temperature", 1.4, 1)
    adapted.change("messages[2]", "moved-to-user-turn", "why")
    adapted.drop_unknown("min_p")
    assert adapted
    assert adapted.items() == {
        "seed": "dropped",
        "temperature": "1.4->1",
        "messages[2]": "moved-to-user-turn",
        "min_p": "dropped",
    }
    assert adapted.header() == "seed=dropped, temperature=1.4->1, messages[2]=moved-to-user-turn, min_p=dropped"


def test_two_changes_at_one_place_are_both_told() -> None:
    adapted = Adaptations()
    adapted.change("messages[0]", "user-turn-inserted", "why")
    adapted.change("messages[0]", "user-turn-appended", "why")
    adapted.drop("seed", "why")
    adapted.drop("seed", "why")
    assert adapted.header() == "messages[0]=user-turn-inserted+user-turn-appended, seed=dropped"


def test_what_is_said_again_is_told_once() -> None:
    adapted = Adaptations()
    for _ in range(3):
        adapted.change("messages", "merged", "")
        adapted.change("messages", "moved", "")
    assert adapted.header() == "messages=merged+moved"


def test_items_are_a_copy() -> None:
    adapted = Adaptations()
    adapted.items()["x"] = "y"
    assert not adapted


@pytest.mark.parametrize(
    ("sent", "used", "shown"),
    [
        (1.4, 1, "1.4->1"),
        (2, 1, "2->1"),
        (2.0, 1.0, "2->1"),
        (1.000001, 1, "1.000001->1"),
        (1_000_000, 8192, "1000000->8192"),
        (123_456_789, 128_000, "123456789->128000"),
        (2**31 - 1, 2048, "2147483647->2048"),
    ],
)
def test_numbers_are_written_in_full(sent: float, used: float, shown: str) -> None:
    adapted = Adaptations()
    adapted.take("max_tokens", sent, used)
    assert adapted.header() == f"max_tokens={shown}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r\nset-cookie: x=1", "a??set-cookie:?x?1"),
        ("a, b=dropped", "a??b?dropped"),
        ("a\0b\x7f\t", "a?b??"),
        ("ключ", "????"),
        ("😀\u2028", "??"),
        ("\x85\xa0\xff", "???"),
        ("", ""),
        ("k" * 100_000, "k" * 100 + "?"),
    ],
)
def test_no_name_can_break_the_header(name: str, shown: str) -> None:
    adapted = Adaptations()
    adapted.drop_unknown(name)
    adapted.drop(f"x.{name}"[:50], "why")
    header = adapted.header()
    assert header.startswith(f"{shown}=dropped, x.")
    assert set(header) <= SAFE


def test_what_became_of_it_cannot_break_the_header_either() -> None:
    adapted = Adaptations()
    adapted.change("a", "b\r\nc, d=e", "why")
    assert adapted.header() == "a=b??c??d?e"


@pytest.mark.parametrize("name", ["field_{}", "{}" + "x" * 90, "{}" + "é" * 5000])
def test_a_thousand_fields_fit_into_a_header(name: str) -> None:
    adapted = Adaptations()
    for number in range(1000):
        adapted.drop_unknown(name.format(number))
    header = adapted.header()
    assert len(header) < 2000
    *shown, more = header.split(", ")
    assert more == f"more={1000 - len(shown)}"
    assert shown
    assert len(adapted.items()) == 1000


def test_just_enough_is_not_cut() -> None:
    adapted = Adaptations()
    for number in range(10, 99):  # 89 parts of 20 characters with their commas
        adapted.drop_unknown(f"field_long{number}"[-10:])
    assert "more=" not in adapted.header()


def refused(call: str, *arguments: object) -> UnsupportedParameter:
    adapted = Adaptations(is_strict=True)
    with pytest.raises(UnsupportedParameter) as raised:
        getattr(adapted, call)(*arguments)
    assert not adapted
    assert raised.value.status == 400
    assert raised.value.type == "invalid_request_error"
    return raised.value


def test_strict_refuses_a_drop() -> None:
    error = refused("drop", "seed", "Bedrock has no seed.")
    assert (error.param, error.code) == ("seed", "unsupported_parameter")
    assert error.message == "Unsupported parameter: 'seed' is not supported with this model. Bedrock has no seed."


def test_strict_refuses_an_unknown_field_as_openai_does() -> None:
    error = refused("drop_unknown", "foo")
    assert (error.param, error.code) == ("foo", "unknown_parameter")
    assert error.message == "Unknown parameter: 'foo'."


def test_strict_refuses_another_value() -> None:
    error = refused("take", "temperature", 1.5, 1)
    assert (error.param, error.code) == ("temperature", "unsupported_value")
    assert error.message == (
        "Unsupported value: 'temperature' does not support 1.5 with this model. The nearest it has is 1."
    )


def test_strict_refuses_another_way_to_say_it() -> None:
    error = refused("change", "messages[2]", "moved", "It takes system messages first only.")
    assert (error.param, error.code) == ("messages[2]", "unsupported_value")
    assert error.message == (
        "Unsupported value: 'messages[2]' cannot be sent to this model as it is. It takes system messages first only."
    )


@pytest.mark.parametrize(("call", "rest"), [("drop", ["why"]), ("drop_unknown", []), ("change", ["what", "why"])])
def test_strict_does_not_give_back_a_megabyte(call: str, rest: list[str]) -> None:
    error = refused(call, "k" * 1_000_000, *rest)
    assert error.param == "k" * 100 + "…"
    assert len(error.message) < 300


def test_what_changes_nothing_is_told_in_strict_mode_too() -> None:
    adapted = Adaptations(is_strict=True)
    adapted.tell("messages[1]", "without-thoughts")
    other = adapted.copy()
    other.tell("x", "y")
    assert other.is_strict
    assert adapted.header() == "messages[1]=without-thoughts"
    assert other.header() == "messages[1]=without-thoughts, x=y"
