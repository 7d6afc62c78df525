"""What data-driven models are trained on: journeys in one canonical order, people counted by kind.

Belongs here: turning rows of fct_journeys (and of people's credits) into arrays, their hash and
their dates. Doesn't belong here: training (fits.py), drawing people again (fits_draws.py).

People who have exactly the same journeys and credits are one kind of people, kept once with their
number. Kinds are ordered by what they hold and not by who they are, so neither the order of rows
nor the names of persons changes a fit, an interval or a hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from touchproof.attribution.paths import PathTable, offsets_of, sorted_names
from touchproof.row_hash import quote
from touchproof.warehouse import connect_memory

if TYPE_CHECKING:
    import duckdb

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# The separators are control characters, which no channel's name contains.
_JOURNEYS = """
create temporary table person_journeys as
with journeys as (
    select
        person_id,
        cast(timezone(?, timezone('UTC', ended_at)) as date) as ended_date,
        is_converted,
        coalesce(revenue_cents, 0) as revenue_cents,
        channel_path,
        concat_ws(
            chr(31), cast(is_converted as integer), coalesce(revenue_cents, 0),
            array_to_string(channel_path, chr(31))
        ) as line
    from given_journeys
    where len(channel_path) > 0
)
select
    person_id,
    string_agg(line, chr(30) order by line) as story,
    list(
        struct_pack(is_converted, revenue_cents, channel_path) order by line
    ) as journeys,
    min(ended_date) as start_date,
    max(ended_date) as end_date,
    min(ended_date) filter (where is_converted) as first_conversion_date
from journeys
group by person_id
"""
_CREDITS = """
create temporary table person_credits as
select
    person_id,
    string_agg(concat_ws(chr(31), channel, {texts}), chr(30) order by channel) as story,
    list(struct_pack(channel, numbers := [{numbers}]) order by channel) as credits
from given_credits
group by person_id
"""
_KINDS = """
create temporary table kinds as
with stories as (
    select
        coalesce(person_journeys.story, '') || chr(29) || coalesce(person_credits.story, '')
            as story,
        any_value(journeys) as journeys,
        any_value(credits) as credits,
        count(*) as persons,
        min(start_date) as start_date,
        max(end_date) as end_date,
        min(first_conversion_date) as first_conversion_date
    from person_journeys
    full outer join person_credits on person_journeys.person_id = person_credits.person_id
    group by 1
)
select *, row_number() over (order by story) - 1 as kind from stories
"""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Hold the journeys of every kind of people once, in canonical order.

    Args:
        paths: One row a journey of one person of its kind: conversions and nulls 0 or 1, value in
            cents of the reporting currency.
        kinds: The kind of people of each row; indexes `persons`.
        persons: How many people are of each kind, also of those without a journey.
        start_date: First business date on which a journey ended; None without any.
        end_date: The last one.
        first_conversion_date: The first one of a converting journey; None without one.
        data_sha256: Of all of it, dates apart.
    """

    paths: PathTable
    kinds: IntArray
    persons: IntArray
    start_date: date | None
    end_date: date | None
    first_conversion_date: date | None
    data_sha256: str

    def of_everybody(self) -> PathTable:
        """Return the paths with all people of each kind counted."""
        people = self.persons[self.kinds].astype(np.float64)
        return replace(
            self.paths,
            conversions=self.paths.conversions * people,
            value=self.paths.value * people,
            nulls=self.paths.nulls * people,
        )


@dataclass(frozen=True, eq=False)
class PeopleCredits:
    """Hold the credits of every kind of people once, in canonical order.

    Args:
        channels: The channels that occur, sorted.
        codes: Channel of each row; indexes `channels`.
        kinds: The kind of people of each row, as in `TrainingData`.
        numbers: One row a row, one column a number of the given table.
    """

    channels: tuple[str, ...]
    codes: IntArray
    kinds: IntArray
    numbers: FloatArray


