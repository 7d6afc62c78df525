"""Making the bytes of one pack from claims and their trail, without any side effect.

Belongs here: what a bank is shown, the checks that a trail must pass before it is shown, the
manifest. Doesn't belong here: reading handoff and ledger (sources.py), writing (export.py), the
format itself (pack_format.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from touchproof.errors import CheckFailedError
from touchproof.evidence import pack_format as form


@dataclass(frozen=True)
class ClaimLine:
    """Show one claim to its bank; times are UTC, `bank_reference` is the bank's own."""

    claim_id: str
    bank_reference: str
    product_line: str
    fee_kind: str
    opened_date: date
    opened_at: datetime
    first_touched_at: datetime
    match_method: str
    fee_cents: int
    currency: str


@dataclass(frozen=True)
class TouchLine:
    """Show one contact before an opening; `source_event_id` is a pseudonym."""

    claim_id: str
    touch_number: int
    touched_at: datetime
    channel: str
    interaction: str
    source_system: str
    source_event_id: str
    batch: str
    landed_at: datetime


@dataclass(frozen=True)
class PackHeader:
    """Fix what isn't in the lines: who, which number and month, when, by which code."""

    bank_id: str
    pack_number: int
    period: str
    business_timezone: str
    night: date
    issued_at: datetime
    code_version: str
    previous_manifest_sha256: str | None


def build_pack(
    header: PackHeader,
    claims: Sequence[ClaimLine],
    touches: Sequence[TouchLine],
    batch_hashes: Mapping[str, str | None],
) -> dict[str, bytes]:
    """Return the files of a pack by name; the same input gives the same bytes.

    Args:
        header: The pack's own facts.
        claims: Its claims, in any order.
        touches: Their contacts, in any order.
        batch_hashes: Full content hash by landed batch of the trail (None: no longer landed).

    Raises:
        CheckFailedError: If a claim's trail doesn't prove it.
    """
    ordered = sorted(claims, key=lambda claim: (claim.opened_at, claim.claim_id))
    trails: dict[str, list[TouchLine]] = {claim.claim_id: [] for claim in ordered}
    for touch in touches:
        trails[touch.claim_id].append(touch)
    for claim in ordered:
        trails[claim.claim_id].sort(key=lambda touch: touch.touch_number)
        _require_proof(claim, trails[claim.claim_id])
    trail = [touch for claim in ordered for touch in trails[claim.claim_id]]
    contents = {
        form.CLAIMS: form.csv_bytes(
            form.CLAIM_COLUMNS, [_claim_cells(claim, trails[claim.claim_id]) for claim in ordered]
        ),
        form.TOUCHES: form.csv_bytes(form.TOUCH_COLUMNS, [_cells(touch) for touch in trail]),
    }
    rows = {form.CLAIMS: len(ordered), form.TOUCHES: len(trail)}
    batches = sorted({touch.batch for touch in trail})
    manifest = {
        "format": form.FORMAT,
        "bank_id": header.bank_id,
        "pack_number": header.pack_number,
        "period": header.period,
        "business_timezone": header.business_timezone,
        "night": header.night.isoformat(),
        "issued_at": form.utc_text(header.issued_at),
        "code_version": header.code_version,
        "previous_manifest_sha256": header.previous_manifest_sha256,
        "files": [
            {"name": name, "sha256": form.sha256(contents[name]), "rows": rows[name]}
            for name in sorted(contents)
        ],
        "claims": len(ordered),
        "touches": len(trail),
        "totals": totals(ordered),
        "landed_batches": [
            {"batch": batch, "content_sha256": batch_hashes.get(batch)} for batch in batches
        ],
    }
    return {**contents, form.MANIFEST: form.manifest_bytes(manifest)}


def totals(claims: Sequence[ClaimLine]) -> list[dict[str, Any]]:
    """Sum the fees by currency."""
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for claim in claims:
        cents[claim.currency] += claim.fee_cents
        number[claim.currency] += 1
    return [
        {"currency": currency, "claims": number[currency], "fee_cents": cents[currency]}
        for currency in sorted(number)
    ]


def _require_proof(claim: ClaimLine, trail: Sequence[TouchLine]) -> None:
    times = [touch.touched_at for touch in trail]
    if not trail:
        fault = "has no contact"
    elif [touch.touch_number for touch in trail] != list(range(1, len(trail) + 1)):
        fault = "has contacts that aren't numbered from 1 on"
    elif times != sorted(times):
        fault = "has contacts out of order"
    elif times[0] != claim.first_touched_at:
        fault = "has another first contact than its trail"
    elif times[-1] >= claim.opened_at:
        fault = "has a contact that isn't before the opening"
    else:
        return
    raise CheckFailedError(
        f"A claim {fault}, so no pack is issued",
        where=f"claim {claim.claim_id}",
        todo="Mend mart_commission_evidence, publish the night again, then export again.",
    )


def _claim_cells(claim: ClaimLine, trail: Sequence[TouchLine]) -> list[object]:
    values = {**vars(claim), "touches": len(trail)}
    return [values[name] for name in form.CLAIM_COLUMNS]


def _cells(touch: TouchLine) -> list[object]:
    values = vars(touch)
    return [values[name] for name in form.TOUCH_COLUMNS]
