import random

import pytest

from proxy.emulator.tokens import count, cut, tokenise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("You said: Hello, wörld!", ["You", " said", ":", " Hello", ",", " wörld", "!"]),
        ("a\n\n  b", ["a", "\n\n  ", "b"]),
        ("🙂 👩‍👩‍👧", ["🙂", " 👩", "\u200d", "👩", "\u200d", "👧"]),
        ("extraordinarily", ["extraordin", "arily"]),
        ("<|eot_id|><|start_header_id|>user", ["<|eot_id|>", "<|start_header_id|>", "user"]),
        ("你好", ["你好"]),
    ],
)
def test_splits(text, tokens):
    assert tokenise(text) == tokens
    assert count(text) == len(tokens)


def test_tokens_join_to_the_text_and_a_prefix_of_them_is_again_as_many():
    chance = random.Random(1)
    for _ in range(5_000):
        text = "".join(chance.choices("ab1 \n\t.<|>_é🙂\u200d\u0301—\u2028", k=chance.randint(0, 25)))
        tokens = tokenise(text)
        n = chance.randint(0, len(tokens))
        assert "".join(tokens) == text
        assert tokenise("".join(tokens[:n])) == tokens[:n]


@pytest.mark.parametrize(("length", "kept"), [(0, []), (1, ["a"]), (2, ["ab"]), (3, ["ab", "c"]), (9, ["ab", "cd"])])
def test_cut_keeps_so_many_characters(length, kept):
    assert cut(["ab", "cd"], length) == kept
