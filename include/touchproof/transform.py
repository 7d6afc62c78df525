"""Run the dbt project in this process.

Belongs here: starting dbt, and telling what failed without a value from the data. Doesn't belong
here: what dbt is started with (dbt_settings.py), SQL (dbt_project/), lock and key (dbt_plugin.py),
how Airflow shows the models (touchproof_airflow).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from touchproof.dbt_code import DBT_PROJECT
from touchproof.dbt_settings import PROFILE, TARGET, dbt_environment, dbt_vars
from touchproof.errors import TouchproofError
from touchproof.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

_BAD = ("error", "fail", "runtime error")


class BuildFailedError(TouchproofError):
    """Report models or tests of a dbt run that failed."""


@dataclass(frozen=True)
class BuildReport:
    """Say what one dbt build did: names and counts only.

    Args:
        night: The night that was built.
        counts: Nodes by dbt's status (`success`, `pass`, `warn`).
        warnings: Tests that warn.
        seconds: How long dbt's nodes took.
    """

    night: date
    counts: dict[str, int]
    warnings: tuple[str, ...]
    seconds: float


def build(
    settings: Settings,
    night: date,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    with_unit_tests: bool = False,
    with_data_tests: bool = True,
) -> BuildReport:
    """Build and test the models of one night under the warehouse lock.

    Args:
        settings: The world.
        night: Data up to the end of this date is seen.
        select: dbt selectors; everything if empty.
        full_refresh: Rebuild what would otherwise be built incrementally.
        with_unit_tests: Run dbt's unit tests too; they belong to the tests, not to a night.
        with_data_tests: Test the data; a night always does, a test of many nights may not.

    Raises:
        BuildFailedError: If a model or test failed; the message names nodes, never values.
        LedgerError: If a file of a closed month is missing or damaged.
    """
    settings.paths.warehouse.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["build", *_places(settings.paths.root / "dbt"), *_vars(settings)]
    if select:
        # A test runs only where all that it compares was selected.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    if full_refresh:
        arguments.append("--full-refresh")
    if not with_unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    if not with_data_tests:
        arguments += ["--exclude-resource-type", "test"]
    result = _invoke(settings, arguments, night)
    nodes = _nodes(result)
    failed = [node for node in nodes if node.status in _BAD]
    if failed or not result.success:
        raise _failure(failed, result)
    return BuildReport(
        night=night,
        counts=dict(sorted(Counter(node.status for node in nodes).items())),
        warnings=tuple(sorted(node.name for node in nodes if node.status == "warn")),
        seconds=round(sum(node.seconds for node in nodes), 1),
    )


def parse(settings: Settings, target: Path | None = None) -> Path:
    """Parse the project without opening the warehouse and return the manifest's path.

    Args:
        settings: The world whose variables are the defaults.
        target: Where `manifest.json` goes; `dbt_project/target` if not given.

    Raises:
        BuildFailedError: If the project can't be parsed.
    """
    folder = target or DBT_PROJECT / "target"
    arguments = ["parse", *_places(folder.parent, target=folder), *_vars(settings)]
    result = _invoke(settings, arguments)
    if not result.success:
        raise _failure([], result)
    return folder / "manifest.json"


def compiled_sql(
    settings: Settings, models: Sequence[str], variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the SQL of models by name, without opening the warehouse: benchmarks run it elsewhere.

    Args:
        settings: The world; its warehouse needn't be there.
        models: Names of SQL models.
        variables: dbt variables beyond those of the world.

    Raises:
        BuildFailedError: If the project can't be compiled.
    """
    folder = settings.paths.root / "dbt"
    variables = dbt_vars(settings) | dict(variables or {})
    arguments = ["compile", *_places(folder), "--vars", json.dumps(variables), "--no-introspect"]
    result = _invoke(settings, [*arguments, "--no-populate-cache", "--select", *models])
    if not result.success:
        raise _failure([], result)
    compiled = (folder / "target" / "compiled").rglob("*.sql")
    return {path.stem: path.read_text() for path in compiled if path.stem in models}


@dataclass(frozen=True)
class _Node:
    name: str
    status: str
    seconds: float
    message: str


def _places(folder: Path, *, target: Path | None = None) -> list[str]:
    return [
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(DBT_PROJECT),
        "--profile",
        PROFILE,
        "--target",
        TARGET,
        "--target-path",
        str(target or folder / "target"),
        "--log-path",
        str(folder / "logs"),
        "--log-level-file",
        "none",
        "--quiet",
        "--no-use-colors",
    ]


def _vars(settings: Settings) -> list[str]:
    pairs = ", ".join(f'"{key}": "{value}"' for key, value in dbt_vars(settings).items())
    return ["--vars", f"{{{pairs}}}"]


def _invoke(settings: Settings, arguments: list[str], night: date = date.max) -> dbtRunnerResult:
    from dbt.cli.main import dbtRunner  # takes seconds: only where dbt is really run

    from touchproof import dbt_plugin

    dbt_plugin.use_settings(settings)
    try:
        with _environment(dbt_environment(settings, night.isoformat())):
            result = dbtRunner().invoke(arguments)
    finally:
        dbt_plugin.release_warehouse()
        dbt_plugin.use_settings(None)
    if isinstance(result.exception, TouchproofError):
        raise result.exception  # of our plugin: it says itself what happened
    return result


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _nodes(result: dbtRunnerResult) -> list[_Node]:
    results: Any = getattr(result.result, "results", None) or []
    return [
        _Node(
            name=str(one.node.name),
            status=str(one.status),
            seconds=float(one.execution_time),
            message=str(one.message or ""),
        )
        for one in results
    ]


def _failure(failed: Sequence[_Node], result: dbtRunnerResult) -> BuildFailedError:
    from touchproof.dbt_plugin import masked

    if failed:
        told = "; ".join(
            f"{node.name}: {masked(Exception(_first_line(node.message)))}" for node in failed[:5]
        )
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        return BuildFailedError(
            f"{len(failed)} dbt nodes failed: {told}{more}",
            where="dbt build",
            todo="What was published before stays. Mend the cause and run the night again.",
        )
    return BuildFailedError(
        f"dbt ended before its first node: {masked(result.exception or Exception('no reason'))}",
        where="dbt",
        todo="Run `dbt parse` in dbt_project to see the whole message.",
    )


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:2])
