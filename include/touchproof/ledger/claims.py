"""The claims' life: which moves are allowed, who made them, when and why.

Belongs here: registering candidates, the table of moves, and the only writer of `claims` and
`claim_events`. Doesn't belong here: what makes an opening eligible (dbt), packs (evidence/), who
may review and release what (approvals.py), what banks say and pay (settling.py).

    candidate ─► review ─► issued ─► accepted ─► part_paid ─► paid

A candidate waits for its pack. A claim above the amount `four_eyes_cents` is registered in review,
and two persons bring it back among the candidates: one reviews, another releases it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, bindparam, func, select, update

from touchproof.clock import Clock
from touchproof.errors import BadInputError, LedgerError
from touchproof.ledger.controls import require_released, set_controls
from touchproof.ledger.engine import parts_of
from touchproof.ledger.fee_entries import OWED_CENTS, book, entries_of_change
from touchproof.ledger.schema import claim_events, claims, dispute_rounds
from touchproof.ledger.store import Ledger

ELIGIBLE = "eligible"

MOVES: Mapping[str, frozenset[str]] = {
    "candidate": frozenset({"review", "issued", "withdrawn", "expired"}),
    "review": frozenset({"candidate", "issued", "withdrawn", "expired"}),
    "issued": frozenset({"accepted", "rejected", "disputed", "withdrawn", "expired"}),
    "accepted": frozenset({"part_paid", "paid", "disputed", "clawed_back", "written_off"}),
    "part_paid": frozenset(
        {"accepted", "part_paid", "paid", "disputed", "clawed_back", "written_off"}
    ),
    "paid": frozenset({"accepted", "part_paid", "disputed", "clawed_back"}),
    "rejected": frozenset({"accepted", "disputed", "written_off"}),
    "disputed": frozenset({"accepted", "rejected", "withdrawn", "clawed_back", "written_off"}),
    "withdrawn": frozenset(),
    "expired": frozenset({"written_off"}),
    "clawed_back": frozenset(),
    "written_off": frozenset(),
}
"""The statuses that may follow each status; nothing leads back to before the issue.

