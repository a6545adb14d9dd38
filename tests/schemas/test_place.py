import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.place import MOST_STEPS, Budget, Place, function, path_of, response_format, shown, steps


def test_a_refusal_names_the_place_within_the_schema() -> None:
    place = function("tools[0].function.parameters", "f")
    error = place.refusal(path_of(["properties", "a", "anyOf", 1, "type"]), "no.")
    assert error.param == "tools[0].function.parameters.properties.a.anyOf[1].type"
    assert error.message == "Invalid schema for function 'f': no."
    assert error.code == "invalid_function_parameters"
    assert error.status == 400


def test_a_name_of_a_megabyte_is_not_sent_back() -> None:
    error = response_format("response_format").refusal(path_of(["properties", "a" * 1000]), "no.")
    assert error.param is not None and len(error.param) == 200
    assert error.code is None


@pytest.mark.parametrize(
    ("place", "subject"),
    [
        (function("x"), "function"),
        (function("x", "f"), "function 'f'"),
        (response_format("x"), "response_format"),
        (response_format("x", "Answer"), "response_format 'Answer'"),
        (Place("x", "it"), "it"),
    ],
)
def test_subjects(place: Place, subject: str) -> None:
    assert place.refusal(None, "no.").message == f"Invalid schema for {subject}: no."
    assert place.at(None) == "x"


def test_paths_are_read_outermost_first() -> None:
    assert steps(None) == []
    assert steps((((None, "a"), 0), "b")) == ["a", 0, "b"]
    assert path_of([]) is None
    assert steps(path_of(["a", 0, "b"])) == ["a", 0, "b"]


def test_values_are_shown_as_json_and_cut() -> None:
    assert shown({"a": [None, True, "é"]}) == '{"a":[null,true,"é"]}'
    assert shown("a" * 58) == '"' + "a" * 58 + '"'
    assert shown("a" * 59) == '"' + "a" * 58 + "…"


def test_places_of_one_request_spend_from_one_budget() -> None:
    budget = Budget(5)
    first, second = function("tools[0]", "f", budget), response_format("response_format", budget=budget)
    first.spend(3)
    second.spend(2)
    assert budget.left == 0
    with pytest.raises(InvalidRequest, match="the schemas of this request are too large") as caught:
        second.spend(1)
    assert caught.value.param == "response_format"
    assert function("tools[0]").budget.left == MOST_STEPS
