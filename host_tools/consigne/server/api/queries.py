"""What callers may ask for behind the question mark; a misspelt name is refused, never silently ignored."""

from typing import get_args

from locker.core import events, windows
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from consigne.protocol import topics
from consigne.protocol.untrusted import LINE_PATTERN

from ..fleet import alarms, fleet, overview
from ..parcels.view import LABEL_CHARACTERS_MAX, LABEL_PATTERN
from ..parcels.view import PAGE_MAX as PARCELS_PAGE_MAX
from ..people import audit
from ..storage.models import NUMBER_MAX
from .bodies import LOCKER_OR_NONE_PATTERN, NEED_PATTERN, ActionNumber, HolderNumber, RoleNumber
from .strict import Strict, digits_only

_TRUTHS = ("true", "false", "1", "0")


class Query(Strict):
    """Base of all: no other names, and numbers and truths only as the document writes them."""

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what pydantic takes besides, such as ``1_0`` for 10 and ``on`` for true."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if kind is bool:
            if isinstance(value, str) and value not in _TRUTHS:
                raise PydanticCustomError("truth", "neither true nor false")
            return value
        return value if str in (kind, *get_args(kind)) else digits_only(value)


class LockersQuery(Query):
    """A page of lockers."""

    after: str = Field(default="", pattern=LOCKER_OR_NONE_PATTERN, description="the last locker already read")
    limit: int = Field(default=fleet.LOCKERS_PAGE_MAX, ge=1, le=fleet.LOCKERS_PAGE_MAX)


class EventsQuery(Query):
    """A page of events."""

    after: int = Field(default=0, ge=0, le=NUMBER_MAX, description="id of the last event already read")
    limit: int = Field(default=100, ge=1, le=fleet.EVENTS_PAGE_MAX)


class SamplesQuery(Query):
    """From which moment on."""

    since: int = Field(default=0, ge=0, le=NUMBER_MAX, description="Unix seconds")


class PointsQuery(Query):
    """A page of places."""

    find: str = Field(
        default="",
        max_length=overview.FIND_CHARACTERS_MAX,
        pattern=LINE_PATTERN,
        description="part of name, title or address",
    )
    page: int = Field(default=1, ge=1, le=NUMBER_MAX)


class FleetQuery(PointsQuery):
    """A page of the fleet's list."""

    only: str = Field(default="", pattern=NEED_PATTERN, description="what needs attention")


class AlarmsQuery(Query):
    """The newest alarms."""

    locker: str | None = Field(default=None, pattern=topics.LOCKER_PATTERN)
    limit: int = Field(default=100, ge=1, le=alarms.PAGE_MAX)


class TrailQuery(Query):
    """The newest entries."""

    limit: int = Field(default=50, ge=1, le=audit.PAGE_MAX)


class ParcelsQuery(Query):
    """A page of parcels."""

    locker: str | None = Field(default=None, pattern=topics.LOCKER_PATTERN)
    open_only: bool = Field(default=False, description="neither collected, returned nor cancelled")
    overdue: bool = Field(default=False, description="in a locker beyond the deadline: to be taken back")
    after: str = Field(
        default="",
        max_length=LABEL_CHARACTERS_MAX,
        pattern=LABEL_PATTERN,
        description="last parcel of the page before",
    )
    limit: int = Field(default=PARCELS_PAGE_MAX, ge=1, le=PARCELS_PAGE_MAX)


class CourierCodeQuery(Query):
    """Whose code, and what for; carriers and merchants need name nothing."""

    holder: HolderNumber | None = None
    role: RoleNumber | None = Field(default=None)
    action: ActionNumber = events.DEPOSIT


class ConsoleCodeQuery(Query):
    """What the technician says."""

    holder: HolderNumber = Field(description="number of the technician")
    number: int = Field(ge=0, lt=windows.ANSWER_NUMBERS, description="as the console shows it")
