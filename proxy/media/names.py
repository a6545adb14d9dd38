"""A host's name -> the addresses that may be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.media.addresses import is_public

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> its addresses, or `OSError`."""

_THREADS = 8


class SystemLookup:
    """A `Lookup` by the system, in threads of its own: a name server that does not answer holds up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="lookup")

    async def __call__(self, host: str, port: int) -> list[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(address[0]) for *_, address in found]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class PublicResolver(AbstractResolver):
    """For aiohttp, which connects to one of the addresses it is given here: all those of the host, each of them public.

    One that is not makes the whole name suspect, and an `OSError`. `is_allowed` names the hosts and ports that may be
    anywhere. aiohttp does not ask for a host that is itself an address; that is checked before.
    """

    def __init__(self, lookup: Lookup, is_allowed: Callable[[str, int], bool]) -> None:
        self._lookup = lookup
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        if not (self._is_allowed(host.lower(), port) or all(map(is_public, addresses))):
            raise OSError("a name with an address that is not public")
        if not addresses:
            raise OSError("a name without an address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""
