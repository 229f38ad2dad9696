"""For every test: the device's modules import as they are (``pythonpath`` in pyproject.toml)."""

import gc
import signal
from pathlib import Path

import micropython  # noqa: F401 - gives ``time`` the ticks functions before any device module is imported
import pytest

gc.disable()  # until all is collected, which makes much and frees nothing

WAITING = ("integration", "pages", "device", "virtualboard")  # folders whose tests wait for other processes
BOTH = ("sim", "drivers")  # folders where those on MicroPython do

# A job in the background has these ignored, and so has every program that it starts.  What the tests start is
# to hear Ctrl+C as at a terminal: what has a handler here has the system's own action there.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda number, frame: None)


def _folder(path: Path) -> str:
    """The folder of ``tests/`` that a file belongs to, also from within one of its folders."""
    return path.relative_to(Path(__file__).parent).parts[0]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file that holds nothing of what is asked for: it takes each of several processes seconds."""
    asked = config.option.markexpr
    if collection_path.suffix != ".py" or not asked:
        return None
    folder = _folder(collection_path)
    if folder in BOTH:
        return None
    if asked == "not waits" and folder in WAITING:
        return True
    if asked == "waits" and folder not in WAITING and "mark.waits" not in collection_path.read_text():
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what waits more than it computes, and let its files begin: what computes fills the pauses."""
    for item in items:
        folder = _folder(item.path)
        if folder in WAITING or (folder in BOTH and "micropython" in item.nodeid):
            item.add_marker(pytest.mark.waits)
    waiting = {item.path for item in items if item.get_closest_marker("waits")}
    items.sort(key=lambda item: item.path not in waiting)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what collection made: it stays to the end, and is much.

    Simulated lockers are made and dropped by the thousand: looked at as often as usual, what lives took a
    tenth of the drivers' tests' time.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 10, 20)
