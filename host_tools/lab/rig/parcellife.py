"""A locker's events of its parcels: eight each, from deposit to pick-up, as the design assumes.

Two of the eight change a parcel in the host's tables; the others are only stored.
"""

from consigne.protocol.events import EventData, Plain

T0 = 1_790_000_000  # 2026, Unix seconds
EVENTS_PER_PARCEL = 8
_DOORS = 24


def event(locker: str, number: int) -> EventData:
    """Event ``number``, from 0, in the life of a locker: what ``Talker.record`` takes."""
    count, step = divmod(number, EVENTS_PER_PARCEL)
    door, parcel = count % _DOORS, f"6A{locker}{count:09}"
    by_courier: dict[str, Plain] = {"via": 1, "role": 1, "action": 1, "holder": 7, "ref": 0, "parcel": ""}
    by_customer: dict[str, Plain] = {
        "via": 1,
        "role": 0,
        "action": 0,
        "holder": 0,
        "ref": 0,
        "parcel": parcel,
    }
    deposit: dict[str, Plain] = {"door": door, "purpose": 2}
    collect: dict[str, Plain] = {"door": door, "purpose": 1}
    opened: dict[str, Plain] = {"after_ms": 120, "ref": 0, "parcel": parcel}
    return (
        EventData({"kind": "accepted", **by_courier}),
        EventData({"kind": "opened", **deposit, **opened}),
        EventData({"kind": "deposited", "door": door, "holder": 7, "role": 1, "parcel": parcel}),
        EventData({"kind": "closed", **deposit}),
        EventData({"kind": "accepted", **by_customer}),
        EventData({"kind": "opened", **collect, **opened}),
        EventData({"kind": "collected", "door": door, "ref": 0, "parcel": parcel}),
        EventData({"kind": "closed", **collect}),
    )[step]
