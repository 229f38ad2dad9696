"""The network's share of a locker: its link, MQTT client, sync and telemetry, put together.

Imported only when a network is configured: without one it takes no heap.
"""

# asyncio loads these when they are first asked for; that must not be when the heap is full.
from asyncio import open_connection, wait_for  # noqa: F401

from .drivers import board
from .net.mqtt import Client, Settings
from .net.mqtt_conversation import Conversation
from .net.names import Resolver
from .net.sync import Sync, packet_bytes
from .net.telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import ports

_CA_FILE = "ca.der"  # who signs the broker's certificate
_CERTIFICATE_FILE = "client.der"  # ours, where the broker wants one
_KEY_FILE = "client_key.der"


def _content(name):
    """What the file holds; nothing when there is none."""
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return b""


class Online:
    """``network`` as in the configuration, ``identity`` a ``site.Identity``, ``link`` a ``ports.Link`` and
    ``told`` what it had to report when it was made.

    The conversation's buffers are made here, while the heap is in one piece; the rest in ``join``.
    """

    def __init__(self, network, identity, doors, link, told):
        self._network = network
        self._identity = identity
        self._link: ports.Link = link
        self._told = told
        self._conversation = Conversation(tx_bytes=packet_bytes(doors))
        self._telemetry = None

    def join(self, core, journal, controller, supervisor, status, report, supply_mv=None):
        """Give the supervisor what keeps host and locker in step.

        ``status()`` gives what only the shell knows; ``report(text)`` hears of a part that is amiss;
        ``supply_mv()`` measures the supply, where something can.
        Without a good CA this locker serves offline all the same.
        """
        for text in self._told:
            report(text)
        try:
            self._join(core, journal, controller, supervisor, status, report, supply_mv)
        except (OSError, ValueError) as error:  # no CA, or not one
            report("no network without a good {}".format(_CA_FILE))
            print(error)

    def health(self):
        """For the status: how the locker fares."""
        return self._telemetry.body() if self._telemetry else {}

    def _tls(self, controller, report):
        """Never in clear text because something is missing: without a good CA there is no network."""
        from .net.tls import Tls, client_context

        context = client_context(_content(_CA_FILE), _content(_CERTIFICATE_FILE), _content(_KEY_FILE))
        return Tls(context, controller.now, board.set_calendar, lambda: controller.time_told, report)

    def _join(self, core, journal, controller, supervisor, status, report, supply_mv):
        network, identity = self._network, self._identity
        link = self._link
        settings = Settings(
            network["broker"],
            network["port"],
            identity.locker,
            identity.mqtt_user,
            identity.mqtt_password,
            self._tls(controller, report) if network["tls"] else None,
        )
        resolver = Resolver(link.name_server)
        client = Client(
            settings, link, resolver, controller.is_idle, self._conversation, controller.sweep_soon
        )
        sync = Sync(
            client,
            journal,
            identity.locker,
            identity.device_key,
            controller.from_host,
            core.cabinet.occupancy,
            status,
            lambda: core.command_counter,
            controller.now,
            failed=lambda: core.failed_command,
        )
        controller.attach_sync(sync)
        latches = core.cabinet.health
        self._telemetry = Telemetry(
            controller.now, link.rssi, latches.snapshot, len(core.names), supply_mv, controller.free_bytes
        )
        supervisor.spare("telemetry", self._telemetry.run)
        supervisor.spare("link", link.run)
        supervisor.spare("mqtt", client.run)
        supervisor.spare("sync", sync.run)