A corrected statement or remittance may take money back (paid to part_paid or accepted) or accept
what was rejected.
"""

STATUSES = tuple(MOVES)


@dataclass(frozen=True)
class RegisterReport:
    """Count what registering candidates did."""

    given: int
    registered: int
    updated: int


@dataclass(frozen=True)
class ClaimEvent:
    """Describe one move of one claim; `from_status` is None for its registration."""

    claim_id: str
    from_status: str | None
    to_status: str
    happened_at: datetime
    actor: str
    reason: str


def is_allowed(from_status: str, to_status: str) -> bool:
    """Tell whether a claim may move from one status to the other."""
    return to_status in MOVES.get(from_status, frozenset())


def register_candidates(
    ledger: Ledger, referrals: pa.Table, clock: Clock, actor: str
) -> RegisterReport:
    """Register each eligible skip as a claim, once a bank, opening and fee kind.

    A claim that is still a candidate follows the build (a corrected fee, a merged person), and
    the log says which columns did; from review, or from being planned into a pack, on it stays
    exactly as it is. A fee above the ledger's `four_eyes_cents` makes the claim wait in review.

    Args:
        ledger: The world's ledger.
        referrals: `fct_skip_referrals`; rows whose `eligibility` isn't `eligible` are left out.
        clock: Gives the moment of registration.
        actor: Who or what registers.

    Raises:
        BadInputError: If a column is missing or an eligible row lacks a value.
        LedgerError: If a claim id and its opening don't belong together any more.
    """
    now = clock()
    given = [_candidate(row) for row in _eligible(referrals)]
    with ledger.transaction() as connection:
        known = {row.claim_id: row._asdict() for row in connection.execute(select(claims))}
        _require_same_openings(given, known)
        new = [row for row in given if row["claim_id"] not in known]
        changed = []
        for row in given:
            before = known.get(row["claim_id"])
            if before and before["status"] == "candidate" and before["pack_number"] is None:
                columns = [name for name in _NEEDED if row[name] != before[name]]
                if columns:
                    changed.append((row, columns))
        times = {"status": "candidate", "registered_at": now, "status_at": now}
        if new:
            connection.execute(claims.insert(), [{**row, **times} for row in new])
        for row, columns in changed:
            connection.execute(
                update(claims)
                .where(claims.c.claim_id == row["claim_id"])
                .values({name: row[name] for name in columns})
            )
        registered = [
            ClaimEvent(row["claim_id"], None, "candidate", now, actor, "eligible skip")
            for row in new
        ]
        updated = [
            ClaimEvent(
                row["claim_id"],
                "candidate",
                "candidate",
                now,
                actor,
                f"the build changed {', '.join(columns)}",
            )
            for row, columns in changed
        ]
        _log(connection, [*registered, *updated])
        above = [row for row in new if row["fee_cents"] > ledger.four_eyes_cents]
        above += [row for row, _ in changed if row["fee_cents"] > ledger.four_eyes_cents]
        _hold_for_review(connection, above, known, now, actor)
    return RegisterReport(len(given), registered=len(new), updated=len(changed))


def _hold_for_review(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Any]],
    at: datetime,
    actor: str,
) -> None:
    """Let claims above the amount wait in review; a released one whose fee changed waits again."""
    if not rows:
        return
    for row in rows:
        prepared_by = _preparer(connection, row["claim_id"]) if row["claim_id"] in known else actor
        cleared = dict.fromkeys(("reviewed_by", "reviewed_at", "released_by", "released_at"))
        set_controls(
            connection, row["claim_id"], needs_release=True, prepared_by=prepared_by, **cleared
        )
    reason = "the fee is above the amount that needs a second and a third person"
    move_within(connection, [row["claim_id"] for row in rows], "review", at, actor, reason, {})


def _preparer(connection: Connection, claim_id: str) -> str:
    """Return who registered a claim."""
    first = select(claim_events.c.actor).where(claim_events.c.claim_id == claim_id)
    return str(connection.scalar(first.order_by(claim_events.c.id).limit(1)))


def _require_same_openings(
    given: Sequence[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]
) -> None:
    opening_of: dict[str, tuple[str, ...]] = {}
    claim_of: dict[tuple[str, ...], str] = {}
    for row in (*known.values(), *given):
        claim_id = row["claim_id"]
        opening = tuple(row[name] for name in ("bank_id", "bank_opening_id", "fee_kind"))
        same = opening_of.setdefault(claim_id, opening) == opening
        if not same or claim_of.setdefault(opening, claim_id) != claim_id:
            raise LedgerError(
                "A claim id and its opening no longer belong together",
                where=f"claim {claim_id}",
                todo="Claim ids derive from bank, opening and fee kind for ever; mend the model.",
            )


def move(
    ledger: Ledger,
    claim_ids: Sequence[str],
    to_status: str,
    *,
    clock: Clock,
    actor: str,
    reason: str,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Move claims to a status, all or none, and log who did it and why.

    Args:
        ledger: The world's ledger.
        claim_ids: The claims.
        to_status: Where to; `issued` is reserved to packs (`issue`).
        clock: Gives the moment.
        actor: `os:<user>` or `airflow:<login>`.
        reason: Why; names no person.
        values: Columns that change with the move, e.g. `accepted_cents`.

    Raises:
        BadInputError: If a claim is unknown, a move isn't allowed or no reason is given.
    """
    if to_status == "issued":
        raise BadInputError("A claim is issued only by an evidence pack", where=to_status)
    with ledger.transaction() as connection:
        require_not_planned(connection, claim_ids)
        move_within(connection, claim_ids, to_status, clock(), actor, reason, values or {})


def plan_into_pack(
    connection: Connection, claim_ids: Sequence[str], bank_id: str, pack_number: int
) -> None:
    """Bind candidates to a planned pack, so that nothing else moves them before it is issued.

    Args:
        connection: The transaction that writes the pack's row.
        claim_ids: The claims.
        bank_id: Their bank.
        pack_number: The pack.

    Raises:
        LedgerError: If one isn't a free candidate of that bank any more.
        BadInputError: If one needs other persons than those who reviewed, released and issue it.
    """
    require_released(connection, claim_ids, bank_id, pack_number)
    bound = connection.execute(
        update(claims)
        .where(
            claims.c.claim_id == bindparam("planned_claim_id"),
            claims.c.bank_id == bank_id,
            claims.c.status == "candidate",
            claims.c.pack_number.is_(None),
        )
        .values(pack_number=pack_number),
        [{"planned_claim_id": claim_id} for claim_id in claim_ids],
    )
    if bound.rowcount != len(claim_ids):
        raise LedgerError(
            "The claims changed while their pack was made",
            where=f"{bank_id}/{pack_number:04d}",
            todo="Export again.",
        )


