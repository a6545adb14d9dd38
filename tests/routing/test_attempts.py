import pytest

from proxy import errors
from proxy.errors import ProxyError
from proxy.routing.attempts import RetryPolicy, next_delay, retry_after_for_client

POLICY = RetryPolicy()
RETRIED = {
    errors.RateLimited,
    errors.UpstreamFailed,
    errors.UpstreamUnreachable,
    errors.UpstreamBroken,
    errors.ModelFailed,
    errors.Overloaded,
    errors.ModelNotReady,
}


def every_error(of: type[ProxyError] = ProxyError) -> list[type[ProxyError]]:
    return [of, *(each for child in of.__subclasses__() for each in every_error(child))]


def delay(
    error: ProxyError,
    tried: int = 1,
    elapsed_s: float = 0.0,
    deadline_s: float = 60.0,
    roll: float = 1.0,
    policy: RetryPolicy = POLICY,
) -> float | None:
    return next_delay(policy, error, tried, elapsed_s, deadline_s, roll)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_which_errors_are_worth_another_attempt(kind: type[ProxyError]) -> None:
    expected = 0.0 if kind is errors.CredentialsExpired else 1.0 if kind is errors.RateLimited else 0.1
    error = kind.__new__(kind)
    ProxyError.__init__(error, "no")  # some kinds want more to be told
    assert delay(error) == (expected if kind in {*RETRIED, errors.CredentialsExpired} else None)


THROTTLED = errors.RateLimited("Too many requests, please wait before trying again.")
FAILED = errors.UpstreamFailed("Internal error.")

# error, tried, roll -> seconds
WAITS = [
    (THROTTLED, 1, 1.0, 1.0),
    (THROTTLED, 2, 1.0, 2.0),
    (THROTTLED, 3, 1.0, 4.0),
    (THROTTLED, 5, 1.0, 16.0),
    (THROTTLED, 6, 1.0, 20.0),
    (THROTTLED, 9, 1.0, 20.0),
    (THROTTLED, 1, 0.25, 0.25),
    (THROTTLED, 6, 0.5, 10.0),
    (FAILED, 1, 1.0, 0.1),
    (FAILED, 2, 1.0, 0.2),
    (FAILED, 3, 0.5, 0.2),
    (FAILED, 9, 1.0, 20.0),
    (FAILED, 1, 0.0, 0.0),
]


@pytest.mark.parametrize(("error", "tried", "roll", "expected_s"), WAITS)
def test_waits_double_to_a_cap_and_are_diced(error: ProxyError, tried: int, roll: float, expected_s: float) -> None:
    assert delay(error, tried, roll=roll, policy=RetryPolicy(attempts=10)) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("attempts", "tried", "goes_on"),
    [(3, 1, True), (3, 2, True), (3, 3, False), (3, 4, False), (1, 1, False), (2, 1, True)],
)
def test_attempts_are_counted(attempts: int, tried: int, goes_on: bool) -> None:
    assert (delay(FAILED, tried, policy=RetryPolicy(attempts=attempts)) is not None) is goes_on


# what Bedrock asked for, roll -> seconds
HINTS = [
    (5.0, 1.0, 5.0),
    (5.0, 0.0, 5.0),
    (0.2, 1.0, 1.0),
    (0.2, 0.0, 0.2),
    (0.0, 0.0, 0.0),
    (20.0, 0.0, 20.0),
    (20.5, 0.0, None),
    (3600.0, 0.0, None),
]


@pytest.mark.parametrize(("retry_after_s", "roll", "expected_s"), HINTS)
def test_a_hint_is_the_least_wait(retry_after_s: float, roll: float, expected_s: float | None) -> None:
    assert delay(errors.RateLimited("no", retry_after_s=retry_after_s), roll=roll) == expected_s


# elapsed, deadline, what Bedrock asked for, roll -> seconds
DEADLINES = [
    (0.0, 60.0, None, 1.0, 1.0),
    (58.9, 60.0, None, 1.0, 1.0),
    (59.0, 60.0, None, 1.0, None),
    (59.0, 60.0, None, 0.5, 0.5),
    (61.0, 60.0, None, 0.0, None),
    (50.0, 60.0, 10.0, 0.0, None),
    (50.0, 60.0, 9.0, 0.0, 9.0),
]


@pytest.mark.parametrize(("elapsed_s", "deadline_s", "retry_after_s", "roll", "expected_s"), DEADLINES)
def test_no_attempt_begins_at_the_deadline_or_later(
    elapsed_s: float, deadline_s: float, retry_after_s: float | None, roll: float, expected_s: float | None
) -> None:
    error = errors.RateLimited("no", retry_after_s=retry_after_s)
    assert delay(error, elapsed_s=elapsed_s, deadline_s=deadline_s, roll=roll) == expected_s


# tried, elapsed, refreshed -> seconds
EXPIRIES = [
    (1, 0.0, False, 0.0),
    (3, 0.0, False, 0.0),
    (1, 59.9, False, 0.0),
    (1, 60.0, False, None),
    (1, 0.0, True, None),
]


@pytest.mark.parametrize(("tried", "elapsed_s", "refreshed", "expected_s"), EXPIRIES)
def test_expired_credentials_are_worth_one_more_call_at_once(
    tried: int, elapsed_s: float, refreshed: bool, expected_s: float | None
) -> None:
    expired = errors.CredentialsExpired("no")
    assert next_delay(POLICY, expired, tried, elapsed_s, 60.0, 1.0, refreshed=refreshed) == expected_s


# error, roll -> whole seconds for the client
FOR_CLIENTS = [
    (errors.RateLimited("no"), 0.0, 1),
    (errors.RateLimited("no"), 0.5, 5),
    (errors.RateLimited("no"), 1.0, 10),
    (errors.Overloaded("no"), 1.0, 10),
    (errors.RateLimited("no", retry_after_s=0.0), 1.0, 1),
    (errors.RateLimited("no", retry_after_s=-3.0), 1.0, 1),
    (errors.RateLimited("no", retry_after_s=2.1), 0.0, 3),
    (errors.RateLimited("no", retry_after_s=60.0), 0.0, 60),
    (errors.RateLimited("no", retry_after_s=60.1), 0.0, 60),
    (errors.RateLimited("no", retry_after_s=float("inf")), 0.0, 60),
    (errors.QuotaExceeded("no"), 0.0, 60),
    (errors.QuotaExceeded("no", retry_after_s=7.0), 0.0, 7),
]


@pytest.mark.parametrize(("error", "roll", "expected"), FOR_CLIENTS)
def test_what_the_client_is_told_to_wait(error: ProxyError, roll: float, expected: int) -> None:
    told = retry_after_for_client(error, roll)
    assert told == expected
    assert isinstance(told, int)


def test_without_a_roll_the_client_is_told_the_middle() -> None:
    assert retry_after_for_client(errors.RateLimited("no")) == 5
