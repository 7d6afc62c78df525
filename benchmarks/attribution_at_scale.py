"""Claim: fct_attribution with seven rule models takes at most 2.5 times a bare windowed query.

100 million touchpoints and 2 million conversions, under 12 GB. Both read the same tables, of the
pipeline's own types (ids are texts), and write one table; each runs in a process of its own. Ours
is the compiled SQL of the pipeline: windows for clicks and views apart, click before view, the
application's end, exact weights and cents of seven models, by way of the table that other models
read too. The baseline of the ratios is the bare query: the same join and one windowed numbering
give the same rows and columns of fct_attribution without its credits. Beside it stands what people
write instead of ours: the bare query with seven weights as floating-point numbers.

`benchmarks/attribution_at_scale.py 5000000` makes it smaller.
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

TOUCHPOINTS, MEMORY = 100_000_000, "10GB"
TOUCHES_A_CONVERSION, TOUCHES_A_PERSON = 50, 40
MODELS = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based",
    "w_shaped",
)  # fmt: skip
BARE, FLOATS, OURS, PREPARED = "bare", "floats", "ours", "prepared"

CONVERSIONS = """
create table touchproof.intermediate.int_conversions_unioned as
select
    'cv_' || md5('c' || number) as conversion_id,
    'per_' || left(md5('p' || (number % ({persons} * 3 // 4))), 24) as person_id,
    timestamp '2026-06-01' + to_seconds((hash(number, 1) % (86400 * 100))::bigint) as converted_at,
    (hash(number, 2) % 40000)::bigint - 2000 as revenue_cents,
    0::bigint as pending_fee_cents,
    'USD' as currency,
    'acquisition' as conversion_type,
    (['savings', 'checking', 'loan'])[1 + number % 3] as product_line
from range({conversions}) as numbers(number)
"""
WINDOWS = """
create table touchproof.intermediate.int_conversion_windows_set as
select
    conversion_id,
    row_number() over (order by conversion_id) as conversion_number,
    person_id,
    converted_at,
    null::timestamp as path_begins_at,
    converted_at - to_hours(30) as path_ends_at,
    converted_at - to_days(20) as lead_created_at,
    converted_at - to_days(90) as click_window_begins_at,
    converted_at - to_days(7) as view_window_begins_at,
    7 as half_life_days,
    40 as first_weight,
    20 as middle_weight,
    40 as last_weight,
    30 as w_first_weight,
    30 as w_lead_weight,
    30 as w_last_weight,
    10 as w_middle_weight,
    'exposure' as path_transform,
    'Direct' as direct_channel
from touchproof.intermediate.int_conversions_unioned
"""
UNATTRIBUTED = """
create table touchproof.intermediate.int_conversions_unattributed
(conversion_id varchar, unattributed_reason varchar)
"""
FROZEN = """
create table touchproof.intermediate.int_credits_frozen as
select
    null::varchar as conversion_id, null::bigint as conversion_number,
    null::varchar as touchpoint_id, null::timestamp as touched_at, null::varchar as channel,
    null::varchar as campaign_id, null::integer as path_position, null::integer as path_length,
    {units}
where false
"""
DIRTY = """
create table touchproof.intermediate.int_persons_dirty as
select distinct person_id from touchproof.intermediate.int_conversions_unioned
"""
TOUCHES = """
create table touchproof.intermediate.int_touchpoints_unioned as
select
    'tp_' || md5('t' || number) as touchpoint_id,
    'per_' || left(md5('p' || (hash(number, 3) % {persons})), 24) as person_id,
    timestamp '2026-03-01' + to_seconds((hash(number, 4) % (86400 * 190))::bigint) as touched_at,
    (['Direct', 'Paid Search', 'Organic Search', 'Email', 'Cross-sell Email', 'TV',
      'Purchased List Email', 'Display', 'Paid Social', 'Push', 'In-App', 'Referral'])
        [(1 + hash(number, 5) % 12)::integer] as channel,
    case when hash(number, 5) % 12 > 0 then 'campaign_' || (hash(number, 6) % 200) end
        as campaign_id,
    interaction,
    interaction <> 'send' as is_earning,
    interaction = 'view' as is_only_without_click,
    case when interaction = 'view' then 'view' else 'click' end as window_kind,
    1::decimal(18, 12) as touch_weight,
    null::varchar as step_id,
    0::decimal(18, 12) as step_weight_before
from (
    select
        number,
        (['visit', 'visit', 'visit', 'visit', 'click', 'click', 'click', 'form_submit', 'view',
          'send'])[(1 + hash(number, 7) % 10)::integer] as interaction
    from range({touchpoints}) as numbers(number)
)
"""
NUMBERED = """
select
    windows.conversion_id,
    touches.touchpoint_id,
    windows.person_id,
    windows.converted_at,
    conversions.conversion_type,
    conversions.product_line,
    conversions.currency,
    touches.touched_at,
    touches.channel,
    touches.campaign_id,
    row_number() over path_order as path_position,
    count(*) over whole_path as path_length{more}
from touchproof.intermediate.int_conversion_windows_set as windows
inner join touchproof.intermediate.int_touchpoints_unioned as touches
    on
        windows.person_id = touches.person_id
        and touches.touched_at < windows.path_ends_at
        and touches.touched_at >= case
            when touches.window_kind = 'view' then windows.view_window_begins_at
            else windows.click_window_begins_at
        end
inner join touchproof.intermediate.int_conversions_unioned as conversions
    on windows.conversion_id = conversions.conversion_id
where touches.is_earning
window
    path_order as (partition by windows.conversion_id order by touched_at, touchpoint_id),
    whole_path as (partition by windows.conversion_id)
"""
FLOATING = """
with numbered as ({numbered}),
raw as (
    select
        * exclude (last_touched_at, last_direct_no, lead_position),
        (path_position = 1)::double as first_touch,
        (path_position = path_length)::double as last_touch,
        (channel <> 'Direct' and touched_at = last_direct_no)::double as last_non_direct,
        1.0::double as linear,
        power(0.5, epoch(last_touched_at - touched_at) / (7 * 86400)) as time_decay,
        case
            when path_length < 3 then 0.5
            when path_position in (1, path_length) then 0.4
            else 0.2 / (path_length - 2)
        end::double as position_based,
        case
            when path_position in (1, path_length, lead_position) then 0.3
            else 0.1 / greatest(1, path_length - 3)
        end::double as w_shaped
    from numbered
)
select
    * exclude ({models}),
    {weights}
from raw
window whole_path as (partition by conversion_id)
"""
FLOAT_COLUMNS = """,
    max(touched_at) over whole_path as last_touched_at,
    max(case when channel <> 'Direct' then touched_at end) over whole_path as last_direct_no,
    count(case when touched_at <= lead_created_at then 1 end) over whole_path as lead_position"""


def bare_sql() -> str:
    """Return the bare windowed query."""
    return NUMBERED.format(more="")


def floats_sql() -> str:
    """Return the bare query with the models' weights as floating-point numbers."""
    weights = ",\n    ".join(f"{name} / sum({name}) over whole_path as {name}" for name in MODELS)
    numbered = NUMBERED.format(more=FLOAT_COLUMNS)
    return FLOATING.format(numbered=numbered, models=", ".join(MODELS), weights=weights)


def compiled(folder: Path) -> dict[str, str]:
    """Return the pipeline's SQL of the four models, with the rule models only."""
    from touchproof.settings import Settings
    from touchproof.transform import compiled_sql

    models = (
        "int_windows_refreshed", "int_paths_refreshed", "int_credits_computed", "fct_attribution",
    )  # fmt: skip
    settings = Settings(data_dir=folder, world="bench")
    with redirect_stdout(io.StringIO()):  # dbt shows what it has compiled
        return compiled_sql(settings, models, {"data_driven_models": ""})


def steps(what: str, folder: Path, touchpoints: int) -> list[str]:
    """Return the statements of one part."""
    if what == PREPARED:
        sizes = {
            "touchpoints": touchpoints,
            "conversions": touchpoints // TOUCHES_A_CONVERSION,
            "persons": touchpoints // TOUCHES_A_PERSON,
            "units": ", ".join(f"null::bigint as {model}_units" for model in MODELS),
        }
        schemas = [f"create schema touchproof.{name}" for name in ("intermediate", "marts")]
        tables = (CONVERSIONS, WINDOWS, UNATTRIBUTED, FROZEN, DIRTY, TOUCHES)
        return [*schemas, *(table.format(**sizes) for table in tables)]
    if what != OURS:
        query = bare_sql() if what == BARE else floats_sql()
        return [f"create table touchproof.marts.{what} as {query}"]
    sql: dict[str, str] = json.loads((folder / "compiled.json").read_text())
    return [
        "create table touchproof.intermediate.int_windows_refreshed as"
        f" {sql['int_windows_refreshed']}",
        f"create view touchproof.intermediate.int_paths_refreshed as {sql['int_paths_refreshed']}",
        "create table touchproof.intermediate.int_credits_computed as"
        f" {sql['int_credits_computed']}",
        f"create table touchproof.marts.fct_attribution as {sql['fct_attribution']}",
    ]


def run(what: str, folder: Path, touchpoints: int) -> None:
    """Run one part in this process and print what it took as JSON."""
    import duckdb

    with duckdb.connect(str(folder / "touchproof.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set memory_limit = '{MEMORY}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        began, began_cpu, each = time.perf_counter(), time.process_time(), []
        for statement in steps(what, folder, touchpoints):
            step_began = time.perf_counter()
            connection.execute(statement)
            each.append(round(time.perf_counter() - step_began, 1))
        spent = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - began_cpu,
            "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
            "steps": each,
        }
        print(json.dumps(spent | _looked_at(connection, what)))


def _looked_at(connection: object, what: str) -> dict[str, int]:
    """Count rows, and for ours the conversions whose credits aren't exact; then make room."""
    import duckdb

    assert isinstance(connection, duckdb.DuckDBPyConnection)
    if what == PREPARED:
        return {}
    table = "touchproof.marts." + ("fct_attribution" if what == OURS else what)
    found = {"rows": connection.execute(f"select count(*) from {table}").fetchall()[0][0]}
    if what == OURS:
        wrong = " or ".join(
            f"sum({model}_revenue_cents) <> any_value(revenue_cents) or sum({model}_weight) <> 1"
            for model in MODELS
        )
        found["wrong"] = connection.execute(
            f"select count(*) from (select conversion_id from {table} inner join"
            " touchproof.intermediate.int_conversions_unioned using (conversion_id)"
            f" group by conversion_id having {wrong})"
        ).fetchall()[0][0]
        connection.execute("drop view touchproof.intermediate.int_paths_refreshed")
        connection.execute("drop table touchproof.intermediate.int_windows_refreshed")
        connection.execute("drop table touchproof.intermediate.int_credits_computed")
    connection.execute(f"drop table {table}")
    return found


def main(touchpoints: int) -> None:
    """Print one row a query and the ratios to the bare one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "compiled.json").write_text(json.dumps(compiled(folder)))
        spent = {}
        for what in (PREPARED, BARE, FLOATS, OURS):
            ended = subprocess.run(
                [sys.executable, __file__, what, name, str(touchpoints)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            spent[what] = json.loads(ended.stdout.splitlines()[-1])
        print(
            f"{os.cpu_count()} cores; {touchpoints:,} touchpoints,"
            f" {touchpoints // TOUCHES_A_CONVERSION:,} conversions;"
            f" made in {spent[PREPARED]['seconds']:.0f} s"
        )
        bare = spent[BARE]
        print(f"{'query':<10}{'rows':>14}{'seconds':>10}{'ratio':>8}{'processor':>11}{'ratio':>8}"
              f"{'peak GB':>9}")  # fmt: skip
        for what in (BARE, FLOATS, OURS):
            one = spent[what]
            print(
                f"{what:<10}{one['rows']:>14,}{one['seconds']:>10.1f}"
                f"{one['seconds'] / bare['seconds']:>8.2f}{one['cpu']:>11.1f}"
                f"{one['cpu'] / bare['cpu']:>8.2f}{one['gigabytes']:>9.1f}"
            )
        print(f"ours by step: {', '.join(f'{step} s' for step in spent[OURS]['steps'])}")
        print(f"conversions whose weights or cents aren't exact: {spent[OURS]['wrong']:,}")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdigit():
        run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else TOUCHPOINTS)
