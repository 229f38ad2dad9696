"""When each event arrived at the host, and PostgreSQL's months of events: what is old can be deleted.

Events that are there count as arrived now, since nobody knows better: they are kept for their whole age from
now on.  PostgreSQL reads the table once, to see that it lies before the first new month; nothing is copied.
Down again it copies every event into one table.
"""

import time

import sqlalchemy as sa
from alembic import op
from consigne.server.storage import months

revision = "0009"
down_revision = "0008"
LOST = "when each event arrived: their ages begin anew at the next upgrade"

_OF_PARCEL = sa.text("parcel IS NOT NULL")
_ENDED = sa.text("ended_at IS NOT NULL")
_ANNOUNCED = sa.text("state = 'announced'")


def upgrade() -> None:
    """Add the column; on PostgreSQL the table becomes the first partition of a new one."""
    connection = op.get_bind()
    any_event = connection.execute(sa.text("SELECT min(id) FROM events")).scalar() is not None
    now = int(time.time())
    arrived_at = sa.Column(
        "arrived_at", sa.BigInteger, nullable=False, server_default=sa.text(str(now) if any_event else "0")
    )
    op.add_column("events", arrived_at)
    op.create_index("parcels_ended", "parcels", ["ended_at"], sqlite_where=_ENDED, postgresql_where=_ENDED)
    op.create_index(
        "parcels_expected",
        "parcels",
        ["expected_until"],
        sqlite_where=_ANNOUNCED,
        postgresql_where=_ANNOUNCED,
    )
    if connection.dialect.name == "postgresql":
        op.alter_column("events", "arrived_at", server_default=sa.text("0"))
        _partition(now, any_event=any_event)


def _partition(now: int, *, any_event: bool) -> None:
    names = months.ahead(now)
    op.rename_table("events", months.BEFORE)
    for old, new in (
        ("events_of_parcel", f"{months.BEFORE}_parcel"),
        ("events_pkey", f"{months.BEFORE}_pkey"),
    ):
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    op.execute(
        f"CREATE TABLE events (LIKE {months.BEFORE} INCLUDING DEFAULTS) PARTITION BY RANGE (arrived_at)"
    )
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY events.id")
    op.create_index("events_of_parcel", "events", ["parcel"], postgresql_where=_OF_PARCEL)
    op.execute(f"CREATE TABLE {months.REST} PARTITION OF events ({months.KEYS}) DEFAULT")
    if any_event:  # they take what is left of this month, too: its bound must lie behind each of them
        ends_at = months.bounds(names.pop(0))[1]
        op.execute(
            f"ALTER TABLE events ATTACH PARTITION {months.BEFORE} FOR VALUES FROM (MINVALUE) TO ({ends_at})"
        )
    else:
        op.drop_table(months.BEFORE)
    for name in names:
        months.make(op.get_bind(), name)


def downgrade() -> None:
    """One table again."""
    connection = op.get_bind()
    op.drop_index("parcels_expected", "parcels")
    op.drop_index("parcels_ended", "parcels")
    if connection.dialect.name == "postgresql":
        _into_one_table(connection)
    op.drop_column("events", "arrived_at")


def _into_one_table(connection: sa.Connection) -> None:
    parts = "events_in_parts"
    op.rename_table("events", parts)
    op.execute("DROP INDEX events_of_parcel")
    op.execute(f"CREATE TABLE events (LIKE {parts} INCLUDING DEFAULTS, {months.KEYS})")
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY events.id")
    for name in [parts, *months.taken_off(connection)]:
        op.execute(f"INSERT INTO events SELECT * FROM {name}")
        op.execute(f"DROP TABLE {name}")
    op.create_index("events_of_parcel", "events", ["parcel"], postgresql_where=_OF_PARCEL)
