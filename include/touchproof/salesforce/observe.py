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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from touchproof.salesforce.acknowledged import Acknowledged
from touchproof.salesforce.canonical import clean_sql, form_sql
from touchproof.salesforce.rules import KEY_FIELD, FieldRule, written_fields
from touchproof.salesforce.tables import Rows, fresh_path, scratch

OBSERVED_COLUMNS = ("object", "salesforce_id", "record_key", "fields_json", "extracted_at")
_READ = "select distinct object from observed"
_NOTHING = (
    "select null::varchar as object, null::varchar as salesforce_id, null::varchar as fields_json, "
    "null::timestamptz as extracted_at, false as is_known, false as is_drifted where false"
)


@dataclass(frozen=True)
class Observation:
    """Hold what the ledger should acknowledge from reading.

    Args:
        rows: `object`, `salesforce_id`, `fields_json` (only the fields to take over, canonical),
            `extracted_at`, `is_known`; sorted.
        baseline_records: Records that had nothing acknowledged.
        drifted_records: Records in which someone changed a field of ours.
    """

    rows: Rows
    baseline_records: int
    drifted_records: int


def compare_observed(
    observed: Rows, acknowledged: Rows, rules: Sequence[FieldRule], folder: Path
) -> Observation:
    """Find what was read and isn't acknowledged yet.

    Args:
        observed: `OBSERVED_COLUMNS`, one row per Salesforce record; `extracted_at` in UTC.
        acknowledged: `object`, `salesforce_id`, `fields_json`, `acknowledged_at` in UTC.
        rules: The seed `salesforce_fields`.
        folder: For the file of the rows.
    """
    with scratch(folder) as connection:
        connection.execute(f"create temp view observed as select * from {observed.sql}")  # noqa: S608
        connection.execute(
            f"create temp view acknowledged as select * from {acknowledged.sql}"  # noqa: S608
        )
        was_read = {name for (name,) in connection.execute(_READ).fetchall()}
        queries = [
            _comparison(written, name)
            for name in sorted(was_read & {rule.object for rule in rules})
            if (written := written_fields(rules, name))
        ]
        rows = Rows.query(
            fresh_path(folder / "found.parquet"),
            connection,
            " union all ".join(f"({query})" for query in queries) or _NOTHING,
        )
    baseline, drifted = rows.aggregate(
        "count(*) filter (not is_known), count(*) filter (is_drifted)"
    )
    return Observation(rows, int(baseline), int(drifted))


def overlay(acknowledged: Rows, observation: Observation, folder: Path) -> Acknowledged:
    """Return the acknowledged values as they will be once the observation is written.

    Args:
        acknowledged: `object`, `record_key`, `salesforce_id`, `fields_json`.
        observation: What `compare_observed` found for them.
        folder: For the file of the observed records.
    """
    if not observation.rows.num_rows:
        return Acknowledged(acknowledged)
    fields = "json_transform({}.fields_json, '\"MAP(VARCHAR, VARCHAR)\"')"
    with scratch(folder) as connection:
        newer = Rows.query(
            fresh_path(folder / "newer.parquet"),
            connection,
            f"""
            select
                o.object,
                o.salesforce_id as record_key,
                o.salesforce_id,
                case
                    when a.record_key is null then o.fields_json
                    else to_json(
                        map_concat({fields.format("a")}, {fields.format("o")})
                    )::varchar
                end as fields_json
            from {observation.rows.sql} as o
            left join {acknowledged.sql} as a
                on o.object = a.object and o.salesforce_id = a.record_key
            """,  # noqa: S608
        )
    return Acknowledged(acknowledged, newer)


def newest_extraction(observed: Rows) -> datetime | None:
    """Return the moment of the newest observation, timezone-aware; None without any."""
    (found,) = observed.aggregate("max(extracted_at)::timestamptz")
    return found if isinstance(found, datetime) else None


def _comparison(rules: Sequence[FieldRule], object_name: str) -> str:
    paths = ", ".join(f"'$.\"{name}\"'" for name in (*(r.field for r in rules), KEY_FIELD))
    numbered = [*enumerate(rules, start=1)]
    texts = "".join(
        f", o[{n}] is not null as read_{n}, a[{n}] is not null as known_{n}"
        f", o[{n}] ->> '$' as o_{n}, a[{n}] ->> '$' as a_{n}"
        for n, _ in numbered
    )
    # Stage by stage: an expression inside another one would stand in the query several times.
    clean = ", ".join(
        f"{clean_sql(side + str(n))} as {side}{n}" for n, _ in numbered for side in ("o_", "a_")
    )
    values = "".join(
        f", {form_sql(f'o_{n}', rule.type)} as observed_{n}"
        f", {form_sql(f'a_{n}', rule.type)} as acknowledged_{n}"
        for n, rule in numbered
    )
    taken = ", ".join(
        f"{{'field': '{rule.field}', 'value': observed_{n}, 'is_taken': {_is_taken(rule, n)}}}"
        for n, rule in numbered
    )
    drifted = " or ".join(
        f"(read_{n} and known_{n} and observed_{n} is distinct from acknowledged_{n})"
        for n, _ in numbered
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
            where o.object = '{object_name}'
                and (
                    a.salesforce_id is null
                    or o.extracted_at::timestamptz > a.acknowledged_at::timestamptz
                )
        ),
        read as (
            select
                object,
                salesforce_id,
                extracted_at,
                is_known,
                nullif(record_key, '') as key_read,
                a[{key}] is not null as is_key_known{texts}
            from paired
        ),
        cleaned as (select * replace ({clean}) from read),
        compared as (select *{values} from cleaned),
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


def _is_taken(rule: FieldRule, number: int) -> str:
    observed, acknowledged = f"observed_{number}", f"acknowledged_{number}"
    differs = f"{observed} is distinct from {acknowledged}"
    if rule.on_drift == "keep":
        # Ours stays acknowledged, except that a field which someone filled isn't empty any more.
        was_filled = f"{acknowledged} is null and {observed} is not null"
        differs = was_filled if rule.owner == "fill_if_empty" else "false"
    return f"read_{number} and (not known_{number} or ({differs}))"
