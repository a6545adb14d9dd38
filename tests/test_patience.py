import asyncio

import pytest

from proxy.patience import Patience


async def test_a_wait_that_takes_too_long() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        async with Patience() as patience:
            patience.wait_until(loop.time() + 0.01)
            await loop.create_future()


async def test_each_wait_has_its_own_end() -> None:
    """An end that is moved on holds, and so does one that is moved nearer than the timer stands."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(TimeoutError):
        async with Patience() as patience:
            patience.wait_until(began_s + 0.01)
            patience.wait_until(began_s + 3600)
            patience.rest()
            patience.wait_until(began_s + 0.03)
            await loop.create_future()
    assert loop.time() >= began_s + 0.03


async def test_rest_may_take_any_time() -> None:
    loop = asyncio.get_running_loop()
    rung = loop.create_future()
    async with Patience() as patience:
        patience.wait_until(loop.time() + 0.01)
        patience.rest()
        loop.call_at(loop.time() + 0.02, rung.set_result, None)
        await rung
        patience.wait_until(loop.time() + 3600)


async def test_what_comes_in_the_moment_of_the_end_has_come() -> None:
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    async with Patience() as patience:
        end_s = loop.time() + 0.01
        loop.call_at(end_s, came.set_result, None)
        patience.wait_until(end_s)
        await came
        patience.rest()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(asyncio.CancelledError):
        async with Patience() as patience:
            patience.wait_until(asyncio.get_running_loop().time() + 3600)
            task.cancel()
            await asyncio.sleep(0)
    task.uncancel()
