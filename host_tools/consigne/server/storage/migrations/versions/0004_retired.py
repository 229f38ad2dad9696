"""When a locker was taken out of service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; every locker there is serves."""
    op.add_column("lockers", sa.Column("retired_at", sa.BigInteger))
