"""For every test: the device's modules import as they are (``pythonpath`` in pyproject.toml)."""

import gc

import micropython  # noqa: F401 - gives ``time`` the ticks functions before any device module is imported
import pytest

WAITING = ("integration", "pages", "device", "virtualboard")  # folders whose tests wait for other processes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what waits more than it computes, so that more of it runs at once; see the Makefile."""
    for item in items:
        folder = item.path.parent.name
        if folder in WAITING or (folder in ("sim", "drivers") and "micropython" in item.nodeid):
            item.add_marker(pytest.mark.waits)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what collection made: it stays to the end, and is much."""
    gc.collect()
    gc.freeze()
