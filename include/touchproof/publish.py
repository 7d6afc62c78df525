"""Publish: gate 2's last look, the handoff, the published file, the commit row.

Belongs here: the order of these steps, so that `kill -9` between any two leaves readers with a
whole old or a whole new night and the next publish finishes. Doesn't belong here: building (dbt),
the handoff's own format (handoff.py), pushing and exporting from it.

Steps, each durable before the next begins:

1. checks on the built marts; a failure changes nothing;
2. the handoff as a new version beside the old ones, then the night's link;
3. the marts as a new file beside the published one, then a rename over it;
4. the ledger's row `published_nights` with all hashes, the night's new person ids, the first fits
   that its build made and the months that it closes: the commit.

Between 1 and 2 the files of the months that the night closes are written; without the commit they
count for nothing.

A published file never goes back in time: an older night that is repeated gets its handoff and its
commit row, the published file stays with the newest night.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.clock import Clock
from touchproof.closed_months import close_months
from touchproof.durable import fsync, rename, sha256_of
from touchproof.errors import BadInputError, GateFailedError
from touchproof.handoff import show_handoff, sweep, write_handoff
from touchproof.landing import Landing
from touchproof.ledger.records import ModelFit, PublishedNight
from touchproof.ledger.store import Ledger
from touchproof.publish_checks import MARTS_SCHEMA, Check, check_marts
from touchproof.row_hash import TableHash, columns_of, quote, row_hashes, tables_of
from touchproof.settings import Settings
from touchproof.sources.ledger import SOURCE as LEDGER
from touchproof.warehouse import connect_warehouse, warehouse_lock

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_LOG = logging.getLogger(__name__)
_ATTACHED = "to_publish"
_PERSON_IDS = ("intermediate", "int_person_ids_assigned")
_MERGES = ("intermediate", "int_person_id_merges")
_FITS = ("intermediate", "int_model_fits_applied")


@dataclass(frozen=True)
class PublishReport:
    """Tell what one publish did; `outcome` is published, unchanged or kept_newer.

    `kept_newer` means that a newer night is published already: this one got its handoff and its
    commit row, the published file wasn't touched.
    """

    night: date
    outcome: str
    published_sha256: str
    handoff_version: str
    marts: tuple[TableHash, ...]
    handoff_rows: int
    new_person_ids: int
    new_model_fits: int
    closed_months: tuple[date, ...]
    checks: tuple[Check, ...]


def publish(
    settings: Settings,
    night: date,
    clock: Clock,
    *,
    on_step: Callable[[str], None] | None = None,
) -> PublishReport:
    """Show a built night to its readers; the caller has run dbt's tests.

    Args:
        settings: The world.
        night: The night that the warehouse holds.
        clock: Gives the moment of the commit.
        on_step: Called with the name of each durable step, before and after it.

    Raises:
        GateFailedError: If a check fails or a month can't be closed; yesterday's published file
            and handoff stay.
        BadInputError: If nothing has been built.
        LockTimeoutError: If another step holds the warehouse for too long.
    """
    step = on_step or _ignore
    paths = settings.paths
    with warehouse_lock(
        paths.warehouse_lock, "publish", timeout_seconds=settings.lock_timeout_seconds
    ):
        if not paths.warehouse.exists():
            raise BadInputError(
                "There is no warehouse to publish", where=settings.world, todo="Run the build."
            )
        connection = connect_warehouse(paths.warehouse)
        try:
            return _publish(connection, settings, night, clock, step)
        finally:
            connection.close()


def _publish(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    night: date,
    clock: Clock,
    step: Callable[[str], None],
) -> PublishReport:
    checks = check_marts(connection)
    _require_passed(checks, night)
    persons, changes = new_person_ids(connection), person_id_changes(connection)
    fits = new_model_fits(connection)
    ledger = Ledger.of(settings)
    root = settings.paths.handoff(night).parent
    nights = ledger.published_nights()
    is_newest = not nights or nights[-1].night <= night
    closings = close_months(connection, settings, night) if is_newest else ()
    step("checks passed")

    handoff = write_handoff(connection, root, night, step)
    show_handoff(handoff, root)
    step("after handoff link")

    marts = tuple(row_hashes(connection, MARTS_SCHEMA).values())
    outcome, sha256 = _put_marts(connection, settings, night, marts, nights, step)

    mart_hashes = {mart.table: mart.row_hash for mart in marts}
    committed_before = next(
        (
            row
            for row in nights
            if (row.night, row.published_sha256) == (night, sha256)
            and dict(row.mart_hashes) == mart_hashes
            and dict(row.handoff_hashes) == handoff.hashes
        ),
        None,
    )
    ledger.commit_night(
        night,
        published_at=committed_before.published_at if committed_before else clock(),
        published_sha256=sha256,
        handoff_hashes=handoff.hashes,
        mart_hashes=mart_hashes,
        ledger_batch=ledger_batch(settings, night),
        new_person_ids=persons,
        person_id_changes=changes,
        new_model_fits=fits,
        closings=closings,
    )
    step("after commit")
    sweep(root, night, handoff.version)
    _LOG.info("night %s: %s, %d marts, %d new ids", night, outcome, len(marts), persons.num_rows)
    return PublishReport(
        night=night,
        outcome=outcome,
        published_sha256=sha256,
        handoff_version=handoff.version,
        marts=marts,
        handoff_rows=sum(file.rows for file in handoff.files),
        new_person_ids=persons.num_rows,
        new_model_fits=len(fits),
        closed_months=tuple(period.month for period in closings),
        checks=checks,
    )


def new_person_ids(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return the ids that the ledger hasn't seen: identifier_hmac, person_id, sorted."""
    return _of_the_build(connection, _PERSON_IDS, "identifier_hmac, person_id", "where is_new")


