"""The tables of the host's database as the last of ``migrations`` leaves them, and nothing else.

Times are Unix seconds in UTC.  Numbers that a locker chooses are unsigned 32-bit and therefore
``BigInteger``.  Secrets (device keys, digits of listed codes, customers' addresses) are ``SecretBytes``;
what is JSON in the database is one typed object here (``documents``).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from .documents import ARGUMENTS, EVENT, LAYOUT, PLACE, RANGES, STATUS
from .secret import SecretBytes

metadata = MetaData()

NUMBER_MAX = 2**53 - 1
"""The largest number that a column holds and every reader of JSON keeps exactly."""
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only as INTEGER

lockers = Table(
    "lockers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("device_key", SecretBytes(32), nullable=False),
    Column("digits", Integer, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("layout", LAYOUT, nullable=False),  # may be empty
    Column("registered_at", BigInteger, nullable=False),
    # what the locker last said of itself
    Column("up", Boolean),  # null: not heard of since the host listens, see fleet.presence
    Column("heard_at", BigInteger),  # when it last spoke, in host time, to the minute
    Column("status", STATUS),  # the last one that was no MQTT last will
    Column("status_at", BigInteger),  # host time
    Column("epoch", BigInteger),  # of the journal, and the copy of it, that the locker writes now
    Column("grants_have", BigInteger),  # version the locker has; null until it said so
    # what the host decides
    Column("grants_version", BigInteger, nullable=False),
    Column("next_grant", BigInteger, nullable=False),
    Column("command_counter", BigInteger, nullable=False),
    # digests of what it refuses for good: as its status told, and as this host has learnt all of it
    Column("revoked_told", BigInteger),
    Column("revoked_known", BigInteger),
    # for people
    Column("kind", String(8), nullable=False, server_default="locker"),  # or "counter": a shop, no device
    Column("place", PLACE, nullable=False, server_default="{}"),
    Column("retired_at", BigInteger),  # out of service since then, see retiring
    # how much it takes at once, see sizes
    Column("delta_bytes", Integer),  # of the entries of one delta; null: nothing was refused lately
    Column("delta_at", BigInteger),  # when that changed
    Column("delta_strikes", Integer, nullable=False, server_default=text("0")),
)

streams = Table(
    "streams",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("rank", Integer, nullable=False),  # order in which the host first saw the epochs of a locker
    Column("contiguous", BigInteger, nullable=False),
    Column("islands", RANGES, nullable=False),  # see contiguity.Held
    Column("stored", BigInteger, nullable=False),  # events ever stored, those since deleted by age included
    Column("lost", BigInteger, nullable=False),  # numbers in ``holes``: no journal has them any more
    Column("first_at", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False, server_default=text("0")),  # see ingest.copies
)
Index(
    "streams_with_gaps",
    streams.c.locker,
    sqlite_where=text("islands <> '[]'"),
    postgresql_where=text("islands <> '[]'"),
)

holes = Table(
    "holes",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("why", String(40), nullable=False),  # in the locker's word, see ingest.holes
    Column("told_at", BigInteger, nullable=False),  # host time
)

events = Table(
    "events",
    metadata,
    Column("id", _ROW_ID, primary_key=True),  # the order of arrival: what readers page by
    Column("locker", String(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("parcel", String(160)),
    Column("data", EVENT, nullable=False),  # as the locker described it
    Column(
        "arrived_at", BigInteger, nullable=False, server_default=text("0")
    ),  # host time; age counts from it
    # PostgreSQL: partitioned by month of arrival, and both keys are those of a month, see months
    UniqueConstraint("locker", "epoch", "seq").ddl_if(dialect="sqlite"),
)
Index(
    "events_of_parcel",
    events.c.parcel,
    sqlite_where=events.c.parcel.is_not(None),
    postgresql_where=events.c.parcel.is_not(None),
)

compartments = Table(
    "compartments",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("door", Integer, primary_key=True, autoincrement=False),
    Column("content", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("parcel", String(160)),
    Column("epoch", BigInteger, nullable=False),
    # event number at which this was first told; the newest one of a locker: at which all of it was told again
    Column("seq", BigInteger, nullable=False),
    Column("time_s", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("holder", String(120), nullable=False),  # "" when nobody leads, see lease
    Column("fence", BigInteger, nullable=False),  # rises with each change of the leader
    Column("beat", BigInteger, nullable=False),  # rises with each renewal
)

GONE = "gone"
"""No more in its locker, which says so itself; the event that says how was lost."""
ENDED = ("collected", "returned", "cancelled", GONE)
IN_A_LOCKER = ("in_locker", "forced")
"""States of ``parcels``; the one other is "announced"."""

parcels = Table(
    "parcels",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("locker", ForeignKey("lockers.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("size", Integer, nullable=False),
    Column("low", Boolean, nullable=False),  # wants a compartment that a wheelchair reaches
    Column("code", String(8), nullable=False),  # "derived", "listed", or "none": came unannounced
    Column("digits", SecretBytes(10)),  # of a listed code
    Column("grant", BigInteger),  # of a listed code
    Column("announced_at", BigInteger),
    Column("expected_until", BigInteger),
    Column("announced_version", BigInteger, nullable=False, server_default=text("0")),
    Column("deadline_days", Integer, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("door", Integer),
    Column("deposited_at", BigInteger),
    Column("ended_at", BigInteger),
    # the event the state was concluded from: a later one replaces it, an earlier one does not
    Column("from_epoch", BigInteger),
    Column("from_seq", BigInteger),
    Column("from_time_s", BigInteger),
    # who brings it, who waits for it
    Column("carrier", Integer),  # number of the holder that announced it; null: the operator
    Column("contact", SecretBytes(200)),  # "mail:a@b.c", see notices
    Column("language", String(2), nullable=False, server_default="en"),
)
Index("parcels_of_locker", parcels.c.locker, parcels.c.state)
Index("parcels_of_carrier", parcels.c.carrier, parcels.c.announced_at)
_ENDED_AT, _ANNOUNCED = text("ended_at IS NOT NULL"), text("state = 'announced'")
Index("parcels_ended", parcels.c.ended_at, sqlite_where=_ENDED_AT, postgresql_where=_ENDED_AT)
Index("parcels_expected", parcels.c.expected_until, sqlite_where=_ANNOUNCED, postgresql_where=_ANNOUNCED)

grants = Table(
    "grants",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("role", Integer, nullable=False),
    Column("action", Integer, nullable=False),
    Column("holder", Integer, nullable=False),
    Column("door", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("tag", SecretBytes(16), nullable=False),
    Column("parcel", String(160), nullable=False),
    Column("added", BigInteger, nullable=False),  # version of the set that brought it
    Column("dropped", BigInteger),  # version that took it away
)

commands = Table(
    "commands",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("locker", ForeignKey("lockers.id"), nullable=False),
    Column("cmd", String(16), nullable=False),
    Column("arguments", ARGUMENTS, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, sent, done, refused, expired
    Column("counter", BigInteger),  # of the last sending
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("result", String(40)),
    Column("by", String(64), nullable=False, server_default="host"),  # the account that ordered it
    Column("subject", String(40)),  # what it settles: a newer command of the same subject takes its place
    Column("breaks", Integer, nullable=False, server_default=text("0")),  # connections that ended at it
)
Index("commands_open", commands.c.locker, commands.c.state)
Index("commands_of_locker", commands.c.locker, commands.c.created_at)

set_aside = Table(
    "set_aside",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("locker", ForeignKey("lockers.id"), nullable=False),
    Column("what", String(8), nullable=False),  # one of those in access.aside
    Column("version", BigInteger),  # of the locker's set; null: a command
    Column("command", String(40)),
    Column("parcel", String(160)),
    Column("why", String(40), nullable=False),  # the result of the command that brought it alone
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("locker", "version"),
    UniqueConstraint("locker", "command"),
)

holders = Table(
    "holders",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("role", Integer, primary_key=True, autoincrement=False),
    Column("action", Integer, primary_key=True, autoincrement=False),
    Column("counter", Integer, primary_key=True, autoincrement=False),  # never used twice
    Column("holder", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),  # the newest counter of a holder stands in its place
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("holder", Integer),  # number in window codes; null for operators
    Column("locker", ForeignKey("lockers.id")),  # a clerk's counter
    Column("password", Text),  # scrypt, see accounts
    Column("key_hash", String(64), unique=True),  # SHA-256 of the API key, 256 random bits
    Column("created_at", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("locker", String(32)),
    Column("parcel", String(160)),
    Column("command", String(40)),  # id of the command, if the entry is one
    Column("detail", Text, nullable=False),
)
Index("audit_of_locker", audit.c.locker, audit.c.id)

alarms = Table(
    "alarms",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("locker", ForeignKey("lockers.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", EVENT, nullable=False),  # the event
    Column("cleared_at", BigInteger),
    Column("cleared_by", String(64)),
    UniqueConstraint("locker", "epoch", "seq"),
)
_UNCLEARED = text("cleared_at IS NULL")
Index("alarms_open", alarms.c.locker, sqlite_where=_UNCLEARED, postgresql_where=_UNCLEARED)

samples = Table(
    "samples",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("time_s", BigInteger, primary_key=True, autoincrement=False),
    Column("up_s", BigInteger, nullable=False),
    Column("free_bytes", Integer),  # null: the locker cannot tell
    Column("rssi_dbm", Integer),
    Column("supply_mv", Integer),
)
Index("samples_by_time", samples.c.time_s)

latches = Table(
    "latches",
    metadata,
    Column("locker", ForeignKey("lockers.id"), primary_key=True),
    Column("door", Integer, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # Unix days
    Column("usual_ms", Integer, nullable=False),
    Column("recent_ms", Integer, nullable=False),
    Column("trouble", Integer, nullable=False),
    Column("weak", Boolean, nullable=False),
)
Index("latches_by_day", latches.c.day)

host_clock = Table(  # one row: see fleet.hostclock
    "host_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("newest_s", BigInteger, nullable=False),  # the newest time that was believed
    Column("synchronised", Boolean, nullable=False),  # whether the kernel has ever said so
)

notices = Table(
    "notices",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("parcel", ForeignKey("parcels.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("stay", BigInteger, nullable=False),  # when it was deposited; 0 before that
    Column("state", String(8), nullable=False),  # waiting, sent, failed, void
    Column("next_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", BigInteger),
    Column("error", Text),
    UniqueConstraint("parcel", "kind", "stay"),
)
_WAITING = text("state = 'waiting'")
Index("notices_due", notices.c.next_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
