"""What banks say and pay moves claims by the allowed moves alone, exact to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise

import pytest
from bank_cases import FEE, NIGHT, Bank, new_bank, remittance, statement
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, select

from touchproof.errors import BadInputError
from touchproof.ledger import schema
from touchproof.ledger.claims import is_allowed
from touchproof.ledger.store import Ledger
from touchproof.skips.bank_lines import Document, Line, documents_of
from touchproof.skips.settlement import LIVE_STATUSES

LATER = NIGHT + timedelta(days=3)


def test_an_accepted_claim_is_revenue_and_no_longer_constrained(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", 4500)))
    assert bank.claim() == ("accepted", 4500, None)
    assert bank.cents("clm_1") == {"billed": FEE, "earned": 4500}
    assert bank.outcome("S1") == "applied"


def test_a_statement_without_an_amount_accepts_the_whole_fee(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", None)))
    assert bank.claim() == ("accepted", FEE, None)


def test_more_than_the_fee_is_accepted_up_to_the_fee_and_stays_an_open_item(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE + 1)))
    assert bank.claim() == ("accepted", FEE, None)
    assert bank.outcome("S1") == "above_fee"


def test_a_rejection_ends_a_claim_without_revenue(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "rejected", None)))
    assert bank.claim() == ("rejected", None, None)
    assert bank.cents("clm_1") == {"billed": FEE}


def test_a_rejection_after_the_acceptance_reverses_the_revenue_and_is_disputed(
    bank: Bank,
) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(statement("S2", ("clm_1", "rejected", None), day=LATER))
    assert bank.claim()[0] == "disputed"
    assert bank.cents("clm_1") == {"billed": FEE, "earned": FEE, "reversed": -FEE,
                                   "constrained": FEE}  # fmt: skip
    bank.decide("clm_1", "accepted")
    assert bank.cents("clm_1")["earned"] + bank.cents("clm_1")["reversed"] == FEE


def test_a_word_that_is_older_than_what_the_bank_said_since_changes_nothing(bank: Bank) -> None:
    bank.send(statement("S2", ("clm_1", "rejected", None), day=LATER))
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    assert (bank.claim()[0], bank.outcome("S1")) == ("rejected", "older")


def test_a_claw_back_takes_revenue_back_and_a_late_one_is_disputed(bank: Bank) -> None:
    words = [("clm_1", "accepted", FEE), ("clm_2", "accepted", FEE)]
    bank.send(statement("S1", *words))
    bank.send(statement("S2", ("clm_1", "clawed_back", None), day=LATER))
    bank.is_claw_back_late = True
    bank.send(statement("S3", ("clm_2", "clawed_back", None), day=LATER))
    assert (bank.claim("clm_1")[0], bank.claim("clm_2")[0]) == ("clawed_back", "disputed")
    assert bank.cents("clm_1")["clawed_back"] == -FEE


def test_one_payment_settles_many_claims_whole_in_part_and_too_much(bank: Bank) -> None:
    words = [(f"clm_{number}", "accepted", FEE) for number in (1, 2, 3)]
    bank.send(statement("S1", *words))
    bank.send(remittance("P1", ("clm_1", FEE), ("clm_2", 3000), ("clm_3", FEE + 7)))
    assert bank.claim("clm_1") == ("paid", FEE, FEE)
    assert bank.claim("clm_2") == ("part_paid", FEE, 3000)
    assert bank.claim("clm_3") == ("paid", FEE, FEE)
    assert [bank.outcome("P1", line) for line in "123"] == ["applied", "applied", "over_payment"]
    assert bank.cents()["on_account"] == 7
    bank.send(remittance("P2", ("clm_2", 2000)))
    assert bank.claim("clm_2") == ("paid", FEE, FEE)


def test_money_without_a_word_accepts_what_it_pays(bank: Bank) -> None:
    bank.send(remittance("P1", ("clm_1", 3000)))
    assert bank.claim() == ("part_paid", 3000, 3000)
    bank.send(remittance("P2", ("clm_1", 2000)))
    assert bank.claim() == ("paid", FEE, FEE)
    assert bank.cents("clm_1")["earned"] == FEE


def test_a_later_word_says_what_money_without_a_word_left_open(bank: Bank) -> None:
    bank.send(remittance("P1", ("clm_1", 3000), ("clm_2", 3000)))
    bank.send(statement("S1", ("clm_1", "accepted", FEE), ("clm_2", "accepted", 3000)))
    assert bank.claim("clm_1") == ("part_paid", FEE, 3000)
    assert bank.claim("clm_2") == ("paid", 3000, 3000)


def test_a_bank_that_says_paid_and_sends_nothing_stays_an_open_item(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "paid", FEE)))
    assert (bank.claim(), bank.outcome("S1")) == (("accepted", FEE, None), "no_money_yet")
    bank.send(remittance("P1", ("clm_1", FEE)))
    assert (bank.claim(), bank.outcome("S1")) == (("paid", FEE, FEE), "applied")


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (Line("1", NIGHT, "clm_x", "", None, None, 100, "USD"), "unknown_reference"),
        (Line("1", NIGHT, "", "N9", None, None, 100, "USD"), "unknown_reference"),
        (Line("1", NIGHT, "clm_1", "N2", None, None, 100, "USD"), "references_disagree"),
        (Line("1", NIGHT, "clm_1", "N9", None, None, 100, "USD"), "references_disagree"),
        (Line("1", NIGHT, "clm_1", "N1", None, None, 100, "CAD"), "wrong_currency"),
        (Line("1", NIGHT, "", "", None, None, 100, "USD"), "unknown_reference"),
    ],
)
def test_money_that_names_no_claim_stands_on_account_as_an_open_item(
    bank: Bank, line: Line, outcome: str
) -> None:
    bank.send(Document("north", "remittances", "P1", (line,)))
    assert bank.outcome("P1") == outcome
    assert {kind: bank.cents()[kind] for kind in ("received", "on_account", "applied")} == {
        "received": 100,
        "on_account": 100,
        "applied": 0,
    }
    assert bank.claim()[0] == "issued"


def test_the_banks_own_reference_finds_the_claim(bank: Bank) -> None:
    line = Line("1", NIGHT, "", "N2", None, None, FEE, "USD")
    bank.send(Document("north", "remittances", "P1", (line,)))
    assert bank.claim("clm_2") == ("paid", FEE, FEE)


def test_another_banks_claim_is_unknown(bank: Bank) -> None:
    line = Line("1", NIGHT, "clm_1", "", None, None, FEE, "USD")
    bank.send(Document("south", "remittances", "P1", (line,)))
    assert (bank.outcome("P1"), bank.claim()[0]) == ("unknown_reference", "issued")


def test_money_for_a_rejected_claim_is_disputed_and_applied_once_a_person_accepts(
    bank: Bank,
) -> None:
    bank.send(statement("S1", ("clm_1", "rejected", None)))
    bank.send(remittance("P1", ("clm_1", FEE)))
    assert bank.cents()["disputed"] == FEE
    assert bank.outcome("P1") == "for_disputed_claim"
    bank.decide("clm_1", "accepted", FEE)
    assert bank.claim() == ("paid", FEE, FEE)
    assert (bank.cents()["disputed"], bank.cents()["applied"]) == (0, FEE)


def test_money_for_a_claim_that_was_given_up_stands_on_account(bank: Bank) -> None:
    bank.decide("clm_1", "withdrawn")
    bank.send(remittance("P1", ("clm_1", FEE)))
    assert bank.cents()["on_account"] == FEE
    assert bank.claim() == ("withdrawn", None, None)


def test_a_written_off_rest_is_a_loss_and_revenue_stays(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", 1000)))
    bank.decide("clm_1", "written_off")
    cents = bank.cents("clm_1")
    assert (cents["earned"], cents["reversed"], cents["written_off"]) == (FEE, 0, 1000 - FEE)
    assert cents["earned"] + cents["written_off"] - cents["applied"] == 0


def test_a_replayed_document_changes_nothing(bank: Bank) -> None:
    documents = [
        statement("S1", ("clm_1", "accepted", FEE), ("clm_x", "accepted", FEE)),
        remittance("P1", ("clm_1", FEE + 1), ("clm_x", 9)),
    ]
    for document in documents:
        bank.send(document)
    before = (bank.claim(), bank.cents(), bank.entries())
    for document in [*documents, *documents]:
        assert bank.send(document).changed_lines == 0
    assert (bank.claim(), bank.cents(), bank.entries()) == before


def test_a_corrected_statement_supersedes_the_first(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", 4000), ("clm_2", "accepted", FEE)))
    bank.send(statement("S1", ("clm_1", "accepted", FEE), ("clm_3", "accepted", FEE)))
    assert bank.claim("clm_1") == ("accepted", FEE, None)
    assert bank.cents("clm_1")["earned"] == FEE
    assert bank.claim("clm_2")[0] == "disputed", "the bank no longer says that it accepts it"
    assert bank.claim("clm_3")[0] == "accepted"


def test_a_corrected_remittance_takes_its_money_back_and_gives_it_anew(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE), ("clm_2", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", FEE), ("clm_2", FEE)))
    bank.send(remittance("P1", ("clm_1", 2000)))
    assert bank.claim("clm_1") == ("part_paid", FEE, 2000)
    assert bank.claim("clm_2") == ("accepted", FEE, 0)
    assert (bank.cents()["received"], bank.cents()["applied"]) == (2000, 2000)


def test_money_taken_back_is_a_line_below_zero(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.send(remittance("P2", ("clm_1", -FEE), day=LATER))
    assert bank.claim() == ("accepted", FEE, 0)
    assert bank.cents()["received"] == 0


def test_a_line_whose_claim_comes_later_is_tried_again(bank: Bank) -> None:
    bank.send(remittance("P1", ("clm_4", FEE)))
    assert bank.outcome("P1") == "unknown_reference"
    new_bank(bank.ledger, claims=4)
    bank.retry()
    assert bank.claim("clm_4") == ("paid", FEE, FEE)
    assert (bank.cents()["on_account"], bank.cents()["applied"]) == (0, FEE)
    entries = bank.entries()
    bank.retry()
    assert bank.entries() == entries


def test_a_corrected_fee_is_billed_and_waits_for_the_bank(bank: Bank) -> None:
    bank.correct("clm_1", 700)
    assert bank.cents("clm_1") == {"billed": FEE + 700, "constrained": FEE + 700}
    bank.correct("clm_1", -900)
    assert bank.cents("clm_1") == {"billed": FEE - 200, "constrained": FEE - 200}
    bank.send(statement("S1", ("clm_1", "accepted", None)))
    assert bank.claim() == ("accepted", FEE - 200, None)
    assert bank.cents("clm_1") == {"billed": FEE - 200, "earned": FEE - 200}


def test_a_bank_accepts_at_most_the_corrected_fee(bank: Bank) -> None:
    bank.correct("clm_1", -200)
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    assert bank.claim() == ("accepted", FEE - 200, None)
    assert bank.outcome("S1") == "above_fee"
    with pytest.raises(BadInputError, match="at most what it owes"):
        bank.decide("clm_2", "accepted", FEE + 1)


def test_a_word_above_the_fee_counts_whole_once_the_fee_is_corrected(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE + 700)))
    bank.send(remittance("P1", ("clm_1", FEE + 700)))
    assert (bank.outcome("S1"), bank.outcome("P1")) == ("above_fee", "over_payment")
    bank.correct("clm_1", 700)
    assert bank.claim() == ("paid", FEE + 700, FEE + 700)
    assert (bank.outcome("S1"), bank.outcome("P1")) == ("applied", "applied")
    assert bank.cents("clm_1")["billed"] == bank.cents("clm_1")["earned"] == FEE + 700
    assert bank.cents()["applied"] == bank.cents()["received"] == FEE + 700


def test_a_correction_after_the_acceptance_is_billed_until_the_bank_accepts_it(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.correct("clm_1", 700)
    assert bank.claim() == ("paid", FEE, FEE)
    assert bank.cents("clm_1") == {"billed": FEE + 700, "earned": FEE, "applied": FEE}
    bank.send(statement("S2", ("clm_1", "accepted", FEE + 700), day=LATER))
    assert bank.claim() == ("part_paid", FEE + 700, FEE)


def test_a_correction_below_what_was_accepted_and_paid_reverses_the_rest_onto_account(
    bank: Bank,
) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.correct("clm_1", -200)
    assert bank.claim() == ("paid", FEE - 200, FEE - 200)
    assert bank.cents("clm_1") == {"billed": FEE - 200, "earned": FEE, "reversed": -200,
                                   "applied": FEE - 200, "on_account": 200}  # fmt: skip
    assert bank.outcome("P1") == "over_payment"
    bank.correct("clm_1", 200)
    assert bank.claim() == ("paid", FEE, FEE)
    assert bank.outcome("P1") == "applied"


def test_a_disputed_claim_keeps_no_money_above_the_corrected_fee(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "accepted", FEE)))
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.send(statement("S2", ("clm_1", "rejected", None), day=LATER))
    bank.correct("clm_1", -200)
    assert bank.claim() == ("disputed", FEE - 200, FEE - 200)
    cents = bank.cents("clm_1")
    assert (cents["constrained"], cents["applied"], cents["disputed"]) == (
        FEE - 200,
        FEE - 200,
        200,
    )
    assert bank.outcome("P1") == "for_disputed_claim"


def test_a_claim_accepted_lower_and_rejected_at_once_keeps_no_more_than_was_accepted(
    bank: Bank,
) -> None:
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.decide("clm_1", "disputed")
    words = (("clm_1", "accepted", 3000), ("clm_1", "rejected", None))
    bank.send(statement("S1", *words))
    assert bank.claim() == ("disputed", 3000, 3000)
    assert bank.cents("clm_1")["disputed"] == FEE - 3000


def test_what_money_alone_accepted_is_held_against_the_corrected_fee(bank: Bank) -> None:
    bank.send(remittance("P1", ("clm_1", FEE)))
    bank.correct("clm_1", 700)
    assert bank.claim() == ("part_paid", FEE, FEE)
    bank.correct("clm_1", -1200)
    assert bank.claim() == ("paid", FEE - 500, FEE - 500)
    assert bank.outcome("P1") == "over_payment"


def test_a_fee_corrected_to_nothing_takes_neither_words_nor_money(bank: Bank) -> None:
    bank.correct("clm_1", -FEE)
    bank.send(statement("S1", ("clm_1", "accepted", None), ("clm_1", "accepted", 10)))
    bank.send(remittance("P1", ("clm_1", 10)))
    assert bank.claim() == ("issued", None, None)
    assert [bank.outcome("S1"), bank.outcome("S1", "2")] == ["no_amount", "above_fee"]
    assert bank.cents("clm_1") == {"on_account": 10}
    bank.send(remittance("P2", ("clm_2", FEE)))
    bank.correct("clm_2", -FEE)
    assert bank.claim("clm_2") == ("accepted", 0, 0)
    assert bank.cents("clm_2")["on_account"] == FEE


@pytest.mark.parametrize("status", ["rejected", "withdrawn", "written_off", "clawed_back"])
def test_a_correction_of_a_claim_that_ended_changes_what_was_billed_alone(
    bank: Bank, status: str
) -> None:
    if status in ("written_off", "clawed_back"):
        bank.decide("clm_1", "accepted")
    bank.decide("clm_1", status)
    before = bank.cents("clm_1")
    bank.correct("clm_1", -200)
    assert bank.cents("clm_1") == before | {"billed": FEE - 200}
    assert bank.claim()[0] == status


def test_each_round_of_a_dispute_is_remembered(bank: Bank) -> None:
    bank.send(statement("S1", ("clm_1", "rejected", None)))
    for status in ("disputed", "rejected", "disputed", "accepted"):
        bank.decide("clm_1", status)
    table = schema.dispute_rounds
    with bank.ledger.reading() as connection:
        rows = connection.execute(select(table).order_by(table.c.round_number)).all()
    assert [(row.round_number, row.outcome) for row in rows] == [(1, "rejected"), (2, "accepted")]
    assert all(row.opened_at < row.closed_at for row in rows)


def landed(amount: str, payment: str, reference: str = "N1", number: int = 1) -> dict[str, str]:
    return {
        "remittance_id": "P1",
        "line_number": str(number),
        "paid_date": "2026-06-28",
        "claim_id": "",
        "reference": reference,
        "amount": amount,
        "payment_amount": payment,
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("rows", "received", "applied", "on_account", "disputed"),
    [
        ([landed("50.00", "50.00")], 5000, 5000, 0, 0),
        ([landed("50.00", "")], 5000, 5000, 0, 0),
        ([landed("50.00", "62.50")], 6250, 5000, 1250, 0),
        ([landed("50.00", "40.00")], 4000, 0, 0, 4000),
        ([landed("50.00", "90.00"), landed("40.00", "90.00", "N2", 2)], 9000, 9000, 0, 0),
        ([landed("50.00", "90.00"), landed("40.00", "91.00", "N2", 2)], 9000, 0, 0, 9000),
        ([landed("0.005", "50.00")], 5000, 0, 5000, 0),
    ],
)
def test_a_payment_is_held_against_its_lines(
    bank: Bank,
    rows: list[dict[str, str]],
    received: int,
    applied: int,
    on_account: int,
    disputed: int,
) -> None:
    (document,) = documents_of("north", "remittances", rows)
    for _ in range(2):
        bank.send(document)
    cents = bank.cents()
    found = [cents[kind] for kind in ("received", "applied", "on_account", "disputed")]
    assert found == [received, applied, on_account, disputed]


class _MemoryLedger(Ledger):
    """Keep a ledger in memory; what is tested here needs no file."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.four_eyes_cents = engine, 10**9
        schema.metadata.drop_all(engine)
        schema.metadata.create_all(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:  # type: ignore[override]
        with self.engine.begin() as connection:
            yield connection

    reading = transaction


CLAIMS = ("clm_1", "clm_2", "clm_x")
WORDS = ("accepted", "part_paid", "paid", "rejected", "clawed_back")
DAYS = st.integers(0, 3).map(lambda days: date(2026, 6, 1) + timedelta(days=days))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw any version of one of three statements or three remittances."""
    claims, day = st.sampled_from(CLAIMS), draw(DAYS)
    name = draw(st.sampled_from(("1", "2", "3")))
    if draw(st.booleans()):
        amounts = st.none() | st.integers(0, FEE + 500)
        words = st.tuples(claims, st.sampled_from(WORDS), amounts)
        return statement(f"S{name}", *draw(st.lists(words, max_size=3)), day=day)
    money = st.tuples(claims, st.integers(-2000, FEE + 500))
    currency = draw(st.sampled_from(("USD", "USD", "CAD")))
    lines = draw(st.lists(money, max_size=3))
    return remittance(f"P{name}", *lines, day=day, currency=currency)


DECISIONS = st.tuples(
    st.sampled_from(("clm_1", "clm_2")),
    st.sampled_from(
        ("accepted", "disputed", "rejected", "clawed_back", "written_off", "withdrawn")
    ),
)
CORRECTIONS = st.tuples(st.sampled_from(("clm_1", "clm_2")), st.integers(0, FEE + 700))


@settings(max_examples=60, deadline=None)
@given(st.lists(documents() | DECISIONS | CORRECTIONS, max_size=9))
def test_every_cent_is_applied_on_account_or_disputed_whatever_comes_in_whatever_order(
    memory_engine: Engine, happenings: list[Document | tuple[str, str | int]]
) -> None:
    bank = new_bank(_MemoryLedger(memory_engine), claims=2)
    newest: dict[str, Document] = {}
    owed = {"clm_1": FEE, "clm_2": FEE}
    for happening in happenings:
        if isinstance(happening, Document):
            bank.send(happening)
            assert bank.send(happening).changed_lines == 0, "a replay changes nothing"
            newest[happening.document_id] = happening
            _check(bank, newest, owed)
            continue
        claim_id, what = happening
        if isinstance(what, int):
            bank.correct(claim_id, what - owed[claim_id])
            owed[claim_id] = what
        elif is_allowed(bank.claim(claim_id)[0], what) and (owed[claim_id] or what != "accepted"):
            bank.decide(claim_id, what)
        _check(bank, newest, owed)


def _check(bank: Bank, newest: dict[str, Document], owed: dict[str, int]) -> None:
    table = schema.fee_entries
    query = select(table.c.currency, table.c.kind, func.sum(table.c.cents)).group_by(
        table.c.currency, table.c.kind
    )
    with bank.ledger.reading() as connection:
        cents = {(currency, kind): int(sum_) for currency, kind, sum_ in connection.execute(query)}
        events = connection.execute(
            select(schema.claim_events).order_by(schema.claim_events.c.id)
        ).all()
    for currency in ("USD", "CAD"):
        remitted = sum(
            line.cents or 0
            for document in newest.values()
            if document.kind == "remittances"
            for line in document.lines
            if line.currency == currency
        )
        placed = [cents.get((currency, kind), 0) for kind in ("applied", "on_account", "disputed")]
        assert sum(placed) == cents.get((currency, "received"), 0) == remitted
    for claim_id in ("clm_1", "clm_2"):
        status, accepted, paid = bank.claim(claim_id)
        booked = bank.cents(claim_id)
        assert 0 <= (paid or 0) <= (accepted or 0)
        assert booked["applied"] == (paid or 0)
        revenue = booked["earned"] + booked["reversed"] + booked["clawed_back"]
        assert booked["billed"] == owed[claim_id]
        if status in LIVE_STATUSES:
            assert (accepted or 0) <= owed[claim_id], "what waits at the bank is never below zero"
        if status in ("accepted", "part_paid", "paid"):
            assert revenue == (accepted or 0)
        elif status != "written_off":
            assert revenue == 0
        pending = status in ("issued", "disputed")
        assert booked["constrained"] == (owed[claim_id] if pending else 0)
        moves = [(one.from_status, one.to_status) for one in events if one.claim_id == claim_id]
        assert all(before[1] == after[0] for before, after in pairwise(moves))
        assert all(a == b or is_allowed(a, b) for a, b in moves if a is not None)
        assert moves[-1][1] == status
