"""The console of a locker in production whose application did not start: why, and a way in.

``start.py`` calls ``Rescue.serve`` when the start has failed, before it starts the board once more.  First
everything the application has loaded is dropped, since the heap may be what failed.  Only the data for
checking a code is opened again: key and holders from the files, tries and counters from the journal.  The
console is the one of ``console.py``; the time is not known here, so the code is the answer to a number.  If
key or journal cannot be read, no code can be checked; the console says so.
"""

import asyncio
import gc
import sys
from time import ticks_ms

from micropython import const

from . import VERSION, forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .core.access import Access
    from .core.timekeeping import Clock
    from .journal.log import Journal
    from .ports import Now, Payload, Value


_LISTEN_S = const(10)  # wait for a first byte; after it the board restarts
_PATIENCE_S = const(300)  # wait for the next byte


class Rescue:
    """The rest of a locker that did not start because of ``why``; it also stands in for the controller, core
    and supervisor that ``Console`` uses.

    ``access``, journal and clock exist after ``open``, unless it set ``failed``.
    """

    access: "Access"
    _journal: "Journal"
    _clock: "Clock"

    def __init__(self, why: str) -> None:
        self.last = why
        self.faults = ("start",)
        self.failed = ""  # why no code can be checked
        self.core = self
        self._ended = False

    def serve(self) -> None:
        """Print why; return when nobody has typed for a while, or a technician's code was right."""
        sys.modules.pop("main", None)
        for name in sorted(sys.modules, reverse=True):  # modules before their package
            if name.startswith("locker."):
                try:
                    forget(name[len("locker.") :])
                except AttributeError:
                    pass  # its import failed, so its package has no such attribute
        asyncio.new_event_loop()  # so that no task of the failed start goes on
        gc.collect()
        self.open()
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        from .console import Console
        from .core import limits
        from .drivers.watchdog import Watchdog

        watchdog = Watchdog(limits.WATCHDOG_MS)  # the start may have begun it; it cannot be stopped
        about = "{} did not start: {}".format(VERSION, self.last)
        console = Console(self, self, about)
        print("consigne:", about)
        console.prompt()
        reading = asyncio.create_task(console.run())  # pyright: ignore[reportUnknownMemberType] - its stub
        heard, left_s = 0, _LISTEN_S
        while left_s and not self._ended and not reading.done():
            watchdog.feed()
            await asyncio.sleep(1)
            left_s -= 1
            if console.heard != heard:
                heard, left_s = console.heard, _PATIENCE_S
        reading.cancel()

    def open(self) -> None:
        """Prepare for checking a code; ``failed`` says what is missing for it."""
        try:
            self._open()
        except Exception as error:  # noqa: BLE001 - the console must be there to say what it was
            self.failed = "{}: {}".format(type(error).__name__, error)

    def _open(self) -> None:
        from . import config
        from .core.access import Access
        from .core.timekeeping import Clock
        from .drivers.flash import journal_partition
        from .journal.log import Journal

        self._clock = Clock(0, ticks_ms())
        identity = config.identity(config.load("identity.json"))
        raw = config.load("config.json")
        access = Access(
            identity.device_key, raw.get("digits", 8), raw.get("holders", ()), raw.get("duress", False)
        )
        journal = Journal(journal_partition())
        found = journal.open()
        self._clock = Clock(journal.time_floor, ticks_ms())
        if found.read_only:
            self.failed = found.text
            return
        self.access, self._journal = access, journal
        journal.replay(self.apply)

    def apply(self, kind: int, time_s: int, payload: "Payload", seq: int = 0) -> None:
        """Fold the records of tries and counters only: the start may have failed at others."""
        from .core import records

        if kind in (
            records.BOOT, records.ATTEMPT, records.ACCEPTED, records.REFUSED, records.THROTTLE_STATE,
            records.HOLDER_COUNTER,
        ):  # fmt: skip
            self.access.apply(kind, time_s, payload)

    def fact(self, kind: int, *values: "Value") -> None:
        """Journal it; raises if it is not durable, and then no code is compared."""
        from .core import records

        self._journal.append(kind, records.pack(kind, *values), self.now()[1])

    def now(self) -> "Now":
        return self._clock.now(ticks_ms())

    def stop(self, why: str) -> None:
        """Nothing to stop: nothing is served here."""

    def end(self, why: str) -> None:
        self._ended = True