def issue(
    connection: Connection,
    claim_ids: Sequence[str],
    *,
    bank_id: str,
    pack_number: int,
    issued_at: datetime,
    actor: str,
) -> None:
    """Move the claims of a pack to `issued`, inside the transaction that issues the pack.

    Raises:
        BadInputError: If a claim can't be issued any more.
    """
    reason = f"evidence pack {bank_id}/{pack_number:04d}"
    move_within(connection, claim_ids, "issued", issued_at, actor, reason, {"issued_at": issued_at})


def move_within(
    connection: Connection,
    claim_ids: Sequence[str],
    to_status: str,
    at: datetime,
    actor: str,
    reason: str,
    values: Mapping[str, Any],
) -> None:
    """Move claims inside an open write transaction; see `move`.

    What the move means in cents is booked with it, and a dispute's round opened or ended.
    """
    if not actor.strip() or not reason.strip():
        raise BadInputError("A move of a claim needs who and why", where=to_status)
    rows = rows_of(connection, claim_ids)
    for claim_id in claim_ids:
        if claim_id not in rows:
            raise BadInputError("There is no such claim", where=f"claim {claim_id}")
        status = str(rows[claim_id].status)
        if not is_allowed(status, to_status):
            allowed = ", ".join(sorted(MOVES[status])) or "none"
            raise BadInputError(
                f"A claim that is {status} can't become {to_status}",
                where=f"claim {claim_id}",
                todo=f"Allowed moves: {allowed}.",
            )
    stored = dict(values)
    if to_status == "accepted":
        # The day on which the bank first agreed stays, whatever follows.
        stored["accepted_at"] = func.coalesce(claims.c.accepted_at, at)
    if claim_ids:
        connection.execute(
            update(claims)
            .where(claims.c.claim_id == bindparam("moved_claim_id"))
            .values(status=to_status, status_at=at, **stored),
            [{"moved_claim_id": claim_id} for claim_id in claim_ids],
        )
    for claim_id in claim_ids:
        before = rows[claim_id]._asdict()
        after = {**before, **values, "status": to_status}
        if to_status == "issued":
            after["owed_cents"] = before["fee_cents"]
        book(connection, entries_of_change(before, after, at, actor, reason))
        _count_dispute(connection, claim_id, str(before["status"]), to_status, at)
    _log(
        connection,
        [
            ClaimEvent(claim_id, rows[claim_id].status, to_status, at, actor, reason)
            for claim_id in claim_ids
        ],
    )


def amend_within(
    connection: Connection,
    claim_id: str,
    at: datetime,
    actor: str,
    reason: str,
    values: Mapping[str, Any],
    *,
    owed_cents: int | None = None,
) -> None:
    """Change a claim's cents without moving it, booked and logged like a move.

    `fee_cents` stays as issued: what is owed instead (`owed_cents`) is in the entries alone.
    """
    before = rows_of(connection, [claim_id])[claim_id]._asdict()
    after = {**before, **values}
    if owed_cents is not None:
        after["owed_cents"] = owed_cents
    if values:
        connection.execute(update(claims).where(claims.c.claim_id == claim_id).values(**values))
    book(connection, entries_of_change(before, after, at, actor, reason))
    status = str(before["status"])
    _log(connection, [ClaimEvent(claim_id, status, status, at, actor, reason)])


def note_within(
    connection: Connection, claim_id: str, at: datetime, actor: str, reason: str
) -> None:
    """Log what somebody did about a claim that changed neither its status nor its cents."""
    status = status_of(connection, [claim_id])[claim_id]
    _log(connection, [ClaimEvent(claim_id, status, status, at, actor, reason)])


