"""Waiting for a flag or for time, whichever is first."""

import asyncio


async def flag_or_ms(flag, timeout_ms: int) -> bool:
    """True when ``flag`` (``Event`` or ``ThreadSafeFlag``) was set within ``timeout_ms``."""
    try:
        await asyncio.wait_for_ms(flag.wait(), timeout_ms)
    except asyncio.TimeoutError:  # noqa: UP041 - MicroPython has no TimeoutError of its own
        return False
    return True
