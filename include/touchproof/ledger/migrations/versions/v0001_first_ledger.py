"""Make the first ledger.

Belongs here: revision 0001 as it was shipped; never edited after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_REFUSALS = {
    "sqlite": (
        "CREATE TRIGGER refuse_update_of_claim_events "
        "BEFORE UPDATE ON claim_events "
        "BEGIN SELECT RAISE(ABORT, 'claim_events is append-only'); END",
        "CREATE TRIGGER refuse_delete_of_claim_events "
        "BEFORE DELETE ON claim_events "
        "BEGIN SELECT RAISE(ABORT, 'claim_events is append-only'); END",
        "CREATE TRIGGER refuse_update_of_packs "
        "BEFORE UPDATE ON packs WHEN OLD.state = 'issued' "
        "BEGIN SELECT RAISE(ABORT, 'an issued pack never changes'); END",
        "CREATE TRIGGER refuse_delete_of_packs "
        "BEFORE DELETE ON packs WHEN OLD.state = 'issued' "
        "BEGIN SELECT RAISE(ABORT, 'an issued pack never changes'); END",
        "CREATE TRIGGER refuse_update_of_closed_periods "
        "BEFORE UPDATE ON closed_periods "
        "BEGIN SELECT RAISE(ABORT, 'a closed month never changes'); END",
        "CREATE TRIGGER refuse_delete_of_closed_periods "
        "BEFORE DELETE ON closed_periods "
        "BEGIN SELECT RAISE(ABORT, 'a closed month never changes'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_update_of_claim_events() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'claim_events is append-only'; END $$",
        "CREATE TRIGGER refuse_update_of_claim_events "
        "BEFORE UPDATE ON claim_events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_update_of_claim_events()",
        "CREATE FUNCTION refuse_delete_of_claim_events() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'claim_events is append-only'; END $$",
        "CREATE TRIGGER refuse_delete_of_claim_events "
        "BEFORE DELETE ON claim_events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_delete_of_claim_events()",
        "CREATE FUNCTION refuse_update_of_packs() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'an issued pack never changes'; END $$",
        "CREATE TRIGGER refuse_update_of_packs "
        "BEFORE UPDATE ON packs "
        "FOR EACH ROW WHEN (OLD.state = 'issued') EXECUTE FUNCTION refuse_update_of_packs()",
        "CREATE FUNCTION refuse_delete_of_packs() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'an issued pack never changes'; END $$",
        "CREATE TRIGGER refuse_delete_of_packs "
        "BEFORE DELETE ON packs "
        "FOR EACH ROW WHEN (OLD.state = 'issued') EXECUTE FUNCTION refuse_delete_of_packs()",
        "CREATE FUNCTION refuse_update_of_closed_periods() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'a closed month never changes'; END $$",
        "CREATE TRIGGER refuse_update_of_closed_periods "
        "BEFORE UPDATE ON closed_periods "
        "FOR EACH ROW EXECUTE FUNCTION refuse_update_of_closed_periods()",
        "CREATE FUNCTION refuse_delete_of_closed_periods() "
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ "
        "BEGIN RAISE EXCEPTION 'a closed month never changes'; END $$",
        "CREATE TRIGGER refuse_delete_of_closed_periods "
        "BEFORE DELETE ON closed_periods "
        "FOR EACH ROW EXECUTE FUNCTION refuse_delete_of_closed_periods()",
    ),
}


def upgrade() -> None:
    """Create every table, index and refusing trigger."""
    op.create_table(
        "acknowledged",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("fields_json", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text()),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "object", "record_key", name=op.f("pk_acknowledged")),
    )
    op.create_table(
        "closed_periods",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_night", sa.Date(), nullable=False),
        sa.Column("files_json", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_closed_periods")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("first_seen_night", sa.Date(), nullable=False),
        sa.Column("last_seen_night", sa.Date(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "uq_dead_letters_open",
        "dead_letters",
        ["org_id", "object", "record_key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "model_fits",
        sa.Column("model_fit_id", sa.Text(), nullable=False),
        sa.Column("attribution_model", sa.Text(), nullable=False),
        sa.Column("training_start_date", sa.Date(), nullable=False),
        sa.Column("training_end_date", sa.Date(), nullable=False),
        sa.Column("data_sha256", sa.Text(), nullable=False),
        sa.Column("parameters_json", sa.Text(), nullable=False),
        sa.Column("credits_from_date", sa.Date(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model_fit_id", name=op.f("pk_model_fits")),
    )
    op.create_index(
        "ix_model_fits_attribution_model", "model_fits", ["attribution_model"], unique=False
    )
    op.create_table(
        "packs",
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("pack_number", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("head_sha256", sa.Text(), nullable=False),
        sa.Column("previous_sha256", sa.Text()),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("plan_json", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bank_id", "pack_number", name=op.f("pk_packs")),
    )
    op.create_table(
        "person_id_history",
        sa.Column("old_person_id", sa.Text(), nullable=False),
        sa.Column("new_person_id", sa.Text(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint(
            "old_person_id", "new_person_id", "night", name=op.f("pk_person_id_history")
        ),
    )
    op.create_table(
        "person_ids",
        sa.Column("identifier_hmac", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("assigned_night", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_hmac", name=op.f("pk_person_ids")),
    )
    op.create_index(op.f("ix_person_ids_person_id"), "person_ids", ["person_id"], unique=False)
    op.create_table(
        "published_nights",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_sha256", sa.Text(), nullable=False),
        sa.Column("handoff_hashes_json", sa.Text(), nullable=False),
        sa.Column("mart_hashes_json", sa.Text(), nullable=False),
        sa.Column("ledger_batch_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("night", name=op.f("pk_published_nights")),
    )
    op.create_table(
        "push_jobs",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("external_id_field", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("salesforce_job_id", sa.Text()),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer()),
        sa.Column("rows_refused", sa.Integer()),
        sa.Column("rows_unprocessed", sa.Integer()),
        sa.Column("calls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("payload_path", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_jobs")),
    )
    op.create_index("ix_push_jobs_org_id_night", "push_jobs", ["org_id", "night"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("report_json", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_night_step", "runs", ["night", "step"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("identifier_hmac", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_hmac", "channel", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "claims",
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("bank_id", sa.Text(), nullable=False),
        sa.Column("bank_opening_id", sa.Text(), nullable=False),
        sa.Column("fee_kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("product_line", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_date", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("accepted_cents", sa.BigInteger()),
        sa.Column("paid_cents", sa.BigInteger()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("pack_number", sa.Integer()),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True)),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["bank_id", "pack_number"],
            ["packs.bank_id", "packs.pack_number"],
            name=op.f("fk_claims_packs"),
        ),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claims")),
        sa.UniqueConstraint(
            "bank_id",
            "bank_opening_id",
            "fee_kind",
            name=op.f("uq_claims_bank_id_bank_opening_id_fee_kind"),
        ),
    )
    op.create_index(op.f("ix_claims_status"), "claims", ["status"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("fields_json", sa.Text(), nullable=False),
        sa.Column("push_job_id", _ROW_ID),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["push_job_id"], ["push_jobs.id"], name=op.f("fk_outbox_push_jobs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_org_id_night", "outbox", ["org_id", "night"], unique=False)
    op.create_index(op.f("ix_outbox_push_job_id"), "outbox", ["push_job_id"], unique=False)
    op.create_index(
        "uq_outbox_unfinished",
        "outbox",
        ["org_id", "object", "record_key"],
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "restatements",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("model_fit_id", sa.Text(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("restated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_fit_id"], ["model_fits.model_fit_id"], name=op.f("fk_restatements_model_fits")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restatements")),
    )
    op.create_table(
        "claim_events",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text()),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.claim_id"], name=op.f("fk_claim_events_claims")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_events")),
    )
    op.create_index(op.f("ix_claim_events_claim_id"), "claim_events", ["claim_id"], unique=False)
    for statement in _REFUSALS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the ledger only moves forward; go back by restoring a backup."""
    raise NotImplementedError("restore a backup instead")
