"""How sure each channel's share is: bootstrap intervals over people, for every model.

Belongs here: shares of conversions and revenue as credited, and their intervals. Doesn't belong
here: the credits (dbt: int_credits_computed), drawing people (fits_draws.py), training a model
again (fits_training.py).

Every replicate draws people again with all that they did. A rule model's credits are fixed by the
path, so the drawn people's credits are added up. A data-driven model is trained again on the drawn
people's journeys and deals their conversions out; the interval is as wide as these refits differ
from the refit on everybody, and lies around what was really credited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from touchproof.attribution.fits import current_parameters
from touchproof.attribution.fits_draws import draws, spread
from touchproof.attribution.fits_journeys import (
    FloatArray,
    PeopleCredits,
    TrainingData,
    canonical_people,
)
from touchproof.attribution.fits_parameters import MARKOV, MODELS, MarkovParameters
from touchproof.attribution.fits_training import SetConversions, refit_of
from touchproof.sources.definition import typed_schema

INTERVALS_SCHEMA = typed_schema(
    {
        "attribution_model": pa.string(),
        "channel": pa.string(),
        "conversions": pa.decimal128(18, 6),
        "conversion_share": pa.decimal128(9, 6),
        "conversion_share_lower": pa.decimal128(9, 6),
        "conversion_share_upper": pa.decimal128(9, 6),
        "revenue_reporting_cents": pa.int64(),
        "revenue_share": pa.decimal128(9, 6),
        "revenue_share_lower": pa.decimal128(9, 6),
        "revenue_share_upper": pa.decimal128(9, 6),
        "persons": pa.int64(),
        "replicates": pa.int32(),
        "seed": pa.int64(),
        "interval_level": pa.decimal128(9, 6),
    }
)
_CONVERSIONS, _REVENUE = "_conversions", "_revenue_cents"
_REPEATS = re.compile(r"\(\d+\)$")

Totals = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Conversions and revenue by channel, (replicates, channels) each, for weighted people."""


@dataclass(frozen=True)
class IntervalSettings:
    """Say how intervals are drawn.

    Args:
        business_timezone: IANA name of the time zone of business dates.
        replicates: How often people are drawn again.
        seed: Any number; the same one gives the same draws.
        interval_level: How much of the replicates lies inside, e.g. 0.95.
    """

    business_timezone: str
    replicates: int
    seed: int
    interval_level: float

    @classmethod
    def from_rows(cls, rows: pa.Table) -> IntervalSettings:
        """Read the one row of int_bootstrap_settings_listed."""
        (row,) = rows.to_pylist()
        return cls(**row)


def channel_intervals(
    journeys: pa.Table, credits: pa.Table, fits: pa.Table, settings: IntervalSettings
) -> pa.Table:
    """Estimate every channel's share of conversions and revenue, with its interval.

    Args:
        journeys: Rows of fct_journeys.
        credits: Rows of int_person_credits_summed: person_id, channel, and for each model
            `<model>_conversions` and `<model>_revenue_cents`.
        fits: The fits applied; the newest Markov fit's order is that of the refits.
        settings: How to draw.

    Returns:
        `INTERVALS_SCHEMA`, one row a model and channel. Shares are of all conversions, those that
        nothing earned included; null where there is nothing to share.
    """
    columns = credits.column_names[2:]
    data, earned = canonical_people(journeys, credits, settings.business_timezone)
    models = [name.removesuffix(_CONVERSIONS) for name in columns if name.endswith(_CONVERSIONS)]
    if not earned.channels:
        return INTERVALS_SCHEMA.empty_table()
    kinds = len(data.persons)
    credited = {
        model: _credited(
            earned, kinds, columns.index(model + _CONVERSIONS), columns.index(model + _REVENUE)
        )
        for model in models
    }
    replicated = dict(credited)
    for model in MODELS:
        if model in models and data.paths.conversions.any():
            replicated[model] = _dealt_out(model, data, earned, fits, credited[model])
    everybody = data.persons[None, :].astype(np.float64)
    drawn: dict[str, list[tuple[FloatArray, FloatArray]]] = {model: [] for model in models}
    for weights in draws(data.persons, settings.replicates, settings.seed):
        for model in models:
            drawn[model].append(replicated[model](weights))
    rows: list[dict[str, object]] = []
    for model in models:
        now, refitted = credited[model](everybody), replicated[model](everybody)
        parts = [np.concatenate(part) for part in zip(*drawn[model], strict=True)]
        of_conversions, of_revenue = (
            _bounds(now[n][0], refitted[n][0], parts[n], settings.interval_level) for n in (0, 1)
        )
        # Revenue may be negative, so its shares have no bounds of their own.
        bounds = [tuple(np.clip(part, 0, 1) for part in of_conversions), of_revenue]
        rows += _rows(model, earned.channels, (now[0][0], now[1][0]), bounds)
    about = {
        "persons": int(data.persons.sum()),
        "replicates": settings.replicates,
        "seed": settings.seed,
        "interval_level": _decimal(settings.interval_level),
    }
    return pa.Table.from_pylist([row | about for row in rows], schema=INTERVALS_SCHEMA)


