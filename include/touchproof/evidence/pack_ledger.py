"""The ledger's side of packs: planned, then issued, with the claims that they carry.

Belongs here: reading and writing `packs`, `pack_adjustments` and `head_proofs`, binding claims to
packs. Doesn't belong here: files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from touchproof.evidence.adjustments import FEE_CORRECTED, LedgerState
from touchproof.evidence.lines import AdjustmentLine
from touchproof.evidence.pack_format import folder_name, sha256, utc_text
from touchproof.ledger.claims import issue, plan_into_pack
from touchproof.ledger.records import canonical_json
from touchproof.ledger.schema import claim_events, claims, head_proofs, pack_adjustments, packs
from touchproof.ledger.store import Ledger, insert_missing
from touchproof.skips.reconcile import correct_fees


@dataclass(frozen=True)
class PackRow:
    """Hold one pack's row: all that its bytes depend on, and their head hash.

    Args:
        bank_id: The bank.
        pack_number: From 1, without gaps.
        period: Month `YYYY-MM`.
        state: `planned` or `issued`.
        night: Whose committed handoff it was made from.
        head_sha256: Of `manifest.json`.
        previous_sha256: Head hash of the bank's previous pack.
        claim_ids: Its claims.
        handoff: Version of the handoff.
        code_version: touchproof's version that made it.
        business_timezone: Whose months the periods are.
        kind: `claims`, or `adjustment` if it carries no claim.
        key_id: Who signs it.
        adjustments: What it tells anew.
        actor: Who issued it.
        issued_at: Fixed once.
    """

    bank_id: str
    pack_number: int
    period: str
    state: str
    night: date
    head_sha256: str
    previous_sha256: str | None
    claim_ids: tuple[str, ...]
    handoff: str
    code_version: str
    business_timezone: str
    actor: str
    issued_at: datetime
    kind: str
    key_id: str
    adjustments: tuple[AdjustmentLine, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.bank_id}/{folder_name(self.pack_number)}"


def pack_rows(ledger: Ledger, bank_id: str | None = None) -> list[PackRow]:
    """Return the packs of one bank or all, by bank and number."""
    query = select(packs).order_by(packs.c.bank_id, packs.c.pack_number)
    if bank_id is not None:
        query = query.where(packs.c.bank_id == bank_id)
    with ledger.reading() as connection:
        found = [row._asdict() for row in connection.execute(query)]
    rows = []
    for values in found:
        plan = json.loads(values.pop("plan_json"))
        values.pop("claims")
        told = tuple(_adjustment(line) for line in plan.pop("adjustments", ()))
        plan["claim_ids"] = tuple(plan["claim_ids"])
        plan = {"kind": "claims", "key_id": "", **plan}  # of packs that were issued unsigned
        rows.append(PackRow(**values, **plan, adjustments=told))
    return rows


def _adjustment(line: dict[str, Any]) -> AdjustmentLine:
    moment = line["changed_at"]
    return AdjustmentLine(
        **{**line, "changed_at": datetime.fromisoformat(moment) if moment else None}
    )


def ledger_states(ledger: Ledger, bank_id: str) -> dict[str, LedgerState]:
    """Return where each of a bank's claims stands, with the newest move and its reason."""
    newest = select(claim_events).order_by(claim_events.c.id)
    query = select(claims).where(claims.c.bank_id == bank_id, claims.c.issued_at.is_not(None))
    with ledger.reading() as connection:
        known = {row.claim_id: row for row in connection.execute(query)}
        reasons = {
            event.claim_id: event.reason
            for event in connection.execute(newest)
            if event.claim_id in known
            and event.from_status != event.to_status == known[event.claim_id].status
        }
    return {
        claim_id: LedgerState(row.status, row.status_at, reasons.get(claim_id, ""), row.person_id)
        for claim_id, row in known.items()
    }


