"""Event numbers that came twice with different content are counted; gaps are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add ``streams.conflicts`` and the index of streams with gaps; Alembic's number replaces ``about``."""
    op.add_column(
        "streams", sa.Column("conflicts", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )
    gaps = sa.text("islands <> '[]'")
    op.create_index("streams_with_gaps", "streams", ["locker"], sqlite_where=gaps, postgresql_where=gaps)
    op.drop_table("about")
