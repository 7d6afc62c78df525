"""One call of the lane: its rows to Salesforce, and what each answer means.

Belongs here: the Collections call, looking leads up after an answer was lost, routing what is a
record already. Doesn't belong here: which rows go (lane_plan.py), when (lane.py), the ledger
(lane_outbox.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from touchproof.salesforce.answers import SalesforceCallError, UpsertResult
from touchproof.salesforce.client import Client
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.lane_outbox import LaneOutcome
from touchproof.salesforce.lane_plan import LEAD
from touchproof.salesforce.org_model import CONTACT
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import KEY_FIELD, FieldRule

CONVERTED = "CANNOT_UPDATE_CONVERTED_LEAD"
DUPLICATES = "DUPLICATES_DETECTED"
_UNKNOWN = "UNKNOWN"
_KEYS_PER_QUERY = 100  # keeps the address short


def send(
    client: Client, job: OutboxJob, rows: Sequence[OutboxRow], rules: Sequence[FieldRule]
) -> LaneOutcome:
    """Send a call's rows and account for each of them by request order.

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
    if is_update:
        return LaneOutcome(written, refused=tuple(_refused(job, *pair) for pair in failed))
    return _with_routes(client, job, written, failed)


def converted_contacts(client: Client, field: str, values: Collection[str]) -> dict[str, str]:
    """Return the contacts that converted leads became, by the leads' Id or key.

    Args:
        client: Client of the org.
        field: `Id` or the external id.
        values: Which leads.
    """
    found = _leads(client, field, values, "ConvertedContactId")
    return {name: str(row["ConvertedContactId"]) for name, row in found.items()
            if row["ConvertedContactId"]}  # fmt: skip


def leads_by_key(client: Client, keys: Collection[str]) -> dict[str, str]:
    """Return the Ids of the leads that have these keys."""
    return {key: str(row["Id"]) for key, row in _leads(client, KEY_FIELD, keys).items()}


def _leads(
    client: Client, field: str, values: Collection[str], *more: str
) -> dict[str, Mapping[str, Any]]:
    columns = ", ".join(dict.fromkeys(("Id", field, *more)))
    wanted = sorted(values)
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        names = ", ".join(_quoted(name) for name in wanted[start : start + _KEYS_PER_QUERY])
        soql = f"SELECT {columns} FROM {LEAD} WHERE {field} IN ({names})"  # noqa: S608
        found |= {str(row[field]): row for row in client.query(soql)}
    return found


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _values(row: OutboxRow, booleans: Collection[str]) -> dict[str, Any]:
    return {
        name: value == "true" if name in booleans else value
        for name, value in row.fields.items()
        if value is not None
    }


def _with_routes(
    client: Client,
    job: OutboxJob,
    written: tuple[tuple[OutboxRow, str], ...],
    failed: Sequence[tuple[OutboxRow, UpsertResult]],
) -> LaneOutcome:
    """Route creations whose lead is another record already, or was converted."""
    converted = [row.record for row, one in failed if _code(one) == CONVERTED]
    contacts = converted_contacts(client, KEY_FIELD, converted) if converted else {}
    routed, refused = [], []
    for row, one in failed:
        if _code(one) == DUPLICATES and one.matches:
            routed.append((row, one.matches[0]))
        elif row.record in contacts:
            routed.append((row, (CONTACT, contacts[row.record])))
        else:
            refused.append(_refused(job, row, one))
    return LaneOutcome(written, tuple(routed), tuple(refused))


def _code(result: UpsertResult) -> str:
    return result.errors[0].code if result.errors else _UNKNOWN


def _refused(job: OutboxJob, row: OutboxRow, result: UpsertResult) -> tuple[OutboxRow, Refusal]:
    fields = result.errors[0].fields if result.errors else ()
    return row, Refusal(job.object, row.record, row.salesforce_id, _code(result), fields)