def keep_proof(
    ledger: Ledger,
    bank_id: str,
    pack_number: int,
    kind: str,
    content: bytes,
    *,
    at: datetime,
    actor: str,
    key_id: str | None = None,
    stamped_at: datetime | None = None,
) -> bool:
    """Keep what binds a head from outside, once; tell whether the ledger knows the pack."""
    row = next((one for one in pack_rows(ledger, bank_id) if one.pack_number == pack_number), None)
    if row is None or row.state != "issued":
        return False
    values = {
        "bank_id": bank_id,
        "pack_number": pack_number,
        "kind": kind,
        "content_sha256": sha256(content),
        "head_sha256": row.head_sha256,
        "content_hex": content.hex(),
        "key_id": key_id,
        "stamped_at": stamped_at,
        "kept_at": at,
        "actor": actor,
    }
    with ledger.transaction() as connection:
        insert_missing(connection, head_proofs, [values])
    return True


def open_claims(ledger: Ledger, bank_id: str) -> dict[str, dict[str, Any]]:
    """Return a bank's candidates that no pack holds yet, by claim id."""
    query = select(claims).where(
        claims.c.bank_id == bank_id,
        claims.c.status == "candidate",
        claims.c.pack_number.is_(None),
    )
    with ledger.reading() as connection:
        return {row.claim_id: row._asdict() for row in connection.execute(query)}


def planned_claims(ledger: Ledger, row: PackRow) -> dict[str, dict[str, Any]]:
    """Return the claims that are bound to a pack, by claim id."""
    query = select(claims).where(
        claims.c.bank_id == row.bank_id, claims.c.pack_number == row.pack_number
    )
    with ledger.reading() as connection:
        return {claim.claim_id: claim._asdict() for claim in connection.execute(query)}


def record_plan(ledger: Ledger, row: PackRow) -> None:
    """Commit to a pack's bytes and bind its claims, in one transaction.

    Raises:
        LedgerError: If a claim isn't free any more.
    """
    plan = {
        "claim_ids": list(row.claim_ids),
        "handoff": row.handoff,
        "code_version": row.code_version,
        "business_timezone": row.business_timezone,
        "kind": row.kind,
        "key_id": row.key_id,
        "adjustments": [_plain(line) for line in row.adjustments],
    }
    with ledger.transaction() as connection:
        connection.execute(
            packs.insert(),
            {
                "bank_id": row.bank_id,
                "pack_number": row.pack_number,
                "period": row.period,
                "state": "planned",
                "night": row.night,
                "head_sha256": row.head_sha256,
                "previous_sha256": row.previous_sha256,
                "claims": len(row.claim_ids),
                "plan_json": canonical_json(plan),
                "actor": row.actor,
                "issued_at": row.issued_at,
            },
        )
        if row.claim_ids:
            plan_into_pack(connection, row.claim_ids, row.bank_id, row.pack_number)


def _plain(line: AdjustmentLine) -> dict[str, Any]:
    return {**asdict(line), "changed_at": utc_text(line.changed_at) if line.changed_at else None}


def _told(row: PackRow) -> Iterable[dict[str, Any]]:
    names = {column.name for column in pack_adjustments.columns}
    for number, line in enumerate(row.adjustments, start=1):
        values = {name: value for name, value in asdict(line).items() if name in names}
        yield {
            **values,
            "bank_id": row.bank_id,
            "pack_number": row.pack_number,
            "adjustment_number": number,
            "issued_at": row.issued_at,
        }


def finish_pack(ledger: Ledger, row: PackRow) -> None:
    """Close a pack whose folder is in place: its claims are issued, its row never changes again.

    The fees that it corrects are booked with it, once, and what the banks said and paid is settled
    by them. A claim that was withdrawn or clawed back lost its fee by that move, not by the pack.
    """
    with ledger.transaction() as connection:
        issue(
            connection,
            row.claim_ids,
            bank_id=row.bank_id,
            pack_number=row.pack_number,
            issued_at=row.issued_at,
            actor=row.actor,
        )
        connection.execute(
            update(packs)
            .where(packs.c.bank_id == row.bank_id, packs.c.pack_number == row.pack_number)
            .values(state="issued")
        )
        if row.adjustments:
            connection.execute(pack_adjustments.insert(), list(_told(row)))
        changes = {
            line.claim_id: line.fee_change_cents
            for line in row.adjustments
            if line.change == FEE_CORRECTED
        }
        reason = f"evidence pack {row.name} corrects the fee"
        correct_fees(connection, changes, row.night, row.issued_at, row.actor, reason)
