"""A pretend world as the tables that the skip models read, without running its nights.

Belongs here: raw bank openings, registrations and CRM records, and who is whom by the truth, in a
database laid out as the warehouse. Doesn't belong here: the models (dbt_project), the score of what
they find (benchmarks/skip_matching_against_truth.py).

Identity is taken from the truth here: a person whom the pipeline holds for two is one.
"""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from touchproof.dbt_plugin import keyed_hash_macro, night_macro
from touchproof.pseudonym import pseudonym_macro
from touchproof.settings import PROJECT_ROOT, Settings
from touchproof.skips.keyed_hash import read_keys, secrets_of
from touchproof.sources.banks import SCHEMA, read_openings
from touchproof_sandbox.world.bank_files import bank_files
from touchproof_sandbox.world.bank_formats import bank_mappings
from touchproof_sandbox.world.crm import Crm
from touchproof_sandbox.world.flat_files import (
    REGISTRATION_COLUMNS,
    SUBMISSION_COLUMNS,
    app_files,
    web_form_files,
)
from touchproof_sandbox.world.people import APP_DEVICE, People, make_people
from touchproof_sandbox.world.records import BANK_CLICK, BankOpening, Day
from touchproof_sandbox.world.simulation import Simulation
from touchproof_sandbox.world.truth import person_key, skips_table
from touchproof_sandbox.world.writing import World

MODELS = (
    "stg_banks__openings",
    "stg_app__registrations",
    "stg_web_forms__submissions",
    "stg_salesforce__contacts",
    "stg_salesforce__leads",
    "int_skip_openings_described",
    "int_skip_people_described",
    "int_skip_keys_collected",
    "int_skip_pairs_certain",
    "int_skip_candidates_matched",
)
"""The SQL models that match, in their order; int_skip_pairs_scored comes before the last."""
SEEDS = {
    "bank_match_settings": "",
    "bank_hash_keys": ", types = {'valid_from_date': 'date', 'valid_to_date': 'date'}",
    "nicknames": "",
    "skip_match_methods": "",
}
_BOOKKEEPING = """
    'batch' as _batch_id, timestamp '2026-01-01' as _window_start,
    timestamp '2026-01-02' as _window_end, timestamp '2026-12-31 06:00:00' as _landed_at"""