def person_id_changes(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return (old, new) of the persons whose id another one took over, sorted."""
    merges = _of_the_build(connection, _MERGES, "from_person_id, person_id", "")
    return list(zip(*(column.to_pylist() for column in merges.columns), strict=True))


def new_model_fits(connection: duckdb.DuckDBPyConnection) -> list[ModelFit]:
    """Return the fits that the build made because the ledger had none of their model, sorted."""
    columns = ", ".join(field.name for field in fields(ModelFit))
    made = _of_the_build(connection, _FITS, columns, "where is_new")
    return [ModelFit(**row) for row in made.to_pylist()]


def _of_the_build(
    connection: duckdb.DuckDBPyConnection, place: tuple[str, str], columns: str, where: str
) -> pa.Table:
    schema, table = place
    if not columns_of(connection, schema, table):
        raise GateFailedError("A table of the build is missing", where=table, todo="Build again.")
    found: pa.Table = connection.sql(
        f"select {columns} from {schema}.{table} {where} order by all"  # noqa: S608  (constants)
    ).to_arrow_table()
    return found


def ledger_batch(settings: Settings, night: date) -> dict[str, str]:
    """Return the content hash of the ledger state that the night's build read, by entity."""
    landing = Landing(settings.paths.landing)
    found = {}
    for entity in LEDGER.entities:
        for window, batch in landing.newest(LEDGER.name, entity.entity).items():
            if window.end == night + timedelta(days=1):
                found[entity.entity] = batch.manifest.content_sha256
    return found


def _ignore(_step: str) -> None:
    """Do nothing at a step."""


def _require_passed(checks: tuple[Check, ...], night: date) -> None:
    failed = [check for check in checks if not check.passed]
    if failed:
        list_of_failures = "; ".join(f"{check.failures} {check.name}" for check in failed)
        raise GateFailedError(
            f"The built marts may not be published: {list_of_failures}",
            where=f"night {night.isoformat()}",
            todo="Yesterday's marts stay. Mend the model or the data and run the night again.",
        )


def _put_marts(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    night: date,
    marts: tuple[TableHash, ...],
    nights: list[PublishedNight],
    step: Callable[[str], None],
) -> tuple[str, str]:
    """Bring the published file up to this night; return (outcome, SHA-256 of the file)."""
    target = settings.paths.published
    earlier = next((row for row in nights if row.night == night), None)
    if nights and nights[-1].night > night:
        return "kept_newer", (earlier or nights[-1]).published_sha256
    if earlier is not None and _same_marts(earlier, marts) and target.exists():
        on_disk = sha256_of(target)
        if on_disk == earlier.published_sha256:
            return "unchanged", on_disk
    temporary = target.with_name(f".{target.name}.new")
    _write_marts(connection, temporary)
    sha256 = sha256_of(temporary)
    step("before published rename")
    rename(temporary, target)
    step("after published rename")
    return "published", sha256


def _write_marts(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the marts as a new DuckDB file: tables only, rows sorted, comments kept, read-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        leftover.unlink(missing_ok=True)
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {_ATTACHED}")
    try:
        connection.execute(f"create schema {_ATTACHED}.{MARTS_SCHEMA}")
        for table in tables_of(connection, MARTS_SCHEMA):
            name = f"{MARTS_SCHEMA}.{quote(table)}"
            connection.execute(f"create table {_ATTACHED}.{name} as from {name} order by all")
        _copy_comments(connection)
        connection.execute(f"checkpoint {_ATTACHED}")
    finally:
        connection.execute(f"detach {_ATTACHED}")
    path.chmod(0o444)
    fsync(path)
    fsync(path.parent)


def _copy_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Carry the models' and columns' descriptions over, so that the file explains itself."""
    of_tables = connection.execute(
        "select table_name, comment from duckdb_tables() where database_name = current_database()"
        " and schema_name = ? and comment is not null",
        [MARTS_SCHEMA],
    ).fetchall()
    of_columns = connection.execute(
        "select table_name, column_name, comment from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and comment is not null"
        " and table_name in (select table_name from information_schema.tables"
        "  where table_catalog = current_database() and table_schema = ?)",
        [MARTS_SCHEMA, MARTS_SCHEMA],
    ).fetchall()
    for table, comment in of_tables:
        place = f"{_ATTACHED}.{MARTS_SCHEMA}.{quote(table)}"
        connection.execute(f"comment on table {place} is {_literal(comment)}")
    for table, column, comment in of_columns:
        place = f"{_ATTACHED}.{MARTS_SCHEMA}.{quote(table)}.{quote(column)}"
        connection.execute(f"comment on column {place} is {_literal(comment)}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _same_marts(earlier: PublishedNight, marts: tuple[TableHash, ...]) -> bool:
    return dict(earlier.mart_hashes) == {mart.table: mart.row_hash for mart in marts}
