"""Accounts and what they did, alarms, how lockers fare, notices to customers, shops as counters."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _big(name: str, *, null: bool = False, key: bool = False) -> "sa.Column[int]":
    if key:
        return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)
    return sa.Column(name, sa.BigInteger, nullable=null)


def _number(name: str, *, null: bool = False, key: bool = False) -> "sa.Column[int]":
    if key:
        return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
    return sa.Column(name, sa.Integer, nullable=null)


def upgrade() -> None:
    """Add columns to the tables there are, then the new tables."""
    _columns()
    _accounts()
    _alarms_and_health()
    _notices()


def _columns() -> None:
    op.add_column("lockers", sa.Column("kind", sa.String(8), nullable=False, server_default="locker"))
    op.add_column("lockers", sa.Column("place", sa.Text, nullable=False, server_default="{}"))
    op.add_column("parcels", sa.Column("carrier", sa.Integer))
    op.add_column("parcels", sa.Column("contact", sa.LargeBinary(200)))
    op.add_column("parcels", sa.Column("language", sa.String(2), nullable=False, server_default="en"))
    op.create_index("parcels_of_carrier", "parcels", ["carrier", "announced_at"])
    op.add_column("commands", sa.Column("by", sa.String(64), nullable=False, server_default="host"))
    op.add_column("commands", sa.Column("subject", sa.String(40)))
    op.create_index("commands_of_locker", "commands", ["locker", "created_at"])


def _accounts() -> None:
    op.create_table(
        "holders",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        _number("role", key=True),
        _number("action", key=True),
        _number("counter", key=True),
        _number("holder"),
        _big("since"),
    )
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        _number("holder", null=True),
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id")),
        sa.Column("password", sa.Text),
        sa.Column("key_hash", sa.String(64), unique=True),
        _big("created_at"),
        sa.Column("disabled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(64), sa.ForeignKey("accounts.name"), nullable=False),
        _big("expires_at"),
    )
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, primary_key=True),
        _big("at"),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("locker", sa.String(32)),
        sa.Column("parcel", sa.String(160)),
        sa.Column("command", sa.String(40)),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_of_locker", "audit", ["locker", "id"])


def _alarms_and_health() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), nullable=False),
        _big("epoch"),
        _big("seq"),
        _big("time_s"),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        _big("cleared_at", null=True),
        sa.Column("cleared_by", sa.String(64)),
        sa.UniqueConstraint("locker", "epoch", "seq"),
    )
    uncleared = sa.text("cleared_at IS NULL")
    op.create_index("alarms_open", "alarms", ["locker"], sqlite_where=uncleared, postgresql_where=uncleared)
    op.create_table(
        "samples",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        _big("time_s", key=True),
        _big("up_s"),
        _number("free_bytes", null=True),
        _number("rssi_dbm", null=True),
        _number("supply_mv", null=True),
    )
    op.create_index("samples_by_time", "samples", ["time_s"])
    op.create_table(
        "latches",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        _number("door", key=True),
        _number("day", key=True),
        _number("usual_ms"),
        _number("recent_ms"),
        _number("trouble"),
        sa.Column("weak", sa.Boolean, nullable=False),
    )
    op.create_index("latches_by_day", "latches", ["day"])


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("parcel", sa.String(160), sa.ForeignKey("parcels.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        _big("stay"),
        sa.Column("state", sa.String(8), nullable=False),
        _big("next_at"),
        _number("tries"),
        _big("sent_at", null=True),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("parcel", "kind", "stay"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("notices_due", "notices", ["next_at"], sqlite_where=waiting, postgresql_where=waiting)
