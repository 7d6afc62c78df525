"""Claim: a night with 1 % dirty persons takes at most a quarter of a full refresh.

10 million touchpoints, 200,000 conversions, seven rule models, the tables of
attribution_at_scale.py and the columns that fct_touchpoints shows. Both nights end in the same rows
of fct_touchpoints, int_credits_computed and fct_attribution; each runs in a process of its own. The
full refresh makes the three tables; the incremental night also hashes everybody's inputs, compares
them with the applied hashes, and then deletes and inserts the rows of whom it found. What is built
anew in either night (touchpoints, journeys, the performance marts) is left out.

`benchmarks/increments.py 1000000` makes it smaller.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import attribution_at_scale as scale

TOUCHPOINTS, DIRTY_IN = 10_000_000, 100
PREPARED, FULL, INCREMENTAL = "prepared", "full refresh", "incremental"
SCHEMA = "touchproof.intermediate"
TABLES = {
    "fct_touchpoints": "touchproof.marts",
    "int_credits_computed": SCHEMA,
    "fct_attribution": "touchproof.marts",
}
MODELS = (
    "int_persons_fingerprinted", "int_windows_refreshed", "int_paths_refreshed", *TABLES,
)  # fmt: skip
COLUMNS = f"""
create or replace table {SCHEMA}.int_touchpoints_unioned as
select
    *,
    1 as channel_rule_number,
    'google' as traffic_source,
    'cpc' as traffic_medium,
    null::varchar as traffic_content,
    'session_' || (hash(touchpoint_id) % 1000000000) as session_key,
    'ga4' as source_system,
    'event_' || touchpoint_id as source_event_key,
    'batch' as _batch_id,
    touched_at as _landed_at
from {SCHEMA}.int_touchpoints_unioned
"""
NO_FITS = (
    f"create table {SCHEMA}.int_data_driven_shares (attribution_model varchar,"
    " model_fit_id varchar, channel_set varchar, channel varchar, share_units bigint)",
    f"create table {SCHEMA}.int_conversion_fits_chosen"
    " (conversion_id varchar, channel_set varchar)",
)
PERSON_OF_FROZEN = f"alter table {SCHEMA}.int_credits_frozen add column person_id varchar"
# Of one person in a hundred something was another yesterday.
APPLIED = f"""
create table {SCHEMA}.int_persons_applied as
select
    person_id,
    case when hash(person_id) % {DIRTY_IN} = 0 then ~fingerprint else fingerprint end
        as fingerprint
from {SCHEMA}.int_persons_fingerprinted
"""
COMPARED = f"""
create or replace table {SCHEMA}.int_persons_dirty as
select coalesce(fingerprints.person_id, applied.person_id) as person_id
from {SCHEMA}.int_persons_fingerprinted as fingerprints
full join {SCHEMA}.int_persons_applied as applied
    on fingerprints.person_id = applied.person_id
where fingerprints.fingerprint is distinct from applied.fingerprint
"""
EVERYBODY = f"""
create or replace table {SCHEMA}.int_persons_dirty as
select person_id from {SCHEMA}.int_persons_applied
"""


def compiled(folder: Path) -> dict[str, str]:
    """Return the pipeline's SQL of the models, with the rule models only."""
    from touchproof.settings import Settings
    from touchproof.transform import compiled_sql

    settings = Settings(data_dir=folder, world="bench")
    with redirect_stdout(io.StringIO()):  # dbt shows what it has compiled
        return compiled_sql(settings, MODELS, {"data_driven_models": ""})


def steps(what: str, sql: dict[str, str]) -> list[str]:
    """Return the statements of one part; the tables are those that the full refresh left."""
    fingerprinted = (
        f"create or replace table {SCHEMA}.int_persons_fingerprinted as"
        f" {sql['int_persons_fingerprinted']}"
    )
    if what == PREPARED:
        view = f"create view {SCHEMA}.int_paths_refreshed as {sql['int_paths_refreshed']}"
        windows = f"create table {SCHEMA}.int_windows_refreshed as {sql['int_windows_refreshed']}"
        return [COLUMNS, *NO_FITS, PERSON_OF_FROZEN, fingerprinted, APPLIED, windows, view]
    found = [EVERYBODY] if what == FULL else [fingerprinted, COMPARED]
    statements = [
        *found,
        f"create or replace table {SCHEMA}.int_windows_refreshed as {sql['int_windows_refreshed']}",
    ]
    for table, schema in TABLES.items():
        if what == FULL:
            statements.append(f"create table {schema}.{table} as {sql[table]}")
        else:
            statements.append(
                f"delete from {schema}.{table} where person_id in"
                f" (select person_id from {SCHEMA}.int_persons_dirty)"
            )
            statements.append(f"insert into {schema}.{table} {sql[table]}")
    return statements


def run(what: str, folder: Path) -> None:
    """Run one part in this process and print what it took as JSON."""
    import duckdb

    from touchproof.pseudonym import pseudonym_macro

    sql = json.loads((folder / "compiled.json").read_text())
    with duckdb.connect(str(folder / "touchproof.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set memory_limit = '{scale.MEMORY}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        connection.execute(pseudonym_macro(b"a key of benchmarks"))
        began, began_cpu = time.perf_counter(), time.process_time()
        for statement in steps(what, sql):
            connection.execute(statement)
        spent = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - began_cpu,
            "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        }
        if what != PREPARED:
            spent["sums"] = [
                connection.execute(
                    "select count(*), bit_xor(hash(hash(rows)))::varchar"
                    f" from {schema}.{table} as rows"
                ).fetchall()[0]
                for table, schema in TABLES.items()
            ]
            spent["dirty"] = connection.execute(
                f"select count(*) from {SCHEMA}.int_persons_dirty"
            ).fetchall()[0][0]
        print(json.dumps(spent))


def main(touchpoints: int) -> None:
    """Print one row a night and the ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "compiled.json").write_text(json.dumps(compiled(folder)))
        subprocess.run(
            [sys.executable, scale.__file__, scale.PREPARED, name, str(touchpoints)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        spent = {}
        for what in (PREPARED, FULL, INCREMENTAL):
            ended = subprocess.run(
                [sys.executable, __file__, what, name],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            spent[what] = json.loads(ended.stdout.splitlines()[-1])
        full = spent[FULL]
        print(f"{os.cpu_count()} cores; {touchpoints:,} touchpoints; rows of fct_touchpoints,"
              f" int_credits_computed, fct_attribution:"
              f" {', '.join(format(rows, ',') for rows, _ in full['sums'])}")  # fmt: skip
        print(f"{'night':<14}{'dirty':>10}{'seconds':>10}{'ratio':>8}{'processor':>11}{'ratio':>8}"
              f"{'peak GB':>9}")  # fmt: skip
        for what in (FULL, INCREMENTAL):
            one = spent[what]
            print(
                f"{what:<14}{one['dirty']:>10,}{one['seconds']:>10.1f}"
                f"{one['seconds'] / full['seconds']:>8.2f}{one['cpu']:>11.1f}"
                f"{one['cpu'] / full['cpu']:>8.2f}{one['gigabytes']:>9.1f}"
            )
        print(f"the same rows: {spent[INCREMENTAL]['sums'] == full['sums']}")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdigit():
        run(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else TOUCHPOINTS)
