import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from proxy import jsonio
from proxy.bedrock.credentials import Credentials, Description
from proxy.bedrock.sign import AccessKeys, BearerToken
from proxy.errors import NotConfigured

PATIENT_S = 30.0
"""Longer than any walk here takes: what ends a wait is the event waited for."""


class Clock:
    """The time as `Credentials` sees it, started at the true one: botocore asks its own."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def credentials(clock: Callable[[], float], **options: str) -> Credentials:
    return Credentials(environ=os.environ, now=clock, **options)


class Source:
    """A server on loopback that hands out credentials. `gate` holds its answers back until it is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[str] = []
        self.lifetime_s = 3600.0
        self.status = 200
        self.error: str | None = None
        self.is_broken = False
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                source.calls.append(f"{self.command} {self.path}")
                text = source.answer(self.command, self.path) if source.gate.wait(PATIENT_S) else b""
                self.send_response(source.status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PUT = do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def expiration(self) -> str:
        return (datetime.now(UTC) + timedelta(seconds=self.lifetime_s)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def answer(self, method: str, path: str) -> bytes:
        number = len(self.calls)
        if path == "/latest/api/token":
            return b"metadata-token"
        if path == "/latest/meta-data/iam/security-credentials/":
            return b"my-role"
        if self.error:
            error = f"<Error><Code>{self.error}</Code><Message>hidden</Message></Error>"
            return f"<ErrorResponse>{error}</ErrorResponse>".encode()
        if method == "POST":
            return (
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
                f"<AccessKeyId>ASIASTS{number}</AccessKeyId><SecretAccessKey>secret{number}</SecretAccessKey>"
                f"<SessionToken>token{number}</SessionToken><Expiration>{self.expiration}</Expiration>"
                "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ).encode()
        answer = {"Code": "Success", "AccessKeyId": f"ASIAFIRST{number}", "SecretAccessKey": f"secret{number}"}
        if self.is_broken:
            return jsonio.encode(answer)
        return jsonio.encode(answer | {"Token": f"token{number}", "Expiration": self.expiration})


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.close()


@pytest.fixture
def container(aws: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{source.url}/role")
    return source


@pytest.fixture
def shared_file(aws: Path) -> Path:
    path = aws.with_name("credentials")
    path.write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = secret\n"
        "[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = secret\naws_session_token = token\n"
    )
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)


def walks() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "aws-credentials"]


def close_gate(source: Source) -> None:
    """From now on a walk stays under way. The one before has given its result, but its thread may not have ended."""
    for walk in walks():
        walk.join(PATIENT_S)
    source.gate.clear()


async def problem_of(credentials: Credentials) -> str:
    with pytest.raises(NotConfigured) as caught:
        await credentials.identity()
    assert "operator" in caught.value.message
    assert caught.value.message == credentials.problem
    assert credentials.describe() is None
    return caught.value.message


@pytest.mark.usefixtures("shared_file")
async def test_environment_before_files(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    found = credentials(clock)
    assert found.describe() is None
    assert await found.identity() == AccessKeys("AKIAENVIRONMENT", "secret")
    assert found.describe() == Description("environment", "MENT")
    assert found.problem is None
    # A profile that was asked for by name goes before the environment.
    named = credentials(clock, profile="dev")
    assert await named.identity() == AccessKeys("AKIADEV", "secret", "token")
    assert named.describe() == Description("shared credentials file, profile dev", "ADEV")


@pytest.mark.usefixtures("shared_file")
async def test_a_bedrock_key_before_all(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-abc\n")
    found = credentials(clock, profile="dev")
    assert await found.identity() == BearerToken("bedrock-api-key-abc")
    assert found.describe() == Description("Bedrock API key", "")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "")
    assert await credentials(clock).identity() == AccessKeys("AKIADEFAULT", "secret")


async def test_a_changed_file_is_read_again(shared_file: Path, clock: Clock) -> None:
    found = credentials(clock)
    old = await found.identity()
    write(shared_file, "[default]\naws_access_key_id = AKIANEW\naws_secret_access_key = other\n")
    await found.refresh(old)
    assert await found.identity() == old, "read again right after it was read"
    clock.now += 10
    await found.refresh(AccessKeys("AKIAOLDER", "secret"))
    assert await found.identity() == old, "read again though the identity that failed is not the latest"
    await found.refresh(old)
    assert await found.identity() == AccessKeys("AKIANEW", "other")


@pytest.mark.usefixtures("aws")
async def test_looks_again_until_there_are_some(aws: Path, clock: Clock) -> None:
    found = credentials(clock)
    assert "AWS_ACCESS_KEY_ID" in await problem_of(found)
    write(aws.with_name("credentials"), "[default]\naws_access_key_id = AKIALATE\naws_secret_access_key = secret\n")
    await problem_of(found)
    clock.now += 10
    assert await found.identity() == AccessKeys("AKIALATE", "secret")


PROCESS = '[default]\ncredential_process = {python} -c "{code}"\n'
WORKING = 'print(\'{\\"Version\\": 1, \\"AccessKeyId\\": \\"AKIAPROCESS\\", \\"SecretAccessKey\\": \\"secret\\"}\')'

REFUSALS = {
    "no such profile": ("", {"AWS_PROFILE": "nobody"}, "its AWS profile does not exist"),
    "half a key": ("", {"AWS_ACCESS_KEY_ID": "AKIAHALF"}, "without all of its parts"),
    "no config": ("[default\n", {}, "cannot be read"),
    "process fails": (
        PROCESS.format(python=sys.executable, code="import sys; sys.exit('hidden')"),
        {},
        "the source that its AWS configuration names gives none",
    ),
    "process prints no JSON": (
        PROCESS.format(python=sys.executable, code="print('hidden')"),
        {},
        "the source that its AWS configuration names failed",
    ),
    "process prints a list": (
        PROCESS.format(python=sys.executable, code="print('[1]')"),
        {},
        "the source that its AWS configuration names failed",
    ),
    "no such process": (
        "[default]\ncredential_process = /nowhere/at-all\n",
        {},
        "the source that its AWS configuration names failed",
    ),
    "sso without a session": (
        "[default]\nsso_session = mine\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "[sso-session mine]\nsso_region = us-east-1\nsso_start_url = https://not-logged-in.test/start\n",
        {},
        "aws sso login",
    ),
    "sso that names nothing": (
        "[default]\nsso_session = mine\nsso_account_id = 1\nsso_role_name = r\n",
        {},
        "contradicts",
    ),
    "an MFA code": (
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\nmfa_serial = arn:aws:iam::1:m\n",
        {},
        "MFA",
    ),
    "roles in a circle": (
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\n",
        {},
        "circle",
    ),
    "keys that have expired": (
        "",
        {
            "AWS_ACCESS_KEY_ID": "AKIAOLD",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
        },
        "expired",
    ),
}


@pytest.mark.parametrize(("config", "environment", "reason"), REFUSALS.values(), ids=REFUSALS)
async def test_why_there_are_none(
    aws: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environment: dict[str, str],
    reason: str,
) -> None:
    write(aws, config)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    message = await problem_of(credentials(clock))
    assert reason in message
    assert "hidden" not in message
    assert "123456789012" not in message


async def test_a_process(aws: Path, clock: Clock) -> None:
    write(aws, PROCESS.format(python=sys.executable, code=WORKING))
    found = credentials(clock)
    assert await found.identity() == AccessKeys("AKIAPROCESS", "secret")
    assert found.describe() == Description("credential process of profile default", "CESS")


async def test_a_process_that_gives_an_empty_key(aws: Path, clock: Clock) -> None:
    write(aws, PROCESS.format(python=sys.executable, code=WORKING.replace("AKIAPROCESS", "")))
    assert "AWS_ACCESS_KEY_ID" in await problem_of(credentials(clock))


async def test_a_role_that_is_assumed(
    aws: Path, shared_file: Path, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(aws, "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = dev\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", source.url)
    found = credentials(clock, profile="work", region="eu-west-1")
    assert await found.identity() == AccessKeys("ASIASTS1", "secret1", "token1")
    assert found.describe() == Description("role assumed by profile work", "STS1")
    assert source.calls == ["POST /"]


async def test_a_role_that_is_refused(
    aws: Path, shared_file: Path, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(aws, "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = dev\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", source.url)
    source.status = 403
    source.error = "AccessDenied"
    message = await problem_of(credentials(clock, profile="work", region="eu-west-1"))
    assert "AWS refused to give them (AccessDenied)" in message
    assert "hidden" not in message


async def test_instance_metadata_that_is_slow(
    aws: Path, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", source.url)
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", str(int(PATIENT_S)))
    source.gate.clear()
    found = credentials(clock)
    assert await found.look(0.0) is None
    assert found.problem is not None
    assert "still looking" in found.problem
    source.gate.set()
    assert await found.look(PATIENT_S) == Description("instance role", "RST3")
    assert await found.identity() == AccessKeys("ASIAFIRST3", "secret3", "token3")
    assert await found.look(0.0) is not None
    assert len(source.calls) == 3


async def test_one_walk_for_all_who_ask(container: Source, clock: Clock) -> None:
    found = credentials(clock)
    assert set(await asyncio.gather(*(found.identity() for _ in range(10)))) == {
        AccessKeys("ASIAFIRST1", "secret1", "token1")
    }
    assert container.calls == ["GET /role"]


async def test_the_loop_goes_on_during_a_walk(container: Source, clock: Clock) -> None:
    container.gate.clear()
    asking = asyncio.create_task(credentials(clock).identity())
    # Only the loop can open the gate: if the walk held it up, no credentials would ever come.
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(container.gate.set))
    assert await asking == AccessKeys("ASIAFIRST1", "secret1", "token1")


async def test_old_ones_serve_while_new_ones_are_fetched(container: Source, clock: Clock) -> None:
    found = credentials(clock)
    old = await found.identity()
    close_gate(container)
    clock.now += 2600
    assert await found.identity() == old
    assert not walks(), "renewed long before the expiry"
    clock.now += 200
    assert await found.identity() == old
    assert await found.identity() == old
    assert len(walks()) == 1
    container.gate.set()
    await found.refresh(old)
    assert await found.identity() == AccessKeys("ASIAFIRST2", "secret2", "token2")
    assert len(container.calls) == 2


async def test_about_to_expire_a_request_waits(container: Source, clock: Clock) -> None:
    found = credentials(clock)
    await found.identity()
    clock.now += 3590
    container.gate.clear()
    asking = asyncio.create_task(found.identity())
    await asyncio.sleep(0)
    assert not asking.done()
    container.gate.set()
    assert await asking == AccessKeys("ASIAFIRST2", "secret2", "token2")


async def test_a_renewal_that_fails(container: Source, clock: Clock) -> None:
    found = credentials(clock)
    old = await found.identity()
    container.is_broken = True
    clock.now += 2800
    assert await found.identity() == old
    await found.refresh(old)
    assert await found.identity() == old
    assert len(container.calls) == 2
    clock.now += 790
    assert await found.identity() == old, "ten seconds are left"
    clock.now += 20
    assert "failed" in await problem_of(found)
    container.is_broken = False
    clock.now += 10
    assert await found.identity() != old


async def test_short_lives_are_renewed_at_half_time(container: Source, clock: Clock) -> None:
    container.lifetime_s = 300
    found = credentials(clock)
    first = await found.identity()
    close_gate(container)
    clock.now += 140
    assert await found.identity() == first
    assert not walks()
    clock.now += 20
    assert await found.identity() == first
    assert len(walks()) == 1
    container.gate.set()
    await found.refresh(first)
    assert await found.identity() != first


async def test_nothing_shows_a_secret(container: Source, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = credentials(clock)
    identity = await found.identity()
    shown = f"{found!r} {found.describe()!r} {identity!r} {vars(found)!r} {caplog.text}"
    assert "secret1" not in shown
    assert "token1" not in shown


def test_a_loop_that_ends_before_the_walk(container: Source, clock: Clock) -> None:
    close_gate(container)
    assert asyncio.run(credentials(clock).look(0.0)) is None
    [walk] = walks()
    container.gate.set()
    walk.join(PATIENT_S)
    assert not walk.is_alive()
