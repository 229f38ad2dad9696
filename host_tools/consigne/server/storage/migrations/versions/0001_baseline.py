"""The tables as they were when migrations began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _big(name: str, *, null: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=null)


def upgrade() -> None:
    """Create every table."""
    _lockers()
    _events()
    _parcels()
    _grants_and_commands()
    about = op.create_table("about", sa.Column("schema", sa.Integer, primary_key=True, autoincrement=False))
    op.bulk_insert(about, [{"schema": 1}])


def _lockers() -> None:
    op.create_table(
        "lockers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("device_key", sa.LargeBinary(32), nullable=False),
        sa.Column("digits", sa.Integer, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("layout", sa.Text, nullable=False),
        _big("registered_at"),
        sa.Column("up", sa.Boolean),
        sa.Column("status", sa.Text),
        _big("status_at", null=True),
        _big("epoch", null=True),
        _big("grants_have", null=True),
        _big("grants_version"),
        _big("next_grant"),
        _big("command_counter"),
    )
    op.create_table(
        "streams",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rank", sa.Integer, nullable=False),
        _big("contiguous"),
        sa.Column("islands", sa.Text, nullable=False),
        _big("stored"),
        _big("lost"),
        _big("first_at"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("locker", sa.String(32), nullable=False),
        _big("epoch"),
        _big("seq"),
        _big("time_s"),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("parcel", sa.String(160)),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("locker", "epoch", "seq"),
    )
    known = sa.text("parcel IS NOT NULL")
    op.create_index("events_of_parcel", "events", ["parcel"], sqlite_where=known, postgresql_where=known)
    op.create_table(
        "compartments",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        sa.Column("door", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("parcel", sa.String(160)),
        _big("epoch"),
        _big("seq"),
        _big("time_s"),
    )


def _parcels() -> None:
    op.create_table(
        "parcels",
        sa.Column("id", sa.String(160), primary_key=True),
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("low", sa.Boolean, nullable=False),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("digits", sa.LargeBinary(10)),
        _big("grant", null=True),
        _big("announced_at", null=True),
        _big("expected_until", null=True),
        sa.Column("announced_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("deadline_days", sa.Integer, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("door", sa.Integer),
        _big("deposited_at", null=True),
        _big("ended_at", null=True),
        _big("from_epoch", null=True),
        _big("from_seq", null=True),
        _big("from_time_s", null=True),
    )
    op.create_index("parcels_of_locker", "parcels", ["locker", "state"])


def _grants_and_commands() -> None:
    op.create_table(
        "grants",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        _big("not_before"),
        _big("not_after"),
        sa.Column("role", sa.Integer, nullable=False),
        sa.Column("action", sa.Integer, nullable=False),
        sa.Column("holder", sa.Integer, nullable=False),
        sa.Column("door", sa.Integer, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("tag", sa.LargeBinary(16), nullable=False),
        sa.Column("parcel", sa.String(160), nullable=False),
        _big("added"),
        _big("dropped", null=True),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), nullable=False),
        sa.Column("cmd", sa.String(16), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        _big("counter", null=True),
        _big("created_at"),
        _big("expires_at"),
        _big("sent_at", null=True),
        _big("answered_at", null=True),
        sa.Column("result", sa.String(40)),
    )
    op.create_index("commands_open", "commands", ["locker", "state"])
