import pytest

from proxy import jsonio
from proxy.emulator.echo import say
from proxy.emulator.samples import sample


@pytest.mark.parametrize(
    ("system", "user", "text"),
    [
        ("", "Hi", "You said: Hi"),
        ("", " ", "You said nothing."),
        ("", "Reply with the single word: ok", "ok"),
        ("Answer in one word.", "Is it so?", "Yes"),
        ("", 'In a single word: "blue"?', "blue"),
        ("Reply in JSON.", 'say "x"', '{"answer":"You said: say \\"x\\""}'),
        ("", "Explain JSON", "You said: Explain JSON"),
    ],
)
def test_say(system, user, text):
    assert say(system, user) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
            {"city": "city", "days": 1},
        ),
        ({"properties": {"ok": {"type": "boolean"}}}, {"ok": True}),
        ({"type": "array", "items": {"type": "number", "minimum": 3}}, [3]),
        ({"type": "array", "minItems": 0}, []),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 5}, 5),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "string"}, "text"),
        (True, ""),
        ({"type": "object"}, {}),
    ],
)
def test_sample(schema, value):
    assert sample(schema) == value
    assert jsonio.decode(jsonio.encode(sample(schema))) == value
