"""A claim moves only as the table of moves says, and the log tells who moved it and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from touchproof.errors import BadInputError, LedgerError
from touchproof.ledger import schema
from touchproof.ledger.claims import (
    MOVES,
    STATUSES,
    claims_by_status,
    events_of,
    is_allowed,
    move,
    move_within,
    register_candidates,
)
from touchproof.ledger.store import Ledger

Clock = Callable[[], datetime]
BEFORE_ISSUE = {"candidate", "review"}


def _with(referrals: pa.Table, row: int, **values: object) -> pa.Table:
    rows = referrals.to_pylist()
    rows[row].update(values)
    return pa.Table.from_pylist(rows)


def _claims(ledger: Ledger) -> dict[str, dict[str, object]]:
    with ledger.reading() as connection:
        rows = connection.execute(select(schema.claims)).all()
    return {row.claim_id: row._asdict() for row in rows}


def test_every_eligible_skip_becomes_one_candidate(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    report = register_candidates(ledger, referrals, fixed_clock, "os:ann")
    assert (report.given, report.registered, report.updated) == (3, 3, 0)
    assert claims_by_status(ledger) == {"candidate": 3}
    (event,) = events_of(ledger, referrals["claim_id"][0].as_py())
    assert (event.from_status, event.to_status, event.actor) == (None, "candidate", "os:ann")
    assert event.happened_at == fixed_clock()


def test_registering_again_changes_nothing(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    before = _claims(ledger)
    report = register_candidates(ledger, referrals, fixed_clock, "os:bob")
    assert (report.registered, report.updated) == (0, 0)
    assert _claims(ledger) == before
    assert all(len(events_of(ledger, claim_id)) == 1 for claim_id in before)


def test_a_candidate_follows_a_corrected_fee_and_the_log_says_so(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][1].as_py()
    register_candidates(ledger, _with(referrals, 1, fee_cents=100), fixed_clock, "os:bob")
    assert _claims(ledger)[claim_id]["fee_cents"] == 100
    event = events_of(ledger, claim_id)[-1]
    assert (event.actor, event.reason) == ("os:bob", "the build changed fee_cents")


def test_a_claim_in_review_no_longer_follows_the_build(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][1].as_py()
    move(ledger, [claim_id], "review", clock=fixed_clock, actor="os:ann", reason="r")
    register_candidates(ledger, _with(referrals, 1, fee_cents=100), fixed_clock, "os:bob")
    assert _claims(ledger)[claim_id]["fee_cents"] == 7500


@pytest.mark.parametrize(
    "values", [{"bank_opening_id": "bank_northlake:other"}, {"claim_id": "cl_other"}]
)
def test_a_claim_and_its_opening_stay_together_for_ever(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock, values: dict[str, object]
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    before = _claims(ledger)
    with pytest.raises(LedgerError, match="no longer belong together"):
        register_candidates(ledger, _with(referrals, 0, **values), fixed_clock, "os:ann")
    assert _claims(ledger) == before


def test_an_eligible_skip_without_a_fee_is_refused_by_name(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    with pytest.raises(BadInputError, match="no fee_cents"):
        register_candidates(ledger, _with(referrals, 2, fee_cents=None), fixed_clock, "os:ann")
    with pytest.raises(BadInputError, match="lack the columns fee_kind"):
        register_candidates(ledger, referrals.drop_columns(["fee_kind"]), fixed_clock, "os:ann")
    assert _claims(ledger) == {}


def test_one_claim_that_may_not_move_stops_all_of_them(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    first, second, third = _claims(ledger)
    move(ledger, [first], "withdrawn", clock=fixed_clock, actor="os:ann", reason="duplicate")
    with pytest.raises(BadInputError, match="withdrawn can't become review"):
        move(ledger, [second, first], "review", clock=fixed_clock, actor="os:ann", reason="sample")
    statuses = {key: row["status"] for key, row in _claims(ledger).items()}
    assert statuses == {first: "withdrawn", second: "candidate", third: "candidate"}
    assert len(events_of(ledger, second)) == 1


def test_a_move_needs_who_why_and_a_known_claim(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][0].as_py()
    for actor, reason in (("", "r"), ("os:ann", " ")):
        with pytest.raises(BadInputError, match="who and why"):
            move(ledger, [claim_id], "review", clock=fixed_clock, actor=actor, reason=reason)
    with pytest.raises(BadInputError, match="no such claim"):
        move(ledger, ["cl_x"], "review", clock=fixed_clock, actor="os:ann", reason="r")
    with pytest.raises(BadInputError, match="only by an evidence pack"):
        move(ledger, [claim_id], "issued", clock=fixed_clock, actor="os:ann", reason="r")


def test_the_words_of_the_design_are_all_there_and_every_move_leads_to_one() -> None:
    assert set(STATUSES) == {
        *("candidate", "review", "issued", "accepted", "part_paid", "paid"),
        *("rejected", "disputed", "withdrawn", "expired", "clawed_back", "written_off"),
    }
    assert {target for targets in MOVES.values() for target in targets} <= set(STATUSES)
    for before, after in pairwise(
        ["candidate", "review", "issued", "accepted", "part_paid", "paid"]
    ):
        assert is_allowed(before, after)


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=30))
def test_no_sequence_of_moves_undoes_an_issue_or_pays_what_was_never_issued(
    wishes: list[str],
) -> None:
    path = ["candidate"]
    for wish in wishes:
        if is_allowed(path[-1], wish):
            path.append(wish)
    if "issued" in path:
        after = path[path.index("issued") + 1 :]
        assert not BEFORE_ISSUE & set(after)
        assert "issued" not in after
    else:
        assert set(path) <= BEFORE_ISSUE | {"withdrawn", "expired", "written_off"}
    if "paid" in path:
        assert "accepted" in path[: path.index("paid")]


@given(st.sampled_from(STATUSES), st.text(max_size=12))
def test_an_unknown_status_is_never_allowed(status: str, word: str) -> None:
    if word not in STATUSES:
        assert not is_allowed(status, word)
        assert not is_allowed(word, status)


def test_the_log_alone_tells_the_status(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][0].as_py()
    for status in ("review", "issued", "accepted", "part_paid", "part_paid", "paid"):
        with ledger.transaction() as connection:
            move_within(connection, [claim_id], status, fixed_clock(), "os:ann", "why", {})
    moves = [(event.from_status, event.to_status) for event in events_of(ledger, claim_id)]
    assert moves[0] == (None, "candidate")
    assert all(before[1] == after[0] for before, after in pairwise(moves))
    assert _claims(ledger)[claim_id]["status"] == moves[-1][1] == "paid"


def test_the_day_of_the_first_acceptance_stays_whatever_follows(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][0].as_py()
    moves = ("issued", "accepted", "disputed", "accepted", "paid", "clawed_back")
    for days, status in enumerate(moves):
        at = fixed_clock() + timedelta(days=days)
        with ledger.transaction() as connection:
            move_within(connection, [claim_id], status, at, "os:ann", "why", {})
    found = _claims(ledger)[claim_id]
    assert found["accepted_at"] == fixed_clock() + timedelta(days=1)
    assert found["status_at"] == fixed_clock() + timedelta(days=5)
    others = {key: row["accepted_at"] for key, row in _claims(ledger).items() if key != claim_id}
    assert set(others.values()) == {None}
