"""Small sets of journeys for the tests of fits.

Belongs here: rows like those of fct_journeys. Doesn't belong here: what fits make of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

TIMEZONE = "America/New_York"
FIRST_DAY = datetime(2026, 3, 1, 15)
CHANNELS = ("Direct", "Email", "Paid Search", "TV")
_SCHEMA = pa.schema(
    [
        ("journey_id", pa.string()),
        ("person_id", pa.string()),
        ("ended_at", pa.timestamp("us")),
        ("is_converted", pa.bool_()),
        ("channel_path", pa.list_(pa.string())),
        ("revenue_cents", pa.int64()),
    ]
)


def journeys(rows: Sequence[tuple[str, str, bool]], **more: Any) -> pa.Table:
    """Return journeys given as (person, path like `a > b`, converted), one a day."""
    return pa.Table.from_pylist(
        [
            {
                "journey_id": f"jn_{number}",
                "person_id": person,
                "ended_at": FIRST_DAY + timedelta(days=number % 60),
                "is_converted": converted,
                "channel_path": [step.strip() for step in path.split(">") if step.strip()],
                "revenue_cents": 500 if converted else 0,
                **more,
            }
            for number, (person, path, converted) in enumerate(rows)
        ],
        schema=_SCHEMA,
    )


def many(people: int = 300, seed: int = 1) -> pa.Table:
    """Return random journeys of some people, one or two each."""
    chance = random.Random(seed)  # noqa: S311  (test data)
    rows = []
    for person in range(people):
        for _ in range(chance.choice((1, 1, 2))):
            length = chance.choice((1, 1, 2, 3, 4))
            path = " > ".join(chance.choices(CHANNELS, (5, 3, 2, 1), k=length))
            rows.append((f"per_{person}", path, chance.random() < 0.15 + 0.2 * ("TV" in path)))
    return journeys(rows)


def renamed(table: pa.Table, seed: int = 2) -> pa.Table:
    """Return the same journeys under other names and in another order."""
    rows = table.to_pylist()
    random.Random(seed).shuffle(rows)  # noqa: S311  (test data)
    for row in rows:
        row["person_id"] = "other_" + str(row["person_id"])[::-1]
        row["journey_id"] = "other_" + str(row["journey_id"])[::-1]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def day(number: int) -> date:
    """Return a date so many days after the first one."""
    return FIRST_DAY.date() + timedelta(days=number)
