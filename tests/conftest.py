"""For every test: the device's modules import as they are (``pythonpath`` in pyproject.toml)."""

import gc
from pathlib import Path

import micropython  # noqa: F401 - gives ``time`` the ticks functions before any device module is imported
import pytest

ALONE = ("integration", "pages")  # folders whose tests run real processes against the wall's clock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what must not share the cores: real processes, and the firmware on the real interpreter."""
    for item in items:
        folder = Path(str(item.fspath)).parent.name
        if folder in ALONE or (folder in ("sim", "drivers") and "micropython" in item.nodeid):
            item.add_marker(pytest.mark.alone)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what collection made: it stays to the end, and is much."""
    gc.collect()
    gc.freeze()
