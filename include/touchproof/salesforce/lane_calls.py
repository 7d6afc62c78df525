"""One call of the lane: its rows to Salesforce, and what each answer means.

Belongs here: the Collections call, looking leads up after an answer was lost, routing what is a
record already. Doesn't belong here: which rows go (lane_plan.py), when, and what follows from a
call that fails (lane_tick.py), the ledger (lane_outbox.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from touchproof.salesforce.answers import SalesforceCallError, UpsertResult
from touchproof.salesforce.client import Client
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.error_actions import DUPLICATE_UNROUTABLE
from touchproof.salesforce.lane_outbox import LaneOutcome
from touchproof.salesforce.lane_plan import LEAD, writable_opt_out
from touchproof.salesforce.moves import Record, ask_moves, may_have_moved, query_in
from touchproof.salesforce.org_model import ACCOUNT, CONTACT
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import KEY_FIELD, FieldRule
from touchproof.settings import OrgModel

DUPLICATES = "DUPLICATES_DETECTED"
_ROUTES = (ACCOUNT, CONTACT, LEAD)
"""Objects that may stand for a new lead, first the one that counts most."""
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
    routes = {} if is_update else _routes(failed, rules)
    routed = tuple((row, routes[row.record]) for row, _ in failed if row.record in routes)
    refused = tuple(_refused(job, row, one) for row, one in failed if row.record not in routes)
    return LaneOutcome(written, routed, refused)


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


def _routes(
    failed: Iterable[tuple[OutboxRow, UpsertResult]], rules: Sequence[FieldRule]
) -> dict[str, Record]:
    """Return the records that stand for new leads, by the leads' keys, where an opt-out can go.

    Of several records that a duplicate rule names, the customer's counts before a lead, then the
    lowest Id: the same answer has the same route, whatever its order.
    """
    found = {}
    for row, result in failed:
        ranked = sorted(
            (_ROUTES.index(name), name, record)
            for name, record in result.matches
            if _code(result) == DUPLICATES and name in _ROUTES and writable_opt_out(name, rules)
        )
        if ranked:
            found[row.record] = ranked[0][1:]
    return found


def _code(result: UpsertResult) -> str:
    return result.errors[0].code if result.errors else _UNKNOWN


def _refused(job: OutboxJob, row: OutboxRow, result: UpsertResult) -> tuple[OutboxRow, Refusal]:
    fields = result.errors[0].fields if result.errors else ()
    code, record = _code(result), row.salesforce_id
    if job.operation != "update" and code == DUPLICATES and result.matches:
        code, record = DUPLICATE_UNROUTABLE, min(result.matches)[1]
    return row, Refusal(job.object, row.record, record, code, fields)
