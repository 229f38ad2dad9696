"""When a locker was taken out of service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
LOST = "which lockers were retired: they are in service again, with keys that no locker has"


def upgrade() -> None:
    """Add the column; it is null, so every existing locker stays in service."""
    op.add_column("lockers", sa.Column("retired_at", sa.BigInteger))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("lockers", "retired_at")
