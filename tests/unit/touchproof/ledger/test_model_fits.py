"""Fits in the ledger: never changed, committed with their night, restated in writing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from touchproof.errors import LedgerError
from touchproof.ledger import schema
from touchproof.ledger.model_fits import add_fits, recorded_fits
from touchproof.ledger.records import ModelFit, Restatement
from touchproof.ledger.store import Ledger

FIT = ModelFit(
    model_fit_id="mf_markov_1",
    attribution_model="markov",
    training_start_date=date(2026, 3, 1),
    training_end_date=date(2026, 6, 28),
    data_sha256="a" * 64,
    parameters_json="{}",
    credits_from_date=date(2026, 3, 4),
)


def commit(ledger: Ledger, night: date, at: datetime, fits: list[ModelFit]) -> None:
    ledger.commit_night(
        night,
        published_at=at,
        published_sha256="a" * 64,
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={},
        new_model_fits=fits,
    )


def test_the_first_fits_are_committed_with_their_night(
    ledger: Ledger, night: date, now: datetime
) -> None:
    shapley = replace(FIT, model_fit_id="mf_shapley_1", attribution_model="shapley")
    commit(ledger, night, now, [FIT, shapley])
    commit(ledger, night, now + timedelta(hours=1), [FIT, shapley])
    assert [(one.fit, one.night, one.origin, one.fitted_at) for one in recorded_fits(ledger)] == [
        (FIT, night, "night", now),
        (shapley, night, "night", now),
    ]
    assert [one.fit for one in recorded_fits(ledger, "shapley")] == [shapley]


def test_a_fit_that_cannot_be_written_leaves_no_night(
    ledger: Ledger, night: date, now: datetime
) -> None:
    with pytest.raises(Exception, match="NOT NULL"):
        commit(ledger, night, now, [FIT, replace(FIT, model_fit_id="b", data_sha256=None)])  # type: ignore[arg-type]
    assert ledger.last_published_night() is None
    assert recorded_fits(ledger) == []


def test_the_first_night_repeated_with_other_data_puts_its_fit_in_place_of_its_own_alone(
    ledger: Ledger, night: date, now: datetime
) -> None:
    ordered = replace(FIT, model_fit_id="mf_markov_2")
    commit(ledger, night, now, [FIT])
    add_fits(ledger, [ordered], night=night, origin="command", at=now + timedelta(hours=1))
    other = replace(FIT, model_fit_id="mf_markov_3", data_sha256="b" * 64)
    commit(ledger, night, now + timedelta(hours=2), [other])
    assert [(one.fit, one.fitted_at) for one in recorded_fits(ledger)] == [
        (other, now),
        (ordered, now + timedelta(hours=1)),
    ]


def test_a_later_night_without_a_first_fit_leaves_the_fits_alone(
    ledger: Ledger, night: date, now: datetime
) -> None:
    commit(ledger, night, now, [FIT])
    commit(ledger, night + timedelta(days=1), now + timedelta(days=1), [])
    assert [one.fit for one in recorded_fits(ledger)] == [FIT]


def test_an_older_night_that_is_repeated_adds_no_fit(
    ledger: Ledger, night: date, now: datetime
) -> None:
    commit(ledger, night, now, [FIT])
    older = replace(FIT, model_fit_id="mf_markov_0")
    commit(ledger, night - timedelta(days=1), now + timedelta(hours=1), [older])
    assert [one.fit for one in recorded_fits(ledger)] == [FIT]


def test_adding_a_known_fit_changes_nothing(ledger: Ledger, night: date, now: datetime) -> None:
    assert add_fits(ledger, [FIT], night=night, origin="month", at=now) == [FIT]
    later = now + timedelta(days=1)
    assert add_fits(ledger, [FIT], night=night, origin="command", at=later) == []
    (one,) = recorded_fits(ledger)
    assert (one.origin, one.fitted_at) == ("month", now)


def test_a_restatement_is_written_with_its_fits(ledger: Ledger, night: date, now: datetime) -> None:
    why = Restatement(FIT.credits_from_date, night, "os:ann", "The spring's spots were late.")
    add_fits(ledger, [FIT], night=night, origin="command", at=now, restatement=why)
    with ledger.reading() as connection:
        (row,) = connection.execute(select(schema.restatements))
    assert (row.model_fit_id, row.from_date, row.to_date) == (
        FIT.model_fit_id,
        FIT.credits_from_date,
        night,
    )
    assert (row.night, row.actor, row.restated_at) == (night, "os:ann", now)
    assert row.reason == "The spring's spots were late."


def test_a_fit_of_unknown_origin_is_refused(ledger: Ledger, night: date, now: datetime) -> None:
    with pytest.raises(LedgerError, match="can't come from 'somewhere'"):
        add_fits(ledger, [FIT], night=night, origin="somewhere", at=now)
