import pytest

from proxy.emulator.echo import say


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
    ("has_spoken", "text"), [(False, "The tool said: 5"), (True, "The tool said: 5\nYou said: And now?")]
)
def test_what_tools_have_said_comes_first(has_spoken, text):
    assert say("", "And now?", "The tool said: 5", has_spoken=has_spoken) == text
