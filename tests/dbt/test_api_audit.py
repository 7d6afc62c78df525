"""The audit of API calls on a built world: forecasts by an oracle, savings against the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import jsonschema
import pytest
from dbt_api_logs import DAYS, SEED, counted_calls
from dbt_built import Built
from dbt_planted import NIGHT

from touchproof.api_audit.audit import ApiAudit, audit_api, audit_json
from touchproof.api_audit.report_text import WIDTH, audit_text
from touchproof.cli import run
from touchproof.settings import Settings
from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.api_callers import ALLOWANCE, Behaviour
from touchproof_sandbox.world.api_log import log_csv

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "schemas" / "audit_api.json").read_text()
)
CHANGES = {
    Behaviour.UNUSED_OBJECT: "hide_objects",
    Behaviour.RECALCULATED_FIELD: "hide_recalculated_fields",
    Behaviour.LEAD_BY_LEAD: "write_in_batches",
    Behaviour.POLLER: "poll_less",
    Behaviour.JOB_POLLS: "wait_for_jobs",
    Behaviour.REWRITES: "stop_rewrites",
    Behaviour.ERROR_STORM: "end_error_storm",
}
TOLERANCE = 0.05


@pytest.fixture(scope="module")
def published(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a world whose published file is the tiny world's warehouse: only marts are read."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("audit"), world="tiny")
    path = settings.paths.published
    built.copy(path.parent).rename(path)
    return settings


@pytest.fixture(scope="module")
def audit(published: Settings) -> ApiAudit:
    return audit_api(published)


@pytest.fixture
def as_command(published: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the command at the published world."""
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(published.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", published.world)
    yield


def test_every_call_of_the_log_is_counted_once(built: Built, audit: ApiAudit) -> None:
    assert audit.counted_calls == counted_calls()
    assert audit.days_of_logs == DAYS
    (row,) = built.rows(
        "select sum(calls), (select sum(calls) from staging.stg_salesforce__api_usage)"
        " from marts.mart_salesforce_api_usage"
    )
    assert row[0] == row[1]


@pytest.mark.parametrize("behaviour", CHANGES)
def test_a_change_saves_what_the_behaviour_cost(audit: ApiAudit, behaviour: Behaviour) -> None:
    """The org without the behaviour makes so many calls less."""
    (change,) = [
        one
        for one in audit.changes
        if one.kind == CHANGES[behaviour]
        and (one.kind != "write_in_batches" or one.application == "Marketo Engage")
    ]
    truth = counted_calls() - counted_calls({behaviour})
    assert change.saved_calls == pytest.approx(truth, rel=TOLERANCE), change


def test_pulls_after_our_pushes_are_told_and_are_few(audit: ApiAudit) -> None:
    """Few calls against the noise of people's edits: within a third of the truth."""
    (change,) = [one for one in audit.changes if one.kind == "shield_pushes"]
    (ours,) = [one for one in audit.verdicts if one.is_ours]
    truth = counted_calls() - counted_calls({Behaviour.PUSH}) - 3 * 8
    assert change.saved_calls == pytest.approx(truth, rel=1 / 3)
    assert ours.verdict == "cleared"


def test_the_two_first_changes_together_save_what_both_behaviours_cost(audit: ApiAudit) -> None:
    assert [change.kind for change in audit.first] == ["stop_rewrites", "poll_less"]
    truth = counted_calls() - counted_calls({Behaviour.REWRITES, Behaviour.POLLER})
    assert sum(change.saved_calls for change in audit.first) == pytest.approx(truth, rel=TOLERANCE)


def test_marketo_is_the_main_consumer_by_idle_polling(audit: ApiAudit) -> None:
    first = audit.verdicts[0]
    assert (first.application, first.verdict) == ("Marketo Engage", "main_consumer")
    assert first.poll_calls == 25 * 288
    assert {verdict.application for verdict in audit.verdicts if verdict.verdict == "not_seen"} == {
        "Data Loader"
    }


def test_growth_and_end_of_the_allowance_follow_from_the_days(audit: ApiAudit) -> None:
    assert audit.growth is not None
    assert audit.growth.lower <= 10 <= audit.growth.upper, "the world grows by about 10 calls a day"
    assert audit.suffices is not None
    assert audit.suffices_after is not None
    assert audit.suffices.until is not None
    assert audit.suffices_after.until is None or audit.suffices_after.until > audit.suffices.until


def test_a_forecast_is_what_a_day_has_and_what_the_same_weekdays_still_spent(built: Built) -> None:
    hourly: dict[date, list[int]] = {}
    for day in range(calendar.day_of(NIGHT) - DAYS + 1, calendar.day_of(NIGHT) + 1):
        hours = [0] * 24
        for line in log_csv(SEED, day).decode().splitlines()[1:]:
            hours[int(line[-14:-12])] += 1
        hourly[calendar.date_of(day)] = hours
    found = built.rows(
        "select log_date, hours_so_far, counted_calls_so_far, forecast_calls, forecast_basis,"
        " calls_of_the_day, max_calls from marts.mart_salesforce_api_forecasts order by all"
    )
    assert len(found) == 25 * DAYS + 1
    for row in found:
        assert row == _forecast(hourly, *row[:2])  # type: ignore[arg-type]  # date and hour


def _forecast(hourly: dict[date, list[int]], day: date, hours: int) -> tuple[Any, ...]:
    so_far = sum(hourly.get(day, [])[:hours])
    earlier = [one for one in hourly if timedelta(0) < day - one <= timedelta(days=28)]
    same = [one for one in earlier if one.isoweekday() == day.isoweekday()]
    rests = [sum(hourly[one][hours:]) for one in same or earlier]
    basis = "same_weekday" if same else "any_day" if earlier else "no_history"
    # DuckDB rounds halves away from zero.
    forecast = int(so_far + median(rests) + 0.5) if rests else None
    total = sum(hourly[day]) if day in hourly else None
    return (day, hours, so_far, forecast, basis, total, ALLOWANCE)


def test_no_address_or_name_of_a_user_and_no_record_id_is_in_the_marts(built: Built) -> None:
    rows = built.rows(
        "select distinct application, user_id, object_name, http_method, api_resource"
        " from marts.mart_salesforce_api_usage"
    )
    text = str(rows)
    assert "@" not in text
    assert "003" not in text.replace("0055g000001", "")
    assert len(rows) > 20


def test_the_report_fits_a_screen_and_a_half_and_ends_in_two_things_to_do(audit: ApiAudit) -> None:
    lines = audit_text(audit).splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= WIDTH
    assert "These two first" in lines
    assert lines[-1].startswith("  after     20")


def test_the_json_keeps_its_schema(audit: ApiAudit) -> None:
    content = json.loads(json.dumps(audit_json(audit)))
    jsonschema.validate(content, SCHEMA)
    content["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


def test_the_command_prints_the_report_or_its_json(
    as_command: None, audit: ApiAudit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit-api"]) == 0
    assert capsys.readouterr().out == audit_text(audit)
    assert run(["audit-api", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == audit_json(audit)


def test_a_first_day_is_judged_without_growth_or_forecast(
    as_command: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first = NIGHT - timedelta(days=DAYS - 1)
    assert run(["audit-api", "--day", str(first)]) == 0
    told = capsys.readouterr().out
    assert "less than two weeks of logs" in told
    assert "let expect" not in told
    assert "Hide" not in told


def test_a_day_without_a_log_is_one_sentence(
    as_command: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit-api", "--day", "2026-01-01"]) == 2
    assert "The logs reach from 2026-06-14 to 2026-06-28" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("delete from marts.mart_salesforce_api_usage", "View Event Log Files"),
        ("drop table marts.mart_salesforce_api_usage", "Run a night"),
    ],
)
def test_a_file_without_logs_is_one_sentence(
    built: Built,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    sentence: str,
) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    built.copy(settings.paths.published.parent).rename(settings.paths.published)
    with duckdb.connect(str(settings.paths.published)) as connection:
        connection.execute(statement)
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TOUCHPROOF_WORLD", "tiny")
    assert run(["audit-api"]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
