"""Observation: what the extract read from Salesforce becomes acknowledged, without a call.

Belongs here: the pure comparison of observed with acknowledged values, which is the baseline of a
first push and finds drift on every later one. Doesn't belong here: planning (plan.py), reading or
writing the ledger (outbox.py).

The rules, field by field, for an observation that is newer than the acknowledgement:

- a field that nothing is known about takes the observed value;
- a field that someone changed takes it too where the seed says `overwrite`: it then differs from
  what we want and is sent again. Where it says `keep`, ours stays acknowledged, so theirs is left
  alone until our own value changes;
- a `fill_if_empty` field that someone filled always takes it, or we would overwrite theirs later.

An observation that isn't newer than our acknowledgement says nothing: it was read before our push.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from touchproof.salesforce.canonical import canonical_sql
from touchproof.salesforce.rules import KEY_FIELD, FieldRule, written_fields
from touchproof.salesforce.tables import fetch_row, fetch_table
from touchproof.warehouse import connect_memory

OBSERVED_COLUMNS = ("object", "salesforce_id", "record_key", "fields_json", "extracted_at")


@dataclass(frozen=True)
class Observation:
    """Hold what the ledger should acknowledge from reading.

    Args:
        rows: `object`, `salesforce_id`, `fields_json` (only the fields to take over, canonical),
            `extracted_at`, `is_known`; sorted.
        baseline_records: Records that had nothing acknowledged.
        drifted_records: Records in which someone changed a field of ours.
    """

    rows: pa.Table
    baseline_records: int
    drifted_records: int


def compare_observed(
    observed: pa.Table, acknowledged: pa.Table, rules: Sequence[FieldRule]
) -> Observation:
    """Find what was read and isn't acknowledged yet.

    Args:
        observed: `OBSERVED_COLUMNS`, one row per Salesforce record; `extracted_at` in UTC.
        acknowledged: `object`, `salesforce_id`, `fields_json`, `acknowledged_at`.
        rules: The seed `salesforce_fields`.
    """
    found: list[pa.Table] = []
    with connect_memory() as connection:
        connection.register("observed", observed.select(list(OBSERVED_COLUMNS)))
        connection.register("acknowledged", acknowledged)
        for object_name in sorted({rule.object for rule in rules}):
            written = written_fields(rules, object_name)
            if written:
                found.append(fetch_table(connection, _comparison(written), [object_name]))
        if not found:
            return Observation(pa.table({}), 0, 0)
        rows = pa.concat_tables(found)
        connection.register("found", rows)
        baseline, drifted = fetch_row(
            connection,
            "select count(*) filter (not is_known), count(*) filter (is_drifted) from found",
        )
    return Observation(rows, int(baseline), int(drifted))


def overlay(acknowledged: pa.Table, observation: Observation) -> pa.Table:
    """Return the acknowledged values as they will be once the observation is written.

    Args:
        acknowledged: `object`, `record_key`, `salesforce_id`, `fields_json`.
        observation: What `compare_observed` found for them.
    """
    columns = ["object", "record_key", "salesforce_id", "fields_json"]
    merged = {(row["object"], row["record_key"]): row for row in _rows(acknowledged, columns)}
    for row in observation.rows.to_pylist():
        key = (row["object"], row["salesforce_id"])
        known = json.loads(merged[key]["fields_json"]) if key in merged else {}
        fields = json.dumps({**known, **json.loads(row["fields_json"])}, ensure_ascii=False)
        merged[key] = dict(zip(columns, (key[0], key[1], key[1], fields), strict=True))
    return pa.Table.from_pylist(
        list(merged.values()), pa.schema([(name, pa.string()) for name in columns])
    )


def newest_extraction(observed: pa.Table) -> datetime | None:
    """Return the moment of the newest observation, timezone-aware; None without any."""
    with connect_memory() as connection:
        connection.register("observed", observed)
        (found,) = fetch_row(connection, "select max(extracted_at)::timestamptz from observed")
    return found if isinstance(found, datetime) else None


def _rows(table: pa.Table, columns: list[str]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = table.select(columns).to_pylist()
    return rows


def _comparison(rules: Sequence[FieldRule]) -> str:
    paths = ", ".join(f"'$.\"{name}\"'" for name in (*(r.field for r in rules), KEY_FIELD))
    values = "".join(
        f", o[{n}] is not null as read_{n}, a[{n}] is not null as known_{n}"
        + _value("o", n, rule)
        + _value("a", n, rule)
        for n, rule in enumerate(rules, start=1)
    )
    taken = ", ".join(
        f"{{'field': '{rule.field}', 'value': observed_{n}, 'is_taken': {_is_taken(rule, n)}}}"
        for n, rule in enumerate(rules, start=1)
    )
    drifted = " or ".join(
        f"(read_{n} and known_{n} and observed_{n} is distinct from acknowledged_{n})"
        for n in range(1, len(rules) + 1)
    )
    key = len(rules) + 1
    return f"""
        with paired as (
            select
                o.object,
                o.salesforce_id,
                o.record_key,
                o.extracted_at::timestamptz as extracted_at,
                a.salesforce_id is not null as is_known,
                json_extract(o.fields_json, [{paths}]::varchar[]) as o,
                json_extract(a.fields_json, [{paths}]::varchar[]) as a
            from observed as o
            left join acknowledged as a
                on o.object = a.object and o.salesforce_id = a.salesforce_id
            where o.object = $1
                and (a.salesforce_id is null or o.extracted_at > a.acknowledged_at)
        ),
        compared as (
            select
                object,
                salesforce_id,
                extracted_at,
                is_known,
                nullif(record_key, '') as key_read,
                a[{key}] is not null as is_key_known{values}
            from paired
        ),
        judged as (
            select
                * ,
                [{taken}, {{'field': '{KEY_FIELD}', 'value': key_read,
                'is_taken': key_read is not null and not is_key_known}}] as fields
            from compared
        ),
        taken as (
            select
                object,
                salesforce_id,
                extracted_at,
                is_known,
                {drifted} as is_drifted,
                list_filter(fields, lambda one: one.is_taken) as fields
            from judged
        )
        select
            object,
            salesforce_id,
            to_json(
                map(
                    list_transform(fields, lambda one: one.field),
                    list_transform(fields, lambda one: one.value)
                )
            )::varchar as fields_json,
            extracted_at,
            is_known,
            is_drifted
        from taken
        where len(fields) > 0 or not is_known
        order by salesforce_id
    """  # noqa: S608


def _value(side: str, number: int, rule: FieldRule) -> str:
    name = {"o": "observed", "a": "acknowledged"}[side]
    return ", " + canonical_sql(f"({side}[{number}] ->> '$')", rule.type) + f" as {name}_{number}"


def _is_taken(rule: FieldRule, number: int) -> str:
    observed, acknowledged = f"observed_{number}", f"acknowledged_{number}"
    differs = f"{observed} is distinct from {acknowledged}"
    if rule.on_drift == "keep":
        # Ours stays acknowledged, except that a field which someone filled isn't empty any more.
        was_filled = f"{acknowledged} is null and {observed} is not null"
        differs = was_filled if rule.owner == "fill_if_empty" else "false"
    return f"read_{number} and (not known_{number} or ({differs}))"
