import hmac

import pytest

from proxy.access.keys import Keyring, check_host, is_loopback
from proxy.errors import Forbidden, Unauthenticated

RING = Keyring(["sk-first-0123456789", "sk-second-987654321"])


def test_without_keys_everyone_may() -> None:
    ring = Keyring([])
    assert not ring
    ring.check({})
    ring.check({"authorization": "Bearer x"})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-first-0123456789"},
        {"authorization": "Bearer sk-second-987654321"},
        {"authorization": "bearer sk-first-0123456789"},
        {"authorization": "BEARER   sk-first-0123456789  "},
        {"api-key": "sk-first-0123456789"},
        {"x-api-key": "sk-second-987654321"},
        # Clients of Azure's kind send a scheme for something else beside the key.
        {"authorization": "Basic dXNlcjpwYXNz", "api-key": "sk-first-0123456789"},
        {"authorization": "Bearer ", "x-api-key": "sk-first-0123456789"},
    ],
)
def test_a_known_key(headers: dict[str, str]) -> None:
    assert RING
    RING.check(headers)


def refused(headers: dict[str, str], ring: Keyring = RING) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as raised:
        ring.check(headers)
    assert (raised.value.status, raised.value.type) == (401, "invalid_request_error")
    return raised.value


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "sk-first-0123456789"},
        {"authorization": "Basic sk-first-0123456789"},
        {"api-key": ""},
        {"cookie": "sk-first-0123456789"},
    ],
)
def test_no_key(headers: dict[str, str]) -> None:
    error = refused(headers)
    assert error.code is None
    assert error.message == (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)."
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-first-0123456780"},
        {"authorization": "Bearer sk-first-012345678"},
        {"authorization": "Bearer sk-first-01234567890"},
        {"authorization": "Bearer SK-FIRST-0123456789"},
        {"authorization": "Bearer sk-first-0123456789,sk-second-987654321"},
        {"authorization": "Bearer \u00ff\u0100"},
        # What is presented first counts: a wrong key is not mended by a right one in another place.
        {"authorization": "Bearer wrong", "api-key": "sk-first-0123456789"},
        {"x-api-key": "sk-first"},
    ],
)
def test_a_wrong_key(headers: dict[str, str]) -> None:
    error = refused(headers)
    assert error.code == "invalid_api_key"
    assert error.message.startswith("Incorrect API key provided: ")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("x", "***"),
        ("123456789012345", "***"),
        ("1234567890123456", "123***3456"),
        ("sk-" + "a" * 100 + "wxyz", "sk-***wxyz"),
    ],
)
def test_a_key_is_not_given_back(key: str, shown: str) -> None:
    assert refused({"authorization": f"Bearer {key}"}).message == f"Incorrect API key provided: {shown}."


def test_the_keys_themselves_are_not_kept() -> None:
    kept = repr([getattr(RING, name) for name in Keyring.__slots__])
    assert "sk-first" not in kept
    assert "sk-second" not in kept


def test_every_key_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time tells neither how much of a key is right nor which one it is: digests of one length, all of them, always."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = Keyring(["a", "b" * 1000, "c"])
    counts = []
    for key in ("a", "b" * 1000, "c", "d"):
        compared.clear()
        try:
            ring.check({"api-key": key})
        except Unauthenticated:
            assert key == "d"
        counts.append(len(compared))
        assert {len(digest) for pair in compared for digest in pair} == {32}
    assert counts == [3, 3, 3, 3]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "a.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "127.255.255.255",
        "::1",
        "[::1]",
        "0:0:0:0:0:0:0:1",
    ],
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "0.0.0.0", "::", "[::]", "10.0.0.1", "192.168.0.1", "128.0.0.1", "localhost.example", "notlocalhost"),
        *("127.0.0.1.example", "127.0.0.256", "127.1", "2130706433", "0x7f000001", "fe80::1", "example.org"),
    ],
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]", "[::1]:8000", "a.localhost:80"]
)
def test_a_host_that_means_this_machine(host: str) -> None:
    check_host({"host": host})


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "127.0.0.1.evil.example:8000", "127.0.0.1:8000:evil", "10.0.0.1:8000"),
        *("localhost@evil.example", "localhost.evil.example", "", ":8000", "[::2]:8000"),
    ],
)
def test_a_host_that_was_bound_to_this_machine(host: str) -> None:
    for headers in ({"host": host}, {} if not host else {"host": host.upper()}):
        with pytest.raises(Forbidden) as raised:
            check_host(headers)
        assert (raised.value.status, raised.value.code) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "said",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1.evil.example:8000"},
        {"origin": "null"},
    ],
)
def test_a_page_of_another_site_spends_nobodys_money(said: dict[str, str]) -> None:
    with pytest.raises(Forbidden) as caught:
        check_host({"host": "127.0.0.1:8000", **said})
    assert caught.value.code == "origin_not_allowed"


@pytest.mark.parametrize(
    "said", [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://localhost:3000"}]
)
def test_a_page_of_this_machine_is_served(said: dict[str, str]) -> None:
    assert check_host({"host": "127.0.0.1:8000", **said}) is None
