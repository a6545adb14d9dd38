"""The AWS side as one process sees it: credentials, region, endpoints, clients, and the models that can be called.

Starting waits for nothing on the network. Credentials are looked for, and the account's own list of models is fetched,
in the background; until then the catalogue says what there is. Without credentials or a region the process serves all
the same, and every call says what its operator has to mend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from proxy.bedrock.client import BedrockClient, open_transport, outbound_proxy
from proxy.bedrock.credentials import Credentials, Description
from proxy.bedrock.endpoint import Endpoints, resolve_endpoints, resolve_region
from proxy.bedrock.listing import AccountModels, fetch_account_models
from proxy.bedrock.sign import AccessKeys, BearerToken
from proxy.config import Config
from proxy.errors import NotConfigured, ProxyError
from proxy.families import FAMILIES
from proxy.routing.aliases import Alias
from proxy.routing.catalog import Catalog, ChatTemplate
from proxy.routing.listed import ListedModel
from proxy.routing.resolve import Resolver, Target
from proxy.telemetry.logs import log

_LISTING_S = 3600.0
"""The account's list of models is fetched again after this long …"""
_LISTING_AGAIN_S = 60.0
"""… and after this long when it could not be had."""
_LOOK_AGAIN_S = 5.0
"""Without a region, the configuration is read again after this long."""
_MOST_REGIONS = 64
"""More than AWS has: ARNs with made-up regions displace each other, and do not pile up."""
_NO_REGION = "The proxy has no AWS region. This is for its operator to mend."
_PATIENCE_S = 0.25
"""How long starting waits for credentials, so that its first lines can name them."""


class Upstream:
    """`start` it on the loop that it serves, `aclose` it there."""

    passed_on: frozenset[str] = frozenset()
    """Headers of the client's that go on to the upstream: none of AWS's, the emulator's script."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._catalog = Catalog.load()
        self._aliases = {name: _alias(config, name) for name in config.models}
        # Raises ValueError for an alias that leads nowhere: at the start, not at the first request.
        self.resolver("us-east-1")
        self._stack = AsyncExitStack()
        self._clients: dict[str, BedrockClient] = {}
        self._botocore = asyncio.Lock()
        self._resolver: Resolver | None = None
        self._transports: dict[str | None, httpx.AsyncBaseTransport] = {}
        self._background: asyncio.Task[None] | None = None
        self.region: str | None = None
        self.endpoints: Endpoints | None = None
        self.identities: Credentials | FixedIdentity
        self.trouble: str | None = None
        """Why no call can be made, where it is not for want of credentials."""

    async def start(self) -> None:
        await self._find_the_way()
        await self.identities.look(_PATIENCE_S)
        self._background = asyncio.create_task(self._keep_informed())

    async def aclose(self) -> None:
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        await self._stack.aclose()

    async def check_ready(self) -> None:
        """Raises `NotConfigured` with what the operator has to mend. Where credentials are missing, it looks again."""
        if self.trouble is not None:
            raise NotConfigured(self.trouble)
        await self.identities.look(_PATIENCE_S)
        if self.identities.problem is not None:
            raise NotConfigured(self.identities.problem)

    def resolve(self, name: str) -> Target:
        """The client's name of a model -> what to call. Raises `ModelNotFound`, `NotConfigured`."""
        if self._resolver is None:
            raise NotConfigured(self.trouble or _NO_REGION)
        return self._resolver.resolve(name)

    def describe(self, name: str) -> ListedModel:
        """One model, listed or not. Raises `ModelNotFound`, `NotConfigured`."""
        if self._resolver is None:
            raise NotConfigured(self.trouble or _NO_REGION)
        return self._resolver.describe(name)

    def list_models(self) -> Sequence[ListedModel]:
        if self._resolver is None:
            return ()
        return self._resolver.list_models(today=datetime.now(UTC).date())

    async def client(self, region: str | None) -> BedrockClient:
        """For the region of an ARN, or else the one set up."""
        region = region or self.region
        if self.trouble is not None or region is None:
            raise NotConfigured(self.trouble or _NO_REGION)
        if region in self._clients:
            return self._clients[region]
        # One at a time: asking botocore takes 0.1 s of the interpreter, which the loop needs too.
        async with self._botocore:
            if region not in self._clients:
                endpoints = self.endpoints if region == self.region else None
                if endpoints is None:
                    endpoints = await asyncio.to_thread(self._resolve_endpoints, region)
                if len(self._clients) >= _MOST_REGIONS:
                    del self._clients[next(iter(self._clients))]
                self._clients[region] = self._client(endpoints.runtime, region)
            return self._clients[region]

    async def _find_the_way(self) -> None:
        """Region, endpoints and credentials, or `trouble`."""
        try:
            region, self.endpoints = await asyncio.to_thread(self.ask_botocore)
            self.region, self._resolver, self.trouble = region, self.resolver(region), None
        except NotConfigured as error:
            self.trouble = error.message
        self.identities = Credentials(profile=self._config.aws.profile, region=self.region, environ=self._environ)

    def ask_botocore(self) -> tuple[str, Endpoints]:
        """Region and endpoints, as botocore finds them. Blocks for about 0.1 s; raises `NotConfigured`."""
        session = self._session()
        region = resolve_region(session, self._config.aws.region, self._environ)
        return region, resolve_endpoints(session, region)

    def _resolve_endpoints(self, region: str) -> Endpoints:
        return resolve_endpoints(self._session(), region)

    def _session(self) -> Any:
        import botocore.session  # here, for the emulator starts without it

        return botocore.session.Session(profile=self._config.aws.profile)

    def _client(self, endpoint: str, region: str) -> BedrockClient:
        # One pool of connections serves every region, since it keeps them by host.
        proxy = outbound_proxy(endpoint)
        if proxy not in self._transports:
            transport = open_transport(proxy, self._environ.get("AWS_CA_BUNDLE") or None)
            self._stack.push_async_callback(transport.aclose)
            self._transports[proxy] = transport
        return BedrockClient(
            endpoint=endpoint,
            region=region,
            credentials=self.identities,
            transport=self._transports[proxy],
            connect_s=self._config.timeouts.connect_s,
        )

    def resolver(self, region: str, account: AccountModels | None = None) -> Resolver:
        """Names as this configuration resolves them. Raises `ValueError` for an alias that leads nowhere."""
        return Resolver(
            self._catalog,
            region,
            aliases=self._aliases,
            scope=self._config.routing.profile_scope,
            known=account,
            families=FAMILIES.keys(),
        )

    async def _keep_informed(self) -> None:
        """Looks for a way as long as there is none, and then for the account's own models, again and again.

        Many roles may call models but not list them: then the catalogue has to do.
        """
        while self.region is None or self.endpoints is None:
            await asyncio.sleep(_LOOK_AGAIN_S)
            await self._find_the_way()
        control = self._client(self.endpoints.control, self.region)
        while True:
            try:
                self._resolver = self.resolver(self.region, await fetch_account_models(control.get))
                await asyncio.sleep(_LISTING_S)
            except ProxyError as error:
                log.info("the account's models cannot be listed, so the catalogue stands for them: %s", error.message)
                await asyncio.sleep(_LISTING_AGAIN_S)


