"""The ledger's side of packs: planned, then issued, with the claims that they carry.

Belongs here: reading and writing `packs` and binding claims to them. Doesn't belong here: files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from touchproof.evidence.pack_format import folder_name
from touchproof.ledger.claims import issue, plan_into_pack
from touchproof.ledger.records import canonical_json
from touchproof.ledger.schema import claims, packs
from touchproof.ledger.store import Ledger


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
        rows.append(PackRow(**values, **{**plan, "claim_ids": tuple(plan["claim_ids"])}))
    return rows


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
        plan_into_pack(connection, row.claim_ids, row.bank_id, row.pack_number)


def finish_pack(ledger: Ledger, row: PackRow) -> None:
    """Close a pack whose folder is in place: its claims are issued, its row never changes again."""
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
