"""Fitting again: what `touchproof attribution fit` and the monthly DAG do.

Belongs here: the published journeys, the new fits' way into the ledger, and the report. Doesn't
belong here: what is refused (fits_planned.py), training (fits_training.py), the ledger's rows
(ledger/model_fits.py), printing (cli_attribution.py).

A fit learns from the published journeys. It credits conversions from the day after the last
published night, so that nothing that was shown changes; older ones are credited again only when
somebody says so and why, and never in a month that finance has closed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from touchproof.attribution.fits_planned import ONE_DAY, FitPlan, FitRequest, plan_fit
from touchproof.clock import Clock
from touchproof.errors import BadInputError
from touchproof.ledger.closed_periods import closed_periods
from touchproof.ledger.model_fits import add_fits, recorded_fits
from touchproof.ledger.records import ModelFit, RecordedFit, Restatement
from touchproof.ledger.store import Ledger
from touchproof.row_hash import columns_of
from touchproof.settings import Settings
from touchproof.warehouse import connect_published

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = logging.getLogger(__name__)
COMMAND, MONTH = "command", "month"


@dataclass(frozen=True)
class ChannelFound:
    """Compare what a fit gives a channel with what the fit before it gave; shares from 0 to 1."""

    channel: str
    share: float
    lower: float
    upper: float
    share_before: float | None


@dataclass(frozen=True)
class FitFound:
    """Say what one model found; `is_new` is false where the ledger had this very fit."""

    attribution_model: str
    model_fit_id: str
    is_new: bool
    markov_order: int | None
    journeys: int
    conversions: int
    training_start_date: date
    training_end_date: date
    credits_from_date: date
    channels: tuple[ChannelFound, ...]


@dataclass(frozen=True)
class FitReport:
    """Say what one fitting did.

    `outcome` is made; unchanged, where the ledger had these very fits; made_before, where this
    month's were; or nothing_converted, where there is nothing to learn from.
    """

    night: date
    outcome: str
    new_fits: int
    restated_from: date | None
    restated_to: date | None
    fits: tuple[FitFound, ...]


def make_fits(
    settings: Settings,
    clock: Clock,
    request: FitRequest,
    *,
    actor: str,
    origin: str = COMMAND,
) -> FitReport:
    """Fit every data-driven model on the published journeys and put the fits into the ledger.

    Args:
        settings: The world.
        clock: Tells when the fits were made.
        request: What was asked for.
        actor: Who asks, e.g. `os:ann`.
        origin: `command` or `month`.

    Raises:
        BadInputError: If nothing is published, or `plan_fit` refuses.
    """
    ledger = Ledger.of(settings)
    last = ledger.last_published_night()
    if last is None:
        raise BadInputError("Nothing has been published yet", todo="Run a night first.")
    plan = plan_fit(request, last.night, _closed_months(settings, ledger))
    return _fit(settings, ledger, clock, request, plan, last.night, actor, origin)


def fit_of_the_month(settings: Settings, night: date, clock: Clock) -> FitReport:
    """Make the month's fits, once, on all that is published.

    They credit from the day after the night, or after the last published one if that is later.

    Args:
        settings: The world.
        night: The last night of a month.
        clock: Tells when the fits were made.
    """
    ledger = Ledger.of(settings)
    last = ledger.last_published_night()
    start = max(night, last.night if last else night) + ONE_DAY
    made = [one for one in recorded_fits(ledger) if one.origin == MONTH]
    if any(_month(one.fit.credits_from_date) == _month(start) for one in made):
        return FitReport(night, "made_before", 0, None, None, ())
    return make_fits(settings, clock, FitRequest(credits_from=start), actor="airflow", origin=MONTH)


def _fit(
    settings: Settings,
    ledger: Ledger,
    clock: Clock,
    request: FitRequest,
    plan: FitPlan,
    night: date,
    actor: str,
    origin: str,
) -> FitReport:
    from touchproof.attribution import fits
    from touchproof.attribution.fits_journeys import canonical_journeys

    journeys = published_journeys(settings, plan.through)
    data = canonical_journeys(journeys, settings.business_timezone)
    made = fits.make_fits(data, plan.credits_from)
    if not made:
        return FitReport(night, "nothing_converted", 0, None, None, ())
    before = recorded_fits(ledger)
    restatement = None
    if plan.restated_to is not None:
        restatement = Restatement(
            plan.credits_from, plan.restated_to, actor, (request.reason or "").strip()
        )
    # The month adds nothing where the newest fit has learnt from the same journeys.
    wanted = [fit for fit in made if origin != MONTH or not _is_known(fit, before)]
    new = add_fits(ledger, wanted, night=night, origin=origin, at=clock(), restatement=restatement)
    _LOG.info("fits: %d made, %d new, credit from %s", len(made), len(new), plan.credits_from)
    return FitReport(
        night=night,
        outcome="made" if new else "unchanged",
        new_fits=len(new),
        restated_from=plan.credits_from if restatement is not None else None,
        restated_to=plan.restated_to,
        fits=tuple(_found(fit, before, fit in new) for fit in made),
    )


def published_journeys(settings: Settings, through: date) -> pa.Table:
    """Return the published journeys that ended on business dates up to `through`."""
    connection = connect_published(settings.paths.published)
    try:
        journeys: pa.Table = connection.sql(
            "select person_id, ended_at, is_converted, channel_path, revenue_cents"
            " from marts.fct_journeys"
            " where cast(timezone($timezone, timezone('UTC', ended_at)) as date) <= $through",
            params={"timezone": settings.business_timezone, "through": through},
        ).to_arrow_table()
        return journeys
    finally:
        connection.close()


def _closed_months(settings: Settings, ledger: Ledger) -> list[date]:
    """Return the months that the ledger or the published seed calls closed."""
    months = [period.month for period in closed_periods(ledger)]
    connection = connect_published(settings.paths.published)
    try:
        if columns_of(connection, "marts", "mart_closed_months"):
            found = connection.sql("select month from marts.mart_closed_months").fetchall()
            months += [month for (month,) in found]
    finally:
        connection.close()
    return months


def _is_known(fit: ModelFit, before: list[RecordedFit]) -> bool:
    """Tell whether the newest fit of the model learnt from the same journeys."""
    of_model = [one.fit for one in before if one.fit.attribution_model == fit.attribution_model]
    return bool(of_model) and of_model[-1].data_sha256 == fit.data_sha256


def _found(fit: ModelFit, before: list[RecordedFit], is_new: bool) -> FitFound:
    from touchproof.attribution.fits_parameters import MarkovParameters, read_parameters

    found = read_parameters(fit.attribution_model, fit.parameters_json)
    earlier = [
        one.fit
        for one in before
        if one.fit.attribution_model == fit.attribution_model
        and one.fit.model_fit_id != fit.model_fit_id
    ]
    shares_before: dict[str, float] = {}
    if earlier:
        last = read_parameters(fit.attribution_model, earlier[-1].parameters_json)
        shares_before = {
            channel: one.share for channel, one in zip(last.channels, last.shares, strict=True)
        }
    return FitFound(
        attribution_model=fit.attribution_model,
        model_fit_id=fit.model_fit_id,
        is_new=is_new,
        markov_order=found.order if isinstance(found, MarkovParameters) else None,
        journeys=found.trained_on.journeys,
        conversions=found.trained_on.conversions,
        training_start_date=fit.training_start_date,
        training_end_date=fit.training_end_date,
        credits_from_date=fit.credits_from_date,
        channels=tuple(
            ChannelFound(channel, one.share, one.lower, one.upper, shares_before.get(channel))
            for channel, one in zip(found.channels, found.shares, strict=True)
        ),
    )


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month