def prepare_database(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a database schemas, macros and seeds as the warehouse has them."""
    settings = Settings(world="bench")
    connection.execute("set timezone = 'UTC'")
    connection.execute(pseudonym_macro(settings.require_pseudonym_key()))
    connection.execute(night_macro(date(2099, 1, 1)))
    connection.execute(keyed_hash_macro(secrets_of(settings, read_keys())))
    for schema in ("raw", "staging", "intermediate", "seeds"):
        connection.execute(f"create schema if not exists {schema}")
    folder = PROJECT_ROOT / "dbt_project" / "seeds" / "skips"
    for seed, types in SEEDS.items():
        connection.execute(
            f"create or replace table seeds.{seed} as select * from read_csv(?, header = true,"
            f" nullstr = ''{types})",
            [str(folder / f"{seed}.csv")],
        )


def fill(
    connection: duckdb.DuckDBPyConnection, seed: int, customers: int, days: int, *, is_hostile: bool
) -> pa.Table:
    """Live through a world and fill the raw tables and `int_person_identifiers`.

    Returns:
        The truth of each reported opening, as `skips_table` describes it.
    """
    world = World(seed, customers, is_hostile=is_hostile)
    people = make_people(seed, customers, world.mess)
    simulation, crm = Simulation(seed, people), Crm(seed, people)
    files: dict[str, dict[str, bytes]] = {source: {} for source in bank_mappings()}
    registrations: list[list[str]] = []
    submissions: list[list[str]] = []
    openings: list[BankOpening] = []
    known: set[tuple[int, str, str]] = set()
    tokens: set[tuple[str, str]] = set()
    for day in simulation.days(days - 1):
        crm.live(day)
        openings.extend(day.openings)
        for bank, named in bank_files(seed, people, day).items():
            files[bank].update(named)
        for name, content in app_files(seed, people, day).items():
            if name.startswith("registrations"):
                registrations.extend(_lines(content))
        for content in web_form_files(seed, people, day).values():
            submissions.extend(_lines(content))
        known |= _met(people, day)
        for person, device in _clicks_to_the_bank(day):
            cookie = people.cookies[device][person]
            known.add((person, "cookie", cookie))
            tokens.add((cookie, people.referral_token(person)))
    known |= _in_the_crm(crm)
    _write_banks(connection, files)
    for raw, names, lines in (
        ("app__registrations", REGISTRATION_COLUMNS, registrations),
        ("web_forms__submissions", SUBMISSION_COLUMNS, submissions),
    ):
        columns = {name: [line[at] for line in lines] for at, name in enumerate(names)}
        _raw(connection, raw, pa.table(columns, pa.schema([(name, pa.string()) for name in names])))
    for raw, name in (("salesforce__leads", "Lead"), ("salesforce__contacts", "Contact")):
        records = [
            {key: None if value is None else str(value) for key, value in record.items()}
            for record in crm.records[name].values()
        ]
        _raw(connection, raw, pa.Table.from_pylist(records))
    _put(
        connection,
        "intermediate.int_person_identifiers",
        {
            "person_id": [person_key(person) for person, _, _ in sorted(known)],
            "identifier_type": [kind for _, kind, _ in sorted(known)],
            "identifier": [text for _, _, text in sorted(known)],
        },
    )
    _put(
        connection,
        "staging.stg_ga4__events",
        {
            "user_pseudo_id": [cookie for cookie, _ in sorted(tokens)],
            "referral_token": [token for _, token in sorted(tokens)],
        },
    )
    return skips_table(people, openings, simulation.state)


def _lines(content: bytes) -> list[list[str]]:
    """Return the lines of a gzipped CSV below its header."""
    return list(csv.reader(io.StringIO(gzip.decompress(content).decode())))[1:]


def _met(people: People, day: Day) -> set[tuple[int, str, str]]:
    """Return person, type and value of what registrations, web forms and mails show."""
    found = set()
    for event in day.registrations:
        email = people.emails[people.app_address[event.person]][event.person]
        found.add((event.person, "registration", event.registration_id))
        found.add((event.person, "email", email))
    for form in day.forms:
        if form.is_ours:
            found.add((form.person, "submission", form.submission_id))
            found.add((form.person, "email", people.emails[0][form.person]))
    addressed = zip(day.mails.person.tolist(), day.mails.address.tolist(), strict=True)
    return found | {(one, "email", people.emails[address][one]) for one, address in addressed}


def _in_the_crm(crm: Crm) -> set[tuple[int, str, str]]:
    leads = [(person, one) for person, ids in crm.leads_of.items() for one in ids]
    found = set()
    for kind, name, owners in (
        ("lead", "Lead", leads),
        ("contact", "Contact", list(crm.contact_of.items())),
    ):
        for person, identifier in owners:
            email = str(crm.records[name][identifier]["Email"]).lower()
            found |= {(person, kind, identifier), (person, "email", email)}
    return found


def _clicks_to_the_bank(day: Day) -> Iterator[tuple[int, int]]:
    """Yield person and browser of each click over our link to the bank."""
    sessions = day.sessions
    for index in np.flatnonzero(sessions.flags & BANK_CLICK).tolist():
        if sessions.device[index] != APP_DEVICE:
            yield int(sessions.person[index]), int(sessions.device[index])


def _write_banks(connection: duckdb.DuckDBPyConnection, files: dict[str, dict[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for bank, contents in files.items():
            tables = [SCHEMA.empty_table()]
            for name, content in contents.items():
                path = Path(folder) / name
                path.write_bytes(content)
                tables.append(read_openings(bank_mappings()[bank], path, 1 << 30))
            _raw(connection, f"{bank}__openings", pa.concat_tables(tables))


def _raw(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    connection.register("rows_to_write", rows)
    connection.execute(
        f"create or replace table raw.{name} as select *, {_BOOKKEEPING},"
        " 'file' as _file, row_number() over () as _row from rows_to_write"
    )
    connection.unregister("rows_to_write")


def _put(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, list[str]]) -> None:
    connection.register("rows_to_write", pa.table(columns))
    connection.execute(f"create or replace table {table} as select * from rows_to_write")
    connection.unregister("rows_to_write")


def match(
    connection: duckdb.DuckDBPyConnection,
    sql: Mapping[str, str],
    *,
    without: Sequence[str] = (),
    exact_only: bool = False,
) -> dict[str, float]:
    """Run the models that match, as the pipeline does.

    Args:
        connection: A database filled by `fill`, or with the tables that the first models read.
        sql: The compiled SQL of `MODELS` by name.
        without: Models that are there already.
        exact_only: Stop before pairs are scored.

    Returns:
        The seconds of each model.
    """
    spent = {}
    for model in MODELS:
        if model in without:
            continue
        if model == "int_skip_candidates_matched":
            if exact_only:
                break
            began = time.perf_counter()
            _score(connection)
            spent["int_skip_pairs_scored"] = time.perf_counter() - began
        began = time.perf_counter()
        schema = "staging" if model.startswith("stg_") else "intermediate"
        connection.execute(f"create or replace table {schema}.{model} as {sql[model]}")
        spent[model] = time.perf_counter() - began
    return spent


def _score(connection: duckdb.DuckDBPyConnection) -> None:
    from touchproof.skips.matching import score_candidates

    scored = score_candidates(
        openings=_table(connection, "int_skip_openings_described"),
        people=_table(connection, "int_skip_people_described"),
        emails=connection.sql(
            "select person_id from intermediate.int_person_identifiers"
            " where identifier_type = 'email'"
        ).to_arrow_table(),
        certain_pairs=_table(connection, "int_skip_pairs_certain"),
        nicknames=connection.sql("select * from seeds.nicknames").to_arrow_table(),
    )
    connection.register("rows_to_write", scored)
    connection.execute(
        "create or replace table intermediate.int_skip_pairs_scored as select * from rows_to_write"
    )
    connection.unregister("rows_to_write")


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    table: pa.Table = connection.sql(f"select * from intermediate.{name}").to_arrow_table()
    return table
