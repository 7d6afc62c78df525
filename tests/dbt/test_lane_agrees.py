"""The lane makes from landing the very leads that the nightly push makes from the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_built import Built

from touchproof.dbt_plugin import night_macro
from touchproof.landing import Landing
from touchproof.pseudonym import pseudonym_macro
from touchproof.salesforce.lane_known import Known
from touchproof.salesforce.lane_landed import newest_batches, read_landed
from touchproof.salesforce.lane_plan import people_of
from touchproof.settings import PROJECT_ROOT, Settings
from touchproof.sources.app import CONSENTS, REGISTRATIONS
from touchproof.sources.extract import extract
from touchproof.sources.web_forms import SUBMISSIONS
from touchproof_sandbox.world import generate

LAST_DAY = date(2026, 4, 9)
SPELLINGS = PROJECT_ROOT / "dbt_project" / "seeds" / "channels" / "source_spellings.csv"
FIELDS = ("FirstName", "LastName", "Email", "Company", "LeadSource")
# What other sources say is empty here; the columns are those that the models read.
EMPTY = {
    "staging.stg_email__events": "email varchar, event_type varchar, occurred_at timestamp",
    "staging.stg_salesforce__opt_out_versions": (
        "record_type varchar, record_id varchar, email varchar, system_modified_at timestamp"
    ),
    "staging.stg_ledger__suppressions": (
        "identifier_hmac varchar, channel varchar, suppressed_at timestamp"
    ),
}
MODELS = (
    ("staging", "staging/app", "stg_app__registrations"),
    ("staging", "staging/app", "stg_app__consents"),
    ("staging", "staging/web_forms", "stg_web_forms__submissions"),
    ("intermediate", "intermediate/consents", "int_consent_events_unioned"),
    ("intermediate", "intermediate/consents", "int_consents_current"),
    ("intermediate", "intermediate/salesforce", "int_leads_missing"),
)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Land 40 generated days of registrations, web forms and consents."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("lane"), world="tiny")
    generate(settings.paths.sandbox, 1500, 40, 7)

    def clock() -> datetime:
        return datetime(2026, 4, 10, 12, tzinfo=UTC)

    for source in ("app", "web_forms"):
        extract(source, LAST_DAY, settings, clock)
    return settings


@pytest.fixture(scope="module")
def warehouse(
    built: Built, landed: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run the compiled models on the landed rows, people told apart by the planted truth."""
    # The file's name is the database's name in compiled SQL.
    path = tmp_path_factory.mktemp("warehouse") / "touchproof.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(pseudonym_macro(landed.require_pseudonym_key()))
        connection.execute(night_macro(LAST_DAY))
        for schema in ("raw", "staging", "intermediate", "seeds"):
            connection.execute(f"create schema {schema}")
        _load(connection, landed)
        connection.execute(
            "create table seeds.source_spellings as"
            f" from read_csv('{SPELLINGS}', all_varchar = true)"
        )
        for table, columns in EMPTY.items():
            connection.execute(f"create table {table} ({columns})")
        truth = landed.paths.truth / "people.parquet"
        connection.execute(
            "create table intermediate.int_person_identifiers as"
            " select true_person as person_id, identifier_type, identifier,"
            " pseudonym(identifier_type || ':' || identifier) as identifier_hmac"
            f" from read_parquet('{truth}') where identifier_type not in ('lead', 'contact')"
        )
        for schema, folder, model in MODELS:
            compiled = built.compiled("models", *folder.split("/"), f"{model}.sql")
            connection.execute(f"create table {schema}.{model} as {compiled}")
        yield connection


def _load(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    for entity in (REGISTRATIONS, CONSENTS, SUBMISSIONS):
        paths = [
            (str(path), batch.window)
            for batch in Landing(settings.paths.landing)
            .newest(entity.source, entity.entity)
            .values()
            for path in batch.part_paths
        ]
        selects = " union all ".join(
            f"select *, 'batch' as _batch_id, date '{window.start}' as _window_start,"
            f" date '{window.end}' as _window_end, timestamp '2026-04-10 12:00:00' as _landed_at"
            f" from read_parquet('{path}', hive_partitioning = false)"
            for path, window in paths
        )
        connection.execute(f"create table raw.{entity.raw_table} as {selects}")


@pytest.fixture(scope="module")
def spellings(warehouse: duckdb.DuckDBPyConnection, tmp_path_factory: Any) -> Path:
    """Hand the seed over as publish does."""
    path = Path(tmp_path_factory.mktemp("handoff") / "source_spellings.parquet")
    warehouse.execute(f"copy seeds.source_spellings to '{path}' (format parquet)")
    return path


def test_lane_and_nightly_push_make_the_same_leads_with_the_same_consent(
    landed: Settings, warehouse: duckdb.DuckDBPyConnection, spellings: Path
) -> None:
    nightly = {
        row[0]: (*row[1:6], row[6])
        for row in warehouse.execute(
            "select touchproof_key, first_name, last_name, email, company, lead_source, email_state"
            " from intermediate.int_leads_missing"
        ).fetchall()
    }
    read = read_landed(landed, newest_batches(landed, date.min), spellings)
    lane = {}
    for person in people_of(read, Known(), frozenset()):
        if person.requests:
            first = person.requests[0]
            values = tuple(first.fields[name] for name in FIELDS)
            lane[first.source_key] = (*values, person.state)

    assert lane == nightly
    assert {key.split(":")[0] for key in nightly} == {"app", "web"}
    assert {values[5] for values in nightly.values()} == {"opted_in", "opted_out", "unknown"}
    assert len({values[4] for values in nightly.values()}) > 5


def test_both_read_the_same_words_about_e_mails(
    landed: Settings, warehouse: duckdb.DuckDBPyConnection, spellings: Path
) -> None:
    read = read_landed(landed, newest_batches(landed, date.min), spellings)
    lane = {(word.identifier, word.state, word.changed_at) for word in read.words}
    nightly = {
        (identifier, state, at.replace(tzinfo=UTC))
        for identifier, state, at in warehouse.execute(
            "select pseudonym(identifier_type || ':' || identifier), consent_state, changed_at"
            " from intermediate.int_consent_events_unioned where channel = 'email'"
        ).fetchall()
    }
    assert lane == nightly
    assert {state for _, state, _ in lane} == {"opted_in", "opted_out"}
