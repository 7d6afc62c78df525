"""Rules of marginal returns: what weeks must show, repeatability, and truth inside the interval."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from touchproof.attribution.marginal import (
    RETURNS_SCHEMA,
    WEEKS_SCHEMA,
    MarginalInputError,
    MarginalSettings,
    fit_marginal_returns,
)

_SETTINGS = MarginalSettings(replicates=200)
_MONDAY = date(2026, 1, 5)


def _weeks(
    spend: list[int],
    revenue: list[int],
    *,
    campaign: str = "c1",
    model: str = "linear",
    immature: int = 2,
) -> list[dict[str, Any]]:
    """Return weeks of one campaign; the last `immature` ones are today's."""
    first_current = len(spend) - immature
    return [
        {
            "campaign_id": campaign,
            "model": model,
            "week_start_date": _MONDAY + timedelta(weeks=number),
            "is_mature": number < first_current,
            "is_current": number >= first_current,
            "spend_reporting_cents": cents,
            "revenue_reporting_cents": revenue[number],
        }
        for number, cents in enumerate(spend)
    ]


def _fit(
    rows: list[dict[str, Any]], settings: MarginalSettings = _SETTINGS
) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(rows, schema=WEEKS_SCHEMA)
    return fit_marginal_returns(table, settings).to_pylist()


