import pytest

from proxy.emulator.agent import Situation, Tool, choose_tools, find_schema, words

NOW, WEATHER = Tool("now", {}), Tool("get_weather", {"properties": {"city": {"type": "string"}}})


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"user": "I know"}, []),
        ({"user": "get_weather, now!"}, ["get_weather", "now"]),
        ({"user": "get_weather, now!", "is_parallel": False}, ["get_weather"]),
        ({"user": "get_weather, now!", "called": ["get_weather"], "is_parallel": False}, ["now"]),
        ({"user": "now", "called": ["now"], "results": ["noon"]}, []),
        ({"user": "now", "may_call": False}, []),
        ({"must_call": True}, ["now"]),
        ({"must_call": True, "user": "get_weather"}, ["get_weather"]),
        ({"must_call": True, "user": "get_weather", "called": ["get_weather"]}, ["now"]),
        ({"must_call": True, "user": "get_weather", "called": ["now", "get_weather"]}, ["get_weather"]),
        ({"must_call": True, "only": "get_weather", "user": "now"}, ["get_weather"]),
        ({"user": "now-ish, nownow, my-now"}, []),
        ({"user": "now", "tools": []}, []),
        ({"system": "Give your answer by calling the tool get_weather."}, ["get_weather"]),
        ({"system": "You have to call the tool get_weather now.", "user": "now"}, ["now"]),
        ({"system": "You have to call the tool get_weather now.", "called": ["now"]}, ["get_weather"]),
        ({"system": "You have to call the tool get_weather now.", "called": ["get_weather"]}, []),
        ({"system": "You have to call the tool another now."}, []),
        ({"system": "Answer by calling at least one of the tools."}, ["now"]),
        ({"system": "Answer by calling at least one of the tools.", "called": ["now"]}, []),
        ({"system": "Do not call any tool."}, []),
    ],
)
def test_which_tools_are_called(changes, names):
    situation = Situation(**{"tools": [NOW, WEATHER], **changes})
    assert [tool.name for tool in choose_tools(situation)] == names


@pytest.mark.parametrize(
    ("situation", "text"),
    [
        (Situation(user="Hi"), "You said: Hi"),
        (Situation(user="now?", results=["noon", "UTC"], has_spoken=False), "The tool said: noon\nUTC"),
        (Situation(user="And?", results=["noon"]), "The tool said: noon\nYou said: And?"),
        (Situation(user="Reply with the single word: ok", results=["noon"]), "ok"),
        (Situation(schema={"enum": ["red"]}, user="Hi"), '"red"'),
        (Situation(system='Answer in JSON by this schema: {"type": "object", "required": ["a"]}'), '{"a":"a"}'),
        (Situation(system='The json_schema is:\n\n{"properties": {"a": {"const": 1}}}', user="Hi"), '{"a":1}'),
        (Situation(user='JSON schema:\n```json\n{"properties": {"a": {"const": 1}}}\n```'), '{"a":1}'),
    ],
)
def test_what_is_said(situation, text):
    assert words(situation) == text


@pytest.mark.parametrize("text", ["Explain JSON schema", 'JSON schema {"a": 1}', "JSON schema {", "schema {}", ""])
def test_words_that_ask_for_no_schema(text):
    assert find_schema(text) is None