class EmulatedUpstream(Upstream):
    """The same over an emulator in this process, for a start without an AWS account."""

    async def _find_the_way(self) -> None:
        from proxy.emulator.script import HEADER
        from proxy.emulator.server import EmulatorServer
        from proxy.emulator.settings import Settings

        settings = Settings()
        emulator = await self._stack.enter_async_context(EmulatorServer(settings))
        self.passed_on = frozenset({HEADER})
        self.region = settings.region
        self.identities = FixedIdentity(AccessKeys(*next(iter(settings.keys.items()))))
        self.endpoints = Endpoints(runtime=emulator.url, control=emulator.url)
        self._resolver = self.resolver(self.region)

    def _resolve_endpoints(self, region: str) -> Endpoints:
        """The emulator is in every region."""
        assert self.endpoints is not None
        return self.endpoints


class FixedIdentity:
    """Keys that are known from the start and never expire."""

    problem: str | None = None

    def __init__(self, keys: AccessKeys) -> None:
        self._keys = keys

    async def identity(self) -> AccessKeys | BearerToken:
        return self._keys

    async def refresh(self, used: AccessKeys | BearerToken) -> None:
        pass

    async def look(self, timeout_s: float) -> Description | None:
        return self.describe()

    def describe(self) -> Description | None:
        return Description(source="the emulator's own", key_tail=self._keys.access_key[-4:])


def _alias(config: Config, name: str) -> Alias:
    entry = config.entry(name)
    chat_template: ChatTemplate | None = None
    if entry.chat_template is not None:
        from proxy.chat_template import read  # here, since few need Jinja

        try:
            chat_template = read(Path(entry.chat_template))
        except ValueError as error:
            raise ValueError(f"models.{name}.chat_template: {error}") from None
    return Alias(
        id=entry.id or name,
        family=entry.family,
        max_output_tokens=entry.max_output_tokens,
        chat_template=chat_template,
        completion=entry.completion,
    )
