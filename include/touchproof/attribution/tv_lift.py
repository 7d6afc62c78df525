"""What television brought: the lift in visits of every spot, with an interval.

Belongs here: `estimate_lift` and its settings. Doesn't belong here: the parts of the estimate (the
other tv_ modules), reading visits and spots (the dbt models), money.

A spot's lift is the number of visits in its window less the baseline's; that is, how many of the
visits that came wouldn't have come without it. The interval is about this number: it grows with
the baseline's visits and uncertainty, not with the lift itself.

Each country is estimated in stretches of `baseline_span_days`, whose borders are fixed in the
calendar: the baseline of a stretch is fitted on it and the stretch before. So a spot's lift no
longer changes once its stretch is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchproof.attribution.tv_allocation import allocate
from touchproof.attribution.tv_baseline import Baseline, fit_baseline
from touchproof.attribution.tv_response import learn_response
from touchproof.attribution.tv_result import LiftRows, TvLift
from touchproof.attribution.tv_series import (
    DAY,
    Minutes,
    MinuteSeries,
    TvInputError,
    local_clock,
    minutes_of,
    series_by_country,
)
from touchproof.attribution.tv_weights import visit_weights
from touchproof.attribution.tv_windows import SpotGroup, free_minutes, group_spots

NO_VISITS, NOT_OBSERVED, TOO_FEW = "no_visits_of_country", "not_observed", "too_few_visits"
"""Why a spot is unmeasured: nobody of its country was ever seen, its window wasn't recorded (yet),
or there are too few visits for a baseline."""


@dataclass(frozen=True)
class TvSettings:
    """Hold how lift is measured; the seed tv_settings.

    Args:
        response_window_minutes: How many minutes after the one in which it begins a spot counts.
        guard_minutes: How many minutes after the window are kept out of the baseline too.
        baseline_span_days: Length of a stretch.
        interval_level: Probability that an interval holds the visits that came by a spot.
        min_significance: One-sided probability that a lift is above 0, from which on visits carry
            inferred touches.
        time_zones: IANA name of the clock by which a country's days run; UTC for others.
    """

    response_window_minutes: int = 10
    guard_minutes: int = 20
    baseline_span_days: int = 28
    interval_level: float = 0.95
    min_significance: float = 0.975
    time_zones: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: pa.Table) -> TvSettings:
        """Return the settings of a table with one row a country, as int_tv_settings_listed.

        Args:
            rows: `country`, `clock_time_zone`, and the settings, the same in every row.

        Raises:
            TvInputError: If there is no row.
        """
        if rows.num_rows == 0:
            raise TvInputError(
                "No country has settings", where="tv_countries, tv_settings", todo="Add a row."
            )
        first, *_ = by_country = rows.to_pylist()
        return cls(
            response_window_minutes=int(first["response_window_minutes"]),
            guard_minutes=int(first["guard_minutes"]),
            baseline_span_days=int(first["baseline_span_days"]),
            interval_level=float(first["interval_level"]),
            min_significance=float(first["min_significance"]),
            time_zones={str(row["country"]): str(row["clock_time_zone"]) for row in by_country},
        )


@dataclass(frozen=True)
class _Country:
    """Hold one country's visits, and its spots in order of airing.

    Args:
        series: Visits by minute.
        ids: The spots' ids.
        stations: Number of each spot's station.
        aired: Minute in which each spot begins.
        groups: All groups of overlapping spots.
        time_zone: The clock of its days.
    """

    series: MinuteSeries
    ids: Sequence[str]
    stations: Minutes
    aired: Minutes
    groups: Sequence[SpotGroup]
    time_zone: str


def estimate_lift(visits: pa.Table, spots: pa.Table, settings: TvSettings) -> TvLift:
    """Estimate the lift of every spot.

    Args:
        visits: `minute_at` (UTC timestamp), `country`, `visit_count`; the visits that television
            may bring, by minute. Rows of the same minute are added; minutes without are 0.
        spots: `spot_id`, `country`, `station`, `aired_at` (UTC timestamp).
        settings: How to measure.

    Returns:
        The lifts. The result doesn't depend on the order of the input's rows.

    Raises:
        TvInputError: If a value is missing or a spot_id occurs twice.
    """
    series = series_by_country(visits)
    rows = LiftRows()
    window = settings.response_window_minutes
    for country, (ids, stations, aired) in _spots_by_country(spots).items():
        if country not in series:
            rows.add_unmeasured(ids, NO_VISITS, window)
            continue
        of_country = _Country(
            series=series[country],
            ids=ids,
            stations=stations,
            aired=aired,
            groups=group_spots(aired, window),
            time_zone=settings.time_zones.get(country, "UTC"),
        )
        span = settings.baseline_span_days * DAY
        stretches = groupby(of_country.groups, key=lambda group: int(group.minutes[0]) // span)
        for stretch, members in stretches:
            shape_key = (country, stretch * settings.baseline_span_days)
            _estimate_stretch(of_country, stretch, list(members), settings, rows, shape_key)
    return rows.result()


def _spots_by_country(spots: pa.Table) -> dict[str, tuple[Sequence[str], Minutes, Minutes]]:
    """Return each country's spot ids, station numbers and first minutes, in order of airing."""
    if spots.num_rows == 0:
        return {}
    needed = ("spot_id", "country", "station", "aired_at")
    if any(spots.column(name).null_count for name in needed):
        raise TvInputError(
            "A spot has no id, country, station or time", where="spots", todo="Complete it."
        )
    if pc.count_distinct(spots.column("spot_id")).as_py() != spots.num_rows:
        raise TvInputError(
            "A spot_id occurs more than once", where="spots", todo="Keep one row a spot."
        )
    columns = zip(
        spots.column("country").to_pylist(),
        minutes_of(spots.column("aired_at")).tolist(),
        spots.column("spot_id").to_pylist(),
        spots.column("station").to_pylist(),
        strict=True,
    )
    by_country: dict[str, tuple[Sequence[str], Minutes, Minutes]] = {}
    for country, members in groupby(sorted(columns), key=lambda row: row[0]):
        _, aired, ids, stations = zip(*members, strict=True)
        numbers = {name: number for number, name in enumerate(sorted(set(stations)))}
        by_country[country] = (
            ids,
            np.array([numbers[name] for name in stations], dtype=np.int64),
            np.array(aired, dtype=np.int64),
        )
    return by_country


