import asyncio

from proxy.config import Config
from proxy.upstream import EmulatedUpstream


async def test_a_client_for_each_region_but_no_more_than_there_can_be() -> None:
    upstream = EmulatedUpstream(Config(), {})
    await upstream.start()
    try:
        home = await upstream.client(None)
        assert await upstream.client("us-east-1") is home
        first, again = await asyncio.gather(upstream.client("xx-made-1"), upstream.client("xx-made-1"))
        assert first is again
        assert first.region == "xx-made-1"
        for number in range(2, 66):
            await upstream.client(f"xx-made-{number}")
        assert await upstream.client("xx-made-65") is await upstream.client("xx-made-65")
        assert await upstream.client("xx-made-1") is not first
    finally:
        await upstream.aclose()
