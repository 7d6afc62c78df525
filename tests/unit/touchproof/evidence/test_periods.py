"""A month is issued once it is closed; what comes late goes into the next pack."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.errors import BadInputError
from touchproof.evidence.periods import (
    last_closed_period,
    next_period,
    parse_period,
    period_of,
    plan_packs,
)


@pytest.mark.parametrize(
    ("night", "closed"),
    [
        (date(2026, 6, 28), "2026-05"),
        (date(2026, 6, 29), "2026-05"),
        (date(2026, 6, 30), "2026-06"),
        (date(2026, 7, 1), "2026-06"),
        (date(2026, 12, 31), "2026-12"),
        (date(2027, 1, 1), "2026-12"),
        (date(2028, 2, 28), "2028-01"),
    ],
)
def test_a_month_is_closed_by_the_night_of_its_last_day(night: date, closed: str) -> None:
    assert last_closed_period(night) == closed


def test_the_month_after_december_is_january() -> None:
    assert next_period("2026-12") == "2027-01"
    assert next_period("2026-05") == "2026-06"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "26-05", "2026-5", "2026/05", "", "٢٠٢٦-05"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="YYYY-MM"):
        parse_period(text)


def test_each_closed_month_gives_a_pack_and_late_openings_go_into_the_next() -> None:
    opened = {
        "late": date(2026, 3, 31),
        "april": date(2026, 4, 1),
        "may": date(2026, 5, 31),
        "june": date(2026, 6, 1),
    }
    plans = plan_packs(opened, "2026-03", "2026-05")
    assert [(plan.period, plan.claim_ids) for plan in plans] == [
        ("2026-04", ("april", "late")),
        ("2026-05", ("may",)),
    ]


def test_a_late_opening_waits_while_no_later_month_is_closed() -> None:
    assert plan_packs({"late": date(2026, 4, 30)}, "2026-05", "2026-05") == []


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=4),
        st.dates(date(2025, 11, 1), date(2026, 8, 1)),
        max_size=25,
    ),
    st.sampled_from([None, "2025-12", "2026-02", "2026-06"]),
    st.dates(date(2026, 1, 1), date(2026, 7, 1)),
)
def test_every_claim_of_a_closed_month_is_in_exactly_one_pack_after_the_last(
    opened: dict[str, date], last_issued: str | None, night: date
) -> None:
    until = last_closed_period(night)
    plans = plan_packs(opened, last_issued, until)
    periods = [plan.period for plan in plans]
    assert periods == sorted(set(periods))
    assert all((last_issued or "") < period <= until for period in periods)
    planned = [claim_id for plan in plans for claim_id in plan.claim_ids]
    assert len(planned) == len(set(planned))
    due = set(opened) if last_issued is None or next_period(last_issued) <= until else set()
    assert set(planned) == {name for name in due if period_of(opened[name]) <= until}
    for plan in plans:
        assert all(period_of(opened[claim_id]) <= plan.period for claim_id in plan.claim_ids)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_next_period_is_that_of_the_day_after_the_month(day: date) -> None:
    after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    assert next_period(period_of(day)) == period_of(after)
