"""When a locker was taken out of service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; it is null, so every existing locker stays in service."""
    op.add_column("lockers", sa.Column("retired_at", sa.BigInteger))
