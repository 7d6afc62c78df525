"""Frames that Great Expectations can judge: one column a rule.

Belongs here: reading the landed columns that a suite needs and turning texts into what a rule
compares (numbers, seconds, true or false). Doesn't belong here: the rules themselves (suites.py)
or running Great Expectations (validation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof.landing import Batch, Part
from touchproof.quality.suites import Check, Rule, TimeForm

_ISO = (
    r"^\d{4}-\d{2}-\d{2}"
    r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)
_LOCAL = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$"
_FIRST_OF_MONTH = r"^\d{4}-\d{2}-01$"
_NUMBER = r"^-?\d{1,15}(\.\d{1,6})?$"
_WHOLE = r"^\d{1,15}$"
Series = Any  # pandas is imported only inside functions: it is heavy


@dataclass(frozen=True)
class JudgedPart:
    """Place one part of a batch in an entity's frame: rows [offset, offset + part.rows)."""

    batch: Batch
    part: Part
    offset: int

    @property
    def path(self) -> Path:
        """Return the part's Parquet file."""
        return self.batch.path / self.part.name


def parts_of(batches: Sequence[Batch]) -> list[JudgedPart]:
    """Return the parts of some batches in order, each with its place in the common frame."""
    placed, offset = [], 0
    for batch in batches:
        for part in batch.manifest.parts:
            placed.append(JudgedPart(batch, part, offset))
            offset += part.rows
    return placed


def future_limit(night: date, business_timezone: str) -> float:
    """Return the first moment that counts as future: the end of the business day after the night.

    Returns:
        Unix seconds.
    """
    day_after = datetime.combine(
        night + timedelta(days=2), time.min, tzinfo=ZoneInfo(business_timezone)
    )
    return day_after.timestamp()


def build_frame(parts: Sequence[JudgedPart], rules: Sequence[Rule]) -> Any:
    """Return a pandas frame with one column a rule, named as the rule, rows in landed order.

    What each column holds follows from the rule's check: the text or None (REQUIRED, ONE_OF,
    EMAIL), seconds or a number or NaN (NOT_FUTURE, NOT_NEGATIVE, NOT_POSITIVE, POSITIVE), or
    whether the value is as asked (the others).
    """
    import pandas as pd

    wanted = sorted({column for rule in rules for column in rule.columns})
    landed = pa.concat_tables(
        [pq.read_table(part.path, columns=wanted, partitioning=None) for part in parts]
    )
    texts = {name: _blank_as_none(landed.column(name)).to_pandas() for name in wanted}
    part_numbers = pd.Series(
        [number for number, part in enumerate(parts) for _ in range(part.part.rows)],
        dtype="int32",
    )
    return pd.DataFrame({rule.name: _judged_column(rule, texts, part_numbers) for rule in rules})


def _blank_as_none(column: Any) -> Any:
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        blank = pc.equal(pc.utf8_trim_whitespace(column), pa.scalar("", pa.string()))
        return pc.if_else(blank, pa.scalar(None, pa.string()), column)
    return column


def _judged_column(rule: Rule, texts: dict[str, Series], part_numbers: Series) -> Series:
    import pandas as pd

    values = texts[rule.column]
    if rule.check is Check.NOT_REPEATED:
        key = pd.DataFrame({name: texts[name] for name in rule.key}).assign(_part=part_numbers)
        complete = values.notna()
        return ~(key.duplicated(keep="first") & complete)
    if rule.check is Check.REQUIRED and rule.where is not None:
        return values.where(texts[rule.where[0]] == rule.where[1], "not asked")
    if rule.where is not None:
        values = values.where(texts[rule.where[0]] == rule.where[1], None)
    convert = _CONVERTERS.get(rule.check)
    return convert(values, rule) if convert else values


def _trimmed(values: Series, rule: Rule) -> Series:
    return values.str.strip()  # staging trims too: a space around an address is no fault


def _is_time(values: Series, rule: Rule) -> Series:
    return values.isna() | _seconds(values, rule).notna()


def _is_number(values: Series, rule: Rule) -> Series:
    return values.isna() | _matches(values, _NUMBER)


def _is_whole(values: Series, rule: Rule) -> Series:
    return values.isna() | _matches(values, _WHOLE)


def _is_first_of_month(values: Series, rule: Rule) -> Series:
    return values.isna() | _matches(values, _FIRST_OF_MONTH)


def _is_time_zone(values: Series, rule: Rule) -> Series:
    """Tell which values name a zone by area and place; an abbreviation like EST has no DST."""
    zones = {name for name in available_timezones() if "/" in name}
    return values.isna() | values.str.strip().isin(zones)


def _number(values: Series, rule: Rule) -> Series:
    import pandas as pd

    return pd.to_numeric(values.where(_matches(values, _NUMBER), None), errors="coerce").astype(
        "float64"
    )


def _seconds(values: Series, rule: Rule) -> Series:
    """Return Unix seconds, NaN where the value isn't a time of the rule's form."""
    import pandas as pd

    if rule.form is TimeForm.UNIX_MICROSECONDS:
        return pd.to_numeric(values, errors="coerce").astype("float64") / 1e6
    if rule.form is TimeForm.UNIX_SECONDS:
        return _number(values, rule)
    if rule.form is TimeForm.COMPACT_DATE:
        known = values.where(_matches(values, r"^\d{8}$"), None)
        moments = pd.to_datetime(known, format="%Y%m%d", errors="coerce", utc=True)
    else:
        pattern = _LOCAL if rule.form is TimeForm.LOCAL else _ISO
        known = values.where(_matches(values, pattern), None)
        moments = pd.to_datetime(known, format="ISO8601", errors="coerce", utc=True)
    epoch = pd.Timestamp(0, tz="UTC")
    return (moments - epoch).dt.total_seconds()


def _matches(values: Series, pattern: str) -> Series:
    return values.astype("str").str.match(pattern).fillna(False).astype(bool) & values.notna()


_CONVERTERS: dict[Check, Callable[[Series, Rule], Series]] = {
    Check.EMAIL: _trimmed,
    Check.TIME: _is_time,
    Check.NOT_FUTURE: _seconds,
    Check.FIRST_OF_MONTH: _is_first_of_month,
    Check.TIME_ZONE: _is_time_zone,
    Check.NUMBER: _is_number,
    Check.WHOLE_NUMBER: _is_whole,
    Check.NOT_NEGATIVE: _number,
    Check.NOT_POSITIVE: _number,
    Check.POSITIVE: _number,
}
