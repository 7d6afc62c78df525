"""The command's exit codes and its one clear sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from touchproof.cli import run
from touchproof.settings import Settings


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Point the command at an empty world."""
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", settings.world)
    return settings


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "sql",
        "sql select --format xml",
        "sql select --fromat json",
        "extract nowhere",
        "extract ga4 --from yesterday",
        "extract ga4 --night 2026-13-01",
        "push --dry-run --baseline",
        "push --lane sideways",
        "claims list --status lost",
        "claims list --status issued --overdue",
        "claims decide clm_1 --to sold --reason r",
        "claims decide clm_1 --to accepted --reason r",
        "claims decide clm_1 --to issued --reason r",
        "claims decide clm_1 --to accepted",
        "claims review",
        "claims review --out a.xlsx --in b.xlsx",
        "claims review --out a.xlsx",
        "claims journal --period 2026-13",
        "claims journal --period 2026-05",
        "claims reconcile --night yesterday",
        "sandbox bank-replies --day yesterday",
        "evidence export --period 2026-13",
        "evidence verify nowhere-at-all",
        "quarantine show abc",
        "ledger restore nowhere.gz",
        "sandbox generate --customers 0 --days 1 --out x",
        "sandbox generate --customers many --days 1 --out x",
        "publish",
        "audit-api",
        "audit-api --day yesterday",
    ],
)
def test_bad_input_exits_with_2_and_one_sentence(
    world: Settings, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    assert run(arguments.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert "Traceback" not in told.err


def test_a_bad_setting_is_named(
    world: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOUCHPROOF_WORLD", "No World")
    assert run(["status"]) == 2
    assert "TOUCHPROOF_WORLD" in capsys.readouterr().err


def test_a_failed_check_exits_with_1(world: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate", "--night", "2026-06-28"]) == 1
    assert "Nothing has landed" in capsys.readouterr().err


def test_help_exits_with_0_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    for command in [
        "extract",
        "load",
        "build",
        "publish",
        "status",
        "sql",
        "push",
        "claims",
        "evidence",
        "ledger",
        "quarantine",
        "sandbox",
        "attribute-paths",
        "audit-api",
    ]:
        assert command in told


def test_status_of_an_empty_world_is_an_answer(
    world: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status"]) == 0
    assert "No night" in capsys.readouterr().out
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["night"] is None
    assert not world.paths.ledger.exists()


def test_a_statement_may_begin_with_a_comment(world: Settings) -> None:
    import duckdb

    world.paths.published.parent.mkdir(parents=True)
    with duckdb.connect(str(world.paths.published)) as connection:
        connection.execute("create schema marts")
    command = [sys.executable, "-m", "touchproof", "sql", "-- one row\nselect 7 as x"]
    done = subprocess.run([*command, "--format", "csv"], capture_output=True, text=True, check=True)
    assert done.stdout == "x\n7\n"


def test_a_reader_that_stops_early_is_no_error(world: Settings, tmp_path: Path) -> None:
    import duckdb

    world.paths.published.parent.mkdir(parents=True)
    with duckdb.connect(str(world.paths.published)) as connection:
        connection.execute("create schema marts")
    command = [sys.executable, "-m", "touchproof", "sql", "from range(3000000)", "--format", "csv"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline() == "range\n"
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait(timeout=60) == 0


def test_the_command_starts_without_the_heavy_packages() -> None:
    code = (
        "import sys, touchproof.cli\n"
        "heavy = {'pandas', 'great_expectations', 'dbt', 'duckdb', 'pyarrow', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
