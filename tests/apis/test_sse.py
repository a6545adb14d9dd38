from proxy.apis import sse


def test_framing() -> None:
    assert sse.data({"error": {"message": "a\nb\r\n\u2028"}}) == (
        'data: {"error":{"message":"a\\nb\\r\\n\u2028"}}\n\n'.encode()
    )
    assert sse.DONE == b"data: [DONE]\n\n"


def test_the_comment_is_one_that_no_client_trips_on() -> None:
    assert sse.KEEPALIVE == b": keepalive\n\n"
    assert not sse.KEEPALIVE.startswith(b": ping")
