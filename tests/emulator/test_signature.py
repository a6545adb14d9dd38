from proxy.emulator.signature import is_redacted, is_signed, redact, sign_thinking


def test_a_block_is_known_by_its_text():
    assert is_signed("Hm", sign_thinking("Hm"))
    assert is_signed("", sign_thinking(""))
    assert not is_signed("Hm!", sign_thinking("Hm"))
    assert not is_signed("Hm", "")


def test_redacted_thinking_is_known_by_its_maker():
    assert is_redacted(redact(bytes(32)))
    assert not is_redacted("")
    assert not is_redacted("Zm9yZ2Vk")
    assert not is_redacted("é")
