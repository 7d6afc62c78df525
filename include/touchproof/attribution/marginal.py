"""What one more unit of spend brings: marginal returns by campaign and attribution model.

Belongs here: which campaigns' weeks can show it, the return at today's spend, its interval. Doesn't
belong here: the curves (response_curves.py), adding weeks up (int_campaign_weeks_summed), what to
do about it (mart_budget_moves).

The weeks' own ups and downs of spend are the only experiment here. What moves spend and demand
together (a holiday) is part of the answer, so a marginal return is a reason for a test, not proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from touchproof.attribution.response_curves import (
    CURVES,
    FloatArray,
    Responses,
    fit_responses,
)
from touchproof.errors import TouchproofError
from touchproof.sources.definition import typed_schema

FITTED, NOT_IDENTIFIABLE = "fitted", "not_identifiable"
TOO_FEW_WEEKS, SPEND_TOO_EVEN, TOO_LITTLE_REVENUE, NOT_RUNNING = (
    "too_few_weeks",
    "spend_too_even",
    "too_little_revenue",
    "not_running",
)
"""What a campaign's weeks lack, in the order in which it is asked."""

WEEKS_SCHEMA = typed_schema(
    {
        "campaign_id": pa.string(),
        "model": pa.string(),
        "week_start_date": pa.date32(),
        "is_mature": pa.bool_(),
        "is_current": pa.bool_(),
        "spend_reporting_cents": pa.int64(),
        "revenue_reporting_cents": pa.int64(),
    }
)
_SHARE, _RETURN = pa.decimal128(9, 6), pa.decimal128(18, 6)
RETURNS_SCHEMA = typed_schema(
    {
        "campaign_id": pa.string(),
        "model": pa.string(),
        "status": pa.string(),
        "missing": pa.string(),
        "weeks": pa.int32(),
        "mature_spend_reporting_cents": pa.int64(),
        "mature_revenue_reporting_cents": pa.int64(),
        "average_return": _RETURN,
        "spend_variation": _RETURN,
        "highest_spend_reporting_cents": pa.int64(),
        "current_spend_reporting_cents": pa.int64(),
        "response_curve": pa.string(),
        "curve_share": _SHARE,
        "marginal_return": _RETURN,
        "marginal_return_lower": _RETURN,
        "marginal_return_upper": _RETURN,
        "replicates": pa.int32(),
        "seed": pa.int64(),
    }
)
_CENTS = 100.0

Row = dict[str, Any]


class MarginalInputError(TouchproofError):
    """Report settings or weeks from which nothing can be fitted."""


@dataclass(frozen=True)
class MarginalSettings:
    """Say when weeks show a return, and how its interval is drawn; the seed budget_settings.

    Args:
        min_weeks: Mature weeks with spend from which a curve is fitted.
        min_spend_variation: Standard deviation of their spend by its mean from which on the spend
            varies enough.
        min_revenue_weeks: Weeks with revenue that a model must have credited.
        min_curve_evidence: What a diminishing curve must be better by; see response_curves.
        interval_level: Part of the replicates inside the interval.
        replicates: How often weeks are drawn again.
        seed: Any number; the same one gives the same draws.
    """

    min_weeks: int = 12
    min_spend_variation: float = 0.2
    min_revenue_weeks: int = 8
    min_curve_evidence: float = 4.0
    interval_level: float = 0.95
    replicates: int = 1000
    seed: int = 20260601

    @classmethod
    def from_rows(cls, rows: pa.Table) -> MarginalSettings:
        """Read the one row of int_budget_settings_chosen; columns of others are left out.

        Raises:
            MarginalInputError: If there isn't exactly one row.
        """
        if rows.num_rows != 1:
            raise MarginalInputError(
                f"{rows.num_rows} rows of settings instead of one",
                where="seed budget_settings",
                todo="Give this world, or *, one row.",
            )
        row = rows.to_pylist()[0]
        return cls(
            min_weeks=row["min_weeks"],
            min_spend_variation=float(row["min_spend_variation"]),
            min_revenue_weeks=row["min_revenue_weeks"],
            min_curve_evidence=float(row["min_curve_evidence"]),
            interval_level=float(row["interval_level"]),
            replicates=row["replicates"],
            seed=row["seed"],
        )


@dataclass(frozen=True)
class _Weeks:
    """One campaign's weeks by one model: mature ones with spend, and today's level of spend."""

    spend_cents: tuple[int, ...]
    revenue_cents: tuple[int, ...]
    current_cents: int

    @property
    def spend(self) -> FloatArray:
        return np.array(self.spend_cents, dtype=np.float64) / _CENTS

    @property
    def revenue(self) -> FloatArray:
        return np.array(self.revenue_cents, dtype=np.float64) / _CENTS

    @property
    def variation(self) -> float | None:
        mean = float(self.spend.mean()) if self.spend_cents else 0.0
        return float(self.spend.std()) / mean if mean > 0 else None


