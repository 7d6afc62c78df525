"""The result of a lift estimate: its tables and how numbers enter them.

Belongs here: columns, rounding, order of rows. Doesn't belong here: estimating (tv_lift.py).

Numbers are rounded before they enter a table, so that repeated nights give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from touchproof.attribution.tv_allocation import GroupLift
from touchproof.attribution.tv_series import Floats, Mask, moments_of
from touchproof.attribution.tv_windows import SpotGroup

DIGITS, WEIGHT_DIGITS = 6, 9

_LIFT_COLUMNS: dict[str, pa.DataType] = {
    "spot_id": pa.string(),
    "unmeasured_reason": pa.string(),
    "window_minutes": pa.int64(),
    "overlapping_spots": pa.int64(),
    "observed_visits": pa.int64(),
    "baseline_visits": pa.float64(),
    "lift_visits": pa.float64(),
    "lift_visits_lower": pa.float64(),
    "lift_visits_upper": pa.float64(),
    "is_significant": pa.bool_(),
    "own_margin_squared": pa.float64(),
    "baseline_margin": pa.float64(),
    "credited_visits": pa.float64(),
}
_MINUTE_COLUMNS: dict[str, pa.DataType] = {
    "spot_id": pa.string(),
    "minute_at": pa.timestamp("us"),
    "observed_visits": pa.int64(),
    "baseline_visits": pa.float64(),
    "expected_tv_visits": pa.float64(),
    "visit_weight": pa.float64(),
}
LIFT_SCHEMA, MINUTE_SCHEMA = pa.schema(_LIFT_COLUMNS), pa.schema(_MINUTE_COLUMNS)


@dataclass(frozen=True)
class TvLift:
    """Hold the lifts of all spots.

    Args:
        spots: One row a spot (LIFT_SCHEMA), sorted by spot_id. Numbers are null where the spot is
            unmeasured; lifts may be negative. The interval of a sum of lifts is that sum plus and
            minus sqrt(sum of own_margin_squared + (sum of baseline_margin)^2): spots err for
            themselves, but perhaps all in the same direction where they share a baseline.
            credited_visits is the sum of the spot's weights over the visits of its window.
        minutes: One row a measured spot and minute of its window (MINUTE_SCHEMA), sorted: what was
            seen, what would have been, what the spot is expected to have brought, and the weight
            that it has in each visit of that minute; 0 for a spot without significant lift.
        shapes: By country and first day of a stretch (days since 1970-01-01), the share of a
            response by minute since the spot began.
    """

    spots: pa.Table
    minutes: pa.Table
    shapes: Mapping[tuple[str, int], Floats]

    def with_nested_minutes(self) -> pa.Table:
        """Return the spots with their minutes as a list of structs, null where unmeasured."""
        by_spot: dict[str, list[object]] = {}
        for row in self.minutes.to_pylist():
            by_spot.setdefault(str(row.pop("spot_id")), []).append(row)
        kind = pa.list_(pa.struct(list(MINUTE_SCHEMA)[1:]))
        lists = [by_spot.get(str(row["spot_id"])) for row in self.spots.to_pylist()]
        return self.spots.append_column("minutes", pa.array(lists, kind))


@dataclass
class LiftRows:
    """Collect the rows of a result, group by group."""

    _spots: list[tuple[object, ...]] = field(default_factory=list)
    _minutes: list[tuple[object, ...]] = field(default_factory=list)
    _shapes: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def add_shape(self, country: str, day: int, shape: Floats) -> None:
        """Note the response shape of a country's stretch."""
        self._shapes[country, day] = shape

    def add_unmeasured(self, spot_ids: Iterable[str], reason: str, window_minutes: int) -> None:
        """Add spots that can't be measured."""
        nothing = (None,) * (len(LIFT_SCHEMA) - 3)
        self._spots += [(spot_id, reason, window_minutes, *nothing) for spot_id in spot_ids]

    def add_group(
        self,
        spot_ids: Sequence[str],
        group: SpotGroup,
        seen: Floats,
        rate: Floats,
        lifts: GroupLift,
        level: float,
        is_significant: Mask,
        weights: Floats,
    ) -> None:
        """Add the spots of a group and the minutes of their windows.

        Args:
            spot_ids: Ids of the group's spots.
            group: The group.
            seen: Visits by minute of the group.
            rate: Expected visits by minute.
            lifts: The spots' lifts.
            level: Level of the interval.
            is_significant: Which lifts are significantly above 0.
            weights: Weight of each spot in each visit, shape (minutes, spots).
        """
        inside = group.lags >= 0
        # Rounding running sums keeps the sum of a group's lifts the whole, to the last digit.
        lift = np.diff(np.round(np.cumsum(lifts.lift), DIGITS), prepend=0.0)
        lower, upper = lifts.bounds(level)
        own, common = lifts.margins(level)
        for place, spot_id in enumerate(spot_ids):
            window = inside[:, place]
            others = inside[window].any(axis=0).sum() - 1
            numbers = (rate[window].sum(), lift[place], lower[place], upper[place])
            self._spots.append(
                (
                    spot_id,
                    None,
                    int(group.window_minutes),
                    int(others),
                    int(seen[window].sum()),
                    *(_rounded(number) for number in numbers),
                    bool(is_significant[place]),
                    _rounded(own[place] ** 2),
                    _rounded(common[place]),
                    _rounded(float(seen @ weights[:, place])),
                )
            )
            self._minutes += [
                (
                    spot_id,
                    int(group.minutes[at]),
                    int(seen[at]),
                    _rounded(rate[at]),
                    _rounded(weights[at, place] * seen[at]),
                    _rounded(weights[at, place], WEIGHT_DIGITS),
                )
                for at in np.flatnonzero(window).tolist()
            ]

    def result(self) -> TvLift:
        """Return all rows as sorted tables."""
        numbered = MINUTE_SCHEMA.set(1, pa.field("minute_at", pa.int64()))
        minutes = _table(sorted(self._minutes, key=lambda row: row[:2]), numbered)
        moments = moments_of(minutes.column("minute_at").to_numpy())
        return TvLift(
            spots=_table(sorted(self._spots, key=lambda row: str(row[0])), LIFT_SCHEMA),
            minutes=minutes.set_column(1, MINUTE_SCHEMA.field(1), moments),
            shapes=dict(self._shapes),
        )


def _rounded(number: float, digits: int = DIGITS) -> float:
    # Adding 0 turns a negative zero into zero.
    return round(float(number), digits) + 0.0


def _table(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array(list(column), kind) for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
