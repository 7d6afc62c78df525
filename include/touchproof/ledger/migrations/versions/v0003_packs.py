"""Add what packs told anew and what binds their heads from outside.

Belongs here: revision 0003 as it was shipped; never edited after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create both tables, append-only."""
    op.create_table(
        "pack_adjustments",
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("pack_number", sa.Integer(), nullable=False),
        sa.Column("adjustment_number", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("fee_change_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True)),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "bank_id", "pack_number", "adjustment_number", name=op.f("pk_pack_adjustments")
        ),
        sa.ForeignKeyConstraint(
            ["bank_id", "pack_number"],
            ["packs.bank_id", "packs.pack_number"],
            name=op.f("fk_pack_adjustments_packs"),
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_pack_adjustments_claims")
        ),
    )
    op.create_index(
        op.f("ix_pack_adjustments_claim_id"), "pack_adjustments", ["claim_id"], unique=False
    )
    op.create_table(
        "head_proofs",
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("pack_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("head_sha256", sa.Text(), nullable=False),
        sa.Column("content_hex", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text()),
        sa.Column("stamped_at", sa.DateTime(timezone=True)),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "bank_id", "pack_number", "kind", "content_sha256", name=op.f("pk_head_proofs")
        ),
        sa.ForeignKeyConstraint(
            ["bank_id", "pack_number"],
            ["packs.bank_id", "packs.pack_number"],
            name=op.f("fk_head_proofs_packs"),
        ),
    )
    for table in ("pack_adjustments", "head_proofs"):
        for action in ("update", "delete"):
            _refuse(table, action)


def _refuse(table: str, action: str) -> None:
    """Make a table append-only for one action."""
    name, message = f"refuse_{action}_of_{table}", f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
