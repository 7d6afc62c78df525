"""Book the corrections of fees that packs told before they counted in the books.

Belongs here: revision 0004; never edited after a release.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Book each correction on the day of its pack; what its bank decided since stays as it is."""
    columns = "(bank_id, claim_id, kind, cents, currency, entered_at, actor, reason)"
    for kind, condition in (
        ("billed", ""),
        ("constrained", " and claims.status in ('issued', 'disputed')"),
    ):
        op.execute(
            f"insert into fee_entries {columns} "  # noqa: S608  (constants)
            f"select told.bank_id, told.claim_id, '{kind}', told.fee_change_cents, told.currency, "
            "told.issued_at, 'system:migration', 'booked when corrections began to count' "
            "from pack_adjustments as told inner join claims on told.claim_id = claims.claim_id "
            f"where told.change = 'fee_corrected' and told.fee_change_cents <> 0{condition}"
        )


def downgrade() -> None:
    """Refuse: the ledger only moves forward; go back by restoring a backup."""
    raise NotImplementedError("restore a backup instead")
