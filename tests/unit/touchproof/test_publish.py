"""Publish: what may be shown, that it is shown whole, and that a kill at any step is harmless."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from touchproof.durable import sha256_of
from touchproof.errors import BadInputError, GateFailedError, LedgerError
from touchproof.handoff import committed_handoff, last_committed_handoff
from touchproof.ledger.closed_periods import closed_periods
from touchproof.ledger.model_fits import recorded_fits
from touchproof.ledger.store import Ledger
from touchproof.publish import PublishReport, publish
from touchproof.row_hash import row_hashes
from touchproof.settings import Settings
from touchproof.warehouse import connect_memory, connect_published, connect_warehouse

NIGHT = date(2026, 6, 28)
MOMENT = datetime(2026, 6, 29, 5, 0, tzinfo=UTC)

# The smallest schemas that publish accepts; the real models are tested in tests/dbt/.
TABLES = {
    "marts.dim_persons": "select 'per_' || range as person_id, true as is_customer from range(40)",
    "marts.dim_campaigns": "select 'c1' as campaign_id, 'Spring' as campaign_name",
    "marts.fct_touchpoints": "select 'tp_' || range as touchpoint_id from range(80)",
    "marts.fct_conversions": (
        "select 'cv_' || range as conversion_id, 100 + range as revenue_cents from range(30)"
    ),
    "marts.fct_attribution": (
        "select 'cv_' || conversion as conversion_id, 'tp_' || touch as touchpoint_id,"
        " 0.5::decimal(18, 12) as linear_weight,"
        " (case touch when 0 then (100 + conversion) // 2"
        " else 100 + conversion - (100 + conversion) // 2 end)::bigint as linear_revenue_cents"
        " from range(30) conversions(conversion), range(2) touches(touch)"
    ),
    "marts.mart_campaign_performance": "select 'c1' as campaign_id, 1 as touchpoints",
    "marts.mart_channel_performance": "select 'email' as channel, 1 as touchpoints",
    "marts.fct_skip_referrals": "select 'northlake:' || range as bank_opening_id from range(5)",
    "marts.mart_commission_evidence": "select 'clm_1' as claim_id, 'tp_1' as touchpoint_id",
    "sync.sync_lead_consent": (
        "select 'Lead' as object, 'someone@example.com' as record_key, 'true' as opted_out"
    ),
    "seeds.salesforce_fields": "select 'Lead' as object, 'Touchproof_Score__c' as field",
    "seeds.source_spellings": "select 'tv ad' as spelling, 'TV' as lead_source",
    "seeds.bank_terms": "select 'northlake' as bank_id, 5000 as fee_cents",
    "seeds.skip_eligibility_rules": "select 10 as rule_order, 'no_terms' as code",
    "seeds.skip_match_methods": "select 1 as match_tier, 'email' as match_method",
    "intermediate.int_person_ids_assigned": (
        "select 'hmac' || range as identifier_hmac, 'per_' || range as person_id,"
        " range < 35 as is_new from range(40)"
    ),
    "intermediate.int_person_id_merges": (
        "select 'per_old' as from_person_id, 'per_1' as person_id"
    ),
    "intermediate.int_model_fits_applied": (
        "select 'fit_' || attribution_model as model_fit_id, attribution_model,"
        " date '2026-03-01' as training_start_date, date '2026-06-28' as training_end_date,"
        " 'abc' as data_sha256, '{}' as parameters_json, date '2026-03-04' as credits_from_date,"
        " attribution_model = 'markov' as is_new"
        " from (values ('markov'), ('shapley')) models(attribution_model)"
    ),
}


CHILD = """
import os, signal, sys
from datetime import date, datetime, UTC
from pathlib import Path
from touchproof.publish import publish
from touchproof.settings import Settings

def on_step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

