"""The cable between laptop and board: a pseudo-terminal that can be pulled out and plugged in again.

A pseudo-terminal has no modem lines.  Besides bytes, the only thing known of the laptop is whether a program
has the port open; the end of that is reported, since ``esptool`` closes the port after a reset that it could
not make.  inotify reports it: on a busy computer the next program has the port open before a look at the
terminal could show that it was closed.  ``netcable.py`` has a port with the lines that reset the chip.
"""

import os
import pty
import select
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from inotify_simple import INotify, flags

from ..clock import Clock, Timer

CHUNK_BYTES = 4096
_CLOSED = flags.CLOSE_WRITE | flags.CLOSE_NOWRITE
USB_AWAY_US = 200_000  # from the end of one USB device to the next one's port


class SerialCable(Protocol):
    """A serial line's view of its cable: ``Cable`` here, ``NetCable`` in ``netcable.py``."""

    has_lines: bool
    on_closed: Callable[[], None]

    @property
    def plugged(self) -> bool: ...
    @property
    def port(self) -> str: ...
    def fileno(self) -> int: ...
    def plug(self) -> None: ...
    def pull(self) -> None: ...
    def close(self) -> None: ...
    def turn(self) -> None: ...
    def read(self, limit: int = CHUNK_BYTES) -> bytes: ...
    def write(self, data: bytes) -> int: ...


class Cable:
    """One pseudo-terminal after another; ``link``, if given, is a symbolic link to the current one.

    ``fileno`` is readable whenever something may have happened: bytes, room for bytes, open, closed.
    """

    has_lines = False

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._master = -1
        self._poller = select.epoll()
        self._notices = INotify()
        self._poller.register(self._notices, select.EPOLLIN)
        self._watched: int | None = None
        self._openers = 0
        self._watch: select.poll | None = None
        self.path = ""
        self.on_closed: Callable[[], None] = lambda: None

    def fileno(self) -> int:
        return self._poller.fileno()

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    @property
    def port(self) -> str:
        """What to give to ``mpremote connect``: the link if there is one, else the terminal itself."""
        return str(self._link) if self._link else self.path

    def plug(self) -> None:
        """Make a new port; the laptop finds it under a new name, and under the same link."""
        if self.plugged:
            return
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._watched = self._notices.add_watch(self.path, flags.OPEN | _CLOSED)
        self._openers = 0
        self._watch = select.poll()
        self._watch.register(self._master, 0)  # POLLHUP comes unasked
        # Edge-triggered: level-triggered, POLLHUP would wake this thread all the time while no program has
        # the port open.
        events = select.EPOLLIN | select.EPOLLOUT | select.EPOLLHUP | select.EPOLLET
        self._poller.register(self._master, events)
        if self._link is not None:
            new = self._link.with_name(f".{self._link.name}.{os.getpid()}")
            new.symlink_to(self.path)
            new.replace(self._link)

    def pull(self) -> None:
        """Pull it out: whoever has the port open sees it vanish."""
        if not self.plugged:
            return
        self._poller.unregister(self._master)
        assert self._watched is not None
        self._notices.rm_watch(self._watched)
        self._watched = None  # a program may still close the terminal that is no more
        os.close(self._master)
        self._master = -1
        self._watch = None
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def close(self) -> None:
        self.pull()
        self._poller.close()
        self._notices.close()

    def turn(self) -> None:
        """Check whether the last program has closed the port; call it whenever ``fileno`` is readable."""
        self._poller.poll(0)
        was_closed = False
        for notice in self._notices.read(0):
            if notice.wd != self._watched:
                continue
            self._openers += -1 if notice.mask & _CLOSED else 1
            was_closed |= self._openers <= 0
        # Two closings in a row are one notice.
        if was_closed or (self._openers and not self.listening()):
            self._openers = int(self.listening())
            self.on_closed()

    def listening(self) -> bool:
        """Whether a program has the port open."""
        if self._watch is None:
            return False
        return not any(events & select.POLLHUP for _, events in self._watch.poll(0))

    def read(self, limit: int = CHUNK_BYTES) -> bytes:
        """Bytes that have arrived from the laptop; empty when there are none."""
        if not self.plugged:
            return b""
        try:
            return os.read(self._master, limit)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: nobody has it open
            return b""

    def write(self, data: bytes) -> int:
        """Send to the laptop; returns how many bytes were taken.  Without a listener all are lost."""
        if not self.listening():
            return len(data)
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:  # closed a moment ago
            return len(data)


class UsbCable(Cable):
    """The cable of a chip with native USB: there is a port only while the chip's USB device runs.

    ``renamed`` and ``appear`` are the chip's actions, ``pull`` and ``plug`` a person's; ``of_program``: the
    device on the bus is MicroPython's, not the ROM's.
    """

    of_program = False

    def __init__(self, link: Path | None = None) -> None:
        super().__init__(link)
        self._in_hand = False
        self._shown = True

    def plug(self) -> None:
        self._in_hand = True
        if self._shown:
            super().plug()

    def pull(self) -> None:
        self._in_hand = False
        super().pull()

    def renamed(self, clock: Clock, then: Callable[[], None], *, of_program: bool) -> Timer:
        """The chip's USB device vanishes, comes back as another with another name; then call ``then()``."""
        self.of_program = of_program
        self._shown = False
        super().pull()

        def back() -> None:
            self.appear()
            then()

        return clock.call_in(USB_AWAY_US, back)

    def appear(self) -> None:
        self._shown = True
        if self._in_hand:
            super().plug()
