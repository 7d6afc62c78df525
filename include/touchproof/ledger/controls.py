"""Who prepared, reviewed and released a claim: the ledger's `claim_controls`.

Belongs here: reading and writing those rows, and the check that a pack's issuer is a third person.
Doesn't belong here: reviewing and releasing (approvals.py), moving claims (claims.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from touchproof.errors import BadInputError
from touchproof.ledger.actors import is_person
from touchproof.ledger.engine import parts_of
from touchproof.ledger.schema import claim_controls, packs


def set_controls(connection: Connection, claim_id: str, **values: Any) -> None:
    """Write columns of a claim's row, making it if there is none."""
    table = claim_controls
    known = update(table).where(table.c.claim_id == claim_id).values(**values)
    if connection.execute(known).rowcount == 0:
        row = {"needs_release": False, **values, "claim_id": claim_id}
        connection.execute(table.insert().values(**row))


def controls_of(connection: Connection, claim_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the rows of those of the claims that have one."""
    wanted = list(dict.fromkeys(claim_ids))
    found: dict[str, Mapping[str, Any]] = {}
    for part in parts_of(wanted):
        some = claim_controls.c.claim_id.in_(part)
        for row in connection.execute(select(claim_controls).where(some)):
            found[str(row.claim_id)] = row._asdict()
    return found


def require_released(
    connection: Connection, claim_ids: Sequence[str], bank_id: str, pack_number: int
) -> None:
    """Refuse claims above the amount whose preparer, reviewer and issuer aren't three.

    Automation that issues a pack is nobody's hand: then the person who released the claim is its
    issuer.

    Raises:
        BadInputError: With the claim and what is missing.
    """
    pack = (packs.c.bank_id == bank_id) & (packs.c.pack_number == pack_number)
    issuer = str(connection.scalar(select(packs.c.actor).where(pack)) or "")
    for claim_id, row in controls_of(connection, claim_ids).items():
        if not row["needs_release"]:
            continue
        if row["reviewed_by"] is None or row["released_by"] is None:
            raise BadInputError(
                "A claim above the amount wasn't reviewed and released",
                where=f"claim {claim_id}",
                todo="touchproof claims decide CLAIM --to candidate, by two persons.",
            )
        if is_person(issuer) and issuer in (row["prepared_by"], row["reviewed_by"]):
            raise BadInputError(
                f"{issuer} prepared or reviewed a claim above the amount and can't issue it",
                where=f"claim {claim_id}",
                todo="Let another person, or the scheduled export, issue the pack.",
            )
