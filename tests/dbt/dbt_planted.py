"""Plant tiny raw tables, so that a dbt build can be tested without extract, gate and load.

Belongs here: raw rows with every declared column, unset ones null. Doesn't belong here: what the
models make of them (the tests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from touchproof.sources.registry import entities

Row = Mapping[str, Any]
NIGHT = date(2026, 6, 28)


def plant(path: Path, tables: Mapping[str, Sequence[Row] | pa.Table]) -> None:
    """Create every raw table in a DuckDB file and fill some.

    Args:
        path: The warehouse file to create or to add to.
        tables: Rows by raw table (`app__products`); `_window_start` is the night unless given.
            Many rows may come as an Arrow table with every column.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    declared = {entity.raw_table: entity.raw_schema for entity in entities()}
    unknown = set(tables) - set(declared)
    assert not unknown, f"no such raw table: {sorted(unknown)}"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists raw")
        for name, schema in declared.items():
            rows = tables.get(name, ())
            if isinstance(rows, pa.Table):
                arrow_rows = rows.select(schema.names).cast(schema)
            else:
                complete = [_complete(row, schema, number) for number, row in enumerate(rows, 1)]
                arrow_rows = pa.Table.from_pylist(complete, schema=schema)
            connection.register("arrow_rows", arrow_rows)
            connection.execute(f'create or replace table raw."{name}" as from arrow_rows')
            connection.unregister("arrow_rows")


def _complete(row: Row, schema: pa.Schema, number: int) -> dict[str, Any]:
    unknown = set(row) - set(schema.names)
    assert not unknown, f"no such column: {sorted(unknown)}"
    start = row.get("_window_start", NIGHT)
    load: dict[str, Any] = {
        "_file": "planted",
        "_row": number,
        "_batch_id": "planted00000",
        "_window_start": start,
        "_window_end": start + timedelta(days=1),
        "_landed_at": datetime(start.year, start.month, start.day, 5),
    }
    return load | dict(row)


def ga4_event(
    moment: datetime,
    cookie: str | None,
    *,
    session: int | None = None,
    name: str = "page_view",
    user: str | None = None,
    recipient: str | None = None,
    campaign: str | None = None,
    source: str | None = None,
    medium: str | None = None,
    platform: str = "WEB",
    location: str = "https://www.example.com/",
) -> dict[str, Any]:
    """Return one row of `ga4__events` in the export's nested shape."""
    params = [_param("page_location", string_value=location)]
    if session is not None:
        params.append(_param("ga_session_id", int_value=session))
    if recipient is not None:
        params.append(_param("recipient_id", string_value=recipient))
    traffic = None
    if campaign or source or medium:
        traffic = {
            "manual_campaign_id": campaign,
            "manual_campaign_name": campaign,
            "manual_source": source,
            "manual_medium": medium,
        }
    return {
        "event_date": moment.strftime("%Y%m%d"),
        "event_timestamp": int((moment - datetime(1970, 1, 1)).total_seconds() * 1_000_000),
        "event_name": name,
        "event_params": params,
        "user_pseudo_id": cookie,
        "user_id": user,
        "platform": platform,
        "collected_traffic_source": traffic,
    }


def _param(key: str, **value: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return {"key": key, "value": empty | value}
