"""What the server does for its own process."""

from __future__ import annotations

import asyncio
import gc

from laptop_cloud.server import forget_survivors


def test_survivors_of_a_full_collection_are_left_out_and_nothing_of_ours_runs_within_one() -> None:
    async def serve() -> tuple[int, int, int]:
        forgetting = asyncio.create_task(forget_survivors(look_every_s=0.0))
        await asyncio.sleep(0)
        gc.unfreeze()
        await asyncio.sleep(0)
        without = gc.get_freeze_count()
        gc.collect()
        await asyncio.sleep(0)
        after = gc.get_freeze_count()
        # Other tools of the tests have callbacks, too.
        ours = sum(getattr(one, "__module__", "").startswith("laptop_cloud") for one in gc.callbacks)
        forgetting.cancel()
        return without, after, ours

    try:
        without, after, ours = asyncio.run(serve())
    finally:
        gc.unfreeze()

    assert without == 0
    assert after > len(gc.get_objects()) // 2
    assert ours == 0
