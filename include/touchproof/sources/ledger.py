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

SOURCE = SourceDefinition(
    "ledger", SourceKind.LEDGER, (PERSON_IDS, CLAIMS, SUPPRESSIONS), title="Ledger"
)