def _credited(earned: PeopleCredits, kinds: int, conversions: int, revenue: int) -> Totals:
    """Add up the credits as they are."""
    shape = (kinds, len(earned.channels))
    where = (earned.kinds, earned.codes)
    first, second = (
        csr_array((earned.numbers[:, column], where), shape=shape)
        for column in (conversions, revenue)
    )
    return lambda weights: (np.asarray(weights @ first), np.asarray(weights @ second))


def _dealt_out(
    model: str, data: TrainingData, earned: PeopleCredits, fits: pa.Table, credited: Totals
) -> Totals:
    """Train the model again on weighted people; what nothing earned stays as it is."""
    current = current_parameters(fits, MARKOV)
    order = current.order if isinstance(current, MarkovParameters) else 1
    refit, counted = refit_of(model, data, order), SetConversions(data)
    placed = _placed(data.paths.channels, earned.channels)
    is_dealt = placed.any(axis=0)

    def totals(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        conversions, revenue = (
            np.where(is_dealt, dealt @ placed, as_credited)
            for dealt, as_credited in zip(
                counted.credited(weights, refit(weights)), credited(weights), strict=True
            )
        )
        return conversions, revenue

    return totals


def _placed(labels: tuple[str, ...], channels: tuple[str, ...]) -> FloatArray:
    """Return which label of a path is of which channel (`Email(2)` is of Email), as 0 and 1."""
    return np.array(
        [
            [float(channel in (label, _REPEATS.sub("", label))) for channel in channels]
            for label in labels
        ]
    ).reshape(len(labels), len(channels))


def _bounds(
    now: FloatArray, refitted: FloatArray, drawn: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return share, lower and upper bound of every channel; not-a-number without a total."""
    below, above = spread(_of_all(drawn), _of_all(refitted), level)
    share = _of_all(now)
    return share, share - below, share + above


def _of_all(amounts: FloatArray) -> FloatArray:
    totals = amounts.sum(axis=-1, keepdims=True)
    return amounts / np.where(totals > 0, totals, np.nan)


def _rows(
    model: str,
    channels: tuple[str, ...],
    now: tuple[FloatArray, FloatArray],
    bounds: Sequence[Sequence[FloatArray]],
) -> list[dict[str, object]]:
    return [
        {
            "attribution_model": model,
            "channel": channel,
            "conversions": _decimal(now[0][place]),
            "revenue_reporting_cents": round(now[1][place]),
            **{
                f"{what}_share{suffix}": _decimal(values[place])
                for what, of_what in zip(("conversion", "revenue"), bounds, strict=True)
                for suffix, values in zip(("", "_lower", "_upper"), of_what, strict=True)
            },
        }
        for place, channel in enumerate(channels)
    ]


def _decimal(value: float) -> Decimal | None:
    return None if np.isnan(value) else Decimal(f"{value:.6f}")
