"""Tools in Llama prompts: definitions found, calls written, prefills gone on from."""

import pytest

from proxy import jsonio
from proxy.emulator.llama import answer, events, render
from proxy.emulator.llama_tools import continue_after
from proxy.emulator.script import Script

LLAMA2 = "meta.llama2-70b-chat-v1"
LLAMA3 = "meta.llama3-8b-instruct-v1:0"
LLAMA31 = "meta.llama3-1-8b-instruct-v1:0"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
LLAMA4 = "meta.llama4-scout-17b-instruct-v1:0"

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city {really}",
    "parameters": {
        "type": "dict",
        "required": ["city"],
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "ok": {"type": "boolean"}},
    },
}
NOW = {"name": "now", "description": "", "parameters": {"type": "dict", "properties": {}}}
JSON_CALL = '{"name": "get_weather", "parameters": {"city": "city", "days": "1", "ok": true}}'
PYTHON_CALL = "get_weather(city='city', days=1, ok=True)"


def json_form(*functions):
    given = "\n\n".join(jsonio.encode({"type": "function", "function": function}).decode() for function in functions)
    list_of_them = f"Here is a list of functions in JSON format:\n\n{given}"
    return f"Answer by using them.\n\n{list_of_them}\n\nReturn function calls in JSON format."


def pythonic_form(*functions, end="."):
    rules = (
        "If you decide to invoke any of the function(s), you MUST put it in the format of [func_name1(params_name1=x)]"
    )
    given = jsonio.encode(functions).decode()
    return f"{rules}\n\nHere is a list of functions in JSON format that you can invoke{end}\n\n{given}"


def tag_form(*functions):
    lines = "\n".join(jsonio.encode(function).decode() for function in functions)
    example = '<function=example_function_name>{"example_name": "example_value"}</function>'
    return f"Functions:\n{lines}\n{example}\nOne at a time."


def prompt(*turns, id=LLAMA33, prefill=""):
    start, end, eot = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
    if id == LLAMA4:
        start, end, eot = "<|header_start|>", "<|header_end|>", "<|eot|>"
    told = "".join(f"{start}{role}{end}\n\n{text}{eot}" for role, text in turns)
    return f"<|begin_of_text|>{told}{start}assistant{end}\n\n{prefill}"


@pytest.fixture
def ask(models):
    def ask(*turns, id=LLAMA33, prefill="", script=None):
        body = {"prompt": prompt(*turns, id=id, prefill=prefill)}
        given = answer(body, models[id], script or Script())
        text = render(given)["generation"]
        assert "".join(event["generation"] for event in events(given, {})) == text
        return text

    return ask


@pytest.mark.parametrize(
    ("id", "form", "call"),
    [
        (LLAMA31, json_form(WEATHER, NOW), JSON_CALL),
        (LLAMA33, pythonic_form(WEATHER, NOW), f"[{PYTHON_CALL}]"),
        (LLAMA4, pythonic_form(WEATHER, NOW, end=":"), f"[{PYTHON_CALL}]"),
        (LLAMA33, json_form(WEATHER, NOW), JSON_CALL),
        (
            LLAMA31,
            tag_form(WEATHER, NOW),
            '<function=get_weather>{"city": "city", "days": 1, "ok": true}</function>',
        ),
    ],
)
def test_a_tool_that_is_named_is_called_in_the_syntax_of_the_prompt(ask, id, form, call):
    assert ask(("system", form), ("user", "Use get_weather."), id=id) == call
    assert ask(("user", form), ("user", "Use get_weather."), id=id) == call
    assert ask(("system", form), ("user", "How are you?"), id=id) == "You said: How are you?"


@pytest.mark.parametrize("id", [LLAMA3, LLAMA2])
def test_models_that_were_not_trained_for_tools_answer_in_words(ask, models, id):
    if id == LLAMA2:
        body = {"prompt": f"<s>[INST] <<SYS>>\n{pythonic_form(NOW)}\n<</SYS>>\n\nnow [/INST]"}
        assert render(answer(body, models[id], Script()))["generation"].strip() == "You said: now"
    else:
        assert ask(("system", pythonic_form(NOW)), ("user", "now"), id=id) == "You said: now"


def test_without_definitions_nothing_is_called(ask):
    assert ask(("system", "You may call functions: [none]"), ("user", "now")) == "You said: now"
    assert ask(("user", "Here is a list of functions in JSON format: now")).startswith("You said: Here is")


def test_the_question_may_stand_beside_the_definitions(ask):
    closing = "You SHOULD NOT include any other text in the response."
    asked = f"Questions: What is get_weather?\n{pythonic_form(WEATHER, end=':')}\n\n{closing}"
    assert ask(("user", asked)) == f"[{PYTHON_CALL}]"
    assert ask(("user", asked.replace("get_weather?", "it?"))).startswith("You said: What is it?")


