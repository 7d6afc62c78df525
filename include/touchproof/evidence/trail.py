"""Reading what publish handed over as evidence: skip referrals and the trail of their contacts.

Belongs here: one version of a handoff's `evidence/` as Arrow tables and as a pack's lines. Doesn't
belong here: terms, rules and code (basis.py), which claims go into which pack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchproof.durable import sha256_of
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence.adjustments import TodaysClaim
from touchproof.evidence.lines import ClaimLine, Terms, TouchLine
from touchproof.handoff import Handoff

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
        return self.read(REFERRALS)

    @cached_property
    def trail(self) -> pa.Table:
        """Return `mart_commission_evidence`, the columns that a pack shows."""
        table = self.read(TRAIL)
        missing = [name for name in _TRAIL_COLUMNS if name not in table.column_names]
        if missing:
            raise BadInputError(
                f"The trail lacks the columns {', '.join(missing)}",
                where=TRAIL,
                todo="Build and publish the night again.",
            )
        return table.select(list(_TRAIL_COLUMNS))

    def lines(
        self, bank_id: str, claims: Mapping[str, Mapping[str, Any]], terms: Iterable[Terms]
    ) -> tuple[list[ClaimLine], list[TouchLine]]:
        """Return the lines of a bank's claims.

        Args:
            bank_id: The bank; a line that belongs to another one is an error.
            claims: The ledger's row by claim id; it says what the claim is about and its fee.
            terms: The bank's terms; each claim's must be among them.

        Raises:
            CheckFailedError: If a claim isn't among the referrals, a line is another bank's, or a
                claim has no terms.
        """
        wanted = pa.array(sorted(claims), pa.string())
        by_claim = {row["claim_id"]: row for row in _of_claims(self.referrals, wanted).to_pylist()}
        trail = _of_claims(self.trail, wanted).to_pylist()
        strangers = {row["bank_id"] for row in (*by_claim.values(), *trail)} - {bank_id}
        if strangers or set(by_claim) != set(claims):
            raise CheckFailedError(
                "The handoff doesn't hold exactly this bank's claims",
                where=f"{bank_id}, night {self.handoff.night.isoformat()}",
                todo="Publish the night again, then export again.",
            )
        known = tuple(terms)
        made = []
        for claim_id, claim in claims.items():
            referral = by_claim[claim_id]
            _require_values({name: referral[name] for name in _SHOWN}, claim_id)
            made.append(_claim_line(claim, referral, terms_of(known, {**referral, **claim})))
        for row in trail:
            _require_values(row, row["claim_id"])
        return made, [_touch_line(row) for row in trail]

    def today(
        self, bank_id: str, fees: Mapping[str, int], terms: Iterable[Terms]
    ) -> dict[str, TodaysClaim]:
        """Return the present state of claims that a bank was told, where the handoff has one.

        Args:
            bank_id: The bank.
            fees: The told fee by claim id; it stands in where a refused opening has none.
            terms: The bank's terms.
        """
        wanted = pa.array(sorted(fees), pa.string())
        touches: dict[str, list[TouchLine]] = {}
        for row in _of_claims(self.trail, wanted).to_pylist():
            touches.setdefault(row["claim_id"], []).append(_touch_line(row))
        known = tuple(terms)
        found = {}
        for row in _of_claims(self.referrals, wanted).to_pylist():
            claim_id = row["claim_id"]
            if row["bank_id"] != bank_id:
                raise CheckFailedError("A claim is another bank's now", where=f"claim {claim_id}")
            fee = fees[claim_id] if row["fee_cents"] is None else row["fee_cents"]
            reason = row["ineligible_reason"]
            found[claim_id] = TodaysClaim(
                line=_claim_line({**row, "fee_cents": fee}, row, terms_of(known, row)),
                eligibility=row["eligibility"] + (f": {reason}" if reason else ""),
                person_id=row["person_id"],
                touches=touches.get(claim_id, ()),
            )
        return found

    def read(self, name: str) -> pa.Table:
        """Return one file of the version.

        Raises:
            CheckFailedError: If it isn't what was committed.
        """
        path = self.handoff.path / name
        if not path.exists() or sha256_of(path) != self.handoff.hashes.get(name):
            raise CheckFailedError(
                "A committed handoff's file is missing or changed",
                where=f"{self.handoff.version}/{name}",
                todo=f"Publish the night {self.handoff.night.isoformat()} again.",
            )
        return pq.ParquetFile(path).read()


_SHOWN = ("first_touched_at", "match_method", "contract_version", "clause", "is_date_only")


def terms_of(terms: Iterable[Terms], claim: Mapping[str, Any]) -> Terms | None:
    """Return the terms by which a claim was made: its clause, on the day of its opening."""
    names = ("contract_version", "clause", "product_line", "fee_kind")
    for line in terms:
        if all(getattr(line, name) == claim[name] for name in names) and (
            line.valid_from_date <= claim["opened_date"]
            and (line.valid_to_date is None or claim["opened_date"] < line.valid_to_date)
        ):
            return line
    return None


def _of_claims(table: pa.Table, claim_ids: pa.Array[Any]) -> pa.Table:
    return table.filter(pc.is_in(table["claim_id"], value_set=claim_ids))


def _claim_line(
    claim: Mapping[str, Any], referral: Mapping[str, Any], terms: Terms | None
) -> ClaimLine:
    prefix = f"{claim['bank_id']}:"
    opening: str = claim["bank_opening_id"]
    if not opening.startswith(prefix):
        raise CheckFailedError(
            "An opening's id doesn't begin with its bank", where=f"claim {claim['claim_id']}"
        )
    return ClaimLine(
        claim_id=claim["claim_id"],
        bank_reference=opening.removeprefix(prefix),
        product_line=claim["product_line"],
        fee_kind=claim["fee_kind"],
        contract_version=referral["contract_version"],
        clause=referral["clause"],
        referral_window_days=terms.referral_window_days if terms else 0,
        opened_date=claim["opened_date"],
        opened_at=_utc(claim["opened_at"]),
        is_date_only=referral["is_date_only"],
        first_touched_at=_utc(referral["first_touched_at"]),
        match_method=referral["match_method"],
        fee_cents=claim["fee_cents"],
        currency=claim["currency"],
    )


def _touch_line(row: Mapping[str, Any]) -> TouchLine:
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


def _utc(moment: Any) -> Any:
    """Return an aware moment; None, which only a comparison lets pass, stays None."""
    if not isinstance(moment, datetime):
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
