"""Reading what publish handed over as evidence: skip referrals and the trail of their contacts.

Belongs here: one version of a handoff's `evidence/` as Arrow tables and as a pack's lines, and the
landed batches that the trail names. Doesn't belong here: which claims go into which pack.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchproof.durable import sha256_of
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence.pack import ClaimLine, TouchLine
from touchproof.handoff import Handoff
from touchproof.landing import MANIFEST

REFERRALS = "evidence/fct_skip_referrals.parquet"
TRAIL = "evidence/mart_commission_evidence.parquet"
_TRAIL_COLUMNS = (
    "claim_id",
    "bank_id",
    "contact_order",
    "touched_at",
    "channel",
    "interaction",
    "source_system",
    "source_event_id",
    "batch_id",
    "landed_at",
)


@dataclass(frozen=True)
class EvidenceHandoff:
    """Read the evidence of one committed version; each file is checked against its hash once."""

    handoff: Handoff

    @cached_property
    def referrals(self) -> pa.Table:
        """Return `fct_skip_referrals`."""
        return self._read(REFERRALS)

    @cached_property
    def trail(self) -> pa.Table:
        """Return `mart_commission_evidence`, the columns that a pack shows."""
        table = self._read(TRAIL)
        missing = [name for name in _TRAIL_COLUMNS if name not in table.column_names]
        if missing:
            raise BadInputError(
                f"The trail lacks the columns {', '.join(missing)}",
                where=TRAIL,
                todo="Build and publish the night again.",
            )
        return table.select(list(_TRAIL_COLUMNS))

    def lines(
        self, bank_id: str, claims: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[ClaimLine], list[TouchLine]]:
        """Return the lines of a bank's claims.

        Args:
            bank_id: The bank; a line that belongs to another one is an error.
            claims: The ledger's row by claim id; it says what the claim is about and its fee.

        Raises:
            CheckFailedError: If a claim isn't among the referrals or a line is another bank's.
        """
        wanted = pa.array(sorted(claims), pa.string())
        referrals = _of_claims(self.referrals, wanted)
        by_claim = {row["claim_id"]: row for row in referrals.to_pylist()}
        trail = _of_claims(self.trail, wanted).to_pylist()
        strangers = {row["bank_id"] for row in (*by_claim.values(), *trail)} - {bank_id}
        if strangers or set(by_claim) != set(claims):
            raise CheckFailedError(
                "The handoff doesn't hold exactly this bank's claims",
                where=f"{bank_id}, night {self.handoff.night.isoformat()}",
                todo="Publish the night again, then export again.",
            )
        return (
            [_claim_line(row, by_claim[claim_id]) for claim_id, row in claims.items()],
            [_touch_line(row) for row in trail],
        )

    def _read(self, name: str) -> pa.Table:
        path = self.handoff.path / name
        if not path.exists() or sha256_of(path) != self.handoff.hashes.get(name):
            raise CheckFailedError(
                "A committed handoff's file is missing or changed",
                where=f"{self.handoff.version}/{name}",
                todo=f"Publish the night {self.handoff.night.isoformat()} again.",
            )
        return pq.ParquetFile(path).read()


def batch_hashes(landing: Path, touches: Iterable[TouchLine]) -> dict[str, str | None]:
    """Return the full content hash of each landed batch that the trail names."""
    wanted = {touch.batch for touch in touches}
    found: dict[str, str | None] = dict.fromkeys(sorted(wanted))
    for folder in landing.glob("*/*/window=*/batch=*"):
        batch = folder.name.removeprefix("batch=")
        if batch in wanted and (folder / MANIFEST).exists():
            found[batch] = json.loads((folder / MANIFEST).read_bytes())["content_sha256"]
    return found


def _of_claims(table: pa.Table, claim_ids: pa.Array[Any]) -> pa.Table:
    return table.filter(pc.is_in(table["claim_id"], value_set=claim_ids))


def _claim_line(claim: Mapping[str, Any], referral: Mapping[str, Any]) -> ClaimLine:
    prefix = f"{claim['bank_id']}:"
    opening: str = claim["bank_opening_id"]
    _require_values(
        {"first_touched_at": referral["first_touched_at"], "match": referral["match_method"]},
        claim["claim_id"],
    )
    if not opening.startswith(prefix):
        raise CheckFailedError(
            "An opening's id doesn't begin with its bank", where=f"claim {claim['claim_id']}"
        )
    return ClaimLine(
        claim_id=claim["claim_id"],
        bank_reference=opening.removeprefix(prefix),
        product_line=claim["product_line"],
        fee_kind=claim["fee_kind"],
        opened_date=claim["opened_date"],
        opened_at=_utc(claim["opened_at"]),
        first_touched_at=_utc(referral["first_touched_at"]),
        match_method=referral["match_method"],
        fee_cents=claim["fee_cents"],
        currency=claim["currency"],
    )


def _touch_line(row: Mapping[str, Any]) -> TouchLine:
    _require_values(row, row["claim_id"])
    return TouchLine(
        claim_id=row["claim_id"],
        touch_number=int(row["contact_order"]),
        touched_at=_utc(row["touched_at"]),
        channel=row["channel"],
        interaction=row["interaction"],
        source_system=row["source_system"],
        source_event_id=row["source_event_id"],
        batch=row["batch_id"],
        landed_at=_utc(row["landed_at"]),
    )


def _require_values(row: Mapping[str, Any], claim_id: str) -> None:
    empty = [name for name, value in row.items() if value is None]
    if empty:
        raise CheckFailedError(
            f"The evidence has no {', '.join(empty)}",
            where=f"claim {claim_id}",
            todo="Mend mart_commission_evidence and publish the night again.",
        )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
