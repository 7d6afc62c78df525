"""Claim: 2 million people and 200,000 bank openings are matched in under 60 s and 4 GB on 2 cores.

From staged registrations and openings to ranked candidates: the pipeline's own SQL and library,
with the keyed hashes of every address and phone under the keys of two banks, the certain keys,
training, blocking, Splink's scores and guards. People have names by Zipf's law (a tenth of all have
one of 5 last names); 60 % of the openings are of people whom we know, and of these a fifth have
another e-mail and phone, 4 % a slip in the last name, 2 % a swapped birth date, 5 % moved. The
baseline beside it is the join on exact keys alone. Each part runs in a process of its own.

`benchmarks/skip_matching_at_scale.py 200000` makes it smaller (a tenth as many openings).
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
from typing import Any

PEOPLE, OPENINGS_SHARE = 2_000_000, 10
PREPARED, EXACT, OURS = "prepared", "exact keys", "all tiers"
SKIPPED = (
    "stg_banks__openings", "stg_app__registrations", "stg_salesforce__contacts",
    "stg_salesforce__leads",
)  # fmt: skip
SYLLABLES = "['ba','ce','di','fo','gu','ha','je','ki','lo','mu','na','pe','ri','so','tu','va']"
NAME = (
    f"({SYLLABLES})[1 + {{rank}} % 16] || ({SYLLABLES})[1 + ({{rank}} // 16) % 16]"
    f" || ({SYLLABLES})[1 + ({{rank}} // 256) % 16] || ({SYLLABLES})[1 + ({{rank}} // 4096) % 16]"
)
DRAWN = "((hash({0}, {1}) % 1000000 + 1) / 1000000.0)"
PEOPLE_SQL = f"""
create table drawn_people as
select
    number,
    {NAME.format(rank="first_rank")} as first_name,
    {NAME.format(rank="last_rank")} || 'n' as last_name,
    date '1945-01-01' + (hash(number, 3) % 22000)::integer as birth_date,
    lpad((hash(number, 4) % 30000)::varchar, 5, '0') as postal_code,
    'p' || number || '@mail.example' as email,
    '+1555' || lpad(number::varchar, 7, '0') as phone
from (
    select
        number,
        -- Ranks by Zipf's law: many share the first names of the list.
        (2000 ** {DRAWN.format("number", 1)} - 1)::bigint as first_rank,
        (60000 ** {DRAWN.format("number", 2)} - 1)::bigint as last_rank
    from range(2 * {{people}}) as numbers(number)
)
"""
REGISTRATIONS = """
create table staging.stg_app__registrations as
select 'reg_' || number as registration_id, first_name, last_name, birth_date, postal_code, phone
from drawn_people where number < {people}
"""
IDENTIFIERS = """
create table intermediate.int_person_identifiers as
select 'per_' || md5('p' || number) as person_id, 'registration' as identifier_type,
    'reg_' || number as identifier
from range({people}) as numbers(number)
union all
select 'per_' || md5('p' || number), 'email', 'p' || number || '@mail.example'
from range({people}) as numbers(number)
"""
OPENINGS = """
create table staging.stg_banks__openings as
select
    bank_id || ':' || people.number as bank_opening_id,
    bank_id,
    first_name,
    case
        when draw % 100 < 4
            then left(last_name, 2) || substr(last_name, 4, 1) || substr(last_name, 3, 1)
            || substr(last_name, 5)
        else last_name
    end as last_name,
    case
        when draw // 100 % 100 < 2 and day(birth_date) <= 12
            then make_date(year(birth_date), day(birth_date), month(birth_date))
        else birth_date
    end as birth_date,
    case
        when draw // 10000 % 100 < 5 then lpad((draw % 30000)::varchar, 5, '0') else postal_code
    end as postal_code,
    case when has_other then 'x' || email else email end as email_normalised,
    case when has_other then '+1666' || right(phone, 7) else phone end as phone,
    null::varchar as email_hash,
    null::varchar as phone_hash,
    null::varchar as hash_key_id,
    null::varchar as matched_row_id,
    null::varchar as referral_token,
    timestamp '2026-06-01 06:00:00' as _landed_at
