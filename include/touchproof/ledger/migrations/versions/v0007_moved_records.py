"""Add the records that were found converted or merged when they were to be written.

Belongs here: revision 0007 as it was shipped; never edited after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "moved_records",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text(), nullable=False),
        sa.Column("to_object", sa.Text()),
        sa.Column("to_salesforce_id", sa.Text()),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "object", "salesforce_id", name=op.f("pk_moved_records")),
    )
