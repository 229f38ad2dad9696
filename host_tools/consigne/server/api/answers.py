"""What callers are answered.  Times are Unix seconds, doors are counted from 0.

A field that is named here is always there; clients leave aside what they do not know.
"""

from pydantic import BaseModel, ConfigDict, Field

from consigne.protocol.events import Plain


class Answer(BaseModel):
    """Made of what a service returns, whole: a field more would be one that nobody has described."""

    model_config = ConfigDict(
        extra="forbid", from_attributes=True, json_schema_extra={"additionalProperties": True}
    )


class Place(Answer):
    """Where customers find it."""

    title: str = ""
    address: str = ""
    hours: str = ""


class Grants(Answer):
    """The locker's set of codes and expected parcels."""

    version: int = Field(description="of the host's set")
    at_locker: int | None = Field(description="which it has; null until it said so")


class Stream(Answer):
    """The journal that the locker writes now."""

    epoch: int | None = Field(description="null until the locker spoke")
    complete_to: int = Field(description="every event up to this number is stored")
    missing: list[tuple[int, int]] = Field(description="gaps, each its first and last number")
    lost: int = Field(description="events that no journal has any more")
    conflicts: int = Field(description="events that came twice with different content")


class Hole(Answer):
    """Events that no journal has any more."""

    epoch: int
    first: int
    last: int
    why: str = Field(description="acknowledged, given up, unreadable, too long, lost or journal replaced")
    told_at: int = Field(description="when the host learned of it")


class SetAside(Answer):
    """One thing that a locker did not take although it was sent alone."""

    kind: str = Field(description="add or drop (a code), expect (an announcement) or revoke (a code)")
    parcel: str | None = Field(description="null where it is about a door or a person")
    what: str = Field(description="what it is, in words")
    result: str = Field(description="what the locker answered, or what became of the sending")
    why: str = Field(description="that in words")
    since: int


class Health(BaseModel):
    """What a locker measured of itself; of older firmware less is known."""

    model_config = ConfigDict(from_attributes=True)

    taken: int = 0
    samples: list[list[int]] = Field(
        default=[], description="time, seconds since start, free heap bytes, RSSI dBm, supply mV; newest last"
    )
    latches: list[list[int]] = Field(
        default=[], description="door, usual ms from pulse to open, recent ms, trouble 0 to 255, state"
    )


class Status(BaseModel):
    """What a locker last said of itself."""

    model_config = ConfigDict(from_attributes=True)

    epoch: int
    seq: int | None = None
    ack: int | None = None
    grants: int | None = None
    trust: int | None = Field(default=None, description="0: its clock is not set, 1: it is")
    time_s: int | None = None
    firmware: str = ""
    journal: str = ""
    faults: list[str] = []
    health: Health | None = None


class Locker(Answer):
    """A locker or counter, without its key."""

    id: str
    connected: bool
    heard_at: int | None = Field(description="when it last spoke, Unix seconds of the host, to the minute")
    status: Status | None
    status_at: int | None
    kind: str = Field(description="locker or counter")
    retired_at: int | None
    place: Place
    digits: int = Field(description="length of its codes")
    timezone: str
    doors: int = Field(description="how many; 0 when its layout is not known")
    grants: Grants
    events: Stream


class DeviceKey(Answer):
    """The key of a locker, 32 bytes in hexadecimal."""

    device_key: str = Field(repr=False)


class Compartment(Answer):
    """What lies in one compartment."""

    door: int
    name: str
    size: int | None
    low: bool | None
    content: str = Field(description="empty, parcel, taken out, being filled, blocked or unknown")
    seen: str = Field(description="closed, open or unknown")
    parcel: str | None
    at: int | None


class Event(Answer):
    """An event of a locker's journal."""

    id: int = Field(description="in the order of arrival")
    locker: str
    epoch: int
    seq: int
    time_s: int
    kind: str
    data: dict[str, Plain]


class Sample(Answer):
    """How a locker fared at one moment; null is what it could not tell."""

    time_s: int
    up_s: int
    free_bytes: int | None
    rssi_dbm: int | None
    supply_mv: int | None


class Latch(Answer):
    """How well one latch springs."""

    door: int
    usual_ms: int
    recent_ms: int
    trouble: int
    weak: bool
    trend: list[tuple[int, int]] = Field(description="Unix day and ms, the oldest first")