_SPEND = [10_000 + 900 * number for number in range(14)] + [12_000, 12_100]
_REVENUE = [3 * cents // 2 + 5_000 for cents in _SPEND[:14]] + [0, 0]


def test_weeks_on_a_line_have_its_slope_and_no_width() -> None:
    (row,) = _fit(_weeks(_SPEND, _REVENUE))
    assert row["status"] == "fitted"
    assert row["missing"] is None
    assert row["weeks"] == 14
    assert row["response_curve"] == "constant"
    assert row["marginal_return"] == Decimal("1.500000")
    assert row["marginal_return_lower"] == row["marginal_return_upper"] == Decimal("1.500000")
    assert row["average_return"] == Decimal(f"{sum(_REVENUE) / sum(_SPEND[:14]):.6f}")
    assert row["current_spend_reporting_cents"] == 12_050
    assert row["highest_spend_reporting_cents"] == 21_700


def test_weeks_that_are_not_mature_and_weeks_without_spend_show_nothing() -> None:
    spend = [0, *_SPEND]
    revenue = [999_999, *_REVENUE[:14], 888_888, 777_777]
    (row,) = _fit(_weeks(spend, revenue))
    assert row["weeks"] == 14
    assert row["marginal_return"] == Decimal("1.500000")


@pytest.mark.parametrize(
    ("spend", "revenue", "missing"),
    [
        ([*_SPEND[:14], 0, 0], _REVENUE, "not_running"),
        (_SPEND[3:], _REVENUE[3:], "too_few_weeks"),
        ([10_000, 10_100] * 8, _REVENUE, "spend_too_even"),
        (_SPEND, [*_REVENUE[:7], *[0] * 9], "too_little_revenue"),
        ([], [], None),
    ],
    ids=["stopped", "few", "even", "no_revenue", "nothing"],
)
def test_what_is_missing_is_named_and_nothing_is_guessed(
    spend: list[int], revenue: list[int], missing: str | None
) -> None:
    rows = _fit(_weeks(spend, revenue))
    assert [row["missing"] for row in rows] == ([missing] if missing else [])
    for row in rows:
        assert row["status"] == "not_identifiable"
        assert row["marginal_return"] is None
        assert row["marginal_return_lower"] is row["response_curve"] is None


def test_the_edges_of_what_is_enough_are_enough() -> None:
    exact = replace(_SETTINGS, min_weeks=14, min_revenue_weeks=14)
    assert _fit(_weeks(_SPEND, _REVENUE), exact)[0]["status"] == "fitted"
    for more in (replace(exact, min_weeks=15), replace(exact, min_revenue_weeks=15)):
        assert _fit(_weeks(_SPEND, _REVENUE), more)[0]["status"] == "not_identifiable"


def test_spend_that_never_varies_shows_no_return_whatever_the_settings() -> None:
    loose = replace(_SETTINGS, min_spend_variation=0.0)
    (row,) = _fit(_weeks([10_000] * 16, _REVENUE), loose)
    assert (row["status"], row["missing"]) == ("not_identifiable", "spend_too_even")


def test_the_order_of_rows_and_other_campaigns_change_nothing() -> None:
    rng = np.random.default_rng(11)
    noisy = [int(cents * factor) for cents, factor in zip(_REVENUE, rng.uniform(0.5, 1.5, 16),
                                                          strict=True)]  # fmt: skip
    alone = _weeks(_SPEND, noisy)
    others = [
        *_weeks(_SPEND, _REVENUE, campaign="a0"),
        *_weeks(_SPEND, noisy[::-1], model="markov"),
        *_weeks(_SPEND[::-1], noisy, campaign="z9"),
    ]
    shuffled = [*alone, *others]
    random.Random(5).shuffle(shuffled)  # noqa: S311 - an order, no secret
    (expected,) = _fit(alone)
    assert expected["marginal_return_lower"] < expected["marginal_return_upper"]
    found = _fit(shuffled)
    assert [row for row in found if (row["campaign_id"], row["model"]) == ("c1", "linear")] == [
        expected
    ]
    assert [(row["campaign_id"], row["model"]) for row in found] == [
        ("a0", "linear"), ("c1", "linear"), ("c1", "markov"), ("z9", "linear"),
    ]  # fmt: skip
    assert _fit(shuffled) == found


def test_another_seed_draws_other_weeks_around_the_same_estimate() -> None:
    rng = np.random.default_rng(11)
    noisy = [int(cents * factor) for cents, factor in zip(_REVENUE, rng.uniform(0.5, 1.5, 16),
                                                          strict=True)]  # fmt: skip
    (first,) = _fit(_weeks(_SPEND, noisy))
    (second,) = _fit(_weeks(_SPEND, noisy), replace(_SETTINGS, seed=7))
    assert first["marginal_return"] == second["marginal_return"]
    assert first["marginal_return_lower"] != second["marginal_return_lower"]


def test_the_planted_return_lies_in_most_intervals() -> None:
    rng = np.random.default_rng(20)
    inside, curved, rounds = 0, 0, 60
    for number in range(rounds):
        spend = (10_000 * np.exp(rng.normal(0, 0.5, 40))).astype(int)
        # Revenue levels off at 300 with half of it at 100; one more unit at 100 brings 0.75.
        level = 30_000 * spend / (spend + 10_000)
        revenue = (level * np.maximum(0, 1 + 0.15 * rng.normal(size=40))).astype(int)
        weeks = _weeks(
            [*spend.tolist(), 10_000, 10_000], [*revenue.tolist(), 0, 0], campaign=f"c{number}"
        )
        (row,) = _fit(weeks)
        inside += row["marginal_return_lower"] <= Decimal("0.75") <= row["marginal_return_upper"]
        curved += row["response_curve"] != "constant"
    assert inside >= 0.85 * rounds
    assert curved >= 0.6 * rounds


def test_the_result_has_its_schema_with_and_without_rows() -> None:
    assert fit_marginal_returns(WEEKS_SCHEMA.empty_table(), _SETTINGS).schema == RETURNS_SCHEMA
    full = pa.Table.from_pylist(_weeks(_SPEND, _REVENUE), schema=WEEKS_SCHEMA)
    assert fit_marginal_returns(full, _SETTINGS).schema == RETURNS_SCHEMA


def test_settings_come_from_exactly_one_row() -> None:
    row = {
        "min_weeks": 5,
        "min_spend_variation": Decimal("0.3"),
        "min_revenue_weeks": 4,
        "min_curve_evidence": Decimal("2.5"),
        "interval_level": Decimal("0.9"),
        "replicates": 10,
        "seed": 3,
        "current_weeks": 4,
    }
    assert MarginalSettings.from_rows(pa.Table.from_pylist([row])) == MarginalSettings(
        5, 0.3, 4, 2.5, 0.9, 10, 3
    )
    for rows in ([], [row, row]):
        table = pa.Table.from_pylist(rows, schema=pa.Table.from_pylist([row]).schema)
        with pytest.raises(MarginalInputError, match="one"):
            MarginalSettings.from_rows(table)