def canonical_journeys(journeys: pa.Table, business_timezone: str) -> TrainingData:
    """Bring journeys into canonical order.

    Args:
        journeys: Rows of fct_journeys, in any order; those without a touch are left out.
        business_timezone: IANA name of the time zone of business dates.
    """
    nobody = pa.table({name: pa.array([], pa.string()) for name in ("person_id", "channel", "n")})
    return canonical_people(journeys, nobody, business_timezone)[0]


def canonical_people(
    journeys: pa.Table, credits: pa.Table, business_timezone: str
) -> tuple[TrainingData, PeopleCredits]:
    """Bring people's journeys and credits into canonical order.

    Args:
        journeys: As for `canonical_journeys`.
        credits: Columns person_id, channel and any numbers; one row a person and channel.
        business_timezone: IANA name of the time zone of business dates.
    """
    connection = connect_memory()
    try:
        connection.register("given_journeys", journeys)
        connection.register("given_credits", credits)
        numbers = [quote(name) for name in credits.column_names[2:]]
        connection.execute(_JOURNEYS, [business_timezone])
        connection.execute(
            _CREDITS.format(
                texts=", ".join(numbers),
                numbers=", ".join(f"coalesce(cast({name} as double), 0)" for name in numbers),
            )
        )
        connection.execute(_KINDS)
        return _journeys(connection), _credits(connection, len(numbers))
    finally:
        connection.close()


def _journeys(connection: duckdb.DuckDBPyConnection) -> TrainingData:
    kinds = connection.sql("select story, persons from kinds order by kind").to_arrow_table()
    (dates,) = connection.sql(
        "select min(start_date), max(end_date), min(first_conversion_date) from kinds"
    ).fetchall()
    rows = connection.sql(
        "select kind, journey.is_converted, cast(journey.revenue_cents as double) as revenue_cents,"
        " len(journey.channel_path) as path_length"
        " from (select kind, unnest(journeys) as journey, generate_subscripts(journeys, 1) as place"
        "  from kinds) order by kind, place"
    ).to_arrow_table()
    touches = connection.sql(
        "select channel from (select kind, place, unnest(journey.channel_path) as channel,"
        "  generate_subscripts(journey.channel_path, 1) as position"
        "  from (select kind, unnest(journeys) as journey,"
        "   generate_subscripts(journeys, 1) as place from kinds))"
        " order by kind, place, position"
    ).to_arrow_table()
    channels, steps = _coded(touches["channel"])
    converted = rows["is_converted"].to_numpy().astype(np.float64)
    return TrainingData(
        paths=PathTable(
            channels=channels,
            steps=steps,
            offsets=offsets_of(rows["path_length"].to_numpy().astype(np.int64)),
            conversions=converted,
            value=rows["revenue_cents"].to_numpy(),
            nulls=1 - converted,
        ),
        kinds=rows["kind"].to_numpy(),
        persons=kinds["persons"].to_numpy(),
        start_date=dates[0],
        end_date=dates[1],
        first_conversion_date=dates[2],
        data_sha256=_sha256(kinds),
    )


def _credits(connection: duckdb.DuckDBPyConnection, width: int) -> PeopleCredits:
    rows = connection.sql(
        "select kind, credit.channel as channel, credit.numbers as numbers"
        " from (select kind, unnest(credits) as credit from kinds) order by kind, channel"
    ).to_arrow_table()
    channels, codes = _coded(rows["channel"])
    flat = rows["numbers"].combine_chunks().flatten().to_numpy()
    return PeopleCredits(channels, codes, rows["kind"].to_numpy(), flat.reshape(-1, width))


def _coded(names: Any) -> tuple[tuple[str, ...], IntArray]:
    """Return the distinct names, sorted, and each name's place among them."""
    encoded = names.combine_chunks().dictionary_encode()
    channels, place = sorted_names(encoded.dictionary.to_pylist())
    return channels, place.take(encoded.indices.to_numpy()).astype(np.int64)


def _sha256(kinds: pa.Table) -> str:
    digest = hashlib.sha256()
    for story, persons in zip(
        *(kinds[name].to_pylist() for name in kinds.column_names), strict=True
    ):
        digest.update(f"{persons}\x1f{story}\n".encode())
    return digest.hexdigest()
