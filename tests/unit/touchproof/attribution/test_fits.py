"""A fit is the same wherever it is made, and credits the dates that it was made for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journey_cases import TIMEZONE, day, journeys, many, renamed

from touchproof.attribution import markov, shapley
from touchproof.attribution.fits import (
    BEGINNING,
    END,
    current_parameters,
    fits_applied,
    make_fits,
    windows,
)
from touchproof.attribution.fits_journeys import canonical_journeys
from touchproof.attribution.fits_parameters import MarkovParameters, read_parameters
from touchproof.attribution.paths import PathTable
from touchproof.errors import LedgerError
from touchproof.ledger.records import ModelFit
from touchproof.sources.ledger import MODEL_FITS

NO_FITS = MODEL_FITS.schema.empty_table()


def fits_of(table: pa.Table, credits_from: date | None = None) -> list[ModelFit]:
    return make_fits(canonical_journeys(table, TIMEZONE), credits_from)


def in_ledger(fits: list[ModelFit]) -> pa.Table:
    """Return fits as the ledger lands them, made one after the other."""
    moment = datetime(2026, 4, 1)
    rows = [
        {**vars(fit), "fitted_at": moment + timedelta(days=number)}
        for number, fit in enumerate(fits)
    ]
    return pa.Table.from_pylist(rows, schema=MODEL_FITS.schema)


def test_the_same_journeys_in_another_order_and_under_other_names_give_the_same_fit() -> None:
    assert fits_of(many()) == fits_of(renamed(many()))


def test_the_same_journeys_a_day_later_are_another_fit_of_the_same_data() -> None:
    moved = many().to_pylist()
    for row in moved:
        row["ended_at"] += timedelta(days=1)
    before, after = fits_of(many()), fits_of(pa.Table.from_pylist(moved, schema=many().schema))
    assert [fit.data_sha256 for fit in before] == [fit.data_sha256 for fit in after]
    assert {fit.model_fit_id for fit in before}.isdisjoint(fit.model_fit_id for fit in after)


@pytest.mark.parametrize(
    "changed",
    [
        [("a", "TV > Email", True), ("b", "TV", False), ("c", "TV", False)],
        [("a", "TV > Email", True), ("b", "Email", False)],
        [("a", "TV > Email", False), ("b", "TV", True)],
        [("a", "TV > Email", True), ("a", "TV", False)],
    ],
    ids=["one more person", "another path", "another conversion", "one person less"],
)
def test_other_journeys_are_other_data(changed: list[tuple[str, str, bool]]) -> None:
    given_rows = journeys([("a", "TV > Email", True), ("b", "TV", False)])
    first = canonical_journeys(given_rows, TIMEZONE)
    assert canonical_journeys(journeys(changed), TIMEZONE).data_sha256 != first.data_sha256


def test_a_fit_finds_what_the_models_find_in_the_same_paths() -> None:
    paths = PathTable.from_journeys(many())
    chain, game = (read_parameters(f.attribution_model, f.parameters_json) for f in fits_of(many()))
    assert isinstance(chain, MarkovParameters)
    fitted = markov.fit(paths, chain.order)
    assert chain.channels == fitted.channels
    assert chain.removal_effects == pytest.approx(fitted.removal_effects, abs=1e-9)
    again, once = game.fit(), shapley.fit(paths)
    assert again.shares == pytest.approx(once.shares)
    assert again.sets.names() == once.sets.names()


def test_the_training_window_holds_business_dates_and_the_first_conversion_begins_the_credits() -> (
    None
):
    late = datetime(2026, 3, 2, 3)  # still the day before in New York
    rows = journeys([("a", "TV", False), ("b", "TV", True)], ended_at=late)
    for fit in fits_of(rows):
        assert fit.training_start_date == fit.training_end_date == date(2026, 3, 1)
        assert fit.credits_from_date == date(2026, 3, 1)


def test_without_a_conversion_there_is_no_fit() -> None:
    assert fits_of(journeys([("a", "TV", False)])) == []
    assert fits_of(journeys([("a", "", True)])) == []
    assert fits_applied(NO_FITS, journeys([]), TIMEZONE).num_rows == 0


def test_parameters_are_compact_canonical_json_and_come_back() -> None:
    for fit in fits_of(many()):
        content = json.loads(fit.parameters_json)
        assert fit.parameters_json == json.dumps(content, sort_keys=True, separators=(",", ":"))
        parameters = read_parameters(fit.attribution_model, fit.parameters_json)
        assert parameters.to_json() == fit.parameters_json
        assert sum(one.share for one in parameters.shares) == pytest.approx(1)
        assert all(one.lower <= one.share <= one.upper for one in parameters.shares)
    with pytest.raises(LedgerError, match="no fits of the model 'linear'"):
        read_parameters("linear", fit.parameters_json)


def test_a_build_makes_the_first_fit_of_a_model_that_the_ledger_has_none_of() -> None:
    chain, game = fits_of(many())
    applied = fits_applied(in_ledger([chain]), many(100, seed=9), TIMEZONE).to_pylist()
    assert [row["model_fit_id"] for row in applied][:1] == [chain.model_fit_id]
    assert [(row["attribution_model"], row["is_new"]) for row in applied] == [
        ("markov", False),
        ("shapley", True),
    ]
    assert applied[1]["data_sha256"] != game.data_sha256


def test_a_build_with_both_models_in_the_ledger_trains_nothing() -> None:
    recorded = fits_of(many())
    applied = fits_applied(in_ledger(recorded), many(100, seed=9), TIMEZONE).to_pylist()
    assert [row["model_fit_id"] for row in applied] == [fit.model_fit_id for fit in recorded]
    assert not any(row["is_new"] for row in applied)


def test_a_new_fit_credits_only_from_its_start_and_the_first_one_all_before() -> None:
    first = replace(fits_of(many())[0], credits_from_date=day(5))
    second = replace(first, model_fit_id="second", credits_from_date=day(30))
    assert windows([first, second]) == [(BEGINNING, day(30)), (day(30), END)]


def test_a_restating_fit_takes_the_place_of_all_that_credit_from_its_start() -> None:
    first = replace(fits_of(many())[0], credits_from_date=day(5))
    second = replace(first, model_fit_id="second", credits_from_date=day(30))
    third = replace(first, model_fit_id="third", credits_from_date=day(20))
    assert windows([first, second, third]) == [
        (BEGINNING, day(20)),
        (day(20), day(20)),
        (day(20), END),
    ]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(-5, 45))
def test_every_date_is_credited_by_the_newest_fit_that_credits_it(
    starts: list[int], number: int
) -> None:
    fit = ModelFit("f", "markov", day(0), day(0), "", "", day(0))
    oldest_first = [replace(fit, credits_from_date=day(start)) for start in starts]
    found = [
        place
        for place, (start, end) in enumerate(windows(oldest_first))
        if start <= day(number) < end
    ]
    begun = [place for place, start in enumerate(starts) if start <= number]
    assert found == [max(begun, default=0)]


def test_the_current_parameters_are_those_of_the_fit_that_credits_the_newest_conversions() -> None:
    chain, game = fits_of(many())
    later = replace(fits_of(many(200, seed=4), day(30))[0], model_fit_id="later")
    applied = fits_applied(in_ledger([chain, game, later]), many(), TIMEZONE)
    current = current_parameters(applied, "markov")
    assert current is not None
    assert current.to_json() == later.parameters_json
    assert current_parameters(applied.slice(0, 0), "markov") is None