from (
    select
        number,
        (hash(number, 7) % 1000000)::bigint as draw,
        hash(number, 8) % 5 = 0 as has_other,
        case when hash(number, 9) % 5 = 0 then 'maple' else 'northlake' end as bank_id
    from drawn_people
    where hash(number, 6) % 100 < case when number < {people} then 6 else 4 end
) as chosen
inner join drawn_people as people on chosen.number = people.number
"""
EMPTY = (
    "create table staging.stg_ga4__events (user_pseudo_id varchar, referral_token varchar)",
    "create table staging.stg_salesforce__contacts (contact_id varchar, first_name varchar,"
    " last_name varchar, birth_date date, postal_code varchar, phone varchar, is_deleted boolean)",
    "create table staging.stg_salesforce__leads (lead_id varchar, first_name varchar,"
    " last_name varchar, postal_code varchar, phone varchar, is_deleted boolean)",
)


def run(what: str, folder: Path, people: int) -> None:
    """Run one part in this process and print what it took as JSON."""
    import duckdb

    from touchproof_sandbox.matching_world import match, prepare_database

    with duckdb.connect(str(folder / "touchproof.duckdb")) as connection:
        connection.execute("set memory_limit = '2GB'")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        prepare_database(connection)
        found: dict[str, Any] = {}
        began, began_cpu = time.perf_counter(), time.process_time()
        if what == PREPARED:
            for statement in (PEOPLE_SQL, REGISTRATIONS, IDENTIFIERS, OPENINGS):
                connection.execute(statement.format(people=people))
            for statement in EMPTY:
                connection.execute(statement)
            connection.execute("drop table drawn_people")
        else:
            sql = json.loads((folder / "compiled.json").read_text())
            found["steps"] = match(connection, sql, without=SKIPPED, exact_only=what == EXACT)
        found |= {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - began_cpu,
            "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        }
        print(json.dumps(found | _looked_at(connection, what)))


def _looked_at(connection: object, what: str) -> dict[str, int]:
    import duckdb

    assert isinstance(connection, duckdb.DuckDBPyConnection)
    if what == PREPARED:
        return {"rows": _count(connection, "select count(*) from staging.stg_banks__openings")}
    table = "int_skip_pairs_certain" if what == EXACT else "int_skip_candidates_matched"
    right = "person_id = 'per_' || md5('p' || split_part(bank_opening_id, ':', 2))"
    where = "" if what == EXACT else " and candidate_rank = 1"
    query = f"select count(distinct bank_opening_id) from intermediate.{table} where {right}"
    known = "select count(*) from staging.stg_banks__openings where bank_opening_id in ("
    known += "select o.bank_opening_id from staging.stg_banks__openings as o inner join"
    known += " intermediate.int_person_identifiers as i on i.identifier ="
    known += " 'reg_' || split_part(o.bank_opening_id, ':', 2))"
    return {"right": _count(connection, query + where), "known": _count(connection, known)}


def _count(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


def main(people: int) -> None:
    """Print one row a part."""
    from touchproof.settings import Settings
    from touchproof.transform import compiled_sql
    from touchproof_sandbox.matching_world import MODELS

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with redirect_stdout(io.StringIO()):
            sql = compiled_sql(Settings(data_dir=folder, world="bench"), MODELS)
        (folder / "compiled.json").write_text(json.dumps(sql))
        spent = {}
        for what in (PREPARED, EXACT, OURS):
            ended = subprocess.run(
                [sys.executable, __file__, what, name, str(people)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            spent[what] = json.loads(ended.stdout.splitlines()[-1])
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} cores, load {load:.1f}; {people:,} people,"
              f" {spent[PREPARED]['rows']:,} openings")  # fmt: skip
        print(f"{'part':<12}{'seconds':>9}{'processor':>11}{'peak GB':>9}{'found':>10}{'of':>9}")
        for what in (EXACT, OURS):
            one = spent[what]
            print(
                f"{what:<12}{one['seconds']:>9.1f}{one['cpu']:>11.1f}{one['gigabytes']:>9.1f}"
                f"{one['right']:>10,}{one['known']:>9,}"
            )
        for model, seconds in spent[OURS]["steps"].items():
            print(f"  {model:<34}{seconds:>6.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdigit():
        run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else PEOPLE)
