"""What isn't ours to spend: others' expected use above what expires, and the settings' shares."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from touchproof.salesforce.reserve import HourlyUse, expected_rise, reserve_of, share_of

NOW = datetime(2026, 6, 29, 2, 30)
MONDAY = NOW.date()
HOURS_A_WEEK = 168

hours_of_day = st.lists(st.integers(0, 500), min_size=24, max_size=24)


def log_of(days: dict[date, list[int]]) -> HourlyUse:
    return HourlyUse(
        {(day, hour): calls for day, hours in days.items() for hour, calls in enumerate(hours)}
    )


def weeks(hours: list[int], until: date, number: int = 2) -> HourlyUse:
    """Return logs in which each week repeats `hours` (168, from Monday), up to a day before."""
    calls = {}
    for back in range(1, 7 * number + 1):
        day = until - timedelta(days=back)
        for hour in range(24):
            calls[day, hour] = hours[day.weekday() * 24 + hour]
    return HourlyUse(calls)


def in_window(hours: list[int], end: datetime) -> int:
    """Count the calls of the 24 hours up to a moment, hour by hour."""
    found = 0
    for back in range(1, 25):
        hour = end - timedelta(hours=back)
        found += hours[hour.weekday() * 24 + hour.hour]
    return found


@given(
    st.lists(st.integers(0, 500), min_size=HOURS_A_WEEK, max_size=HOURS_A_WEEK),
    st.integers(0, HOURS_A_WEEK - 1),
)
def test_with_the_rise_kept_free_the_rolling_window_never_overflows_and_no_call_more_is_kept(
    hours: list[int], start: int
) -> None:
    """Others repeat a week; their rolling count is at its highest exactly at the reserve's edge."""
    now = datetime(2026, 6, 29) + timedelta(hours=start)
    rise = expected_rise(weeks(hours, now.date()), now)
    used = in_window(hours, now)
    coming = [in_window(hours, now + timedelta(hours=ahead)) for ahead in range(25)]
    assert max(coming) == used + rise


@given(hours_of_day, st.integers(0, 23), st.integers(1, 20))
def test_others_who_do_the_same_every_day_need_no_reserve(
    hours: list[int], hour: int, days: int
) -> None:
    use = log_of({MONDAY - timedelta(days=back): hours for back in range(1, days + 1)})
    assert expected_rise(use, datetime(2026, 6, 29, hour)) == 0


@given(hours_of_day, hours_of_day, st.integers(0, 23), st.integers(0, 23), st.integers(1, 400))
def test_more_use_on_the_coming_weekday_never_lowers_the_reserve_and_more_yesterday_never_raises_it(
    yesterday: list[int], usual: list[int], hour: int, changed: int, more: int
) -> None:
    now = datetime(2026, 6, 29, hour)
    days = {MONDAY - timedelta(days=1): yesterday, MONDAY - timedelta(days=7): usual}
    rise = expected_rise(log_of(days), now)
    assert rise >= 0
    busier = [*usual]
    busier[changed] += more
    last = [*yesterday]
    last[changed] += more
    week_ago, day_ago = MONDAY - timedelta(days=7), MONDAY - timedelta(days=1)
    if changed >= hour:  # the hours that come today, whose yesterday expires
        assert expected_rise(log_of({**days, week_ago: busier}), now) >= rise
        assert expected_rise(log_of({**days, day_ago: last}), now) <= rise


def test_a_busy_monday_after_a_quiet_sunday_is_kept_free_at_its_peak() -> None:
    quiet, busy = [10] * 24, [10] * 8 + [60] * 9 + [10] * 7
    sunday, monday_before = MONDAY - timedelta(days=1), MONDAY - timedelta(days=7)
    use = log_of({sunday: quiet, monday_before: busy})
    assert expected_rise(use, NOW) == 9 * 50


def test_a_storm_of_yesterday_expires_and_leaves_more_to_us_never_less() -> None:
    usual, storm = [20] * 24, [20] * 5 + [900] + [20] * 18
    week = {MONDAY - timedelta(days=back): usual for back in range(2, 15)}
    use = log_of({**week, MONDAY - timedelta(days=1): storm})
    assert expected_rise(use, NOW) == 0


def test_a_storm_of_a_week_ago_is_no_habit() -> None:
    usual, storm = [20] * 24, [20] * 5 + [900] + [20] * 18
    mondays = {MONDAY - timedelta(days=7 * back): usual for back in (2, 3)}
    use = log_of({**mondays, MONDAY - timedelta(days=7): storm, MONDAY - timedelta(days=1): usual})
    assert expected_rise(use, NOW) == 0


def test_without_a_log_the_settings_alone_apply_and_it_is_told() -> None:
    reserve = reserve_of(20_000, 0.10, 0.02, HourlyUse(), NOW)
    assert (reserve.others, reserve.new_leads, reserve.rise) == (2_000, 400, 0)
    assert (reserve.calls, reserve.log_date) == (2_400, None)


def test_the_rise_comes_on_top_of_the_settings() -> None:
    sunday, monday_before = MONDAY - timedelta(days=1), MONDAY - timedelta(days=7)
    use = log_of({sunday: [0] * 24, monday_before: [1] * 24})
    reserve = reserve_of(1_000, 0.10, 0.02, use, NOW)
    assert reserve.log_date == sunday
    assert reserve.calls == 100 + 20 + reserve.rise
    assert reserve.rise == 22  # from 2 to 24 o'clock; after midnight nobody knows of a change


def test_a_share_is_rounded_up_and_not_by_the_dust_of_a_float() -> None:
    assert share_of(1_000, 0.07) == 70
    assert share_of(1_001, 0.10) == 101


def test_the_handed_over_table_is_read() -> None:
    table = pa.table(
        {
            "log_date": [MONDAY, MONDAY],
            "hour_of_day": pa.array([0, 23], pa.int32()),
            "other_calls": [5, 7],
        }
    )
    use = HourlyUse.from_table(table)
    assert use.calls == {(MONDAY, 0): 5, (MONDAY, 23): 7}
    assert use.newest == MONDAY