def _estimate_stretch(
    country: _Country,
    stretch: int,
    groups: Sequence[SpotGroup],
    settings: TvSettings,
    rows: LiftRows,
    shape_key: tuple[str, int],
) -> None:
    """Estimate the groups that begin in one stretch, on its visits and those of the one before."""
    span, window = settings.baseline_span_days * DAY, settings.response_window_minutes
    # A day more, because a group may reach over the stretch's end.
    part = country.series.between((stretch - 1) * span, (stretch + 1) * span + DAY)
    baseline = fit_baseline(
        part,
        free_minutes(part.start, len(part.counts), country.aired, window + settings.guard_minutes),
        local_clock(part.start, len(part.counts), country.time_zone),
        window + 1,
    )
    for group in groups:
        if baseline is None or not _is_observed(group, part, baseline):
            reason = TOO_FEW if baseline is None else NOT_OBSERVED
            rows.add_unmeasured([country.ids[spot] for spot in group.spots], reason, window)
    measured = [g for g in groups if baseline is not None and _is_observed(g, part, baseline)]
    if baseline is None or not measured:
        return
    known = [group for group in country.groups if _is_observed(group, part, baseline)]
    response = learn_response(known, country.stations, part, baseline, window)
    rows.add_shape(*shape_key, response.shape)
    for group in measured:
        lifts = allocate(group, part, baseline, response)
        significant = lifts.is_significant(settings.min_significance)
        spots = group.spots
        expected = lifts.expected_beside(response.usual[spots], response.deviation[spots])
        rows.add_group(
            [country.ids[spot] for spot in group.spots],
            group,
            part.counts[group.minutes - part.start],
            baseline.rate[group.minutes - part.start],
            lifts,
            settings.interval_level,
            significant,
            visit_weights(group, expected, significant, part, baseline, response),
        )


def _is_observed(group: SpotGroup, part: MinuteSeries, baseline: Baseline) -> bool:
    """Tell whether every minute of the group was recorded."""
    first, last = int(group.minutes[0]), int(group.minutes[-1])
    if first < part.start or last >= part.end:
        return False
    return bool(baseline.is_observed[group.minutes - part.start].all())
