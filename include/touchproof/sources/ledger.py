"""The ledger as a source: what the warehouse may know of it.

Belongs here: the columns of the ledger's landed snapshots. Doesn't belong here: taking the
snapshot (ledger/snapshot.py) or the ledger itself.
"""

from __future__ import annotations

import pyarrow as pa

from touchproof.sources.definition import (
    EntityDefinition,
    SourceDefinition,
    SourceKind,
    typed_schema,
)

_MOMENT = pa.timestamp("us")

PERSON_IDS = EntityDefinition(
    "ledger",
    "person_ids",
    typed_schema(
        {
            "identifier_hmac": pa.string(),
            "person_id": pa.string(),
            "assigned_night": pa.date32(),
        }
    ),
    key=("identifier_hmac",),
    is_snapshot=True,
)
CLAIMS = EntityDefinition(
    "ledger",
    "claims",
    typed_schema(
        {
            "claim_id": pa.string(),
            "bank_id": pa.string(),
            "bank_opening_id": pa.string(),
            "person_id": pa.string(),
            "product_line": pa.string(),
            "opened_at": _MOMENT,
            "opened_date": pa.date32(),
            "fee_kind": pa.string(),
            "status": pa.string(),
            "fee_cents": pa.int64(),
            "accepted_cents": pa.int64(),
            "paid_cents": pa.int64(),
            "currency": pa.string(),
            "pack_number": pa.int64(),
            "issued_at": _MOMENT,
            "accepted_at": _MOMENT,
            "status_at": _MOMENT,
        }
    ),
    key=("claim_id",),
    is_snapshot=True,
)
SUPPRESSIONS = EntityDefinition(
    "ledger",
    "suppressions",
    typed_schema(
        {
            "identifier_hmac": pa.string(),
            "channel": pa.string(),
            "suppressed_at": _MOMENT,
            "reason": pa.string(),
        }
    ),
    key=("identifier_hmac", "channel"),
    is_snapshot=True,
)
MODEL_FITS = EntityDefinition(
    "ledger",
    "model_fits",
    typed_schema(
        {
            "model_fit_id": pa.string(),
            "attribution_model": pa.string(),
            "training_start_date": pa.date32(),
            "training_end_date": pa.date32(),
            "data_sha256": pa.string(),
            "parameters_json": pa.string(),
            "credits_from_date": pa.date32(),
            "fitted_at": _MOMENT,
        }
    ),
    key=("model_fit_id",),
    is_snapshot=True,
)

FEE_ENTRIES = EntityDefinition(
    "ledger",
    "fee_entries",
    typed_schema(
        {
            "id": pa.int64(),
            "bank_id": pa.string(),
            "claim_id": pa.string(),
            "document_id": pa.string(),
            "line_number": pa.string(),
            "kind": pa.string(),
            "cents": pa.int64(),
            "currency": pa.string(),
            "booked_date": pa.date32(),
            "entered_at": _MOMENT,
        }
    ),
    key=("id",),
    is_snapshot=True,
)
SKIP_DECISIONS = EntityDefinition(
    "ledger",
    "skip_decisions",
    typed_schema(
        {
            "id": pa.int64(),
            "bank_opening_id": pa.string(),
            "person_id": pa.string(),
            "code": pa.string(),
            "decision": pa.string(),
            "decided_at": _MOMENT,
        }
    ),
    key=("id",),
    is_snapshot=True,
)

SOURCE = SourceDefinition(
    "ledger",
    SourceKind.LEDGER,
    (PERSON_IDS, CLAIMS, SUPPRESSIONS, MODEL_FITS, FEE_ENTRIES, SKIP_DECISIONS),
    title="Ledger",
)
