"""Waiting for a flag or for time, whichever is first."""

import asyncio


async def flag_or_ms(flag, timeout_ms: int) -> bool:
    """True when ``flag`` (``Event`` or ``ThreadSafeFlag``) was set within ``timeout_ms``.

    Also when both happened before this task ran again: MicroPython's ``wait_for`` then raises
    ``TimeoutError``, and a flag that its wait has already cleared would be lost.
    """
    taken = bytearray(1)
    try:
        await asyncio.wait_for_ms(_take(flag, taken), timeout_ms)
    except asyncio.TimeoutError:  # noqa: UP041 - MicroPython has no TimeoutError of its own
        return bool(taken[0])
    return True


async def _take(flag, taken):
    await flag.wait()
    taken[0] = 1