class Line(Answer):
    """One locker in the fleet's list."""

    id: str
    title: str
    kind: str
    connected: bool
    heard_at: int | None
    doors: int
    free: int
    firmware: str
    needs: list[tuple[str, str]] = Field(description="what needs attention: its name, and in words")
    sample: tuple[int, ...] = Field(description="as the newest of the status's health")
    latches: tuple[tuple[int, ...], ...] = Field(description="as in the status's health")


class FleetPage(Answer):
    """A page of the fleet's list."""

    total: int = Field(description="lockers found")
    page_size: int
    counts: dict[str, int] = Field(description="lockers of the whole fleet by what they need")
    lockers: list[Line]


class Point(Answer):
    """Where parcels can go."""

    id: str
    kind: str
    title: str
    address: str
    hours: str
    connected: bool
    free: dict[str, int] = Field(description="free compartments by size: S, M, L, XL")


class Alarm(Answer):
    """Something a person must look at."""

    id: int
    locker: str
    time_s: int
    kind: str
    data: dict[str, Plain]
    cleared_at: int | None
    cleared_by: str | None


class Order(Answer):
    """A command to a locker and what became of it."""

    id: str
    cmd: str
    state: str = Field(description="waiting, sent, done, refused or expired")
    result: str | None = Field(description="what the locker answered")
    by: str
    created_at: int
    expires_at: int
    answered_at: int | None
    answer: str = Field(description="what became of it, in words")


class Entry(Answer):
    """One thing that somebody did."""

    at: int
    by: str
    action: str
    locker: str | None
    parcel: str | None
    detail: str
    outcome: tuple[str, str | None] | None = Field(description="of a command: its state and its result")


class WindowCode(Answer):
    """A code for today."""

    code: str
    works_from: int
    works_until: int


class ConsoleCode(Answer):
    """A code for one number."""

    code: str


class Token(Answer):
    """A token to be printed; nonce and until revoke it."""

    token: str
    nonce: int
    until: int


class Standing(Answer):
    """A standing code that was just made; its digits are told once."""

    grant: int = Field(description="takes it back")
    code: str = Field(description="empty for a card")
    until: int


class StandingCode(Answer):
    """A standing code without its digits."""

    id: int
    role: int
    action: int
    holder: int
    door: int
    uses: int
    not_after: int
    parcel: str = Field(description="@ and the number of a home, or empty")


class Parcel(Answer):
    """A parcel as far as its locker has told."""

    id: str
    locker: str
    state: str = Field(description="announced, in_locker, forced, collected, returned or cancelled")
    size: int
    low: bool
    code: str = Field(description="derived, listed or none")
    revoked: bool
    door: int | None
    announced_at: int | None
    expected_until: int | None
    deposited_at: int | None
    collect_by: int | None = Field(description="known once it lies in a locker")
    overdue: bool
    ended_at: int | None
    carrier: int | None = Field(description="holder number of who announced it; null: the operator")


class ParcelHistory(Parcel):
    """A parcel and everything that was told about it."""

    events: list[Event]


class ParcelCode(Answer):
    """The code that collects a parcel."""

    parcel: str
    code: str


class Notice(Answer):
    """What a customer was told, or will be."""

    kind: str = Field(description="announced, arrived, reminder, expired, collected or returned")
    state: str = Field(description="waiting, sent, failed or void")
    next_at: int
    tries: int
    sent_at: int | None
    error: str | None


class Shelf(Answer):
    """A shelf of a counter."""

    shelf: str


class Found(Answer):
    """A parcel and its shelf."""

    parcel: str
    shelf: str


class Counts(Answer):
    """What the ingest did since the host started."""

    messages: int
    stored: int
    repeated: int
    deferred: int
    conflicts: int
    commits: int
    commit_s: float = Field(description="seconds that the commits took")
    failed_commits: int
    overflow: int
    failed_listeners: int
    acknowledgements: int
    asked_again: int


class Alive(Answer):
    """The host's process runs."""

    alive: bool


class HostHealth(Answer):
    """Whether the host does its work."""

    healthy: bool
    wrong: list[str] = Field(description="what does not work, a sentence each, and what to do")
    database: bool = Field(description="it takes what is written")
    database_slow: bool = Field(description="it has not taken a write within a second, and may yet")
    broker: bool = Field(description="it is connected")
    ingest: bool = Field(description="it runs")
    counts: Counts
    dropped: dict[str, int] = Field(description="messages that were not believed, by reason")


class Refusal(BaseModel):
    """Why it was not done, in words for a person."""

    detail: str = Field(examples=["door must be a whole number of at least 0, not -1"])