@pytest.mark.parametrize(
    ("id", "form", "text"),
    [
        (LLAMA33, pythonic_form(WEATHER, NOW), f"[now(), {PYTHON_CALL}]"),
        (LLAMA33, pythonic_form(WEATHER, NOW) + "\nCall only one function at a time.", "[now()]"),
        (LLAMA31, json_form(WEATHER, NOW), '{"name": "now", "parameters": {}}'),
    ],
)
def test_several_calls(ask, id, form, text):
    assert ask(("system", form), ("user", "now, then get_weather"), id=id) == text


def test_a_conversation_goes_on_until_all_has_been_called(ask):
    turns = [("system", json_form(WEATHER, NOW)), ("user", "now, then get_weather")]
    turns += [("assistant", ask(*turns, id=LLAMA31)), ("ipython", '"noon"')]
    second = ask(*turns, id=LLAMA31)
    assert second == JSON_CALL
    turns += [("assistant", second), ("ipython", "25 C")]
    assert ask(*turns, id=LLAMA31) == "The tool said: 25 C"


def test_several_results(ask):
    call = f"[now(), {PYTHON_CALL}]"
    turns = [("system", pythonic_form(WEATHER, NOW)), ("user", "now, get_weather"), ("assistant", call)]
    assert ask(*turns, ("ipython", "noon"), ("ipython", "25 C")) == "The tool said: noon\n25 C"


def test_environment_ipython_puts_a_tag_before_the_call(ask):
    system = f"Environment: ipython\n\n{json_form(NOW)}"
    call = '<|python_tag|>{"type": "function", "name": "now", "parameters": {}}'
    assert ask(("system", system), ("user", "now"), id=LLAMA31) == call


@pytest.mark.parametrize(
    ("id", "form", "prefill", "text"),
    [
        (LLAMA31, json_form(WEATHER, NOW), '{"name": "', JSON_CALL.removeprefix('{"name": "')),
        (LLAMA31, json_form(WEATHER, NOW), '{"name": "now", "parameters": ', "{}}"),
        (LLAMA31, json_form(WEATHER, NOW), '{"name":"now","parameters":{', "}}"),
        (LLAMA31, json_form(WEATHER, NOW), "{", JSON_CALL[1:]),
        (LLAMA33, pythonic_form(WEATHER, NOW), "[", f"{PYTHON_CALL}]"),
        (LLAMA33, pythonic_form(WEATHER, NOW), "[now(", ")]"),
        (LLAMA33, pythonic_form(WEATHER, NOW), "[get_weather(", "city='city', days=1, ok=True)]"),
        (LLAMA33, pythonic_form(WEATHER, NOW), "You", " said: Hi"),
        (LLAMA33, pythonic_form(WEATHER, NOW), "[other(", "You said: Hi"),
    ],
)  # fmt: skip
def test_a_prefill_makes_it_call(ask, id, form, prefill, text):
    assert ask(("system", form), ("user", "Hi"), id=id, prefill=prefill) == text


def test_a_prefill_for_any_prefers_the_tool_that_is_named(ask):
    assert ask(("system", pythonic_form(WEATHER, NOW)), ("user", "What is now?"), prefill="[") == "now()]"


def test_a_prefill_in_words_keeps_it_from_calling(ask):
    assert ask(("system", pythonic_form(NOW)), ("user", "now"), prefill="You said: ") == "now"


def test_a_prefill_with_environment_ipython(ask):
    system = f"Environment: ipython\n\n{json_form(NOW)}"
    assert ask(("system", system), ("user", "Hi"), id=LLAMA31, prefill='{"name": "now", "parameters": {') == "}}"


def test_older_parameters_and_odd_names(ask):
    older = {"name": "now", "parameters": {"zone-id": {"param_type": "int", "description": "d", "required": True}}}
    assert ask(("system", pythonic_form(older)), ("user", "now")) == "[now(**{'zone-id': 1})]"
    bare = {"name": "now"}
    assert ask(("system", pythonic_form(bare)), ("user", "now")) == "[now()]"


def test_a_schema_in_words_is_satisfied(ask):
    system = 'Answer with JSON that follows this schema: {"type": "object", "properties": {"a": {"type": "integer"}}}'
    assert ask(("system", system), ("user", "Hi")) == '{"a":1}'
    assert ask(("system", system), ("user", "Hi"), prefill='{"a"') == ":1}"


def test_a_script_comes_before_tools(ask):
    assert ask(("system", pythonic_form(NOW)), ("user", "now"), script=Script(text="No.")) == "No."


@pytest.mark.parametrize(
    ("prefill", "text", "rest"),
    [
        ("", "abc", "abc"),
        ("ab", "abc", "c"),
        ("ab ", "ab c", "c"),
        ('{"a":', '{"a": 1}', " 1}"),
        ('{"a": ', '{"a": 1}', "1}"),
        ('{ "a"', '{"a": 1}', ": 1}"),
        ("x", "abc", None),
        ("abcd", "abc", None),
    ],
)
def test_continue_after(prefill, text, rest):
    assert continue_after(prefill, text) == rest
