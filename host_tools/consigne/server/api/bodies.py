"""What callers send, checked for shape; what it means is checked where it is done."""

from typing import Annotated

from fastapi import Path
from locker.core.orders import SETTINGS
from pydantic import BaseModel, ConfigDict, Field

from consigne.protocol import messages

from ..fleet import orders
from ..parcels.parcels import DEADLINE_DAYS_MAX, DERIVED

LockerId = Annotated[str, Path(pattern=messages.LOCKER_PATTERN, description="Name of a locker")]
_DOOR = Field(ge=0, lt=65_535, description="counted from 0")


class Body(BaseModel):
    """A misspelt field is refused, never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class DoorBody(Body):
    """A compartment, in the order of the locker's door numbers."""

    name: str = Field(max_length=20, examples=["1"])
    size: int = Field(ge=1, le=4, description="1 S, 2 M, 3 L, 4 XL")
    low: bool = Field(default=False, description="can be reached from a wheelchair")


class PlaceBody(Body):
    """Where customers find it; stands in their messages."""

    title: str = Field(default="", max_length=80, examples=["Gare du Nord, hall 2"])
    address: str = Field(default="", max_length=200)
    hours: str = Field(default="", max_length=200, examples=["day and night"])


class LockerBody(Body):
    """A locker to be registered."""

    id: str = Field(pattern=messages.LOCKER_PATTERN, examples=["L0001"])
    device_key: str = Field(pattern="^[0-9a-fA-F]{64}$", description="32 bytes in hexadecimal", repr=False)
    digits: int = Field(default=8, ge=6, le=10)
    timezone: str = Field(default="UTC", max_length=64, examples=["Europe/Paris"])
    doors: list[DoorBody] = Field(default=[], max_length=messages.DOORS_MAX)
    place: PlaceBody | None = None


class ParcelBody(Body):
    """A parcel to be announced."""

    id: str = Field(min_length=1, max_length=100, examples=["RR123456785FR"])
    locker: str = Field(pattern=messages.LOCKER_PATTERN)
    size: int = Field(default=1, ge=1, le=4, description="1 S, 2 M, 3 L, 4 XL")
    low: bool = Field(default=False, description="wants a compartment that a wheelchair reaches")
    deadline_days: int = Field(default=3, ge=1, le=DEADLINE_DAYS_MAX)
    code: str = Field(default=DERIVED, pattern="^(derived|listed)$")
    contact: str | None = Field(
        default=None, max_length=150, examples=["mail:someone@example.org", "sms:+33612345678"], repr=False
    )
    language: str = Field(default="en", max_length=2)


class ExtendBody(Body):
    """More days for the customer."""

    days: int = Field(ge=1, le=DEADLINE_DAYS_MAX)


class DoorOrder(Body):
    """A door to be opened, blocked or released."""

    door: int = _DOOR


class ReserveOrder(Body):
    """An empty compartment to be kept for one parcel."""

    door: int = _DOOR
    parcel: str = Field(min_length=1, max_length=100)
    hours: int = Field(default=24, ge=1, le=orders.HOURS_MAX)


class ConfigureOrder(Body):
    """Settings to be changed; an empty text brings back what the locker's own file says."""

    set: dict[str, str] = Field(min_length=1, max_length=len(SETTINGS), examples=[{"language": "fr"}])


class MessageOrder(Body):
    """A message in place of the site's name; without texts the message is taken away."""

    texts: dict[str, str] = Field(default={}, max_length=4, examples=[{"en": "Closed on Monday|for repair"}])
    hours: int = Field(default=24, ge=1, le=orders.HOURS_MAX)


class IdentifyOrder(Body):
    """Beep and blink."""

    seconds: int = Field(default=10, ge=1, le=orders.IDENTIFY_S_MAX)


class AgainOrder(Body):
    """Events to be sent again, from this number on."""

    seq: int = Field(ge=1, le=messages.U32_MAX)


class TokenBody(Body):
    """A token for whoever holds the printed code."""

    action: int = Field(
        ge=0, le=5, description="0 collect, 1 deposit, 2 return, 3 recall, 4 service, 5 handover"
    )
    holder: int = Field(default=0, ge=0, le=65_535)
    door: int = Field(default=65_535, ge=0, le=65_535, description="65535: any")
    parcel: str = Field(default="", max_length=40)
    days: int = Field(default=1, ge=1, le=366)


class StandingBody(Body):
    """A code for somebody who comes again, such as a resident."""

    role: int = Field(default=4, ge=0, le=6, description="4 resident")
    action: int = Field(default=0, ge=0, le=5)
    holder: int = Field(default=0, ge=0, le=65_535)
    door: int = Field(default=65_535, ge=0, le=65_535, description="65535: any, for deposits and service")
    uses: int = Field(default=0, ge=0, le=255, description="0: as often as they like")
    days: int = Field(default=365, ge=1, le=3_660)
    card: str = Field(
        default="", max_length=20, description="bits:facility:number of a Wiegand card in place of digits"
    )
    home: int = Field(default=0, ge=0, le=9_999, description="whose parcels it opens in a residence")


class RevokeTokenBody(Body):
    """A token to be made worthless, as its making told."""

    nonce: int = Field(ge=1, le=messages.U32_MAX)
    until: int = Field(ge=0, le=messages.U32_MAX)


class RevokeHolderBody(Body):
    """Somebody whose window codes are to be worthless."""

    role: int = Field(ge=1, le=6)
    action: int = Field(ge=0, le=5)
    holder: int = Field(ge=0, lt=orders.COUNTERS.start)


class ClearBody(Body):
    """How an alarm was dealt with."""

    note: str = Field(default="", max_length=300)
