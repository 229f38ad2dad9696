"""On the board, started for service: the state by a journal that lost records, and the true one."""

import json

from locker import config
from locker.core import records
from locker.core.codes import journal_tag
from locker.core.core import Core
from locker.core.doors import NO_PURPOSE
from locker.drivers.flash import journal_partition
from locker.journal.log import Journal
from locker.site import Site

FAULT_LOST = 3  # records.FAULT: the state was lost, and a technician has told the true one
FILLS_A_SECTOR = 4096 // 16  # records of 16 bytes, the shortest there are


class Examined:
    """A locker whose journal lost records: its core, replayed from that journal."""

    def __init__(self):
        key = config.identity(config.load("identity.json")).device_key
        self.journal = Journal(journal_partition())
        self.recovery = self.journal.open(lambda epoch: journal_tag(key, epoch))
        self.core = Core(Site(config.checked(config.load("config.json"))), key)
        self.core.tag = journal_tag(key, self.journal.epoch)
        self.journal.replay(self.core.apply)

    def tell(self):
        recovery = self.recovery
        doors = self.core.cabinet.doors
        believed = [(d.content, d.parcel, d.block) for d in doors]
        print(
            json.dumps(
                {
                    "text": recovery.text,
                    "proven": recovery.proven and not self.core.wants,
                    "read_only": recovery.read_only,
                    "names": self.core.names,
                    "doors": believed,
                }
            )
        )

    def settle(self, doors):
        """``doors``: for each ``(content, parcel, block)``; then writes a whole snapshot, as proof."""
        time_s = self.journal.time_floor
        apply = self.core.apply
        for door, (content, parcel, block) in enumerate(doors):
            self.core.access.unbind(door)
            state = (door, content, 0, NO_PURPOSE, block, 0, 0, 0, 0, parcel)
            apply(records.DOOR_STATE, time_s, records.pack(records.DOOR_STATE, *state))
        # The journal may have lost which listed codes are spent: the host knows, and sends the others again.
        apply(records.GRANTS_RESET, time_s, records.pack(records.GRANTS_RESET, 0))
        for grant in self.core.access.stale_grants():
            apply(records.GRANT_DROP, time_s, records.pack(records.GRANT_DROP, grant))
        apply(records.GRANTS_VERSION, time_s, records.pack(records.GRANTS_VERSION, 0))
        self.core.wants = False  # the host need not say what somebody has seen
        # The number of tries left is not known either: start from none; they come back with time.
        apply(records.THROTTLE_STATE, time_s, records.pack(records.THROTTLE_STATE, 0, time_s))
        # Only a snapshot that begins after the damaged sector counts as proven: fill this sector.
        for _ in range(FILLS_A_SECTOR):
            self.journal.append(records.TIME_FLOOR, records.pack(records.TIME_FLOOR, time_s), time_s)
        self.journal.append(
            records.FAULT, records.pack(records.FAULT, FAULT_LOST, "proven by a technician"), time_s
        )
        self.journal.snapshot(self.core.snapshot(), time_s)


locker = Examined()
locker.tell()
