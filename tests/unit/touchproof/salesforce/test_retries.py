"""Retries: locked rows go again within the push, by parent, in small jobs, and each counts once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from small_crm import kept

from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.matching import WRITTEN
from touchproof.salesforce.outbox import JobOutcome, OutboxRow
from touchproof.salesforce.push import PushReport, dead_letters, run_push
from touchproof.salesforce.retries import RetryPolicy, and_retried, locked_records, pieces_of

LOCKED = "UNABLE_TO_LOCK_ROW"


def push(crm: Any, waits: list[float] | None = None, jitter: float = 0.5) -> PushReport:
    noted: list[float] = [] if waits is None else waits
    return run_push(crm.settings, crm.night, crm.clock, sleep=noted.append, jitter=lambda: jitter)


def leads(crm: Any, number: int) -> list[str]:
    made = [crm.lead(LastName=f"L{n}") for n in range(number)]
    for lead in made:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.publish()
    return made


def group_of(records: list[str], kind: Any = "values") -> PlanGroup:
    rows = pa.table({"record": pa.array(records, pa.string())})
    return PlanGroup("Lead", "update", kind, (), kept(rows))


def outcome_of(written: list[str], refused: dict[str, str]) -> JobOutcome:
    return JobOutcome(
        pa.table([[0] * len(written), written], schema=WRITTEN),
        tuple(
            (OutboxRow(0, one, one, {}), Refusal("Lead", one, one, code))
            for one, code in refused.items()
        ),
    )


# What goes again


@given(st.integers(1, 5_000), st.integers(1, 300), st.integers(1, 12))
def test_pieces_have_each_row_once_in_order_and_are_few(
    number: int, job_rows: int, max_jobs: int
) -> None:
    records = [f"{n:05}" for n in range(number)]
    policy = RetryPolicy(job_rows=job_rows, max_jobs=max_jobs)
    pieces = pieces_of(group_of(records), frozenset(records), policy)
    found = [one for piece in pieces for one in piece.rows.column("record").to_pylist()]
    assert found == records
    assert len(pieces) <= max_jobs
    assert len(pieces) == 1 or pieces[0].rows.num_rows >= job_rows


def test_only_what_was_locked_goes_again() -> None:
    outcome = outcome_of(["a"], {"b": LOCKED, "c": "STRING_TOO_LONG", "d": "SERVER_UNAVAILABLE"})
    assert locked_records([outcome]) == {"b"}
    (piece,) = pieces_of(group_of(["a", "b", "c", "d"]), {"b"}, RetryPolicy())
    assert piece.rows.column("record").to_pylist() == ["b"]
    assert pieces_of(group_of(["a"]), frozenset(), RetryPolicy()) == ()


results = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([None, LOCKED]), max_size=6)


@given(results, results)
def test_a_row_that_went_again_counts_once_as_it_ended_last(
    first: dict[str, str | None], again: dict[str, str | None]
) -> None:
    def outcome(ends: dict[str, str | None]) -> JobOutcome:
        refused = {one: code for one, code in ends.items() if code}
        return outcome_of([one for one, code in ends.items() if not code], refused)

    retried = {one: end for one, end in again.items() if first.get(one) == LOCKED}
    found = and_retried([outcome(first)], outcome(retried), set(retried))
    ends: list[tuple[str, str | None]] = [
        (row["salesforce_id"], None) for one in found for row in one.written.to_pylist()
    ]
    ends += [(row.record, refusal.code) for one in found for row, refusal in one.refused]
    assert sorted(ends, key=str) == sorted({**first, **retried}.items(), key=str)


def test_waits_grow_and_differ_between_pushes() -> None:
    policy = RetryPolicy(rounds=3, first_seconds=20, growth=3)
    assert list(policy.waits(lambda: 0.0)) == [10, 30, 90]
    assert list(policy.waits(lambda: 0.5)) == [20, 60, 180]


def test_retries_leave_the_reserve_alone_except_those_of_consent() -> None:
    policy, usage = RetryPolicy(reserve_calls=20), LimitUsage(used=79, max=100)
    rows = {"record": ["a"], "record_key": [None], "salesforce_id": ["a"]}
    schema = pa.schema([(name, pa.string()) for name in rows])
    values = PlanGroup("Lead", "update", "values", (), kept(pa.table(rows, schema)))
    consent = PlanGroup("Lead", "update", "consent", (), kept(pa.table(rows, schema)))
    assert not policy.may_go([values], usage)
    assert policy.may_go([consent], usage)
    assert policy.may_go([values], LimitUsage(used=10, max=100))
    assert policy.may_go([values], None)


# In a push


def test_a_locked_row_goes_with_the_same_push_and_counts_once(crm: Any) -> None:
    made = leads(crm, 3)
    crm.control.lock_row("Lead", made[1], 2)
    waits: list[float] = []

    report = push(crm, waits)

    assert (report.planned, report.pushed, report.refused, report.deferred) == (3, 3, 0, 0)
    assert report.dead_letters == 0
    assert [letter.state for letter in dead_letters(crm.settings, None)] == ["resolved"]
    assert {one["Touchproof_Stage__c"] for one in crm.stored("Lead")} == {"engaged"}
    assert [wait for wait in waits if wait >= 20] == [20, 60]
    (group,) = report.groups
    assert group.jobs == 3
    assert report.push_calls == group.calls + 1  # one asks for the allowance
    crm.next_night()
    crm.publish()
    assert push(crm).planned == 0


def test_a_row_that_stays_locked_is_a_dead_letter_of_one_night_with_reason_and_owner(
    crm: Any,
) -> None:
    made = leads(crm, 2)
    crm.control.refuse("Lead", "Id", made[0], LOCKED)
    report = push(crm)
    assert (report.pushed, report.refused) == (1, 1)
    (letter,) = dead_letters(crm.settings)
    assert (letter.record_key, letter.code, letter.nights) == (made[0], LOCKED, 1)
    assert letter.owner == "touchproof"
    assert letter.first_seen_night == letter.last_seen_night == crm.night
    (rows,) = crm.ask_server("select sum(processed) as n from jobs where kind = 'ingest'")
    assert rows["n"] == 2 + 3  # each round sends the locked row alone


def test_no_retry_goes_where_the_reserve_begins(crm: Any) -> None:
    made = leads(crm, 2)
    crm.control.refuse("Lead", "Id", made[0], LOCKED, times=1)
    share = crm.settings.salesforce_reserve_share + crm.settings.salesforce_lane_share
    crm.control.limits(max=100, used_by_others=100 - int(100 * share) - 12)
    report = push(crm)
    assert (report.status, report.pushed, report.refused) == ("ok", 1, 1)
    assert len(dead_letters(crm.settings)) == 1


def test_rows_of_one_account_go_next_to_each_other(crm: Any) -> None:
    model = "sync_contact_attributes"
    accounts = crm.control.apply(
        [{"op": "create", "object": "Account", "record": {"Name": f"A{n}"}} for n in range(2)]
    )
    contacts = crm.control.apply(
        [
            {"op": "create", "object": "Contact", "record": {"LastName": "C", "AccountId": one}}
            for one in (*accounts, *accounts)
        ]
    )
    for contact, account in zip(contacts, (*accounts, *accounts), strict=True):
        crm.want(model, salesforce_id=contact, account_id=account, Touchproof_Stage__c="engaged")
    crm.publish()
    push(crm)
    (job,) = crm.ask_server("select id from jobs where kind = 'ingest'")
    folder = crm.settings.paths.salesforce_server / "jobs"
    sent = (folder / f"{job['id']}.content.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in sent] == [contacts[n] for n in (0, 2, 1, 3)]
