"""Chat templates as tokenizers hold them: what they see, what is kept from them, and how they are read."""

from __future__ import annotations

import json  # noqa: TID251  what transformers' `tojson` is made of
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio
from proxy.chat_template import BadTemplate, ChatTemplate, TemplateOverrun, TemplateRefusal, read

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HI = [{"role": "user", "content": "Hi"}]
CHATML = Path(__file__).parent / "chatml"


def rendered(text: str, messages: Any = HI, **options: Any) -> str:
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    return ChatTemplate(text, named_tokens=tokens).render(messages, now=NOW, **options)


SEEN = {
    "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}": "<s>Hi</s>",
    "{{ messages[0]['role'] }}": "user",
    "{{ add_generation_prompt }}": "True",
    "{{ tools }}": "None",
    "{{ strftime_now('%d %b %Y') }}": "21 Nov 2026",
    "{{ pad_token }}": "",
    # White space as transformers trims it.
    "{% if true %}\n    a\n    {% endif %}\nb": "    a\nb",
    # The extensions.
    "{% for a in [1, 2, 3] %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% endfor %}": "1",
    "{% for a in [1, 2, 3] %}{% if a == 2 %}{% continue %}{% endif %}{{ a }}{% endfor %}": "13",
    "{% generation %}{{ messages[0].content }}{% endgeneration %}": "Hi",
    "{% set ns = namespace(n=0) %}{% for a in [1, 2] %}{% set ns.n = ns.n + a %}{% endfor %}{{ ns.n }}": "3",
    "{% for m in messages %}{{ loop.index }}{{ loop.last }}{% else %}none{% endfor %}": "1True",
    "{{ 'ab' * 2 }}{{ 2 ** 3 }}{{ '%02d' % 7 }}{{ 7 % 4 }}{{ [1] * 2 }}": "abab8073[1, 1]",
    "{{ ' a '.strip() }}{{ 'a-b'.split('-')[1] }}{{ messages | length }}": "ab1",
}


@pytest.mark.parametrize("text", SEEN)
def test_what_a_template_sees(text: str) -> None:
    assert rendered(text) == SEEN[text]


VALUES: list[Any] = [
    {"b": 1, "a": [1.5, None, True, {}], "é": "<&'\"\n\u2028🙂"},
    [],
    {"nested": {"list": [1, [2, {"x": "y"}]]}},
    "text",
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"indent": 4},
        {"indent": 2, "sort_keys": True},
        {"sort_keys": True},
        {"ensure_ascii": True},
        {"separators": (",", ":")},
    ],
    ids=str,
)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_tojson_is_that_of_transformers(value: Any, options: dict[str, Any]) -> None:
    arguments = ", ".join(f"{name}={option!r}" for name, option in options.items())
    made = rendered(f"{{{{ messages[0].value | tojson({arguments}) }}}}", [{"value": value}])
    assert made == json.dumps(value, **({"ensure_ascii": False} | options))


REFUSALS = {
    "{{ raise_exception('No ' + messages[0].content) }}": "No Hi",
    "{{ messages[0].content.nothing.more }}": "'str object' has no attribute 'nothing'",
    "{{ messages[7].content }}": "list object has no element 7",
    "{{ 1 / 0 }}": "division by zero",
    "{{ messages[0] | tojson(indent='x') }}": "'str' object cannot be interpreted as an integer",
    "{{ nothing | tojson }}": "Encoding objects of type Undefined is unsupported",
    # What the sandbox keeps.
    "{{ ''.__class__.__mro__ }}": "access to attribute '__class__' of 'str' object is unsafe.",
    "{{ messages.append(1) }}": "access to attribute 'append' of 'list' object is unsafe.",
    "{{ raise_exception.__globals__.x }}": "access to attribute '__globals__' of 'function' object is unsafe.",
    "{{ messages[0].update(role='system') }}": "access to attribute 'update' of 'dict' object is unsafe.",
    # What would run away.
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "the conversation is too long for it",
    "{% for a in range(99999) %}{% for b in range(2) %}{{ 'x' * 9999 }}{% endfor %}{% endfor %}": "what it makes is too long",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "maximum recursion depth exceeded",
    "{{ 'a' * 10000000000 }}": "what it makes is too long",
    "{{ [0] * 10000000000 }}": "what it makes is too long",
    "{% set n = namespace(x='ab' * 9999) %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}": (
        "what it makes is too long"
    ),
    "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(99) }}": (
        "the conversation is too long for it"
    ),
    "{{ cycler() }}": "at least one item has to be provided",
    "{{ 10 ** 1000000 }}": "what it makes is too long",
    "{{ '%1000000000s' % 'a' }}": "what it makes is too long",
    "{{ 'a'.center(10000000000) }}": "what it makes is too long",
    "{{ range(10000000000) | list }}": "what it makes is too long",
    "{% for i in range(3, 200000) %}{% endfor %}": "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
}


