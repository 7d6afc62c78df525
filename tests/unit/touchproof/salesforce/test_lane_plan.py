"""The lane's plan: who is opted out, whose lead is made, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from touchproof.salesforce.lane_known import Known, KnownRecord
from touchproof.salesforce.lane_landed import ConsentWord, Landed, LandedRequest
from touchproof.salesforce.lane_plan import OPT_OUT, LanePlan, LedgerView, OptOut, plan_lane

MORNING = datetime(2026, 6, 29, 8, tzinfo=UTC)
WRITABLE = {name: frozenset(OPT_OUT) for name in ("Lead", "Contact")}


def request(key: str, *identifiers: str, minute: int = 0) -> LandedRequest:
    at = MORNING + timedelta(minutes=minute)
    return LandedRequest(key, identifiers, {"LastName": key}, at, at)


def word(identifier: str, state: Any, minute: int = 0) -> ConsentWord:
    return ConsentWord(identifier, state, MORNING + timedelta(minutes=minute))


def known(person: str, *identifiers: str, records: tuple[KnownRecord, ...] = ()) -> Known:
    return Known(
        person_of=dict.fromkeys(identifiers, person),
        records={person: records},
        identifiers={person: identifiers},
    )


def plan(
    *landed: LandedRequest | ConsentWord, of: Known | None = None, view: LedgerView | None = None
) -> LanePlan:
    requests = tuple(one for one in landed if isinstance(one, LandedRequest))
    words = tuple(one for one in landed if isinstance(one, ConsentWord))
    return plan_lane(Landed(requests, words), of or Known(), view or LedgerView(), WRITABLE)


def keys(found: LanePlan) -> list[str]:
    return [one.source_key for one in found.creations]


LEAD = KnownRecord("Lead", "00Q1", None)
CONTACT = KnownRecord("Contact", "0031", None)


def test_a_lead_needs_an_opt_in_and_silence_is_none() -> None:
    assert keys(plan(request("app:1", "e"), word("e", "opted_in"))) == ["app:1"]
    for said in ((), (word("e", "opted_out"),)):
        found = plan(request("app:1", "e"), *said)
        assert (keys(found), found.held) == ([], 1)


def test_one_lead_is_made_of_all_that_one_person_sent_the_first_of_it() -> None:
    found = plan(
        request("app:2", "e", "u", minute=5),
        request("web:1", "e", minute=3),
        request("app:3", "u", "other", minute=1),
        word("e", "opted_in"),
    )
    assert keys(found) == ["app:3"]


def test_the_latest_word_of_an_identifier_counts_and_an_opt_out_by_any_counts_for_the_person() -> (
    None
):
    back_in = plan(request("app:1", "e"), word("e", "opted_out", 1), word("e", "opted_in", 2))
    assert keys(back_in) == ["app:1"]
    at_once = plan(request("app:1", "e"), word("e", "opted_out", 1), word("e", "opted_in", 1))
    assert at_once.held == 1
    elsewhere = plan(request("app:1", "e", "u"), word("e", "opted_in", 9), word("u", "opted_out"))
    assert elsewhere.held == 1


def test_a_word_of_the_handoff_counts_until_a_later_one_lands() -> None:
    before = replace(known("p", "e"), words={"p": (word("e", "opted_out", -99),)})
    assert plan(request("app:1", "e"), of=before).held == 1
    assert keys(plan(request("app:1", "e"), word("e", "opted_in"), of=before)) == ["app:1"]
    late = replace(known("p", "e"), words={"p": (word("e", "opted_out", 99),)})
    assert plan(request("app:1", "e"), word("e", "opted_in"), of=late).held == 1


def test_who_is_suppressed_is_opted_out_whatever_was_said() -> None:
    person = known("p", "e", records=(LEAD,))
    landed = (request("app:1", "e"), word("e", "opted_in"))
    for of, view in (
        (replace(person, suppressed=frozenset({"p"})), LedgerView()),
        (person, LedgerView(suppressed=frozenset({"e"}))),
    ):
        found = plan(*landed, of=of, view=view)
        assert (found.opt_outs, keys(found)) == ((OptOut("Lead", "00Q1"),), [])


def test_whoever_the_handoff_or_the_ledger_knows_gets_no_second_lead() -> None:
    landed = (request("app:1", "e"), word("e", "opted_in"))
    deleted = KnownRecord("Lead", "00Q9", None, is_writable=False)
    nightly = KnownRecord("Lead", None, "app:0")
    for records in ((LEAD,), (CONTACT,), (deleted,), (nightly,)):
        assert plan(*landed, of=known("p", "e", records=records)).is_empty
    for view in (
        LedgerView(sent=frozenset({"app:1"})),
        LedgerView(record_of={"app:1": ("Lead", "00Q7")}),
    ):
        assert plan(*landed, view=view).is_empty


def test_what_another_push_holds_waits_and_what_was_refused_is_not_sent_again() -> None:
    landed = (request("app:1", "e"), word("e", "opted_in"))
    waits = plan(*landed, view=LedgerView(busy=frozenset({("Lead", "app:1")})))
    assert (waits.is_empty, waits.waiting) == (True, 1)
    refused = plan(*landed, view=LedgerView(refused=frozenset({("Lead", "app:1")})))
    assert (refused.is_empty, refused.refused) == (True, 1)


def test_an_opt_out_goes_to_every_record_whose_acknowledged_value_differs() -> None:
    records = (LEAD, CONTACT, KnownRecord("Lead", "00Q2", None), KnownRecord("Lead", None, "app:0"))
    found = plan(
        word("e", "opted_out"),
        of=known("p", "e", records=records),
        view=LedgerView(
            acknowledged={
                ("Lead", "00Q1"): {**OPT_OUT, "LastName": "Lee"},
                ("Contact", "0031"): {},
            },
            record_of={"app:0": ("Lead", "00Q3")},
        ),
    )
    assert found.opt_outs == (
        OptOut("Contact", "0031"),
        OptOut("Lead", "00Q2"),
        OptOut("Lead", "00Q3"),
    )


def test_an_opt_out_reaches_the_lead_that_the_lane_made_today() -> None:
    found = plan(
        request("app:1", "e", "u"),
        word("u", "opted_out", 9),
        view=LedgerView(sent=frozenset({"app:1"}), record_of={"app:1": ("Lead", "00Q1")}),
    )
    assert found.opt_outs == (OptOut("Lead", "00Q1"),)


def test_nothing_is_written_to_a_record_that_is_deleted_or_converted() -> None:
    gone = KnownRecord("Lead", "00Q1", "app:1", is_writable=False)
    view = LedgerView(record_of={"app:1": ("Lead", "00Q1")})
    assert plan(word("e", "opted_out"), of=known("p", "e", records=(gone,)), view=view).is_empty


def test_a_shared_address_links_nobody() -> None:
    shared = Known(shared=frozenset({"family"}))
    found = plan(
        request("app:1", "family", "u1"),
        request("app:2", "family", "u2"),
        word("u1", "opted_in"),
        word("u2", "opted_in"),
        word("family", "opted_out"),
        of=shared,
    )
    assert keys(found) == ["app:1", "app:2"]


# Properties

IDENTIFIERS = [f"e{n}" for n in range(4)]
PERSONS = ["p0", "p1", "p2"]
words = st.lists(
    st.builds(
        word,
        st.sampled_from(IDENTIFIERS),
        st.sampled_from(["opted_in", "opted_out"]),
        st.integers(0, 3),
    ),
    max_size=6,
)
requests = st.lists(
    st.tuples(st.sets(st.sampled_from(IDENTIFIERS), min_size=1, max_size=2), st.integers(0, 3)),
    max_size=5,
)
owners = st.dictionaries(st.sampled_from(IDENTIFIERS), st.sampled_from(PERSONS))
records = st.dictionaries(
    st.sampled_from(PERSONS), st.sets(st.sampled_from(["00Q1", "00Q2", "00Q3"]), max_size=2)
)
values = st.sampled_from([None, {}, dict(OPT_OUT), {**OPT_OUT, "HasOptedOutOfEmail": "false"}])


def groups_of(landed: Landed, of: Known) -> list[set[str]]:
    """Join identifiers the slow way: whatever overlaps is one, until nothing does."""
    found = [set(one.identifiers) for one in landed.requests]
    found += [{one.identifier} for one in landed.words]
    found += [set(names) for names in of.identifiers.values()]
    changed = True
    while changed:
        changed = False
        for left in found:
            for right in found:
                if left is not right and left & right:
                    left |= right
                    found.remove(right)
                    changed = True
                    break
            if changed:
                break
    return found


@given(words, requests, owners, records, st.lists(values, min_size=3, max_size=3))
def test_every_opt_out_arrives_nobody_is_made_against_consent_and_none_twice(
    said: list[ConsentWord],
    asked: list[tuple[set[str], int]],
    owner_of: dict[str, str],
    held: dict[str, set[str]],
    acknowledged: list[dict[str, str] | None],
) -> None:
    landed = Landed(
        tuple(request(f"app:{n}", *sorted(who), minute=at) for n, (who, at) in enumerate(asked)),
        tuple(said),
    )
    members = {
        person: tuple(sorted(name for name, owner in owner_of.items() if owner == person))
        for person in set(owner_of.values())
    }
    of = Known(
        person_of=owner_of,
        identifiers=members,
        records={
            person: tuple(KnownRecord("Lead", one, None) for one in sorted(ids))
            for person, ids in held.items()
        },
    )
    known_values = {
        ("Lead", f"00Q{n}"): found
        for n, found in enumerate(acknowledged, start=1)
        if found is not None
    }
    found = plan_lane(landed, of, LedgerView(acknowledged=known_values), WRITABLE)

    made = [set(one.identifiers) for one in found.creations]
    untold = set()
    for group in groups_of(landed, of):
        of_group = [one for one in said if one.identifier in group]
        latest = {
            name: max(
                (one for one in of_group if one.identifier == name),
                key=lambda one: (one.changed_at, one.state == "opted_out"),
            ).state
            for name in {one.identifier for one in of_group}
        }
        ids = {one for name in group if name in owner_of for one in held.get(owner_of[name], ())}
        if "opted_out" in latest.values():
            untold |= {
                one
                for one in ids
                if not known_values.get(("Lead", one), {}).items() >= OPT_OUT.items()
            }
        created = [one for one in made if one & group]
        assert len(created) <= 1
        if created:
            assert set(latest.values()) == {"opted_in"} and not ids
    assert {one.salesforce_id for one in found.opt_outs} == untold
    assert len({one.source_key for one in found.creations}) == len(found.creations)
