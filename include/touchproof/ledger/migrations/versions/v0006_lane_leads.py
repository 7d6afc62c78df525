"""Add the leads of the lane of new leads, with what each of them took.

Belongs here: revision 0006 as it was shipped; never edited after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "lane_leads",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("object", sa.Text()),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("org_id", "source_key", name=op.f("pk_lane_leads")),
    )
    op.create_index(
        op.f("ix_lane_leads_org_id_acknowledged_at"),
        "lane_leads",
        ["org_id", "acknowledged_at"],
        unique=False,
    )
