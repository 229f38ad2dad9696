"""Whatever a cabinet has to say of itself fits the packet that is made for it."""

from locker.core.events import TRUST_SET
from locker.net.mqtt_packet import Packet
from locker.net.sync import Sync, packet_bytes

EPOCH_MAX = 4294967295


class Journal:
    """The numbers of a journal, as long as they get."""

    epoch = next_seq = acknowledged = time_floor = EPOCH_MAX


class Client:
    """Hears what ``Sync`` would attach to, and sends nothing."""

    def attach(self, will_topic, will, topics, on_message):
        self.will = will


def sync_of(doors, parcel):
    """A sync whose cabinet is full, every latch weak, every sample as long as they get."""
    health = {
        "taken": EPOCH_MAX,
        "samples": [(EPOCH_MAX, EPOCH_MAX, 10_000_000, -100, 65535)] * 8,
        "latches": [(door, 65535, 65535, 255, 128) for door in range(min(doors, 64))],
    }
    status = {
        "grants": EPOCH_MAX,
        "digest": EPOCH_MAX,
        "fw": "10.10.10",
        "journal": "j" * 120,
        "health": health,
        "faults": ["latch {} is weak".format(door) for door in range(doors)],
    }
    return Sync(
        Client(),
        Journal(),
        "L" * 32,
        bytes(range(32)),
        lambda event: None,
        lambda: [(4, 2, parcel)] * doors,
        lambda: dict(status),
        lambda: 0,
        lambda: (0, EPOCH_MAX, TRUST_SET),
    )


def test_occupancy_and_status_of_the_largest_cabinet_fit_with_the_longest_parcel_ids():
    for doors in (1, 12, 48, 80, 100, 256):
        sync = sync_of(doors, "W" * 40)
        packet = Packet(packet_bytes(doors))
        for fill, name in ((sync._fill_occupancy, b"occupancy"), (sync._fill_status, b"status")):
            packet.begin_publish(b"consigne/1/" + b"L" * 32 + b"/" + name, 65535, True)
            assert fill(packet)
            packet.end_publish()
