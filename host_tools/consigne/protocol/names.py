"""Words for the firmware's numbers, the same everywhere: roles, actions and sizes."""

from collections.abc import Mapping

from locker.core import events

ROLES: Mapping[int, str] = {
    events.CUSTOMER: "customer",
    events.COURIER: "courier",
    events.CLERK: "clerk",
    events.TECHNICIAN: "technician",
    events.RESIDENT: "resident",
    events.MERCHANT: "merchant",
    events.PARTNER: "partner",
}
ACTIONS: Mapping[int, str] = {
    events.COLLECT: "collect",
    events.DEPOSIT: "deposit",
    events.RETURN: "return",
    events.RECALL: "recall",
    events.SERVICE: "service",
    events.HANDOVER: "hand over",
}
SIZES: Mapping[int, str] = {1: "S", 2: "M", 3: "L", 4: "XL"}
"""Up to ``limits.SIZE_MAX``."""