def fit_marginal_returns(weeks: pa.Table, settings: MarginalSettings) -> pa.Table:
    """Fit each campaign's response to spend and read it at today's spend.

    Args:
        weeks: `WEEKS_SCHEMA`, one row a campaign, model and week, in any order. A week is mature
            when most of its touches' revenue has come; current weeks are the last complete ones.
        settings: What is enough, and how to draw.

    Returns:
        `RETURNS_SCHEMA`, one row a campaign and model, sorted. Curve, return and interval are null
        where `status` is `not_identifiable`; `missing` then says what is.
    """
    rows = sorted(
        weeks.select(WEEKS_SCHEMA.names).to_pylist(),
        key=lambda row: (row["campaign_id"], row["model"], row["week_start_date"]),
    )
    results = []
    for (campaign_id, model), group in groupby(
        rows, key=lambda row: (row["campaign_id"], row["model"])
    ):
        found = _weeks_of(list(group))
        results.append(
            {"campaign_id": campaign_id, "model": model}
            | _result(found, settings, _draws_of(campaign_id, len(found.spend_cents), settings))
        )
    return pa.Table.from_pylist(results, schema=RETURNS_SCHEMA)


def _weeks_of(rows: list[Row]) -> _Weeks:
    fitted = [row for row in rows if row["is_mature"] and _cents(row, "spend") > 0]
    current = [_cents(row, "spend") for row in rows if row["is_current"]]
    return _Weeks(
        tuple(_cents(row, "spend") for row in fitted),
        tuple(_cents(row, "revenue") for row in fitted),
        sum(current) // len(current) if current else 0,
    )


def _cents(row: Row, kind: str) -> int:
    return int(row[f"{kind}_reporting_cents"])


def _missing(weeks: _Weeks, settings: MarginalSettings) -> str | None:
    """Return the first thing that the weeks lack; None if a curve can be fitted."""
    if weeks.current_cents <= 0:
        return NOT_RUNNING
    if len(weeks.spend_cents) < settings.min_weeks:
        return TOO_FEW_WEEKS
    if (weeks.variation or 0.0) < settings.min_spend_variation:
        return SPEND_TOO_EVEN
    if sum(cents != 0 for cents in weeks.revenue_cents) < settings.min_revenue_weeks:
        return TOO_LITTLE_REVENUE
    return None


def _result(weeks: _Weeks, settings: MarginalSettings, draws: FloatArray) -> Row:
    spent, earned = sum(weeks.spend_cents), sum(weeks.revenue_cents)
    missing = _missing(weeks, settings)
    point = drawn = None
    if missing is None:
        point = _responses(weeks, np.ones((1, len(weeks.spend_cents))), settings)
        drawn = _responses(weeks, draws, settings)
        # Spend that never varies shows no slope, whatever the settings allow.
        missing = None if np.isfinite(point.marginal[0]) else SPEND_TOO_EVEN
    row: Row = {
        "status": NOT_IDENTIFIABLE if missing else FITTED,
        "missing": missing,
        "weeks": len(weeks.spend_cents),
        "mature_spend_reporting_cents": spent,
        "mature_revenue_reporting_cents": earned,
        "average_return": _rounded(earned / spent) if spent else None,
        "spend_variation": _rounded(weeks.variation),
        "highest_spend_reporting_cents": max(weeks.spend_cents, default=0),
        "current_spend_reporting_cents": weeks.current_cents,
        "replicates": settings.replicates,
        "seed": settings.seed,
    }
    if missing or point is None or drawn is None:
        return row
    known = drawn.marginal[np.isfinite(drawn.marginal)]
    tail = (1 - settings.interval_level) / 2
    lower, upper = np.quantile(known, (tail, 1 - tail))
    marginal = float(point.marginal[0])
    return row | {
        "response_curve": CURVES[point.curve[0]],
        "curve_share": _rounded(float((drawn.curve > 0).mean())),
        "marginal_return": _rounded(marginal),
        # The interval always holds the estimate itself.
        "marginal_return_lower": _rounded(min(float(lower), marginal)),
        "marginal_return_upper": _rounded(max(float(upper), marginal)),
    }


def _responses(weeks: _Weeks, weights: FloatArray, settings: MarginalSettings) -> Responses:
    return fit_responses(
        weeks.spend,
        weeks.revenue,
        weights,
        at=weeks.current_cents / _CENTS,
        min_evidence=settings.min_curve_evidence,
    )


def _draws_of(campaign_id: str, weeks: int, settings: MarginalSettings) -> FloatArray:
    """Draw weeks with replacement: the same for all models, whatever other campaigns there are."""
    if weeks == 0:
        return np.ones((settings.replicates, 0))
    digest = hashlib.sha256(campaign_id.encode()).digest()
    rng = np.random.default_rng([settings.seed, *_numbers(digest[:8])])
    even = np.full(weeks, 1 / weeks)
    return rng.multinomial(weeks, even, size=settings.replicates).astype(np.float64)


def _numbers(digest: bytes) -> Iterable[int]:
    return (int.from_bytes(digest[start : start + 4]) for start in range(0, len(digest), 4))


def _rounded(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.6f}")
