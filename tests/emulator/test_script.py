import re
from typing import get_args

import pytest

import proxy.emulator
from proxy.emulator.script import (
    BadScript,
    Error,
    Fault,
    FaultKind,
    Match,
    Raw,
    Rule,
    Script,
    Scripts,
    check_fits,
    read_rule_file,
    read_rules,
    read_script,
)


@pytest.mark.parametrize("struct", [Script, Error, Raw, Fault, Match])
def test_every_field_is_explained(struct):
    for name in struct.__struct_fields__:
        assert re.search(rf"\b{name}\b", proxy.emulator.__doc__), name


def test_every_fault_is_explained():
    for kind in get_args(FaultKind):
        assert f'{{"kind": "{kind}"' in proxy.emulator.__doc__, kind


def test_every_field_can_be_written_in_json():
    script = read_script(
        b'{"text":["a","b"],"thinking":"t","content":[{"type":"x"}],"events":[{"type":"ping"}],"stop_reason":"refusal",'
        b'"stop_sequence":"END","usage":{"input_tokens":1},"headers":{"retry-after":"2"},"delay_ms":1,"first_event_ms":2,'
        b'"gap_ms":0.5,"split":7,"fault":{"kind":"cut","after_events":3},"times":2,"key":"k"}'
    )
    assert script == Script(
        text=["a", "b"], thinking="t", content=[{"type": "x"}], events=[{"type": "ping"}], stop_reason="refusal",
        stop_sequence="END", usage={"input_tokens": 1}, headers={"retry-after": "2"}, delay_ms=1, first_event_ms=2,
        gap_ms=0.5, split=7, fault=Fault("cut", after_events=3), times=2, key="k",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "unreadable script: Input data was truncated"),
        (b"[]", "unreadable script: Expected `object`, got `array`"),
        (b'{"txt":"a"}', "unreadable script: Object contains unknown field `txt`"),
        (b'{"text":1}', "unreadable script: Expected `str | array | null`, got `int` - at `$.text`"),
        (b'{"gap_ms":-1}', "unreadable script: Expected `float` >= 0.0 - at `$.gap_ms`"),
        (b'{"split":0}', "unreadable script: Expected `int` >= 1 - at `$.split`"),
        (b'{"times":0}', "unreadable script: Expected `int` >= 1 - at `$.times`"),
        (b'{"fault":{"kind":"explode"}}', "unreadable script: Invalid enum value 'explode' - at `$.fault.kind`"),
        (b'{"fault":{}}', "unreadable script: Object missing required field `kind` - at `$.fault`"),
        (b'{"error":{"status":99,"type":"x"}}', "unreadable script: Expected `int` >= 200 - at `$.error.status`"),
        (b'{"headers":{"a":"b\\n"}}', "unreadable script: Expected `str` matching regex"),
        (b'{"text":"a","text":"b"}', "unreadable script: the key 'text' stands in one object twice"),
    ],
)
def test_an_unreadable_script_says_why(text, why):
    with pytest.raises(BadScript) as bad:
        read_script(text)
    assert str(bad.value).startswith(why)


@pytest.mark.parametrize(
    ("script", "is_stream", "why"),
    [
        (Script(fault=Fault("exception")), True, None),
        (Script(fault=Fault("exception")), False, "the fault 'exception' needs the events of a stream"),
        (Script(fault=Fault("cut")), False, None),
        (Script(fault=Fault("stall"), raw=Raw()), True, None),
        (Script(fault=Fault("end"), raw=Raw()), True, "the fault 'end' needs the events of a stream"),
        (Script(error=Error("X"), raw=Raw()), True, "an error cannot stand beside raw or fault"),
        (Script(error=Error("X"), fault=Fault("cut")), True, "an error cannot stand beside raw or fault"),
    ],
)
def test_contradictions(script, is_stream, why):
    if why is None:
        check_fits(script, is_stream=is_stream)
        return
    with pytest.raises(BadScript) as bad:
        check_fits(script, is_stream=is_stream)
    assert str(bad.value) == why


NAMES = ("us.anthropic.claude-x", "anthropic.claude-x")


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        (Match(), True),
        (Match(model="claude"), True),
        (Match(model="us.anthropic"), True),
        (Match(model="llama"), False),
        (Match(text="weather"), True),
        (Match(text="Weather"), False),
        (Match(operation="invoke"), True),
        (Match(operation="invoke-with-response-stream"), False),
        (Match(model="claude", text="news"), False),
    ],
)
def test_what_a_rule_matches(match, applies):
    scripts = Scripts([Rule(Script(text="found"), match)])
    chosen = scripts.choose(None, NAMES, "the weather today", "invoke")
    assert chosen.text == ("found" if applies else None)


def choose(scripts, count):
    return [scripts.choose(None, NAMES, "", "invoke").text for _ in range(count)]


def test_rules_are_used_in_order_and_used_up():
    scripts = Scripts([Rule(Script(text="a", times=2)), Rule(Script(text="b", times=1))])
    assert choose(scripts, 4) == ["a", "a", "b", None]
    scripts.forget_uses()
    assert choose(scripts, 1) == ["a"]
    scripts.replace([Rule(Script(text="c"))])
    assert choose(scripts, 2) == ["c", "c"]


def test_rules_with_one_key_share_their_uses():
    scripts = Scripts([Rule(Script(text="a", times=1, key="k")), Rule(Script(text="b", times=2, key="k"))])
    # The second rule's first look counts as well: two uses of the key in all.
    assert choose(scripts, 3) == ["a", None, None]


def test_a_header_goes_before_the_rules_and_is_used_up_too():
    scripts = Scripts([Rule(Script(text="rule"))])
    header = b'{"text":"header","times":1}'
    assert [scripts.choose(header, NAMES, "", "invoke").text for _ in range(2)] == ["header", None]
    other = b'{"text":"header","times":1,"key":"another"}'
    assert scripts.choose(other, NAMES, "", "invoke").text == "header"
    assert [scripts.choose(b'{"text":"always"}', NAMES, "", "invoke").text for _ in range(2)] == ["always"] * 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rules.yaml", "- match: {model: claude}\n  script:\n    text: Hello\n    times: 2\n"),
        ("rules.json", '[{"match":{"model":"claude"},"script":{"text":"Hello","times":2}}]'),
    ],
)
def test_a_file_of_rules(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert read_rule_file(path) == [Rule(Script(text="Hello", times=2), Match(model="claude"))]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("script: {}", "Expected `array`, got `object`"),
        ("- match: {}", "Object missing required field `script` - at `$[0]`"),
        ("- script: {text: [", "while parsing"),
        ("- script: {colour: red}", "Object contains unknown field `colour` - at `$[0].script`"),
    ],
)
def test_an_unreadable_file_says_why(tmp_path, text, why):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(BadScript) as bad:
        read_rule_file(path)
    assert str(bad.value).startswith(f"unreadable rules: {why}")


def test_rules_are_a_list():
    with pytest.raises(BadScript, match="Expected `array`, got `null`"):
        read_rules(None)
