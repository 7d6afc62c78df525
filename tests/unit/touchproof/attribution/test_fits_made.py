"""A fit on command or by the month: what it learns from, what it credits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from journey_cases import day, journeys, many
from sqlalchemy import select

from touchproof.attribution.fits_made import fit_of_the_month, make_fits, published_journeys
from touchproof.attribution.fits_planned import FitRequest, plan_fit
from touchproof.cli import run
from touchproof.errors import BadInputError
from touchproof.ledger import schema
from touchproof.ledger.model_fits import recorded_fits
from touchproof.ledger.records import ClosedPeriod
from touchproof.ledger.snapshot import land_ledger
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.warehouse import connect_warehouse

Clock = Callable[[], datetime]
NIGHT = date(2026, 4, 30)
NEXT = date(2026, 5, 1)


def show(settings: Settings, table: pa.Table, *closed: date) -> None:
    """Put journeys and closed months in place of the published file."""
    settings.paths.published.unlink(missing_ok=True)
    connection = connect_warehouse(settings.paths.published)
    connection.execute("create schema marts")
    connection.register("given_rows", table)
    connection.execute("create table marts.fct_journeys as from given_rows")
    connection.execute("create table marts.mart_closed_months (month date)")
    for month in closed:
        connection.execute("insert into marts.mart_closed_months values (?)", [month])
    connection.close()


def commit(settings: Settings, night: date, clock: Clock, *closings: ClosedPeriod) -> Ledger:
    ledger = Ledger.of(settings)
    batches = land_ledger(settings, night, clock)
    ledger.commit_night(
        night,
        published_at=clock(),
        published_sha256="a" * 64,
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={batch.manifest.entity: batch.manifest.content_sha256 for batch in batches},
        closings=closings,
    )
    return ledger


@pytest.fixture
def ledger(settings: Settings, fixed_clock: Clock) -> Ledger:
    """Return the ledger of a world whose night is published."""
    show(settings, many())
    return commit(settings, NIGHT, fixed_clock)


def fit(settings: Settings, clock: Clock, **asked: object) -> object:
    return make_fits(settings, clock, FitRequest(**asked), actor="os:ann")  # type: ignore[arg-type]


def test_a_fit_credits_from_the_day_after_the_last_published_night() -> None:
    plan = plan_fit(FitRequest(), NIGHT, [])
    assert (plan.through, plan.credits_from, plan.restated_to) == (NIGHT, NEXT, None)


def test_a_restatement_reaches_to_the_last_published_night() -> None:
    plan = plan_fit(FitRequest(restate_from=date(2026, 4, 2), reason="late spots"), NIGHT, [])
    assert (plan.credits_from, plan.restated_to) == (date(2026, 4, 2), NIGHT)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (FitRequest(through=NEXT), "Journeys are published up to 2026-04-30"),
        (FitRequest(credits_from=NIGHT), "are published and stay as they are"),
        (FitRequest(restate_from=NIGHT), "a date and a reason"),
        (FitRequest(restate_from=NIGHT, reason="  "), "a date and a reason"),
        (FitRequest(reason="late spots"), "a date and a reason"),
        (FitRequest(restate_from=NEXT, reason="late spots"), "there is nothing to restate"),
        (FitRequest(None, NEXT, NIGHT, "late spots"), "A fit begins once"),
        (
            FitRequest(restate_from=date(2026, 3, 31), reason="late spots"),
            "2026-03 is closed and keeps what it shows",
        ),
        (
            FitRequest(restate_from=date(2026, 2, 1), reason="late spots"),
            "A fit may credit from 2026-04-01 on",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(asked: FitRequest, told: str) -> None:
    with pytest.raises(BadInputError, match=told) as caught:
        plan_fit(asked, NIGHT, [date(2026, 2, 1), date(2026, 3, 1)])
    assert caught.value.exit_code == 2


def test_the_month_after_a_closed_december_is_january() -> None:
    request = FitRequest(restate_from=date(2027, 1, 1), reason="late spots")
    plan = plan_fit(request, date(2027, 1, 5), [date(2026, 12, 1)])
    assert plan.credits_from == date(2027, 1, 1)


def test_both_models_are_fitted_and_recorded(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    report = make_fits(settings, fixed_clock, FitRequest(), actor="os:ann")
    assert (report.outcome, report.new_fits, report.restated_from) == ("made", 2, None)
    recorded = recorded_fits(ledger)
    assert {(one.fit.attribution_model, one.origin, one.night) for one in recorded} == {
        ("markov", "command", NIGHT),
        ("shapley", "command", NIGHT),
    }
    assert {one.fit.credits_from_date for one in recorded} == {NEXT}
    assert {one.fit.model_fit_id for one in recorded} == {f.model_fit_id for f in report.fits}
    assert all(channel.share_before is None for channel in report.fits[0].channels)


def test_the_same_fit_again_writes_nothing(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    first = make_fits(settings, fixed_clock, FitRequest(), actor="os:ann")
    again = make_fits(settings, fixed_clock, FitRequest(), actor="os:ann")
    assert (again.outcome, again.new_fits) == ("unchanged", 0)
    assert [one.model_fit_id for one in again.fits] == [one.model_fit_id for one in first.fits]
    assert len(recorded_fits(ledger)) == 2


def test_a_later_fit_shows_what_the_one_before_gave(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    before = make_fits(settings, fixed_clock, FitRequest(through=day(20)), actor="os:ann")
    after = make_fits(
        settings, lambda: fixed_clock() + timedelta(days=1), FitRequest(), actor="os:ann"
    )
    assert after.outcome == "made"
    for old, new in zip(before.fits, after.fits, strict=True):
        assert old.journeys < new.journeys
        assert [one.share_before for one in new.channels] == [one.share for one in old.channels]


def test_a_fit_learns_from_journeys_that_ended_by_its_last_business_date(
    settings: Settings,
) -> None:
    late_evening = datetime(2026, 3, 11, 3, 59)  # 23:59 of the 10th in New York
    rows = [*journeys([("a", "TV", True)], ended_at=late_evening).to_pylist(),
            *journeys([("b", "TV", True)], ended_at=late_evening + timedelta(minutes=1)).to_pylist()]  # fmt: skip  # noqa: E501
    show(settings, pa.Table.from_pylist(rows, schema=many().schema))
    found = published_journeys(settings, date(2026, 3, 10))
    assert found["person_id"].to_pylist() == ["a"]


def test_a_restatement_is_recorded_with_who_and_why(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    asked = FitRequest(restate_from=date(2026, 4, 2), reason=" The spots were late. ")
    report = make_fits(settings, fixed_clock, asked, actor="os:ann")
    assert (report.restated_from, report.restated_to) == (date(2026, 4, 2), NIGHT)
    with ledger.reading() as connection:
        rows = connection.execute(select(schema.restatements)).all()
    assert {(r.from_date, r.to_date, r.actor, r.reason) for r in rows} == {
        (date(2026, 4, 2), NIGHT, "os:ann", "The spots were late.")
    }
    assert {row.model_fit_id for row in rows} == {one.model_fit_id for one in report.fits}


@pytest.mark.parametrize("known_to", ["the published seed", "the ledger"])
def test_a_fit_into_a_closed_month_is_refused_and_nothing_is_written(
    settings: Settings, fixed_clock: Clock, known_to: str
) -> None:
    march = date(2026, 3, 1)
    in_ledger = known_to == "the ledger"
    show(settings, many(), *([] if in_ledger else [march]))
    closings = [ClosedPeriod(march, NIGHT, {})] if in_ledger else []
    ledger = commit(settings, NIGHT, fixed_clock, *closings)
    with pytest.raises(BadInputError, match="2026-03 is closed"):
        fit(settings, fixed_clock, restate_from=date(2026, 3, 31), reason="late spots")
    assert recorded_fits(ledger) == []
    fit(settings, fixed_clock, restate_from=date(2026, 4, 1), reason="late spots")
    assert len(recorded_fits(ledger)) == 2


def test_the_next_night_lands_the_new_fit_and_a_repeated_night_doesnt(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    fit(settings, fixed_clock)
    rows = {
        night: {batch.manifest.entity: batch.manifest.rows for batch in
                land_ledger(settings, night, fixed_clock)}["model_fits"]
        for night in (NIGHT, NEXT)
    }  # fmt: skip
    assert rows == {NIGHT: 0, NEXT: 2}


def test_nothing_published_and_nothing_converted_are_told_apart(
    settings: Settings, fixed_clock: Clock
) -> None:
    with pytest.raises(BadInputError, match="Nothing has been published yet"):
        fit(settings, fixed_clock)
    show(settings, journeys([("a", "TV", False)]))
    ledger = commit(settings, NIGHT, fixed_clock)
    report = make_fits(settings, fixed_clock, FitRequest(), actor="os:ann")
    assert (report.outcome, report.fits) == ("nothing_converted", ())
    assert recorded_fits(ledger) == []


def test_a_month_is_fitted_once(settings: Settings, ledger: Ledger, fixed_clock: Clock) -> None:
    first = fit_of_the_month(settings, NIGHT, fixed_clock)
    assert (first.outcome, first.new_fits) == ("made", 2)
    assert {one.credits_from_date for one in first.fits} == {NEXT}
    commit(settings, NEXT, fixed_clock)
    assert fit_of_the_month(settings, NIGHT, fixed_clock).outcome == "made_before"
    assert {one.origin for one in recorded_fits(ledger)} == {"month"}


def test_a_month_adds_no_fit_where_the_newest_has_learnt_from_the_same_journeys(
    settings: Settings, ledger: Ledger, fixed_clock: Clock
) -> None:
    fit(settings, fixed_clock)
    assert fit_of_the_month(settings, NIGHT, fixed_clock).outcome == "unchanged"
    assert {one.origin for one in recorded_fits(ledger)} == {"command"}


def test_a_month_whose_last_night_is_late_is_fitted_on_what_is_published(
    settings: Settings, fixed_clock: Clock
) -> None:
    show(settings, many())
    ledger = commit(settings, NIGHT - timedelta(days=2), fixed_clock)
    fit_of_the_month(settings, NIGHT, fixed_clock)
    assert {one.fit.credits_from_date for one in recorded_fits(ledger)} == {NEXT}


def test_the_command_shows_a_table_and_refuses_with_one_sentence(
    settings: Settings,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(settings.paths.root.parent))
    monkeypatch.setenv("TOUCHPROOF_WORLD", settings.world)
    assert run(["attribution", "fit"]) == 0
    shown = capsys.readouterr().out
    assert "share now" in shown
    assert "Shapley:" in shown
    assert "The next night credits conversions from 2026-05-01 on by these fits." in shown
    assert run(["attribution", "fit", "--credits-from", "2026-04-30"]) == 2
    refused = capsys.readouterr().err
    assert refused.startswith("Conversions up to 2026-04-30 are published")
    assert len(refused.splitlines()) == 1
    assert run(["attribution", "fit", "--through", "soon"]) == 2
