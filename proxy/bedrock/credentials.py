"""Who the proxy is for AWS: botocore's chain of credentials, walked beside the event loop.

The chain (environment, shared files, SSO, credential processes, roles, container, instance metadata) can read files,
start processes and ask the network, so it is walked in a thread, one walk at a time. Every renewal is a new walk in a new
botocore session: changed files are seen, and there is one way to get credentials, not two. Before the expiry old ones
serve while new ones are fetched; only when they are about to expire does a request wait.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

from proxy.bedrock.sign import AccessKeys, BearerToken
from proxy.errors import NotConfigured

_ADVISORY_S = 900.0
"""Renewed this long before they expire (botocore's own figure), or at half-time if they live shorter …"""
_MANDATORY_S = 30.0
"""… and from here on a request waits for the new ones."""
_PATIENCE_S = 5.0
"""The longest that a request waits for a walk. The walk goes on."""
_SPACING_S = 5.0
"""Between two walks."""
_FOREVER_S = 1e9

_OPERATORS_MATTER = "This is for its operator to mend; your own API key is not at fault."
_NONE = (
    "The proxy has no AWS credentials. This is for its operator to mend: set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK, or run it where a role is given."
)
_NOT_YET = f"The proxy is still looking for its AWS credentials. {_OPERATORS_MATTER}"


@dataclass(frozen=True, slots=True)
class Description:
    """What may be shown of an identity."""

    source: str
    """Where it comes from, for people."""
    key_tail: str
    """The last four characters of the access key's id; empty for a Bedrock API key, which is a secret throughout."""


@dataclass(frozen=True, slots=True)
class _Found:
    identity: AccessKeys | BearerToken
    description: Description
    refresh_at: float = math.inf
    expires_at: float = math.inf
    """Both in seconds since the epoch."""


class Credentials:
    """The identity to sign with, kept fresh. Use it from one event loop; making it looks at nothing."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        environ: Mapping[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`region` is that of the token services on the way to a role. botocore reads the process's environment."""
        self.region = region
        self._profile = profile
        self._environ = environ
        self._now = now
        self._found: _Found | None = None
        self._problem = _NOT_YET
        self._walk: asyncio.Future[None] | None = None
        self._next_walk = -math.inf

    async def identity(self) -> AccessKeys | BearerToken:
        """Raises `NotConfigured` when there is none; a later call looks again."""
        now, found = self._now(), self._found
        if found is not None and now < found.refresh_at:
            return found.identity
        if found is not None and now < found.expires_at - _MANDATORY_S:
            self._start_walk()
            return found.identity
        await self._wait_for_walk(_PATIENCE_S)
        found = self._found
        if found is None or self._now() >= found.expires_at:
            raise NotConfigured(self._problem)
        return found.identity

    async def refresh(self, used: AccessKeys | BearerToken) -> None:
        """Walks the chain again after AWS has said that `used` is no longer good. Nothing to do if it is not the latest."""
        if self._found is None or self._found.identity == used:
            await self._wait_for_walk(_PATIENCE_S)

    async def look(self, timeout_s: float) -> Description | None:
        """What is known within that time. The search goes on beyond it."""
        if self.describe() is None:
            await self._wait_for_walk(timeout_s)
        return self.describe()

    def describe(self) -> Description | None:
        found = self._found
        return found.description if found is not None and self._now() < found.expires_at else None

    @property
    def problem(self) -> str | None:
        """Why there is no identity, for people; None when there is one."""
        return self._problem if self.describe() is None else None

    async def _wait_for_walk(self, timeout_s: float) -> None:
        walk = self._start_walk()
        if walk is not None:
            await asyncio.wait((walk,), timeout=timeout_s)

    def _start_walk(self) -> asyncio.Future[None] | None:
        """The walk under way, a new one, or None when the last is too short ago."""
        if self._walk is None and self._now() >= self._next_walk:
            loop = asyncio.get_running_loop()
            self._walk = loop.create_future()
            # No pool: its threads would hold up the end of the process until instance metadata has answered.
            Thread(target=self._walk_in_thread, args=(loop,), name="aws-credentials", daemon=True).start()
        return self._walk

    def _walk_in_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        result: _Found | str = f"The proxy's search for AWS credentials failed. {_OPERATORS_MATTER}"
        try:
            result = _walk_chain(self._profile, self.region, self._environ, self._now)
        finally:
            with suppress(RuntimeError):  # The loop has been closed meanwhile.
                loop.call_soon_threadsafe(self._finish_walk, result)

    def _finish_walk(self, result: _Found | str) -> None:
        if isinstance(result, _Found):
            self._found = result
        else:
            self._problem = result
        self._next_walk = self._now() + _SPACING_S
        walk, self._walk = self._walk, None
        assert walk is not None
        walk.set_result(None)


def _walk_chain(
    profile: str | None, region: str | None, environ: Mapping[str, str], now: Callable[[], float]
) -> _Found | str:
    """The first credentials in botocore's order, or in words why there are none. May take seconds.

    A Bedrock API key goes before all others, as botocore 1.44 prefers it. The words hold nothing of what was found:
    botocore's messages may quote the output of a credential process.
    """
    token = environ.get("AWS_BEARER_TOKEN_BEDROCK", "").strip()
    if token:
        return _Found(BearerToken(token), Description("Bedrock API key", ""))
    # Here, not above: importing botocore takes 0.15 s, which only a walk has to spend.
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = botocore.session.Session(profile=profile)
        if region is not None:
            session.set_config_variable("region", region)
        if _would_ask_for_a_code(session, environ):
            return _explain("its profile needs an MFA code, for which nobody can be asked")
        credentials = session.get_credentials()
        if credentials is None:
            return _NONE
        frozen = credentials.get_frozen_credentials()
        left_s = _seconds_left(credentials)
    except ClientError as error:
        return _explain(f"AWS refused to give them ({error.response.get('Error', {}).get('Code', 'no code')})")
    except (BotoCoreError, *_LEFT_BY_BOTOCORE) as error:
        return _explain(next(_REASONS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _REASONS))
    if not frozen.access_key or not frozen.secret_key:
        return _NONE
    moment = now()
    return _Found(
        AccessKeys(frozen.access_key, frozen.secret_key, frozen.token or None),
        Description(_name_source(credentials.method, session.profile or "default"), frozen.access_key[-4:]),
        refresh_at=moment + left_s - min(_ADVISORY_S, left_s / 2) if left_s < math.inf else math.inf,
        expires_at=moment + left_s,
    )


def _would_ask_for_a_code(session: Any, environ: Mapping[str, str]) -> bool:
    """Whether botocore would read an MFA code from the terminal: a profile's role with MFA, and no keys before it."""
    if environ.get("AWS_ACCESS_KEY_ID") and session.instance_variables().get("profile") is None:
        return False
    profile = session.get_scoped_config()
    return "role_arn" in profile and "mfa_serial" in profile


def _seconds_left(credentials: Any) -> float:
    """Until they expire; inf when they do not. botocore does not tell the time, but answers for any number of seconds."""
    is_needed = getattr(credentials, "refresh_needed", None)
    if is_needed is None or not is_needed(_FOREVER_S):
        return math.inf
    low, high = 0.0, _FOREVER_S
    while high - low > 0.5:
        middle = (low + high) / 2
        if is_needed(middle):
            high = middle
        else:
            low = middle
    return low


def _explain(reason: str) -> str:
    return f"The proxy has no AWS credentials: {reason}. {_OPERATORS_MATTER}"


_LEFT_BY_BOTOCORE = (OSError, ValueError, LookupError, AttributeError, TypeError, EOFError, RuntimeError)
"""Of files and processes, and of what these were found to hold: botocore lets such errors pass."""

_SSO = "its SSO session has ended, `aws sso login` begins a new one"
_LOGIN = "its login session has ended, `aws login` begins a new one"
_REASONS = {
    # botocore 1.44's exceptions, by name.
    "ConfigNotFound": "a file of its AWS configuration is missing",
    "ConfigParseError": "a file of its AWS configuration cannot be read",
    "CredentialRetrievalError": "the source that its AWS configuration names gives none",
    "InfiniteLoopConfigError": "the profiles of its AWS configuration refer to each other in a circle",
    "InvalidConfigError": "its AWS configuration contradicts itself",
    "LoginError": _LOGIN,
    "LoginRefreshRequired": _LOGIN,
    "LoginTokenLoadError": _LOGIN,
    "MetadataRetrievalError": "the metadata service gives none",
    "NoRegionError": "no region says where to ask for them",
    "PartialCredentialsError": "its access key is set without all of its parts",
    "ProfileNotFound": "its AWS profile does not exist",
    "RuntimeError": "they have expired, and their source gives no newer ones",
    "SSOError": _SSO,
    "SSOTokenLoadError": _SSO,
    "TokenRetrievalError": _SSO,
    "UnauthorizedSSOTokenError": _SSO,
    "Exception": "the source that its AWS configuration names failed",
}

_SOURCES = {
    # botocore 1.44's names of its providers.
    "assume-role": "role assumed by profile {profile}",
    "assume-role-with-web-identity": "role assumed by a web identity",
    "boto-config": "boto configuration file",
    "config-file": "config file, profile {profile}",
    "container-role": "container role",
    "custom-process": "credential process of profile {profile}",
    "ec2-credentials-file": "AWS_CREDENTIAL_FILE",
    "env": "environment",
    "iam-role": "instance role",
    "login": "profile {profile} (login)",
    "shared-credentials-file": "shared credentials file, profile {profile}",
    "sso": "profile {profile} (SSO)",
}


def _name_source(method: str, profile: str) -> str:
    return _SOURCES.get(method, method).format(profile=profile)
