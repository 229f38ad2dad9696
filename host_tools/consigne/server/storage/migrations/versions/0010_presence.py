"""When each locker last spoke, so that one that died with its broker is missed."""

import sqlalchemy as sa
from alembic import op
from consigne.server.storage.migrations import NoWayBack

revision = "0010"
down_revision = "0009"
LOST = "when each locker last spoke, but for its last status"


def upgrade() -> None:
    """Add the column; what is known is when the last status came."""
    op.add_column("lockers", sa.Column("heard_at", sa.BigInteger))
    op.execute("UPDATE lockers SET heard_at = status_at")


def downgrade() -> None:
    """Without it; who has not been heard of yet counts as not connected.

    A release that knows no copies of journals would take their next events for known ones.
    """
    copies = sa.text("SELECT min(locker) FROM streams WHERE epoch > 4294967295")
    copied = op.get_bind().execute(copies).scalar()
    if copied is not None:
        raise NoWayBack(
            f"locker {copied} writes a copy of its journal (an older flash image was put back): the "
            "release before would acknowledge it unread. Put back the backup made before the upgrade"
        )
    op.execute("UPDATE lockers SET up = (1 = 0) WHERE up IS NULL AND status_at IS NOT NULL")
    op.drop_column("lockers", "heard_at")