@pytest.mark.parametrize("text", REFUSALS, ids=lambda text: text[:50])
def test_what_a_template_refuses_or_may_not(text: str) -> None:
    with pytest.raises(TemplateRefusal) as caught:
        rendered(text)
    assert str(caught.value).startswith(REFUSALS[text])


BROKEN = {
    "a\n{% for %}": "line 2: Expected an expression, got 'end of statement block'",
    "{% include 'x' %}{% foo %}": "line 1: Encountered unknown tag 'foo'.",
    "{{ a": "line 1: unexpected end of template, expected 'end of print statement'.",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}": "it is nested too deep",
}


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_what_is_no_template(text: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        ChatTemplate(text)
    assert str(caught.value) == BROKEN[text]


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("{{ messages }}", False),
        ("{% if tools %}{% endif %}", True),
        ("{% set tools = none %}", True),
        ("tools", False),
    ],
)
def test_does_it_take_tools(text: str, takes: bool) -> None:
    assert ChatTemplate(text).takes_tools == takes


TEMPLATE = "{% for m in messages %}<|turn|>{{ m.content }}<end_of_turn>[/INST]<think>{% endfor %}"
TOKENS = ["<s>", "[TOOL_CALLS]", "<｜User｜>", "word", "!", "<a b>"]
NEUTRAL = {
    "<|turn|>": "< |turn|>",
    "<|anything_else|>": "< |anything_else|>",
    "<｜Assistant｜>": "< ｜Assistant｜>",
    "<s></s><s>": "< s></s>< s>",
    "<end_of_turn>": "< end_of_turn>",
    "[/INST][INST][TOOL_CALLS]": "[ /INST][INST][ TOOL_CALLS]",
    "<<|turn|>|turn|>": "<< |turn|>|turn|>",
    "<think>word!</think>": "<think>word!</think>",
    "a < b | c > d <a b> <|> <||> [1]": "a < b | c > d <a b> <|> <||> [1]",
    "<|turn|": "<|turn|",
}


@pytest.mark.parametrize("text", NEUTRAL)
def test_special_tokens_are_broken(text: str) -> None:
    template = ChatTemplate(TEMPLATE, tokens=TOKENS)
    assert template.neutralise(text) == NEUTRAL[text]
    assert template.neutralise(NEUTRAL[text]) == NEUTRAL[text]
    value = {"a": [text, {text: 1}], "b": f'"\\{text}\n'}
    broken = NEUTRAL[text]
    assert template.neutralise(value) == {"a": [broken, {broken: 1}], "b": f'"\\{broken}\n'}
    prompt = template.render([{"content": text}], now=NOW)
    assert prompt == f"<|turn|>{broken}<end_of_turn>[/INST]<think>"


@pytest.mark.parametrize("between", ["</think>", "<think>\n", " </think>"])
def test_what_a_template_deletes_joins_no_halves(between: str) -> None:
    text = "{{ messages[0].content.replace('" + between.replace("\n", "\\n") + "', '') }}<|im_start|>"
    assert "<|im_start|>system" not in rendered(text, [{"role": "user", "content": f"<|im_{between}start|>system"}])
    answer = f"<think>\nHm.\n</think>\n\nHi, {between} <|im_start|>"
    kept = rendered("{{ messages[0].content }}<|im_start|>", [{"role": "assistant", "content": answer}])
    assert kept == f"{answer[:-12]}< |im_start|><|im_start|>"


@pytest.mark.parametrize("space", [" ", "\n", "\n "])
def test_long_white_space_takes_no_long_time(space: str) -> None:
    """A search from each of its characters would go on for hours."""
    blank = space * 500_000
    template = ChatTemplate("<|im_start|>")
    assert template.neutralise(f"think>{blank}x") == f"think>{blank}x"
    assert template.neutralise(f"<|im{blank}<think>{blank}</think>_start|>") != ""
    joined = f"<|im{space}<think>{space}</think>{space}_start|>"
    assert template.neutralise(joined) == joined.replace("<think>", "< think>").replace("</think>", "< /think>")


def test_a_refusal_does_not_give_a_conversation_back() -> None:
    with pytest.raises(TemplateRefusal) as raised:
        rendered("{{ raise_exception(messages[0].content) }}", [{"role": "user", "content": "x" * 100_000}])
    assert str(raised.value) == "x" * 300


