"""Following: what was meant for a converted or merged record reaches the one that it is now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.ledger.store import Ledger
from touchproof.salesforce.dead_letters import DeadLetter
from touchproof.salesforce.moves import Record, end_of, follow_merges, known_moves
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import PushFailedError, PushReport, dead_letters, replay, run_push
from touchproof_sandbox.salesforce.faults import Calls
from touchproof_sandbox.salesforce.schema import ORG_ID

WAITS: dict[str, Any] = {"sleep": lambda _: None, "jitter": lambda: 0.5}


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, **WAITS)


def contact(crm: Any, **values: Any) -> str:
    crm.rows.setdefault("sync_contact_consent", [])  # contacts are among what we may write
    record = {"LastName": "C", **values}
    (made,) = crm.control.apply([{"op": "create", "object": "Contact", "record": record}])
    return str(made)


def leave(crm: Any, lead: str) -> None:
    """Let the night want an opt-out and a stage of a lead."""
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true",
             Touchproof_Email_Consent__c="opted_out")  # fmt: skip
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")


def convert(crm: Any, lead: str, to: str | None) -> None:
    crm.change("Lead", lead, IsConverted="true", ConvertedContactId=to)


def record(crm: Any, object_name: str, record_id: str) -> Any:
    (found,) = [one for one in crm.stored(object_name) if one["Id"] == record_id]
    return found


def refused_by_the_org(crm: Any) -> int:
    (rows,) = crm.ask_server("select sum(failed) as n from jobs where kind = 'ingest'")
    return int(rows["n"] or 0)


def letters(crm: Any) -> dict[str, DeadLetter]:
    return {letter.record_key: letter for letter in dead_letters(crm.settings)}


# Converted leads


def test_the_opt_out_of_a_converted_lead_reaches_its_contact_and_the_lead_is_left_alone(
    crm: Any,
) -> None:
    lead, other = crm.lead(), crm.lead(LastName="Other")
    leave(crm, lead)
    leave(crm, other)
    crm.rows["sync_contact_consent"] = []
    crm.publish()
    to = contact(crm)
    convert(crm, lead, to)

    report = push(crm)

    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert record(crm, "Contact", to)["Touchproof_Email_Consent__c"] == "opted_out"
    assert report.planned == report.pushed + report.refused + report.deferred
    assert {(row.record, row.code) for row in report.refused_rows} == {
        (lead, "CANNOT_UPDATE_CONVERTED_LEAD"),
        (lead, "MOVED_UNREAD"),
    }
    assert refused_by_the_org(crm) == 1  # its consent; the stage wasn't tried any more
    letter = letters(crm)[lead]
    assert (letter.code, letter.owner) == ("MOVED_UNREAD", "touchproof")
    assert "hasn't been read yet" in letter.reason

    before = record(crm, "Contact", to)
    second = push(crm)
    assert refused_by_the_org(crm) == 1
    assert (second.pushed, [row.code for row in second.refused_rows]) == (0, ["MOVED_UNREAD"])
    assert record(crm, "Contact", to) == before

    # The next extract reads the conversion: the lead is in no model any more.
    crm.next_night()
    crm.rows.clear()
    leave(crm, other)
    crm.want("sync_contact_consent", salesforce_id=to, HasOptedOutOfEmail="true",
             Touchproof_Email_Consent__c="opted_out")  # fmt: skip
    crm.want("sync_contact_attributes", salesforce_id=to, Touchproof_Stage__c="engaged")
    crm.publish()
    third = push(crm)
    assert (third.pushed, third.refused, third.dead_letters) == (1, 0, 0)
    assert record(crm, "Contact", to)["Touchproof_Stage__c"] == "engaged"
    assert known_moves(Ledger.of(crm.settings), ORG_ID) == {}


def test_a_contact_that_was_read_takes_its_own_values_and_nothing_is_left_over(crm: Any) -> None:
    lead, to = crm.lead(), contact(crm)
    leave(crm, lead)
    crm.want("sync_contact_attributes", salesforce_id=to, Touchproof_Stage__c="customer")
    crm.publish()
    convert(crm, lead, to)
    report = push(crm)
    found = record(crm, "Contact", to)
    assert (found["HasOptedOutOfEmail"], found["Touchproof_Stage__c"]) == ("true", "customer")
    assert report.dead_letters == 0


def test_the_contacts_own_row_never_takes_the_opt_out_back(crm: Any) -> None:
    lead, to = crm.lead(), contact(crm)
    leave(crm, lead)
    said = {"HasOptedOutOfEmail": "false", "Touchproof_Email_Consent__c": "opted_in"}
    crm.want("sync_contact_consent", salesforce_id=to, **said)
    crm.publish()
    convert(crm, lead, to)
    push(crm)
    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    stamp = record(crm, "Contact", to)["SystemModstamp"]
    for _ in range(2):  # the extract doesn't come through, so the handoff knows no better
        crm.night += timedelta(days=1)
        crm.publish(is_observed=False)
        push(crm)
        assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert record(crm, "Contact", to)["SystemModstamp"] == stamp


def test_an_opt_in_of_a_converted_lead_goes_nowhere(crm: Any) -> None:
    lead, to = crm.lead(HasOptedOutOfEmail="true"), contact(crm, HasOptedOutOfEmail="true")
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="false")
    crm.publish()
    convert(crm, lead, to)
    report = push(crm)
    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert (report.pushed, report.dead_letters) == (0, 0)


def test_a_contact_that_salesforce_does_not_show_is_a_dead_letter_and_asked_for_again(
    crm: Any,
) -> None:
    lead = crm.lead()
    leave(crm, lead)
    crm.rows["sync_contact_consent"] = []
    crm.publish()
    convert(crm, lead, None)
    for _ in range(2):
        with pytest.raises(PushFailedError, match="consent"):
            push(crm)
        letter = letters(crm)[lead]
        assert (letter.code, letter.owner) == ("MOVED_UNKNOWN", "crm administrator")
    assert refused_by_the_org(crm) == 1
    to = contact(crm)
    crm.control.apply(
        [{"op": "update", "object": "Lead", "record": {"Id": lead, "ConvertedContactId": to}}]
    )
    push(crm)
    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert refused_by_the_org(crm) == 1


def test_a_refused_contact_is_a_dead_letter_beside_the_leads(crm: Any) -> None:
    lead, to = crm.lead(), contact(crm)
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.publish()
    convert(crm, lead, to)
    crm.control.refuse("Contact", "Id", to, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    with pytest.raises(PushFailedError, match="consent"):
        push(crm)
    assert set(letters(crm)) == {lead, to}
    crm.control.stop_refusing()
    replay(crm.settings, crm.night, crm.clock, **WAITS)
    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert letters(crm) == {}


@pytest.mark.parametrize("fault", ["down", "refused", "lost", "unreadable"])
def test_a_look_that_fails_ends_the_push_and_the_next_one_goes_on(crm: Any, fault: str) -> None:
    lead, to = crm.lead(), contact(crm)
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.publish()
    convert(crm, lead, to)
    calls = Calls(path="queryAll", times=9 if fault == "down" else 1)
    {
        "down": lambda: crm.control.answer_html(calls, 503),
        "refused": lambda: crm.control.answer_error(calls, 400, "INVALID_FIELD"),
        "lost": lambda: crm.control.cut(calls, "after"),
        "unreadable": lambda: crm.control.answer_unreadable(calls, body='{"records": 1}'),
    }[fault]()
    if fault in ("down", "refused"):
        with pytest.raises(PushFailedError):
            push(crm)
        assert set(letters(crm)) == {lead}
        crm.control.stop_faults()
    push(crm)
    assert record(crm, "Contact", to)["HasOptedOutOfEmail"] == "true"
    assert letters(crm) == {}


# Merged records


def test_the_opt_out_of_a_merged_lead_reaches_its_master(crm: Any) -> None:
    master, loser = crm.lead(LastName="M"), crm.lead(LastName="L")
    leave(crm, loser)
    crm.want("sync_lead_attributes", salesforce_id=master, Touchproof_Stage__c="customer")
    crm.publish()
    crm.control.merge("Lead", master, loser)
    report = push(crm)
    found = record(crm, "Lead", master)
    assert (found["HasOptedOutOfEmail"], found["Touchproof_Stage__c"]) == ("true", "customer")
    assert report.dead_letters == 0
    assert refused_by_the_org(crm) == 1
    assert push(crm).pushed == 0
    assert refused_by_the_org(crm) == 1


def test_merges_and_a_conversion_after_another_are_followed_to_the_end(crm: Any) -> None:
    first, second, third = [crm.lead(LastName=name) for name in "abc"]
    to, master = contact(crm), contact(crm, LastName="M")
    crm.want("sync_lead_consent", salesforce_id=first, HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.merge("Lead", second, first)
    crm.control.merge("Lead", third, second)
    convert(crm, third, to)
    crm.control.merge("Contact", master, to)
    report = push(crm)
    assert record(crm, "Contact", master)["HasOptedOutOfEmail"] == "true"
    assert report.dead_letters == 0
    assert push(crm).planned == 0


def test_a_record_that_is_just_gone_is_a_dead_letter_that_turns_nothing_red(crm: Any) -> None:
    lead = crm.lead()
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.apply([{"op": "delete", "object": "Lead", "record": {"Id": lead}}])
    report = push(crm)
    assert [row.code for row in report.refused_rows] == ["ENTITY_IS_DELETED"]
    assert set(letters(crm)) == {lead}


def test_acknowledged_values_of_a_loser_are_gone_once_its_merge_was_read(crm: Any) -> None:
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    crm.publish()
    push(crm)
    (loser,) = [str(one["Id"]) for one in crm.stored("Lead")]
    master = crm.lead(LastName="M")
    crm.control.merge("Lead", master, loser)
    crm.next_night()
    crm.rows.clear()
    crm.want("sync_lead_attributes", salesforce_id=master, Touchproof_Stage__c="engaged")
    columns = {"object": ["Lead"], "salesforce_id": [loser], "master_id": [master]}
    crm.others["sync_records_merged"] = pa.table(columns)
    crm.publish()
    assert push(crm).pushed == 1
    known = (
        Outbox(Ledger.of(crm.settings), ORG_ID, crm.clock)
        .acknowledged(crm.settings.paths.root)
        .to_pylist()
    )
    assert [row["record_key"] for row in known] == [master]
    assert '"Touchproof_Key__c":"app:1"' in known[0]["fields_json"]

    # Whoever asks for the loser's key again gets the master, not a second lead.
    crm.next_night()
    crm.rows.clear()
    crm.want("sync_lead_attributes", record_key="app:1", Touchproof_Stage__c="customer")
    crm.publish()
    push(crm)
    (only,) = crm.stored("Lead")
    assert (only["Id"], only["Touchproof_Stage__c"]) == (master, "customer")
    assert follow_merges(Ledger.of(crm.settings), ORG_ID, {("Lead", loser): master}) == 0


names = st.sampled_from("abcde")
records = st.tuples(st.just("Lead"), names)


@given(st.dictionaries(records, st.none() | records, max_size=5), records)
def test_an_end_is_a_record_that_has_not_moved_or_unknown(
    moves: dict[Record, Record | None], record: Record
) -> None:
    end = end_of(moves, record)
    assert end not in moves
    assert end is not None or record in moves


def test_a_dead_letter_stays_open_while_a_push_follows_nothing(crm: Any) -> None:
    lead, other = crm.lead(LastName="L"), crm.lead(LastName="O")
    for one in (lead, other):
        crm.want("sync_lead_attributes", salesforce_id=one, Touchproof_Stage__c="engaged")
    to = contact(crm)
    crm.publish()
    convert(crm, lead, to)
    assert push(crm).dead_letters == 1
    crm.want("sync_lead_attributes", salesforce_id=other, Touchproof_Stage__c="later")
    crm.publish(is_observed=False)
    crm.control.answer_error(Calls.step("limits", times=None), 503, "SERVER_UNAVAILABLE")

    with pytest.raises(PushFailedError) as caught:
        push(crm)

    assert caught.value.report.dead_letters == 1
    assert [letter.record_key for letter in dead_letters(crm.settings)] == [lead]
