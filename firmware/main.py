"""Consigne's firmware for one locker: where the parts meet.

The only place that knows which drivers there are.  The order matters: every relay line is held
off first, then the journal says what is true, and only then anybody is listened to.
"""

import asyncio
import gc
import sys
from time import ticks_ms

import locker
from locker import VERSION
from locker.controller import Controller
from locker.core import events as E
from locker.core import records as R
from locker.core.core import Core
from locker.core.timekeeping import Clock
from locker.drivers import board
from locker.drivers.flash import journal_partition
from locker.drivers.watchdog import Watchdog
from locker.journal.log import Journal
from locker.net.mqtt import Client, Settings
from locker.net.mqtt_conversation import Conversation
from locker.net.names import Resolver
from locker.net.sync import Sync
from locker.net.telemetry import Telemetry
from locker.site import Site
from locker.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from locker import ports

_BOOT_ONLY = ("config", "configpanel", "configlines", "configboards", "confignetwork", "parts", "panel")
_CA_FILE = "ca.der"  # who signs the broker's certificate
_FAULT_TASK = 1  # records.FAULT: a task ended
_FAULT_PART = 2  # a part does not answer, or does again


class Locker:
    """One locker, put together from its configuration and identity; ``await run()`` serves."""

    def __init__(self, journal, conversation, site, parts, options, identity):
        rest_ms, watchdog_ms, network = options
        panel = parts.panel
        parts.report = self._part_report
        self._journal = journal
        self._recovery = self._journal.open()
        print("journal:", self._recovery.text)
        core = Core(site, identity.device_key)
        self._journal.replay(core.apply)
        core.session.proven = self._recovery.proven
        clock = Clock(self._journal.time_floor, ticks_ms())
        self._controller = controller = Controller(
            core, self._journal, clock, parts.locks, panel.display, panel.buzzer, panel.lamp, rest_ms
        )
        self._supervisor = supervisor = Supervisor(Watchdog(watchdog_ms), self._task_report, controller.stop)
        controller.attach_supervisor(supervisor)
        supervisor.critical(
            "sensors", lambda: parts.sensors.run(controller.sink), lambda: parts.sensors.turns
        )
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
        if network:
            try:
                self._add_network(network, identity, core, conversation)
            except (OSError, ValueError) as error:  # no CA, or not one: it serves offline all the same
                self._part_report("no network without a good {}".format(_CA_FILE))
                print(error)

    def _link(self, network, identity) -> "ports.Link":
        hostname = "consigne-" + identity.locker
        if network["kind"] == "ethernet":
            from locker.net.link_lan import LanLink

            return LanLink(network, hostname, self._part_report)
        from locker.net.link import WifiLink

        return WifiLink(network["ssid"], identity.wifi_password, hostname)

    def _add_network(self, network, identity, core, conversation):
        link = self._link(network, identity)
        tls = None
        if network["tls"]:
            from locker.net.tls import client_context

            # Never connect in clear text because something is missing: without its CA this locker
            # serves offline, and the console says why.
            with open(_CA_FILE, "rb") as ca:
                tls = client_context(ca.read())
            board.set_calendar(self._journal.time_floor)
        settings = Settings(
            network["broker"],
            network["port"],
            identity.locker,
            identity.mqtt_user,
            identity.mqtt_password,
            tls,
        )
        client = Client(settings, link, Resolver(link.name_server), self._controller.is_idle, conversation)
        sync = Sync(
            client,
            self._journal,
            identity.locker,
            identity.device_key,
            self._controller.from_host,
            core.cabinet.occupancy,
            self._status,
            lambda: core.command_counter,
            self._controller.now,
        )
        self._controller.attach_sync(sync)
        latches = core.cabinet.health
        self._telemetry = Telemetry(self._controller.now, link.rssi, latches.snapshot, len(core.names))
        self._supervisor.spare("telemetry", self._telemetry.run)
        self._supervisor.spare("link", link.run)
        self._supervisor.spare("mqtt", client.run)
        self._supervisor.spare("sync", sync.run)

    def _status(self):
        """What only the shell knows, for the status topic."""
        access = self._controller.core.access
        return {
            "grants": access.grants_version,
            "digest": access.grants_digest(self._controller.now()[1]),
            "fw": VERSION,
            "journal": self._recovery.text,
            "health": self._telemetry.body(),
            "faults": self._supervisor.faults + self._controller.core.cabinet.health.complaints(),
        }

    def _task_report(self, name, text):
        print("fault:", name, text)
        self._controller.fact(R.FAULT, _FAULT_TASK, name)

    def _part_report(self, text):
        print("part:", text)
        self._controller.fact(R.FAULT, _FAULT_PART, text)

    async def run(self):
        """Serve until a critical part fails; then restart the board."""
        if self._recovery.read_only:
            self._controller.stop(self._recovery.text)
        else:
            self._controller.sink(
                (
                    E.EV_BOOT,
                    board.boot_cause(),
                    self._recovery.skipped_sectors,
                    self._recovery.recovered_records,
                    VERSION,
                )
            )
        print("ready")
        print("stopped by", await self._supervisor.run())
        board.restart()


def read():
    """What ``Locker`` is made of, read from this board's files; ``None``, and a sentence, if they are wrong.

    What the files are checked with is much heap that nobody needs again, so it is imported here only.
    """
    from locker import config
    from locker.parts import Parts

    try:
        identity = config.identity(config.load("identity.json"))
        raw = config.checked(config.load("config.json"))
    except config.ConfigError as error:
        print("cannot start:", error)
        return None
    return Site(raw), Parts(raw), (raw["rest_ms"], raw["watchdog_ms"], raw["network"]), identity


def main():
    """Serve; without a proper configuration the console is the technician's."""
    journal = Journal(journal_partition())  # its buffers and the next one's are large: first of all
    conversation = Conversation()
    made = read()
    if made is None:
        sys.exit(1)
    for name in _BOOT_ONLY:
        if sys.modules.pop("locker." + name, None) and hasattr(locker, name):
            delattr(locker, name)
    gc.collect()
    serving = Locker(journal, conversation, *made)
    made = None
    gc.collect()
    asyncio.run(serving.run())


main()
