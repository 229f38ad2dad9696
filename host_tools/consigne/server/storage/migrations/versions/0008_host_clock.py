"""The newest time that the host has believed, and whether its clock has ever been synchronised."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table, empty: the host writes its one row at the first tick."""
    op.create_table(
        "host_clock",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("newest_s", sa.BigInteger, nullable=False),
        sa.Column("synchronised", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop it: the release before tells any time that its machine has."""
    op.drop_table("host_clock")