def _count_dispute(
    connection: Connection, claim_id: str, before: str, after: str, at: datetime
) -> None:
    """Open a round when a dispute begins, and end it when it does."""
    if "disputed" not in (before, after):
        return
    mine = dispute_rounds.c.claim_id == claim_id
    if before == "disputed":
        connection.execute(
            update(dispute_rounds)
            .where(mine, dispute_rounds.c.closed_at.is_(None))
            .values(closed_at=at, outcome=after)
        )
        return
    rounds = connection.scalar(select(func.count()).select_from(dispute_rounds).where(mine))
    connection.execute(
        dispute_rounds.insert().values(
            claim_id=claim_id, round_number=int(rounds or 0) + 1, opened_at=at
        )
    )


def require_not_planned(connection: Connection, claim_ids: Iterable[str]) -> None:
    """Refuse to touch claims that are bound to a pack which isn't issued yet."""
    wanted = set(claim_ids)
    planned = select(claims.c.claim_id).where(
        claims.c.pack_number.is_not(None), claims.c.issued_at.is_(None)
    )
    for row in connection.execute(planned):
        if row.claim_id in wanted:
            raise BadInputError(
                "A claim is being issued",
                where=f"claim {row.claim_id}",
                todo="Let `touchproof evidence export` finish its pack first.",
            )


def rows_of(connection: Connection, claim_ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the row of each of the claims that exist, with `owed_cents`."""
    wanted, found = list(dict.fromkeys(claim_ids)), {}
    for part in parts_of(wanted):
        query = select(claims, OWED_CENTS).where(claims.c.claim_id.in_(part))
        found.update({str(row.claim_id): row for row in connection.execute(query)})
    return found


def status_of(connection: Connection, claim_ids: Iterable[str]) -> dict[str, str]:
    """Return the status of each of the claims that exist."""
    return {key: str(row.status) for key, row in rows_of(connection, claim_ids).items()}


def claims_by_status(ledger: Ledger) -> dict[str, int]:
    """Count the claims of each status that has any, in the order of a claim's life."""
    with ledger.reading() as connection:
        query = select(claims.c.status, func.count().label("claims")).group_by(claims.c.status)
        counted = {str(row.status): int(row.claims) for row in connection.execute(query)}
    return {status: counted[status] for status in STATUSES if status in counted}


def events_of(ledger: Ledger, claim_id: str) -> list[ClaimEvent]:
    """Return the moves of one claim, oldest first."""
    table = claim_events
    query = select(table).where(table.c.claim_id == claim_id).order_by(table.c.id)
    with ledger.reading() as connection:
        return [
            ClaimEvent(
                row.claim_id,
                row.from_status,
                row.to_status,
                row.happened_at,
                row.actor,
                row.reason,
            )
            for row in connection.execute(query)
        ]


def _log(connection: Connection, events: Sequence[ClaimEvent]) -> None:
    if events:
        connection.execute(claim_events.insert(), [asdict(event) for event in events])


_NEEDED = (
    "claim_id",
    "bank_id",
    "bank_opening_id",
    "fee_kind",
    "person_id",
    "product_line",
    "opened_at",
    "opened_date",
    "fee_cents",
    "currency",
)


def _eligible(referrals: pa.Table) -> list[dict[str, Any]]:
    missing = [name for name in (*_NEEDED, "eligibility") if name not in referrals.column_names]
    if missing:
        raise BadInputError(
            f"The skip referrals lack the columns {', '.join(missing)}",
            where="fct_skip_referrals",
            todo="Build and publish the night again.",
        )
    rows: list[dict[str, Any]] = referrals.select([*_NEEDED, "eligibility"]).to_pylist()
    return [row for row in rows if row.pop("eligibility") == ELIGIBLE]


def _candidate(row: dict[str, Any]) -> dict[str, Any]:
    empty = [name for name in _NEEDED if row[name] is None]
    if empty:
        raise BadInputError(
            f"An eligible skip has no {', '.join(empty)}",
            where=f"claim {row['claim_id']}",
            todo="Mend the model and publish the night again.",
        )
    opened: datetime = row["opened_at"]
    return {**row, "opened_at": opened.replace(tzinfo=opened.tzinfo or UTC)}
