"""Shares are those of the credits, and their intervals say how sure they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from journey_cases import TIMEZONE, journeys, many, renamed

from touchproof.attribution.fits import fits_applied
from touchproof.attribution.fits_intervals import IntervalSettings, channel_intervals
from touchproof.sources.ledger import MODEL_FITS

SETTINGS = IntervalSettings(TIMEZONE, replicates=400, seed=7, interval_level=0.95)
MODELS = ("first_touch", "markov", "shapley")


def first_touch_credits(table: pa.Table, also: dict[str, int] | None = None) -> pa.Table:
    """Return the rows of int_person_credits_summed; every model credits the first touch.

    Args:
        table: Journeys.
        also: Unattributed conversions by person.
    """
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row in table.to_pylist():
        if row["is_converted"]:
            key = row["person_id"], row["channel_path"][0]
            count, cents = sums.get(key, (0, 0))
            sums[key] = count + 1, cents + row["revenue_cents"]
    for person, count in (also or {}).items():
        sums[person, "unattributed"] = count, 0
    rows: list[dict[str, Any]] = []
    for (person, channel), (count, cents) in sums.items():
        row: dict[str, Any] = {"person_id": person, "channel": channel}
        for model in MODELS:
            row |= {f"{model}_conversions": float(count), f"{model}_revenue_cents": float(cents)}
        rows.append(row)
    names = [f"{m}_{what}" for m in MODELS for what in ("conversions", "revenue_cents")]
    fields = [("person_id", pa.string()), ("channel", pa.string())]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([*fields, *((name, pa.float64()) for name in names)])
    )


def intervals(
    table: pa.Table, also: dict[str, int] | None = None, settings: IntervalSettings = SETTINGS
) -> list[dict[str, Any]]:
    fits = fits_applied(MODEL_FITS.schema.empty_table(), table, TIMEZONE)
    return channel_intervals(table, first_touch_credits(table, also), fits, settings).to_pylist()


def by_channel(rows: list[dict[str, Any]], model: str) -> dict[str, dict[str, Any]]:
    return {row["channel"]: row for row in rows if row["attribution_model"] == model}


def test_shares_are_those_of_the_credits_and_sum_to_one_with_what_nothing_earned() -> None:
    rows = intervals(many(), {"per_0": 2, "somebody_without_a_journey": 1})
    converted = [row for row in many().to_pylist() if row["is_converted"]]
    first = [row["channel_path"][0] for row in converted]
    for model in MODELS:
        found = by_channel(rows, model)
        assert found["unattributed"]["conversions"] == 3
        for channel in set(first):
            assert found[channel]["conversions"] == first.count(channel)
            share = first.count(channel) / (len(first) + 3)
            assert float(found[channel]["conversion_share"]) == pytest.approx(share, abs=1e-6)
        total = sum(row["conversion_share"] for row in found.values())
        assert total == pytest.approx(Decimal(1), abs=Decimal("0.00001"))
        assert {row["persons"] for row in found.values()} == {301}


def test_every_share_lies_inside_its_interval_and_none_is_below_nothing() -> None:
    for row in intervals(many(), {"per_0": 2}):
        for what in ("conversion_share", "revenue_share"):
            assert 0 <= row[f"{what}_lower"] <= row[what] <= row[f"{what}_upper"] <= 1


def test_an_interval_is_as_wide_as_the_binomial_distribution_says() -> None:
    people = [(f"per_{n}", "TV" if n % 4 == 0 else "Email", True) for n in range(400)]
    settings = IntervalSettings(TIMEZONE, replicates=4000, seed=1, interval_level=0.95)
    tv = by_channel(intervals(journeys(people), settings=settings), "first_touch")["TV"]
    half_width = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert float(tv["conversion_share_lower"]) == pytest.approx(0.25 - half_width, abs=0.005)
    assert float(tv["conversion_share_upper"]) == pytest.approx(0.25 + half_width, abs=0.005)


def test_a_persons_conversions_are_drawn_together() -> None:
    apart = journeys([(f"per_{n}", "TV" if n % 2 else "Email", True) for n in range(200)])
    together = journeys([(f"per_{n // 10}", "TV" if n // 10 % 2 else "Email", True)
                         for n in range(200)])  # fmt: skip

    def width(table: pa.Table) -> float:
        row = by_channel(intervals(table), "first_touch")["TV"]
        return float(row["conversion_share_upper"] - row["conversion_share_lower"])

    assert width(together) == pytest.approx(10**0.5 * width(apart), rel=0.25)


def test_data_driven_intervals_are_those_of_refits_around_what_was_credited() -> None:
    rows = intervals(many())
    for model in ("markov", "shapley"):
        first, refitted = by_channel(rows, "first_touch"), by_channel(rows, model)
        for channel, row in refitted.items():
            assert row["conversion_share"] == first[channel]["conversion_share"]
            assert row["conversion_share_lower"] != first[channel]["conversion_share_lower"]


def test_two_runs_and_other_names_and_orders_give_the_same_rows() -> None:
    assert intervals(many()) == intervals(many()) == intervals(renamed(many()))


def test_another_seed_gives_the_same_shares_and_slightly_other_bounds() -> None:
    other = IntervalSettings(TIMEZONE, replicates=400, seed=8, interval_level=0.95)
    pairs = list(zip(intervals(many()), intervals(many(), settings=other), strict=True))
    assert all(one["conversion_share"] == two["conversion_share"] for one, two in pairs)
    assert any(one["conversion_share_lower"] != two["conversion_share_lower"] for one, two in pairs)


def test_without_revenue_there_is_no_share_of_it() -> None:
    table = journeys([("a", "TV", True), ("b", "Email", True)], revenue_cents=0)
    for row in intervals(table):
        assert row["revenue_share"] is None
        assert row["revenue_share_lower"] is None
        assert row["conversion_share"] == Decimal("0.5")


def test_paths_with_counted_touches_are_credited_to_their_channels() -> None:
    table = journeys([(f"per_{n}", "Email(2) > TV(1)", True) for n in range(9)])
    credits = first_touch_credits(table).to_pylist()
    for row in credits:
        row["channel"] = "Email"
    fits = fits_applied(MODEL_FITS.schema.empty_table(), table, TIMEZONE)
    plain = pa.Table.from_pylist(
        [*credits, {**credits[0], "channel": "TV"}], schema=first_touch_credits(table).schema
    )
    rows = channel_intervals(table, plain, fits, SETTINGS).to_pylist()
    tv = by_channel(rows, "shapley")["TV"]
    assert tv["conversion_share_lower"] <= Decimal("0.1") <= tv["conversion_share_upper"]


def test_without_a_conversion_there_are_no_rows() -> None:
    assert intervals(journeys([("a", "TV", False)])) == []
