"""The network's share of a locker: its link, MQTT client, sync and telemetry, put together.

Imported only when a network is configured: without one it takes no heap.
"""

import struct

# asyncio loads these at their first use; that must not be when the heap is full.
from asyncio import open_connection, wait_for  # noqa: F401

from micropython import const

from .drivers import board
from .net.messages import BODY_BYTES_MAX
from .net.mqtt import Client, Settings
from .net.mqtt_conversation import Conversation
from .net.names import Resolver
from .net.sync import Sync, packet_bytes
from .net.telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import ports

_WORD_BYTES = struct.calcsize("P")
_CONNECTION_WORDS = const(1536)  # of heap
# Of the free heap for each byte of a command: its text, what is parsed from it, and what is kept (measured:
# near one word), in a heap that is not in one piece.
_WORDS_PER_BYTE = const(2)
_TAKES_BYTES_MIN = const(400)  # one grant and what is around it

_CA_FILE = "ca.der"  # the authority that signs the broker's certificate
_CERTIFICATE_FILE = "client.der"  # the locker's own, if the broker wants one
_KEY_FILE = "client_key.der"


def _content(name):
    """The file's content; empty when there is no file."""
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return b""


class Online:
    """``network`` as in the configuration, ``identity`` a ``site.Identity``, ``link`` a ``ports.Link`` and
    ``told`` the faults it reported while being made.

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
        """Add the network's tasks to the supervisor.

        ``status()`` gives what only the shell knows; ``report(text)`` is called for a faulty part;
        ``supply_mv()`` measures the supply, if anything can.  Without a valid CA this locker serves offline.
        """
        for text in self._told:
            report(text)
        try:
            self._join(core, journal, controller, supervisor, status, report, supply_mv)
        except (OSError, ValueError) as error:  # no CA, or not a valid one
            report("no network without a good {}".format(_CA_FILE))
            print(error)

    def health(self):
        """The health samples, for the status."""
        return self._telemetry.body() if self._telemetry else {}

    def takes_bytes(self, free_bytes):
        """How long a command may be while so much of the heap is free (-1: not known), for the status."""
        room = (free_bytes // _WORD_BYTES - _CONNECTION_WORDS) // _WORDS_PER_BYTE
        return max(_TAKES_BYTES_MIN, min(BODY_BYTES_MAX, room))

    def _tls(self, controller, report):
        """A missing file must not lead to clear text: without a valid CA there is no network."""
        from .net.tls import Tls, client_context

        context = client_context(_content(_CA_FILE), _content(_CERTIFICATE_FILE), _content(_KEY_FILE))
        return Tls(context, controller.dated, board.set_calendar, lambda: controller.time_told, report)

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
            lambda: () if core.wants else core.cabinet.occupancy(),
            status,
            lambda: core.command_counter,
            controller.now,
            failed=lambda: core.failed_command,
            in_doubt=lambda: controller.in_doubt,
            access=core.access,
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
