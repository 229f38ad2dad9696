"""What callers send, checked for shape; what it means is checked where it is done.

Limits are those of who uses a value, named here and set there.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Path
from locker.core import events, labels, limits, records
from locker.core.codes import KEY_BYTES
from locker.core.orders import SETTINGS
from locker.texts import LANGUAGES
from pydantic import BeforeValidator, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from consigne.protocol import codes, messages, topics
from consigne.protocol.names import ACTIONS, ROLES, SIZES
from consigne.protocol.untrusted import LINE_PATTERN, TEXT_PATTERN, U32_MAX

from ..access import passes
from ..access.digits import DERIVED, LISTED
from ..access.withdrawing import DEADLINE_DAYS_MAX
from ..fleet import alarms, fleet, orders
from ..fleet.overview import NEEDS
from ..notices.notices import CONTACT_CHARACTERS_MAX
from ..parcels.view import LABEL_CHARACTERS_MAX, LABEL_PATTERN
from ..storage.models import NUMBER_MAX
from .strict import Strict, at_most, digits_only

MAX_BYTES = 64_000
"""Length of a body; registering a locker of ``limits.DOORS_MAX`` doors with the longest names takes less."""


def any_of(names: tuple[str, ...]) -> str:
    """A pattern that matches these names alone."""
    return f"^({'|'.join(names)})$"


def _words(names: Mapping[int, str], least: int = 0) -> str:
    """What each number from ``least`` on means."""
    return ", ".join(f"{number} {name}" for number, name in names.items() if number >= least)


DEVICE_KEY_PATTERN = f"^[0-9a-fA-F]{{{2 * KEY_BYTES}}}$"
LOCKER_OR_NONE_PATTERN = f"^$|{topics.LOCKER_PATTERN}"
NEED_PATTERN = any_of(("", *NEEDS))
LockerId = Annotated[str, Path(pattern=topics.LOCKER_PATTERN, description="name of a locker or counter")]
ParcelId = Annotated[
    str, Path(min_length=1, max_length=LABEL_CHARACTERS_MAX, pattern=LABEL_PATTERN, description="its label")
]
RowId = Annotated[int, Field(ge=1, le=NUMBER_MAX), BeforeValidator(digits_only), Path()]

_Locker = Annotated[str, Field(pattern=topics.LOCKER_PATTERN)]
_Label = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LABEL_CHARACTERS_MAX,
        pattern=LABEL_PATTERN,
        description="the text of its label, as it is scanned or typed",
        examples=["RR123456785FR"],
    ),
]
_Timezone = Annotated[
    str, Field(max_length=fleet.TIMEZONE_CHARACTERS_MAX, pattern=LINE_PATTERN, examples=["Europe/Paris"])
]
_Size = Annotated[int, Field(ge=min(SIZES), le=max(SIZES), description=_words(SIZES))]
_Door = Annotated[int, Field(ge=0, lt=codes.ANY_DOOR, description="counted from 0")]
_DoorOrAny = Annotated[int, Field(ge=0, le=codes.ANY_DOOR, description="counted from 0; 65535: any")]
_Hours = Annotated[int, Field(ge=1, le=orders.HOURS_MAX)]
_U32 = Annotated[int, Field(ge=0, le=U32_MAX)]
HolderNumber = Annotated[int, Field(ge=0, le=limits.HOLDER_MAX, description="number of a courier company")]
RoleNumber = Annotated[
    int,
    Field(
        ge=events.COURIER,
        le=events.PARTNER,
        description=_words(ROLES, least=events.COURIER),
    ),
]
ActionNumber = Annotated[
    int,
    Field(
        ge=events.COLLECT,
        le=events.HANDOVER,
        description=_words(ACTIONS),
    ),
]


_NO_OTHERS: JsonDict = {"additionalProperties": False}  # names beside those of the pattern


class Body(Strict):
    """A misspelt field is refused, never silently ignored; so is a number written as text."""

    model_config = ConfigDict(strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        """Take 5.0 as 5: some JSON writers know only one kind of number."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


class DoorBody(Body):
    """A compartment, in the order of the locker's door numbers."""

    name: str = Field(
        min_length=1, max_length=limits.DOOR_NAME_CHARS_MAX, pattern=LINE_PATTERN, examples=["1"]
    )
    size: _Size
    low: bool = Field(default=False, description="can be reached from a wheelchair")


class PlaceBody(Body):
    """Where customers find it; stands in their messages."""

    title: str = Field(
        default="",
        max_length=fleet.TITLE_CHARACTERS_MAX,
        pattern=TEXT_PATTERN,
        examples=["Gare du Nord, hall 2"],
    )
    address: str = Field(default="", max_length=fleet.ADDRESS_CHARACTERS_MAX, pattern=TEXT_PATTERN)
    hours: str = Field(
        default="", max_length=fleet.HOURS_CHARACTERS_MAX, pattern=TEXT_PATTERN, examples=["day and night"]
    )


class LockerBody(Body):
    """A locker to be registered."""

    id: _Locker = Field(examples=["L0001"])
    device_key: str = Field(
        pattern=DEVICE_KEY_PATTERN,
        description="random bytes in hexadecimal, made when the locker was provisioned",
        repr=False,
    )
    digits: int = Field(
        default=8, ge=labels.CODE_DIGITS_MIN, le=labels.CODE_DIGITS_MAX, description="length of its codes"
    )
    timezone: _Timezone = "UTC"
    doors: list[DoorBody] = Field(default=[], max_length=limits.DOORS_MAX)
    place: PlaceBody | None = None


