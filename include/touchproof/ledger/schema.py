"""The ledger's tables: durable state that a rebuild of the warehouse must not lose.

Belongs here: SQLAlchemy Core tables, their constraints, triggers and the schema's head revision.
Doesn't belong here: opening the database (engine.py), reading and writing rows (store.py,
claims.py, salesforce/outbox.py), moving an old file to this schema (migrations/).

A change here needs a migration; a test compares both.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)

HEAD_REVISION = "0007"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

RowId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """Store timezone-aware moments in UTC and give them back aware; refuse naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment in the ledger needs a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

person_ids = Table(
    "person_ids",
    metadata,
    Column("identifier_hmac", Text, primary_key=True),
    Column("person_id", Text, nullable=False, index=True),
    Column("assigned_night", Date, nullable=False),
)

person_id_history = Table(
    "person_id_history",
    metadata,
    Column("old_person_id", Text, nullable=False),
    Column("new_person_id", Text, nullable=False),
    Column("night", Date, nullable=False),
    PrimaryKeyConstraint("old_person_id", "new_person_id", "night"),
)

# One row per Salesforce record: `record_key` is its Id, or Touchproof_Key__c while no Id is known.
acknowledged = Table(
    "acknowledged",
    metadata,
    Column("org_id", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("record_key", Text, nullable=False),
    Column("salesforce_id", Text),
    Column("fields_json", Text, nullable=False),
    Column("origin", Text, nullable=False),  # baseline, read, pushed
    Column("job_id", Text),
    Column("acknowledged_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("org_id", "object", "record_key"),
)

push_jobs = Table(
    "push_jobs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("night", Date, nullable=False),
    Column("object", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("external_id_field", Text),
    Column("state", Text, nullable=False),
    Column("salesforce_job_id", Text),
    Column("rows", Integer, nullable=False),
    Column("rows_done", Integer),
    Column("rows_refused", Integer),
    Column("rows_unprocessed", Integer),
    Column("calls", Integer, nullable=False, server_default=text("0")),
    Column("content_sha256", Text, nullable=False),
    Column("payload_path", Text),  # relative to the world's folder
    Column("message", Text),  # masked
    Column("planned_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index("ix_push_jobs_org_id_night", "org_id", "night"),
)

# One row per request of a push that counts against the allowance, written before it is sent.
push_calls = Table(
    "push_calls",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("lane", Text, nullable=False),
    Column("night", Date, nullable=False),
    Column("request", Text, nullable=False),  # method and path without its query
    Column("sent_at", UtcDateTime, nullable=False),
    Column("outcome", Text, nullable=False),  # sent, answered, unsent
    Column("api_used", Integer),  # the org's count of calls, as the answer told it
    Index("ix_push_calls_lane", "lane", "id"),
    Index("ix_push_calls_night", "night"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("night", Date, nullable=False),
    Column("object", Text, nullable=False),
    Column("record_key", Text, nullable=False),
    Column("salesforce_id", Text),
    Column("operation", Text, nullable=False),
    Column("fields_json", Text, nullable=False),
    Column("push_job_id", RowId, ForeignKey("push_jobs.id"), index=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("code", Text),
    Column("message", Text),  # masked
    Column("planned_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),  # null = unfinished
    Index(
        "uq_outbox_unfinished",
        "org_id",
        "object",
        "record_key",
        unique=True,
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_outbox_org_id_night", "org_id", "night"),
)

# The leads that the lane of new leads sent, and how long each of them took.
lane_leads = Table(
    "lane_leads",
    metadata,
    Column("org_id", Text, nullable=False),
    Column("source_key", Text, nullable=False),  # Touchproof_Key__c
    Column("state", Text, nullable=False),  # sent, acknowledged, routed, refused
    Column("object", Text),  # of the record, where Salesforce told it
    Column("salesforce_id", Text),
    Column("created_at", UtcDateTime, nullable=False),  # at its source
    Column("landed_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    PrimaryKeyConstraint("org_id", "source_key"),
    Index("ix_lane_leads_org_id_acknowledged_at", "org_id", "acknowledged_at"),
)

# Records that were found converted or merged when they were to be written, until an extract has
# read what they are now.
moved_records = Table(
    "moved_records",
    metadata,
    Column("org_id", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("salesforce_id", Text, nullable=False),
    Column("to_object", Text),  # null where Salesforce doesn't show us what it became
    Column("to_salesforce_id", Text),
    Column("seen_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("org_id", "object", "salesforce_id"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("record_key", Text, nullable=False),
    Column("salesforce_id", Text),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),  # masked
    Column("fields", Text, nullable=False),  # names, comma-separated
    Column("owner", Text, nullable=False),
    Column("first_seen_night", Date, nullable=False),
    Column("last_seen_night", Date, nullable=False),
    Column("nights", Integer, nullable=False),
    Column("state", Text, nullable=False),  # open, resolved
    Index(
        "uq_dead_letters_open",
        "org_id",
        "object",
        "record_key",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("identifier_hmac", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("suppressed_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("identifier_hmac", "channel"),
)

# A pack is planned (its bytes are fixed by head_sha256), then issued (its folder is in place).
packs = Table(
    "packs",
    metadata,
    Column("bank_id", Text, nullable=False),
    Column("pack_number", Integer, nullable=False),
    Column("period", Text, nullable=False),  # YYYY-MM in the business time zone
    Column("state", Text, nullable=False),  # planned, issued
    Column("night", Date, nullable=False),  # whose handoff it was made from
    Column("head_sha256", Text, nullable=False),  # of manifest.json
    Column("previous_sha256", Text),
    Column("claims", Integer, nullable=False),
    Column("plan_json", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("bank_id", "pack_number"),
)

# What a pack told anew about claims of earlier packs; written when the pack is issued.
pack_adjustments = Table(
    "pack_adjustments",
    metadata,
    Column("bank_id", Text, nullable=False),
    Column("pack_number", Integer, nullable=False),
    Column("adjustment_number", Integer, nullable=False),
    Column("claim_id", Text, ForeignKey("claims.claim_id"), nullable=False, index=True),
    Column("change", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("fee_change_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("changed_at", UtcDateTime),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("bank_id", "pack_number", "adjustment_number"),
    ForeignKeyConstraint(["bank_id", "pack_number"], ["packs.bank_id", "packs.pack_number"]),
)

# What binds a head from outside: the bank's countersignature, an authority's time stamp.
head_proofs = Table(
    "head_proofs",
    metadata,
    Column("bank_id", Text, nullable=False),
    Column("pack_number", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # countersignature, timestamp
    Column("content_sha256", Text, nullable=False),
    Column("head_sha256", Text, nullable=False),
    Column("content_hex", Text, nullable=False),
    Column("key_id", Text),  # of the bank, for a countersignature
    Column("stamped_at", UtcDateTime),  # by the authority, for a time stamp
    Column("kept_at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    PrimaryKeyConstraint("bank_id", "pack_number", "kind", "content_sha256"),
    ForeignKeyConstraint(["bank_id", "pack_number"], ["packs.bank_id", "packs.pack_number"]),
)

claims = Table(
    "claims",
    metadata,
    Column("claim_id", Text, primary_key=True),
    Column("bank_id", Text, nullable=False),
    Column("bank_opening_id", Text, nullable=False),
    Column("fee_kind", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("product_line", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("opened_date", Date, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("fee_cents", BigInteger, nullable=False),
    Column("accepted_cents", BigInteger),
    Column("paid_cents", BigInteger),
    Column("currency", Text, nullable=False),
    Column("pack_number", Integer),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("issued_at", UtcDateTime),
    Column("accepted_at", UtcDateTime),  # the first time, whatever came after
    Column("status_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["bank_id", "pack_number"], ["packs.bank_id", "packs.pack_number"]),
    UniqueConstraint("bank_id", "bank_opening_id", "fee_kind"),
)

claim_events = Table(
    "claim_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("claim_id", Text, ForeignKey("claims.claim_id"), nullable=False, index=True),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Who may bring a claim to a pack: a row once a claim needs more than one person, or was accepted.
claim_controls = Table(
    "claim_controls",
    metadata,
    Column("claim_id", Text, ForeignKey("claims.claim_id"), primary_key=True),
    Column("needs_release", Boolean, nullable=False),  # its fee is above four_eyes_cents
    Column("prepared_by", Text),
    Column("reviewed_by", Text),
    Column("reviewed_at", UtcDateTime),
    Column("released_by", Text),
    Column("released_at", UtcDateTime),
    Column("accepted_by", Text),  # statement, payment, decision
)

# Every booked cent of fees, signed; what a claim or a bank stands at is the sum of its entries.
fee_entries = Table(
    "fee_entries",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("bank_id", Text, nullable=False),
    Column("claim_id", Text, ForeignKey("claims.claim_id"), index=True),
    Column("document_id", Text),  # of the remittance that brought the money
    Column("line_number", Text),
    Column("kind", Text, nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("booked_date", Date),  # the bank's value date; null: the business date of entered_at
    Column("entered_at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_fee_entries_document", "bank_id", "document_id", "line_number"),
)

# What a bank's statements and remittances say, line by line, as its newest version says it.
bank_lines = Table(
    "bank_lines",
    metadata,
    Column("bank_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # statements, remittances
    Column("document_id", Text, nullable=False),
    Column("line_number", Text, nullable=False),
    Column("line_date", Date, nullable=False),
    Column("claim_reference", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("word", Text),  # what a statement says of the claim
    Column("reason_code", Text),
    Column("cents", BigInteger),
    Column("currency", Text, nullable=False),
    Column("claim_id", Text, ForeignKey("claims.claim_id"), index=True),
    Column("outcome", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("first_night", Date, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("bank_id", "kind", "document_id", "line_number"),
    Index("ix_bank_lines_outcome", "outcome"),
)

dispute_rounds = Table(
    "dispute_rounds",
    metadata,
    Column("claim_id", Text, ForeignKey("claims.claim_id"), nullable=False),
    Column("round_number", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("outcome", Text),  # the status that ended it
    PrimaryKeyConstraint("claim_id", "round_number"),
)

# What a person decided about an opening that the rules sent to review; the newest row counts.
skip_decisions = Table(
    "skip_decisions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("bank_id", Text, nullable=False),
    Column("bank_opening_id", Text, nullable=False, index=True),
    Column("person_id", Text, nullable=False),
    Column("code", Text, nullable=False),  # the rule that sent it to review
    Column("decision", Text, nullable=False),  # accepted, rejected
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("evidence_sha256", Text, nullable=False),  # of what the person saw
)

model_fits = Table(
    "model_fits",
    metadata,
    Column("model_fit_id", Text, primary_key=True),
    Column("attribution_model", Text, nullable=False),
    Column("training_start_date", Date, nullable=False),
    Column("training_end_date", Date, nullable=False),
    Column("data_sha256", Text, nullable=False),
    Column("parameters_json", Text, nullable=False),
    Column("credits_from_date", Date, nullable=False),
    Column("night", Date, nullable=False),  # whose journeys it was trained on
    Column("origin", Text, nullable=False),  # night, month, command
    Column("fitted_at", UtcDateTime, nullable=False),
    Index("ix_model_fits_attribution_model", "attribution_model"),
)

restatements = Table(
    "restatements",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("model_fit_id", Text, ForeignKey("model_fits.model_fit_id"), nullable=False),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date, nullable=False),
    Column("night", Date, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("restated_at", UtcDateTime, nullable=False),
)

# One row per month that finance closed; it closes every earlier month with it.
closed_periods = Table(
    "closed_periods",
    metadata,
    Column("month", Date, primary_key=True),  # its first day
    Column("closed_night", Date, nullable=False),
    Column("files_json", Text, nullable=False),  # sha256 by file below ledger/closed/<month>/
    Column("closed_at", UtcDateTime, nullable=False),
)

published_nights = Table(
    "published_nights",
    metadata,
    Column("night", Date, primary_key=True),
    Column("published_at", UtcDateTime, nullable=False),
    Column("published_sha256", Text, nullable=False),
    Column("handoff_hashes_json", Text, nullable=False),
    Column("mart_hashes_json", Text, nullable=False),
    Column("ledger_batch_json", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("night", Date, nullable=False),
    Column("step", Text, nullable=False),
    Column("status", Text, nullable=False),  # ok, failed, stale, waiting
    Column("report_json", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index("ix_runs_night_step", "night", "step"),
)

# (table, action, condition on the old row, what the refusal says)
_REFUSALS = (
    ("claim_events", "update", "", "claim_events is append-only"),
    ("claim_events", "delete", "", "claim_events is append-only"),
    ("fee_entries", "update", "", "fee_entries is append-only"),
    ("fee_entries", "delete", "", "fee_entries is append-only"),
    ("skip_decisions", "update", "", "skip_decisions is append-only"),
    ("skip_decisions", "delete", "", "skip_decisions is append-only"),
    ("packs", "update", "OLD.state = 'issued'", "an issued pack never changes"),
    ("packs", "delete", "OLD.state = 'issued'", "an issued pack never changes"),
    ("pack_adjustments", "update", "", "pack_adjustments is append-only"),
    ("pack_adjustments", "delete", "", "pack_adjustments is append-only"),
    ("head_proofs", "update", "", "head_proofs is append-only"),
    ("head_proofs", "delete", "", "head_proofs is append-only"),
    ("closed_periods", "update", "", "a closed month never changes"),
    ("closed_periods", "delete", "", "a closed month never changes"),
)


def refusal_statements(dialect: str) -> list[tuple[str, str]]:
    """Return (table, SQL) for the triggers that refuse to rewrite history.

    Args:
        dialect: `sqlite` or `postgresql`.
    """
    statements = []
    for table, action, condition, message in _REFUSALS:
        name = f"refuse_{action}_of_{table}"
        when = f" WHEN {condition}" if dialect == "sqlite" and condition else ""
        if dialect == "sqlite":
            statements.append(
                (
                    table,
                    f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table}{when} "
                    f"BEGIN SELECT RAISE(ABORT, '{message}'); END",
                )
            )
        else:
            when = f" WHEN ({condition})" if condition else ""
            statements.append(
                (
                    table,
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$",
                )
            )
            statements.append(
                (
                    table,
                    f"CREATE TRIGGER {name} BEFORE {action.upper()} ON {table} "
                    f"FOR EACH ROW{when} EXECUTE FUNCTION {name}()",
                )
            )
    return statements


for _dialect in ("sqlite", "postgresql"):
    for _table, _statement in refusal_statements(_dialect):
        event.listen(
            metadata.tables[_table],
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )
