"""Answers by a schema: in the form that was asked for, or said not to be."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
SCHEMA = {
    "type": "object",
    "properties": {"price": {"type": "integer"}},
    "required": ["price"],
    "additionalProperties": False,
}
FORM: Any = {"type": "json_schema", "json_schema": {"name": "offer", "strict": True, "schema": SCHEMA}}
BAD = '{"price":"dear"}'


@pytest.fixture
def wrong(bedrock):
    """The header that makes a model answer in another form than it was asked for."""

    def wrong(model: str) -> dict[str, str]:
        if model == CLAUDE:
            return bedrock.script(text=BAD)
        if model == LLAMA:
            # The first brace stands in the prompt.
            return bedrock.script(text=BAD[1:])
        call = {"type": "tool_use", "id": "tooluse_1", "name": "final_answer", "input": jsonio.decode(BAD)}
        return bedrock.script(content=[call], stop_reason="tool_use")

    return wrong


def content(chunks: str) -> tuple[str, list[dict[str, Any]]]:
    """The text of a stream, and all of its objects."""
    lines = [line.removeprefix("data: ") for line in chunks.splitlines() if line.startswith("data: ")]
    objects = [jsonio.decode(line) for line in lines if line != "[DONE]"]
    text = "".join(choice["delta"].get("content") or "" for each in objects for choice in each.get("choices", ()))
    return text, objects


@ALL
def test_what_conforms_is_not_spoken_of(proxy, model):
    whole = proxy.chat(model, response_format=FORM)
    assert jsonio.decode(whole.json()["choices"][0]["message"]["content"]) == {"price": 1}
    assert "not-met" not in whole.headers.get("x-bedrock-proxy-adapted", "")
    text, objects = content(proxy.chat(model, response_format=FORM, stream=True).text)
    assert jsonio.decode(text) == {"price": 1}
    assert not any("error" in each for each in objects)


@pytest.mark.parametrize("form", [FORM, {"type": "json_object"}], ids=["schema", "object"])
@pytest.mark.parametrize("model", [NOVA, "mistral.mistral-large-2402-v1:0", "us.anthropic.claude-opus-5-5"])
def test_a_fence_around_what_has_been_asked_for_in_words_is_taken_away(proxy, bedrock, model, form):
    """None of these is held to the form, or to the tool that stands for it, by the service."""
    fields: Any = {
        "response_format": form,
        "messages": [{"role": "user", "content": "A price, as JSON."}],
        "headers": bedrock.script(text='```json\n{"price": 1}\n```'),
    }
    whole = proxy.chat(model, **fields)
    assert whole.json()["choices"][0]["message"]["content"] == '{"price": 1}'
    assert "not-met" not in whole.headers["x-bedrock-proxy-adapted"]
    assert content(proxy.chat(model, stream=True, **fields).text)[0] == '{"price": 1}'


@ALL
def test_a_mismatch_is_reported(proxy, wrong, model, caplog):
    reply = proxy.chat(model, response_format=FORM, headers=wrong(model))
    assert reply.status_code == 200
    assert jsonio.decode(reply.json()["choices"][0]["message"]["content"]) == {"price": "dear"}
    assert "response_format=not-met" in reply.headers["x-bedrock-proxy-adapted"]
    assert "does not have the form" in caplog.text
    assert "dear" not in caplog.text


@ALL
def test_a_mismatch_in_a_stream_is_a_comment_in_it(proxy, wrong, model, caplog):
    chunks = proxy.chat(model, response_format=FORM, stream=True, headers=wrong(model)).text
    text, objects = content(chunks)
    assert jsonio.decode(text) == {"price": "dear"}
    assert ": x-bedrock-proxy-adapted: response_format=not-met\n\n" in chunks
    assert not any("error" in each for each in objects)
    assert "does not have the form" in caplog.text


@ALL
def test_a_mismatch_is_an_error_where_the_operator_wants_it(serve, wrong, model):
    proxy = serve(schema_mismatch="error", retry={"attempts": 1})
    reply = proxy.chat(model, response_format=FORM, headers=wrong(model))
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (502, "schema_mismatch")
    assert "price" in error["message"]
    _, objects = content(proxy.chat(model, response_format=FORM, stream=True, headers=wrong(model)).text)
    assert objects[-1]["error"]["code"] == "schema_mismatch"
    assert not any(choice["finish_reason"] for each in objects for choice in each.get("choices", ()))


@ALL
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_cut_says_so_itself(proxy, model, stream):
    reply = proxy.chat(model, response_format=FORM, max_tokens=1, stream=stream)
    assert reply.status_code == 200, reply.text
    assert "not-met" not in reply.headers.get("x-bedrock-proxy-adapted", "")
    assert '"finish_reason":"length"' in reply.text


@ALL
def test_what_is_no_schema_is_refused_before_the_model_is_asked(proxy, bedrock, model):
    form = {"type": "json_schema", "json_schema": {"name": "offer", "schema": {"type": "number-ish"}}}
    reply = proxy.chat(model, response_format=form)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"].startswith("response_format")
    assert bedrock.calls == []


@ALL
@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_with_references_and_a_union(proxy, model, stream):
    schema = {
        "$defs": {"leaf": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "type": "object",
        "properties": {"tree": {"anyOf": [{"$ref": "#/$defs/leaf"}, {"type": "null"}]}},
        "required": ["tree"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "tree", "schema": schema}}
    reply = proxy.chat(model, response_format=form, stream=stream)
    text = content(reply.text)[0] if stream else reply.json()["choices"][0]["message"]["content"]
    assert "tree" in jsonio.decode(text)
    assert "not-met" not in reply.headers.get("x-bedrock-proxy-adapted", "")


TOO_LARGE = {"type": "ValidationException", "message": "The compiled grammar is too large. Simplify your schemas."}


@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_that_the_service_cannot_compile_is_followed_by_a_tool(proxy, bedrock, stream, caplog):
    script = bedrock.script(error=TOO_LARGE, times=1)
    reply = proxy.chat(CLAUDE, response_format=FORM, stream=stream, headers=script)
    text = content(reply.text)[0] if stream else reply.json()["choices"][0]["message"]["content"]
    assert jsonio.decode(text) == {"price": 1}
    assert reply.headers["x-bedrock-proxy-adapted"] == "response_format.json_schema.schema=tool"
    first, second = [call.body for call in bedrock.calls]
    assert "output_config" in first
    assert "output_config" not in second
    assert "schemas kept by the service" in caplog.text


def test_strict_tools_that_the_service_cannot_compile_go_without_a_guarantee(proxy, bedrock):
    function = {"name": "f", "strict": True, "parameters": SCHEMA}
    script = bedrock.script(error=TOO_LARGE, times=1)
    reply = proxy.chat(CLAUDE, tools=[{"type": "function", "function": function}], headers=script)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-bedrock-proxy-adapted"] == "tools[0].function.strict=dropped"
    assert [call.body["tools"][0].get("strict") for call in bedrock.calls] == [True, None]


def test_a_schema_that_is_left_to_no_one_is_refused_where_nothing_may_be_adapted(proxy, bedrock):
    headers = bedrock.script(error=TOO_LARGE, times=1) | {"x-bedrock-proxy-strict": "true"}
    reply = proxy.chat(CLAUDE, response_format=FORM, headers=headers)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "response_format.json_schema.schema")


@ALL
@pytest.mark.parametrize("stream", [False, True])
def test_a_strict_schema_of_free_keys_is_followed_as_far_as_the_model_can(proxy, model, stream):
    """OpenAI refuses it. Here it was up to the model whether it was."""
    scores = {"type": "object", "additionalProperties": {"type": "integer"}}
    form = {"type": "json_schema", "json_schema": {"name": "scores", "strict": True, "schema": scores}}
    reply = proxy.chat(model, response_format=form, stream=stream)
    text = content(reply.text)[0] if stream else reply.json()["choices"][0]["message"]["content"]
    assert isinstance(jsonio.decode(text), dict)
    assert reply.headers["x-bedrock-proxy-adapted"].startswith("response_format.json_schema.schema=")
    assert "not-met" not in reply.text + reply.headers["x-bedrock-proxy-adapted"]
