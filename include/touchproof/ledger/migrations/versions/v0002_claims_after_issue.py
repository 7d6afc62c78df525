"""Give claims their life after the issue: reviews, bank lines, booked cents, disputes.

Belongs here: revision 0002; never edited after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_APPEND_ONLY = ("fee_entries", "skip_decisions")


def upgrade() -> None:
    """Create the tables and book what earlier claims amount to."""
    op.create_table(
        "claim_controls",
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("needs_release", sa.Boolean(), nullable=False),
        sa.Column("prepared_by", sa.Text()),
        sa.Column("reviewed_by", sa.Text()),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.Column("released_by", sa.Text()),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.Column("accepted_by", sa.Text()),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claim_controls")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_claim_controls_claims")
        ),
    )
    op.create_table(
        "fee_entries",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text()),
        sa.Column("document_id", sa.Text()),
        sa.Column("line_number", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("booked_date", sa.Date()),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_entries")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_fee_entries_claims")
        ),
    )
    op.create_index(op.f("ix_fee_entries_claim_id"), "fee_entries", ["claim_id"], unique=False)
    op.create_index(
        "ix_fee_entries_document",
        "fee_entries",
        ["bank_id", "document_id", "line_number"],
        unique=False,
    )
    op.create_table(
        "bank_lines",
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("line_number", sa.Text(), nullable=False),
        sa.Column("line_date", sa.Date(), nullable=False),
        sa.Column("claim_reference", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("word", sa.Text()),
        sa.Column("reason_code", sa.Text()),
        sa.Column("cents", sa.BigInteger()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "bank_id", "kind", "document_id", "line_number", name=op.f("pk_bank_lines")
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_bank_lines_claims")
        ),
    )
    op.create_index(op.f("ix_bank_lines_claim_id"), "bank_lines", ["claim_id"], unique=False)
    op.create_index("ix_bank_lines_outcome", "bank_lines", ["outcome"], unique=False)
    op.create_table(
        "dispute_rounds",
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("claim_id", "round_number", name=op.f("pk_dispute_rounds")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_dispute_rounds_claims")
        ),
    )
    op.create_table(
        "skip_decisions",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("bank_opening_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skip_decisions")),
    )
    op.create_index(
        op.f("ix_skip_decisions_bank_opening_id"),
        "skip_decisions",
        ["bank_opening_id"],
        unique=False,
    )
    for table in _APPEND_ONLY:
        for action in ("update", "delete"):
            for statement in _refusals(table, action, op.get_bind().dialect.name):
                op.execute(statement)
    _book_earlier_claims()


def _refusals(table: str, action: str, dialect: str) -> tuple[str, ...]:
    name, message = f"refuse_{action}_of_{table}", f"{table} is append-only"
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END",
        )
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$",
        f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def _book_earlier_claims() -> None:
    """Book what was billed, what still waits for its bank, and what was accepted."""
    columns = "(bank_id, claim_id, kind, cents, currency, entered_at, actor, reason)"
    for kind, cents, moment, condition in (
        ("billed", "fee_cents", "issued_at", "issued_at is not null"),
        (
            "constrained",
            "fee_cents",
            "issued_at",
            "issued_at is not null and status in ('issued', 'disputed')",
        ),
        (
            "earned",
            "accepted_cents",
            "coalesce(accepted_at, status_at)",
            "accepted_cents <> 0 and status in ('accepted', 'part_paid', 'paid', 'written_off')",
        ),
    ):
        op.execute(
            f"insert into fee_entries {columns} "  # noqa: S608  (constants)
            f"select bank_id, claim_id, '{kind}', {cents}, currency, {moment}, "
            f"'system:migration', 'booked when the ledger began to keep entries' "
            f"from claims where {condition}"
        )


def downgrade() -> None:
    """Refuse: the ledger only moves forward; go back by restoring a backup."""
    raise NotImplementedError("restore a backup instead")