publish(
    Settings(data_dir=Path(sys.argv[1]), world="test"),
    date(2026, 6, 28),
    lambda: datetime(2026, 6, 29, 5, tzinfo=UTC),
    on_step=on_step,
)
"""
DURABLE_STEPS = (
    "checks passed",
    "before handoff rename",
    "after handoff rename",
    "after handoff link",
    "before published rename",
    "after published rename",
    "after commit",
)


def build_world(settings: Settings, *, edition: int = 1) -> None:
    """Build the warehouse; another edition differs in one row of a mart and of a sync model."""
    connection = connect_warehouse(settings.paths.warehouse)
    for name, query in TABLES.items():
        connection.execute(f"create schema if not exists {name.split('.')[0]}")
        connection.execute(f"create or replace table {name} as {query}")
    connection.execute("comment on table marts.dim_persons is 'Persons. One row per person.'")
    connection.execute("comment on column marts.dim_persons.person_id is 'The person.'")
    if edition > 1:
        connection.execute(f"update marts.dim_campaigns set campaign_name = 'Edition {edition}'")
        connection.execute(f"update sync.sync_lead_consent set opted_out = '{edition}'")
    connection.close()


def change(settings: Settings, statement: str) -> None:
    """Run one statement on the built warehouse."""
    connection = connect_warehouse(settings.paths.warehouse)
    connection.execute(statement)
    connection.close()


def clock() -> datetime:
    return MOMENT


@pytest.fixture
def built(settings: Settings) -> Settings:
    build_world(settings)
    return settings


def published_campaign(settings: Settings) -> str:
    connection = connect_published(settings.paths.published)
    row = connection.execute("select campaign_name from marts.dim_campaigns").fetchone()
    connection.close()
    assert row is not None
    return str(row[0])


def handed_over(folder: Path) -> tuple[str, ...]:
    connection = connect_memory()
    rows = connection.execute(
        "select opted_out from read_parquet(?)",
        [str(folder / "sync" / "sync_lead_consent.parquet")],
    ).fetchall()
    connection.close()
    return tuple(value for (value,) in rows)


def test_a_built_night_is_published_with_handoff_and_commit_row(built: Settings) -> None:
    report = publish(built, NIGHT, clock)
    assert report.outcome == "published"
    assert all(check.passed for check in report.checks)
    row = Ledger.of(built).last_published_night()
    assert row is not None
    assert row.night == NIGHT
    assert row.published_sha256 == sha256_of(built.paths.published)
    assert set(row.handoff_hashes) == {
        "sync/sync_lead_consent.parquet",
        "sync/salesforce_fields.parquet",
        "sync/source_spellings.parquet",
        "evidence/fct_skip_referrals.parquet",
        "evidence/mart_commission_evidence.parquet",
        "evidence/bank_terms.parquet",
        "evidence/skip_eligibility_rules.parquet",
        "evidence/skip_match_methods.parquet",
        "evidence/dbt_code.parquet",
    }
    for name, sha256 in row.handoff_hashes.items():
        assert sha256_of(built.paths.handoff(NIGHT) / name) == sha256


def test_the_published_file_holds_the_marts_alone_and_explains_them(built: Settings) -> None:
    report = publish(built, NIGHT, clock)
    connection = connect_published(built.paths.published)
    schemas = connection.execute(
        "select distinct table_schema from information_schema.tables"
    ).fetchall()
    assert schemas == [("marts",)]
    assert row_hashes(connection, "marts") == {mart.table: mart for mart in report.marts}
    comment = "select comment from duckdb_tables() where table_name = 'dim_persons'"
    assert connection.execute(comment).fetchone() == ("Persons. One row per person.",)
    comment = "select comment from duckdb_columns() where comment is not null"
    assert connection.execute(comment).fetchone() == ("The person.",)
    connection.close()


def test_the_published_file_is_read_only_and_the_handoff_private(built: Settings) -> None:
    publish(built, NIGHT, clock)
    assert stat.S_IMODE(built.paths.published.stat().st_mode) == 0o444
    folder = last_committed_handoff(built)
    assert folder is not None
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_new_person_ids_are_committed_with_the_night(built: Settings) -> None:
    assert publish(built, NIGHT, clock).new_person_ids == 35
    with Ledger.of(built).reading() as connection:
        found = connection.exec_driver_sql("select count(*), min(assigned_night) from person_ids")
        assert tuple(found.one()) == (35, NIGHT.isoformat())
        found = connection.exec_driver_sql(
            "select old_person_id, new_person_id, night from person_id_history"
        )
        assert [tuple(row) for row in found] == [("per_old", "per_1", NIGHT.isoformat())]


def test_the_fits_that_a_build_made_are_committed_with_the_night(built: Settings) -> None:
    assert publish(built, NIGHT, clock).new_model_fits == 1
    publish(built, NIGHT, lambda: MOMENT + timedelta(hours=3))
    (fit,) = recorded_fits(Ledger.of(built))
    assert (fit.fit.model_fit_id, fit.fit.credits_from_date) == ("fit_markov", date(2026, 3, 4))
    assert (fit.night, fit.origin, fit.fitted_at) == (NIGHT, "night", MOMENT)


def test_a_repeated_night_with_equal_content_changes_nothing(built: Settings) -> None:
    first = publish(built, NIGHT, clock)
    before = built.paths.published.stat().st_mtime_ns, last_committed_handoff(built)
    row = Ledger.of(built).last_published_night()
    again = publish(built, NIGHT, lambda: MOMENT + timedelta(hours=3))
    assert again.outcome == "unchanged"
    assert again.marts == first.marts
    assert (built.paths.published.stat().st_mtime_ns, last_committed_handoff(built)) == before
    assert Ledger.of(built).last_published_night() == row


def test_a_repeated_night_with_other_content_replaces_it(built: Settings) -> None:
    first = publish(built, NIGHT, clock)
    held = last_committed_handoff(built)
    build_world(built, edition=2)
    second = publish(built, NIGHT, clock)
    assert second.outcome == "published"
    assert second.handoff_version != first.handoff_version
    assert published_campaign(built) == "Edition 2"
    assert handed_over(built.paths.handoff(NIGHT)) == ("2",)
    assert held is not None
    assert handed_over(held) == ("true",), "a reader that holds the old version keeps it whole"


def test_an_older_night_never_replaces_a_newer_published_one(built: Settings) -> None:
    publish(built, NIGHT, clock)
    build_world(built, edition=2)
    earlier_night = NIGHT - timedelta(days=1)
    report = publish(built, earlier_night, clock)
    assert report.outcome == "kept_newer"
    assert published_campaign(built) == "Spring"
    newest = committed_handoff(built)
    assert newest is not None
    assert newest.night == NIGHT
    older = committed_handoff(built, earlier_night)
    assert older is not None
    assert handed_over(older.path) == ("2",)


def test_old_versions_are_swept_but_never_the_committed_one(built: Settings) -> None:
    for edition in range(1, 7):
        build_world(built, edition=edition)
        publish(built, NIGHT, clock)
    versions = sorted((built.paths.handoff(NIGHT).parent / ".versions").iterdir())
    assert len(versions) == 3
    folder = last_committed_handoff(built)
    assert folder in versions
    assert folder is not None
    assert handed_over(folder) == ("6",)


def test_readers_find_nothing_before_the_first_night(settings: Settings) -> None:
    assert last_committed_handoff(settings) is None
    with pytest.raises(BadInputError):
        publish(settings, NIGHT, clock)


def test_a_damaged_committed_handoff_is_named(built: Settings) -> None:
    publish(built, NIGHT, clock)
    folder = last_committed_handoff(built)
    assert folder is not None
    (folder / "_handoff.json").unlink()
    with pytest.raises(LedgerError, match="missing or damaged"):
        last_committed_handoff(built)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("drop table marts.dim_campaigns", "core marts that are missing"),
        (
            "update marts.fct_attribution set linear_revenue_cents = linear_revenue_cents + 1"
            " where conversion_id = 'cv_7' and touchpoint_id = 'tp_0'",
            "linear cents miss their revenue",
        ),
        (
            "update marts.fct_attribution set linear_weight = 0.4 where touchpoint_id = 'tp_1'",
            "linear weights don't sum to 1",
        ),
        (
            "delete from marts.fct_attribution where conversion_id = 'cv_3'",
            "without a row in fct_attribution",
        ),
        (
            "update marts.dim_campaigns set campaign_name = 'for jo.doe@example.com'",
            "text like an e-mail address",
        ),
        (
            "create table marts.fct_journeys as select ['TV', 'jo.doe@example.com'] as path",
            "rows of fct_journeys with text like an e-mail address",
        ),
        ("drop table sync.sync_lead_consent", "No sync model was built"),
        ("drop table seeds.bank_terms", "exactly one table bank_terms"),
        ("drop table intermediate.int_person_ids_assigned", "int_person_ids_assigned"),
    ],
)
def test_a_failed_check_leaves_yesterday_in_place(built: Settings, fault: str, named: str) -> None:
    yesterday = NIGHT - timedelta(days=1)
    publish(built, yesterday, clock)
    before = sha256_of(built.paths.published), last_committed_handoff(built)
    change(built, fault)
    with pytest.raises(GateFailedError) as failure:
        publish(built, NIGHT, clock)
    assert named in str(failure.value)
    assert "jo.doe" not in str(failure.value)
    assert (sha256_of(built.paths.published), last_committed_handoff(built)) == before


def run_child(settings: Settings, step: str) -> int:
    """Publish in a process of its own that kills itself at a step; return its exit code."""
    data_dir = settings.paths.root.parent
    environment = {**os.environ, "PYTHONPATH": "include"}
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(data_dir), step],
        env=environment,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
    ).returncode


def test_the_kill_test_covers_every_durable_step(built: Settings) -> None:
    seen: list[str] = []
    publish(built, NIGHT, clock, on_step=seen.append)
    assert tuple(seen) == DURABLE_STEPS


@pytest.mark.parametrize("step", DURABLE_STEPS)
def test_after_kill_9_readers_see_a_whole_night_and_the_next_publish_finishes(
    built: Settings, step: str
) -> None:
    yesterday = NIGHT - timedelta(days=1)
    publish(built, yesterday, clock)
    build_world(built, edition=2)

    assert run_child(built, step) == -signal.SIGKILL

    folder = last_committed_handoff(built)
    assert folder is not None
    committed = step == "after commit"
    assert handed_over(folder) == (("2",) if committed else ("true",))
    shown = step in ("after published rename", "after commit")
    assert published_campaign(built) == ("Edition 2" if shown else "Spring")

    report = publish(built, NIGHT, clock)
    assert_whole(built, report)
    assert published_campaign(built) == "Edition 2"
    assert [row.night for row in Ledger.of(built).published_nights()] == [yesterday, NIGHT]


def assert_whole(settings: Settings, report: PublishReport) -> None:
    """Compare file, handoff and commit row with each other, and find no leftover."""
    row = Ledger.of(settings).last_published_night()
    assert row is not None
    assert row.published_sha256 == sha256_of(settings.paths.published) == report.published_sha256
    connection = connect_published(settings.paths.published)
    hashes = {name: found.row_hash for name, found in row_hashes(connection, "marts").items()}
    connection.close()
    assert hashes == dict(row.mart_hashes)
    folder = last_committed_handoff(settings)
    assert folder is not None
    assert folder == settings.paths.handoff(row.night).resolve()
    assert [path.name for path in settings.paths.published.parent.iterdir()] == [
        settings.paths.published.name
    ]
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


@pytest.fixture
def reader(built: Settings) -> Iterator[list[tuple[str, str]]]:
    """Read file and handoff over and over in a thread; collect what was seen, with errors."""
    publish(built, NIGHT - timedelta(days=1), clock)
    seen: list[tuple[str, str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                folder = last_committed_handoff(built)
                assert folder is not None
                (value,) = handed_over(folder)
                seen.append((published_campaign(built), value))
            except Exception as error:  # noqa: BLE001  (any error is the finding)
                seen.append(("error", type(error).__name__ + str(error)))

    thread = threading.Thread(target=read)
    thread.start()
    yield seen
    stop.set()
    thread.join()


def test_readers_in_a_loop_never_fail_and_never_go_back(
    built: Settings, reader: list[tuple[str, str]]
) -> None:
    for edition in range(2, 5):
        build_world(built, edition=edition)
        assert run_child(built, "no step") == 0
        count = len(reader)
        while len(reader) < count + 2:
            threading.Event().wait(0.01)
    campaigns = [campaign for campaign, _ in reader]
    assert "error" not in campaigns, reader[campaigns.index("error")]
    assert campaigns == sorted(campaigns, key=lambda name: name.replace("Spring", ""))
    assert set(campaigns) >= {"Spring", "Edition 4"}
    values = [value for _, value in reader]
    assert values == sorted(values, key=lambda value: value.replace("true", ""))


def test_dates_of_the_report_are_plain(built: Settings) -> None:
    assert publish(built, NIGHT, clock).night == date(2026, 6, 28)


CLOSED_TABLES = {
    "seeds.closed_months": "select date '2026-05-01' as month",
    "marts.mart_campaign_performance": "select date '2026-05-01' as month, 'c1' as campaign_id",
    "marts.mart_channel_performance": "select date '2026-05-01' as month, 'email' as channel",
    "intermediate.int_campaign_credits_booked": "select date '2026-05-01' as month, 1 as units",
    "intermediate.int_channel_credits_booked": "select date '2026-05-01' as month, 1 as units",
    "marts.mart_campaign_cohorts": "select date '2026-05-01' as month, 'c1' as campaign_id",
    "intermediate.int_cohort_credits_booked": "select date '2026-05-01' as month, 1 as units",
    "intermediate.int_fee_accruals_booked": "select date '2026-05-01' as month, 1 as entry_cents",
}


def close_may(settings: Settings) -> None:
    """Let the seed of the built warehouse close a month."""
    for name, query in CLOSED_TABLES.items():
        change(settings, f"create or replace table {name} as {query}")
    change(settings, "alter table marts.fct_attribution add column converted_at timestamp")
    change(settings, "update marts.fct_attribution set converted_at = '2026-05-20'")


def test_a_month_is_closed_with_the_night_and_only_once(built: Settings) -> None:
    close_may(built)
    assert publish(built, NIGHT, clock).closed_months == (date(2026, 5, 1),)
    (period,) = closed_periods(Ledger.of(built))
    assert (period.month, period.closed_night) == (date(2026, 5, 1), NIGHT)
    folder = built.paths.closed_months / "2026-05"
    assert {path.name: sha256_of(path) for path in folder.iterdir()} == dict(period.files)
    assert publish(built, NIGHT, clock).closed_months == ()
    assert closed_periods(Ledger.of(built)) == [period]


def test_a_night_that_would_reopen_a_month_is_not_published(built: Settings) -> None:
    close_may(built)
    publish(built, NIGHT, clock)
    before = built.paths.published.stat().st_mtime_ns
    change(built, "delete from seeds.closed_months")
    with pytest.raises(GateFailedError, match="2026-05 is closed since night 2026-06-28"):
        publish(built, NIGHT + timedelta(days=1), clock)
    assert built.paths.published.stat().st_mtime_ns == before
    assert [row.night for row in Ledger.of(built).published_nights()] == [NIGHT]


def test_an_older_night_closes_nothing(built: Settings) -> None:
    publish(built, NIGHT, clock)
    close_may(built)
    assert publish(built, NIGHT - timedelta(days=1), clock).outcome == "kept_newer"
    assert closed_periods(Ledger.of(built)) == []
