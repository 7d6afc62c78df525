"""Preparer, reviewer and issuer of a claim above the amount are three different hands.

Belongs here: reviewing and releasing a claim that waits in review. Doesn't belong here: which
claims wait (claims.register_candidates), the check at the issue itself (controls.py).

1. Somebody or something **prepares**: registers the claim. That is automation as a rule.
2. A person **reviews** it: not the preparer.
3. Another person **releases** it: neither of the two. From then on it waits for its pack. Where
   automation makes the pack, that person is the claim's issuer; a person who makes it by hand may
   be neither preparer nor reviewer.

A claim in review for another reason (somebody put it there) needs one person to bring it back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from touchproof.clock import Clock
from touchproof.errors import BadInputError
from touchproof.ledger.actors import is_person
from touchproof.ledger.claims import move_within, note_within, status_of
from touchproof.ledger.controls import controls_of, set_controls
from touchproof.ledger.store import Ledger


def approve(ledger: Ledger, claim_id: str, *, clock: Clock, actor: str, reason: str) -> str:
    """Take a claim in review one step further; return what was done: `reviewed` or `released`.

    Raises:
        BadInputError: If it isn't in review, or this actor may not take the step.
    """
    with ledger.transaction() as connection:
        return approve_within(connection, claim_id, clock(), actor, reason)


def approve_within(connection: Connection, claim_id: str, at: Any, actor: str, reason: str) -> str:
    """Take the step inside the caller's transaction; see `approve`."""
    status = status_of(connection, [claim_id]).get(claim_id)
    if status is None:
        raise BadInputError("There is no such claim", where=f"claim {claim_id}")
    if status != "review":
        raise BadInputError(
            f"A claim that is {status} doesn't wait for a review", where=f"claim {claim_id}"
        )
    if not reason.strip():
        raise BadInputError("A review needs a reason", where=f"claim {claim_id}")
    if not is_person(actor):
        raise BadInputError(
            "Automation can't review or release a claim",
            where=f"claim {claim_id}",
            todo="Let a person do it.",
        )
    controls = controls_of(connection, [claim_id]).get(claim_id)
    if controls is None or not controls["needs_release"]:
        move_within(connection, [claim_id], "candidate", at, actor, f"released: {reason}", {})
        return "released"
    _require_another(claim_id, actor, controls["prepared_by"], "prepared")
    if controls["reviewed_by"] is None:
        set_controls(connection, claim_id, reviewed_by=actor, reviewed_at=at)
        note_within(connection, claim_id, at, actor, f"reviewed: {reason}")
        return "reviewed"
    _require_another(claim_id, actor, controls["reviewed_by"], "reviewed")
    set_controls(connection, claim_id, released_by=actor, released_at=at)
    move_within(connection, [claim_id], "candidate", at, actor, f"released: {reason}", {})
    return "released"


def _require_another(claim_id: str, actor: str, earlier: str | None, did: str) -> None:
    if actor == earlier:
        raise BadInputError(
            f"{actor} {did} this claim, which is above the amount of one person",
            where=f"claim {claim_id}",
            todo="Let another person take this step.",
        )
