"""How much a locker takes at once, and what it does not take at all."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns and the table; nothing is limited, and nothing set aside, until a locker refuses."""
    op.add_column("lockers", sa.Column("delta_bytes", sa.Integer))
    op.add_column("lockers", sa.Column("delta_at", sa.BigInteger))
    op.add_column(
        "lockers", sa.Column("delta_strikes", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("commands", sa.Column("breaks", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "set_aside",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), nullable=False),
        sa.Column("what", sa.String(8), nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("command", sa.String(40)),
        sa.Column("parcel", sa.String(160)),
        sa.Column("why", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("locker", "version"),
        sa.UniqueConstraint("locker", "command"),
    )


def downgrade() -> None:
    """Drop them: the release before sends everything at once again."""
    op.drop_table("set_aside")
    op.drop_column("commands", "breaks")
    for name in ("delta_strikes", "delta_at", "delta_bytes"):
        op.drop_column("lockers", name)