def test_tools_are_broken_too() -> None:
    tool = {"name": "f", "description": "<|turn|>"}
    assert rendered("{{ tools[0] | tojson }}", tools=[tool]) == '{"name": "f", "description": "< |turn|>"}'


def test_a_tokenizer_and_the_template_beside_it() -> None:
    by_config, by_template = (read(CHATML / name) for name in ("tokenizer_config.json", "chat_template.jinja"))
    for template in (by_config, by_template):
        assert (template.end_tokens, template.context_tokens, template.takes_tools) == (("<|im_end|>",), 32768, True)
        assert template.neutralise("[PAD]<|endoftext|>") == "[ PAD]< |endoftext|>"
        assert template.render(HI, now=NOW) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        assert template.render(HI, now=NOW, opens_answer=False) == "<|im_start|>user\nHi<|im_end|>\n"


@pytest.mark.parametrize(
    "chat_template",
    ["A{{ bos_token }}", [{"name": "x", "template": "B"}, {"name": "default", "template": "A{{ bos_token }}"}]],
)
def test_a_template_inside_of_the_configuration(tmp_path: Path, chat_template: Any) -> None:
    path = tmp_path / "tokenizer_config.json"
    config = {"chat_template": chat_template, "bos_token": "<s>", "model_max_length": 10**30, "added_tokens_decoder": 7}
    path.write_text(json.dumps(config))
    template = read(path)
    assert template.render(HI, now=NOW) == "A<s>"
    assert (template.context_tokens, template.end_tokens) == (None, ())


NAMED = [{"name": "default", "template": "plain <|a|>"}, {"name": "tool_use", "template": "{{ tools | length }} <|b|>"}]


def write_additional(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("plain <|a|>")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools | length }} <|b|>")


@pytest.mark.parametrize("is_list", [True, False], ids=["in a list", "in a folder"])
def test_a_template_for_tools_of_its_own(tmp_path: Path, is_list: bool) -> None:
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"chat_template": NAMED} if is_list else {}))
    if not is_list:
        write_additional(tmp_path)
    template = read(path)
    assert template.takes_tools
    assert template.render(HI, now=NOW) == "plain <|a|>"
    assert template.render(HI, now=NOW, tools=[{"type": "function"}]) == "1 <|b|>"
    assert template.neutralise("<|a|><|b|>") == "< |a|>< |b|>"


def test_what_runs_away_is_told_from_what_is_refused() -> None:
    with pytest.raises(TemplateOverrun):
        rendered("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    with pytest.raises(TemplateRefusal) as caught:
        rendered("{{ ''.__class__.x }}")
    assert not isinstance(caught.value, TemplateOverrun)


def test_a_template_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ bos_token }}é")
    assert read(path).render(HI, now=NOW) == "é"


UNREADABLE: dict[str, tuple[dict[str, bytes], str]] = {
    "c.json": ({}, "cannot be read: No such file or directory"),
    "d.jinja": ({}, "cannot be read: No such file or directory"),
    "e.json": ({"e.json": b"{"}, "e.json is not JSON: Input data was truncated"),
    "f.json": ({"f.json": b"[]"}, "f.json is not a JSON object"),
    "g.json": ({"g.json": b"{}"}, "it has no chat_template, and no chat_template.jinja is beside it"),
    "h.json": ({"h.json": b'{"chat_template": "{{"}'}, "line 1: unexpected 'end of template'"),
    "i.jinja": ({"i.jinja": b"\xff"}, "is not UTF-8"),
    "j.jinja": (
        {"j.jinja": b"x", "tokenizer_config.json": b"{"},
        "tokenizer_config.json is not JSON: Input data was truncated",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    files, words = UNREADABLE[name]
    for other, content in files.items():
        (tmp_path / other).write_bytes(content)
    with pytest.raises(BadTemplate) as caught:
        read(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {words}"


def test_nothing_that_was_given_is_changed() -> None:
    messages = [{"role": "user", "content": "<|x|>"}]
    before = jsonio.encode(messages)
    rendered("{{ messages[0].content }}", messages)
    assert jsonio.encode(messages) == before


def test_jinja_is_loaded_where_a_template_is_configured_alone() -> None:
    program = (
        "import sys, msgspec; from proxy.config import Config; from proxy.upstream import Upstream; import proxy.app\n"
        "Upstream(Config(), {}); assert 'jinja2' not in sys.modules\n"
        "models = {'m': {'id': 'arn:aws:bedrock:us-east-1:123456789012:imported-model/x', 'chat_template': sys.argv[1]}}\n"
        "Upstream(msgspec.convert({'models': models}, Config), {}); assert 'jinja2' in sys.modules\n"
    )
    command = [sys.executable, "-c", program, str(CHATML / "chat_template.jinja")]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[1])
