"""One locker at work: journal, core, controller and tasks, put together and supervised."""

import gc
import os
from time import sleep_ms, ticks_diff, ticks_ms

from . import VERSION, forget
from .controller import Controller
from .core import codes, events, records
from .core.core import Core
from .core.limits import PULSE_MS_MAX
from .core.timekeeping import Clock
from .drivers import board
from .drivers.flash import journal_partition
from .drivers.watchdog import Watchdog
from .journal.log import Journal
from .supervisor import HOST, SERVICE, Supervisor
from .sweeping import Sweeper

_PULSE_LATE_MS = 100  # a coil's line is released at most this much later
_LOOK_MS = 20
_START_MS = 60_000  # a locker that ends within this time counts as not started


class Locker:
    """One locker, put together from its configuration; ``await run()`` serves.

    ``options`` are ``(rest_ms, watchdog_ms)``, ``online`` an ``online.Online`` or None.
    """

    def __init__(self, site, parts, options, device_key, online):
        rest_ms, watchdog_ms = options
        panel = parts.panel
        parts.report = self._part_report
        self._locks = parts.locks
        self._journal = Journal(journal_partition())

        def tag_of(epoch):
            return codes.journal_tag(device_key, epoch)

        found = self._journal.open(tag_of)
        # The result of recovery is kept as plain values, since its code is dropped.
        self._journal_text, self._read_only = found.text, found.read_only
        self._boot = (found.skipped_sectors, found.recovered_records, VERSION)
        proven = found.proven
        found = None
        forget("journal.recovery", "journal.survey", "journal.repair", "journal.report")
        gc.collect()
        print("journal:", self._journal_text)
        core = Core(site, device_key)
        self._senses = senses = parts.senses
        if senses:
            senses.watch(core)
        if not self._journal.replay(core.apply) and online:
            core.wants = True  # perhaps this board takes the place of another
            core.access.throttle.state(0)
        core.wants = core.wants and online is not None
        core.tag = tag_of(self._journal.epoch)
        core.session.proven = proven
        # A provisional time ends with the power: what was believed then runs on.
        self._clock = clock = Clock(self._journal.time_floor - core.access.ahead_s, ticks_ms())
        if senses:
            senses.take_time(clock)
        self._controller = controller = Controller(
            core, self._journal, clock, parts.locks, panel.display, panel.buzzer, panel.lamp, rest_ms
        )
        controller.snapshot_if_due()  # a journal says whose it is before anything else
        self._supervisor = supervisor = Supervisor(Watchdog(watchdog_ms), self._task_report, controller.stop)
        controller.attach_supervisor(supervisor)
        self._supervise(parts, panel)
        self._online = online
        if online:
            supply_mv = senses.supply_mv if senses else None
            online.join(
                core, self._journal, controller, supervisor, self._status, self._part_report, supply_mv
            )
        self._sweep(parts, panel)

    def _supervise(self, parts, panel):
        controller, supervisor = self._controller, self._supervisor
        door_sink = controller.sink
        if self._senses:
            self._senses.join(controller, supervisor)
            door_sink = self._senses.door_sink(door_sink)
        supervisor.critical("sensors", lambda: parts.sensors.run(door_sink), lambda: parts.sensors.turns)
        for i, wire in enumerate(parts.wires):
            supervisor.critical("rs485 {}".format(i), wire.run, lambda wire=wire: wire.turns)
        supervisor.critical("keypad", lambda: panel.keypad.run(controller.sink), lambda: panel.keypad.turns)
        supervisor.critical("pulses", controller.run_pulses, controller.pulse_turns)
        supervisor.critical("timers", controller.run_timers, lambda: controller.timer_turns)
        if panel.scanner:
            supervisor.spare("scanner", lambda: panel.scanner.run(controller.sink))
        supervisor.spare("display", panel.display.run)
        supervisor.spare("buzzer", panel.buzzer.run)
        supervisor.spare("lamp", panel.lamp.run)
        self._production = "production" in os.listdir()  # as boot.py has it
        if self._production:
            from .console import Console

            about = "{}; journal: {}".format(VERSION, self._journal_text)
            supervisor.spare("console", Console(controller, supervisor, about).run)

    def _status(self):
        """What only the shell knows, for the status topic."""
        core = self._controller.core
        access = core.access
        amiss = core.senses.complaints() if core.senses else []
        return {
            "grants": access.grants_version,
            "digest": access.grants_digest(self._controller.now()[1]),
            "n": core.command_counter,
            "revoked": access.revoked_digest(),
            "takes": self._online.takes_bytes(self._controller.free_bytes()),
            "ahead": self._clock.ahead_s,
            "fw": VERSION,
            "journal": self._journal_text,
            "wants": core.wants and not self._read_only,
            "health": self._online.health(),
            "faults": self._supervisor.faults + core.cabinet.health.complaints() + amiss,
        }

    def _task_report(self, name, text):
        print("fault:", name, text)
        self._controller.fact(records.FAULT, events.FAULT_TASK, name)

    def _part_report(self, text):
        print("part:", text)
        self._controller.fact(
            records.FAULT, events.FAULT_PART, text[: records.PARCEL_ID_BYTES_MAX]
        )  # ASCII, one byte each

    def _sweep(self, parts, panel):
        """Collect garbage by rule from now on: all lasting objects exist, so its time can be measured."""
        more = (panel.scanner,) if panel.scanner else ()
        self._controller.sweeper = Sweeper(panel.keypad, more, parts.wires)
        for wire in parts.wires:
            wire.between = self._controller.sweep_if_due
        self._controller.core.bound(self._controller.free_bytes())

    def rest(self):
        """Switch all coils off and wait for a running pulse: a soft reset during a pulse makes an ESP32 panic
        (``ports/esp32/esp32_rmt.c``, ``esp32_rmt_deactivate``, MicroPython 1.27 and 1.28).
        """
        self._locks.off()
        began_ms = ticks_ms()
        while ticks_diff(ticks_ms(), began_ms) < PULSE_MS_MAX + _PULSE_LATE_MS:
            try:
                if not self._locks.busy():
                    return
                sleep_ms(_LOOK_MS)
            except OSError:
                return  # a lock board that does not answer ends its pulse by itself
            except KeyboardInterrupt:
                pass  # a second Ctrl-C must not shorten this

    async def run(self):
        """Serve until a critical part fails; then restart the board.

        In production a start that failed is raised: ``start.py`` shows why, and lets a technician in,
        before it restarts the board.
        """
        began_ms = ticks_ms()
        if self._read_only:
            self._controller.stop(self._journal_text)
        else:
            self._controller.note_ahead()
            self._controller.sink((events.EV_BOOT, board.boot_cause()) + self._boot)
            if self._senses:
                self._senses.started()
        print("ready")
        why = await self._supervisor.run()
        print("stopped by", why)
        brief = 0 <= ticks_diff(ticks_ms(), began_ms) < _START_MS
        if self._production and brief and why not in (HOST, SERVICE):
            raise RuntimeError(self._supervisor.last or why)
        board.restart()