class ParcelBody(Body):
    """A parcel to be announced."""

    id: _Label
    locker: _Locker
    size: _Size = 1
    low: bool = Field(default=False, description="wants a compartment that a wheelchair reaches")
    deadline_days: int = Field(default=3, ge=1, le=DEADLINE_DAYS_MAX, description="days to collect it")
    code: str = Field(
        default=DERIVED,
        pattern=any_of((DERIVED, LISTED)),
        description="derived: known to every side without a link; listed: drawn at random",
    )
    contact: str | None = Field(
        default=None,
        max_length=CONTACT_CHARACTERS_MAX,
        pattern=LINE_PATTERN,
        description="how its customer is told: mail, sms or another channel of the host, then where",
        examples=["mail:someone@example.org", "sms:+33612345678"],
        repr=False,
    )
    language: str = Field(default="en", pattern=any_of(LANGUAGES), description="of what its customer is told")


class ExtendBody(Body):
    """More days for the customer."""

    days: int = Field(ge=1, le=DEADLINE_DAYS_MAX)


class DoorOrder(Body):
    """A door to be opened, blocked or released."""

    door: _Door


class ReserveOrder(Body):
    """An empty compartment to be kept for one parcel."""

    door: _Door
    parcel: _Label
    hours: _Hours = 24


class ConfigureOrder(Body):
    """Settings to be changed; an empty text brings back what the locker's own file says."""

    set: Annotated[
        dict[
            Annotated[str, Field(pattern=any_of(SETTINGS))],
            Annotated[str, Field(max_length=limits.NAME_CHARS_MAX, pattern=LINE_PATTERN)],
        ],
        BeforeValidator(at_most(len(SETTINGS))),
    ] = Field(
        min_length=1,
        max_length=len(SETTINGS),
        examples=[{"language": "fr"}],
        json_schema_extra=_NO_OTHERS,
    )


class MessageOrder(Body):
    """A message in place of the site's name; without texts the message is taken away."""

    texts: Annotated[
        dict[
            Annotated[str, Field(pattern=any_of(LANGUAGES))],
            Annotated[str, Field(max_length=orders.MESSAGE_CHARACTERS_MAX, pattern=TEXT_PATTERN)],
        ],
        BeforeValidator(at_most(len(LANGUAGES))),
    ] = Field(
        default={},
        max_length=len(LANGUAGES),
        description="for a language one or two lines, divided by | or a line's end",
        examples=[{"en": "Closed on Monday|for repair"}],
        json_schema_extra=_NO_OTHERS,
    )
    hours: _Hours = 24


class IdentifyOrder(Body):
    """Beep and blink."""

    seconds: int = Field(default=10, ge=1, le=messages.IDENTIFY_S_MAX)


class AgainOrder(Body):
    """Events to be sent again, from this number on."""

    seq: int = Field(ge=1, le=U32_MAX)


class TokenBody(Body):
    """A token for whoever holds the printed code."""

    action: ActionNumber
    holder: HolderNumber = 0
    door: _DoorOrAny = codes.ANY_DOOR
    parcel: str = Field(
        default="",
        max_length=records.PARCEL_ID_BYTES_MAX,
        pattern=LINE_PATTERN,
        description="id of one parcel",
    )
    days: int = Field(default=1, ge=1, le=passes.TOKEN_DAYS_MAX)


class StandingBody(Body):
    """A code for somebody who comes again, such as a resident."""

    role: int = Field(
        default=4, ge=0, le=events.PARTNER, description="0 customer, 4 resident; see the other roles"
    )
    action: ActionNumber = 0
    holder: HolderNumber = 0
    door: _DoorOrAny = codes.ANY_DOOR
    uses: int = Field(default=0, ge=0, le=passes.USES_MAX, description="0: as often as they like")
    days: int = Field(default=365, ge=1, le=passes.STANDING_DAYS_MAX)
    card: str = Field(
        default="",
        max_length=passes.CARD_CHARACTERS_MAX,
        pattern=LINE_PATTERN,
        description="bits:facility:number of a Wiegand card in place of digits",
        examples=["26:12:34567"],
    )
    home: int = Field(
        default=0, ge=0, le=passes.HOME_MAX, description="whose parcels it opens in a residence"
    )


class RevokeTokenBody(Body):
    """A token to be made worthless, as its making told."""

    nonce: int = Field(ge=1, le=U32_MAX)
    until: _U32


class RevokeHolderBody(Body):
    """Somebody whose window codes are to be worthless."""

    role: RoleNumber
    action: ActionNumber
    holder: HolderNumber


class ClearBody(Body):
    """How an alarm was dealt with."""

    note: str = Field(default="", max_length=alarms.NOTE_CHARACTERS_MAX, pattern=TEXT_PATTERN)


class CounterBody(Body):
    """A counter to be registered, or changed."""

    id: _Locker = Field(examples=["shop-7"])
    shelves: int = Field(ge=1, le=fleet.SHELVES_MAX)
    timezone: _Timezone = "UTC"
    place: PlaceBody


class TakeInBody(Body):
    """A parcel that comes in; without a shelf the emptiest is proposed."""

    parcel: _Label
    shelf: str = Field(default="", max_length=limits.DOOR_NAME_CHARS_MAX, pattern=LINE_PATTERN)


class HandOverBody(Body):
    """A customer's code."""

    code: str = Field(
        min_length=labels.CODE_DIGITS_MIN,
        max_length=2 * labels.CODE_DIGITS_MAX,
        pattern=LINE_PATTERN,
        description="its digits, with spaces or without",
        repr=False,
    )
    paper: bool = Field(default=False, description="identity paper was seen")


class GiveBackBody(Body):
    """A parcel that a courier takes away."""

    parcel: _Label
