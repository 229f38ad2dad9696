"""Event numbers that no journal has any more, from where to where and why."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table.  What was lost before this release is counted in ``streams.lost`` only."""
    op.create_table(
        "holes",
        sa.Column("locker", sa.String(32), sa.ForeignKey("lockers.id"), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(40), nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the table: the release before knew only how many numbers are lost."""
    op.drop_table("holes")
