"""When each locker last spoke, so that one that died with its broker is missed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
LOST = "when each locker last spoke, but for its last status"


def upgrade() -> None:
    """Add the column; what is known is when the last status came."""
    op.add_column("lockers", sa.Column("heard_at", sa.BigInteger))
    op.execute("UPDATE lockers SET heard_at = status_at")


def downgrade() -> None:
    """Without it; who has not been heard of yet counts as not connected."""
    op.execute("UPDATE lockers SET up = (1 = 0) WHERE up IS NULL AND status_at IS NOT NULL")
    op.drop_column("lockers", "heard_at")
