from proxy.emulator.signature import is_signed, sign_thinking


def test_a_block_is_known_by_its_text():
    assert is_signed("Hm", sign_thinking("Hm"))
    assert is_signed("", sign_thinking(""))
    assert not is_signed("Hm!", sign_thinking("Hm"))
    assert not is_signed("Hm", "")
