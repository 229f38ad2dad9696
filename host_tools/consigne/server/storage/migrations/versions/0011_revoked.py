"""What each locker refuses for good, as a digest: as it told, and as the host has learnt it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns: each locker that says what it has is asked once."""
    op.add_column("lockers", sa.Column("revoked_told", sa.BigInteger))
    op.add_column("lockers", sa.Column("revoked_known", sa.BigInteger))


def downgrade() -> None:
    """Drop them; the release before does not know that a parcel is gone: to it those are cancelled."""
    op.execute("UPDATE parcels SET state = 'cancelled' WHERE state = 'gone'")
    op.drop_column("lockers", "revoked_known")
    op.drop_column("lockers", "revoked_told")
