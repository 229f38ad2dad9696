"""What accounts are for."""

from enum import StrEnum

from locker.core import events


class Role(StrEnum):
    """What an account is for."""

    OPERATOR = "operator"  # everything
    CARRIER = "carrier"  # its own parcels and its couriers' codes, at every locker
    MERCHANT = "merchant"  # the same, for a shop that sells or lends
    PARTNER = "partner"  # a shop that takes parcels out of one locker and delivers them nearby
    CLERK = "clerk"  # one attended counter

    @property
    def sits(self) -> bool:
        """Whether it belongs to one place and sees what lies there, whoever sent it."""
        return self in (Role.CLERK, Role.PARTNER)


HOLDER_ROLES = {
    Role.CARRIER: events.COURIER,
    Role.CLERK: events.CLERK,
    Role.MERCHANT: events.MERCHANT,
    Role.PARTNER: events.PARTNER,
}
"""Who has a number in window codes, and under which role of a locker."""
