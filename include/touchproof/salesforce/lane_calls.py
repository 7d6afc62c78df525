"""One call of the lane: its rows to Salesforce, and what each answer means.

Belongs here: the Collections call, looking leads up after an answer was lost, routing what is a
record already. Doesn't belong here: which rows go (lane_plan.py), when, and what follows from a
call that fails (lane_tick.py), the ledger (lane_outbox.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from touchproof.salesforce.answers import SalesforceCallError, UpsertResult
from touchproof.salesforce.client import Client
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.lane_outbox import LaneOutcome
from touchproof.salesforce.lane_plan import LEAD
from touchproof.salesforce.moves import Record, ask_moves, may_have_moved, query_in
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import KEY_FIELD, FieldRule
from touchproof.settings import OrgModel

DUPLICATES = "DUPLICATES_DETECTED"
_UNKNOWN = "UNKNOWN"


def send(
    client: Client, job: OutboxJob, rows: Sequence[OutboxRow], rules: Sequence[FieldRule]
) -> LaneOutcome:
    """Send a call's rows and account for each of them by request order.

    What was converted or merged meanwhile is among the refused ones: `follow_moves` goes on.

    Args:
        client: Client of the org.
        job: The call.
        rows: The rows to send, at most 200.
        rules: The field rules; they tell a field's type.

    Raises:
        SalesforceCallError: If the call as a whole is refused or not answered.
    """
    if not rows:
        return LaneOutcome()
    is_update = job.operation == "update"
    booleans = {r.field for r in rules if r.object == job.object and r.type == "boolean"}
    answers = client.collections_upsert(
        job.object,
        job.key_field,
        [{job.key_field: row.record, **_values(row, booleans)} for row in rows],
        saves_duplicates=None if is_update else False,
        assigns=not is_update,  # an opt-out mustn't give a lead another owner
    )
    if len(answers) != len(rows):
        raise SalesforceCallError(
            f"Salesforce answered {len(answers)} of {len(rows)} records",
            code="UNREADABLE_ANSWER",
            status=502,
            where=f"{job.object} by {job.key_field}",
        )
    pairs = list(zip(rows, answers, strict=True))
    written = tuple((row, one.id or row.record) for row, one in pairs if one.success)
    failed = [(row, one) for row, one in pairs if not one.success]
    routed = [] if is_update else [(row, one.matches[0]) for row, one in failed if _is_known(one)]
    refused = [_refused(job, row, one) for row, one in failed if is_update or not _is_known(one)]
    return LaneOutcome(written, tuple(routed), tuple(refused))


def follow_moves(
    client: Client, job: OutboxJob, outcome: LaneOutcome, org_model: OrgModel
) -> tuple[LaneOutcome, dict[str, Record]]:
    """Ask what refused records became; without any that may have moved, no call.

    Args:
        client: Client of the org.
        job: The call.
        outcome: Of `send`.
        org_model: The setting.

    Returns:
        The outcome, where new leads are routed to what they are; and the records that an opt-out
        has to go to, by the Id of the one that they were.

    Raises:
        SalesforceCallError: If the query is refused or not answered.
    """
    refused = {
        row.record for row, refusal in outcome.refused if may_have_moved(job.object, refusal.code)
    }
    found = ask_moves(client, job.object, refused, org_model, by=job.key_field) if refused else {}
    moves = {name: to for name, to in found.items() if to is not None}
    if job.operation == "update":
        return outcome, moves
    routed = tuple((row, moves[row.record]) for row, _ in outcome.refused if row.record in moves)
    left = tuple(pair for pair in outcome.refused if pair[0].record not in moves)
    return replace(outcome, routed=(*outcome.routed, *routed), refused=left), {}


def look_for_leads(client: Client, rows: Sequence[OutboxRow]) -> LaneOutcome:
    """Account for leads that may have been made: what isn't there is withdrawn.

    Args:
        client: Client of the org.
        rows: Rows of a call whose answer was lost.

    Raises:
        SalesforceCallError: If the query is refused or not answered.
    """
    keys = [row.record for row in rows]
    found = {
        str(lead[KEY_FIELD]): str(lead["Id"])
        for lead in query_in(client, LEAD, KEY_FIELD, keys, ("Id", KEY_FIELD))
    }
    return LaneOutcome(
        written=tuple((row, found[row.record]) for row in rows if row.record in found),
        withdrawn=tuple(row for row in rows if row.record not in found),
    )


def _values(row: OutboxRow, booleans: Collection[str]) -> dict[str, Any]:
    return {
        name: value == "true" if name in booleans else value
        for name, value in row.fields.items()
        if value is not None
    }


def _is_known(result: UpsertResult) -> bool:
    """Tell whether a duplicate rule named the record that the org has instead."""
    return _code(result) == DUPLICATES and bool(result.matches)


def _code(result: UpsertResult) -> str:
    return result.errors[0].code if result.errors else _UNKNOWN


def _refused(job: OutboxJob, row: OutboxRow, result: UpsertResult) -> tuple[OutboxRow, Refusal]:
    fields = result.errors[0].fields if result.errors else ()
    return row, Refusal(job.object, row.record, row.salesforce_id, _code(result), fields)
