"""Load: carry accepted batches from landing into the warehouse's schema `raw`.

Belongs here: which batch of a window counts, and the order of the steps. Doesn't belong here: the
raw tables' SQL (raw_tables.py), judging (quality/), cleaning or deduplicating (staging).

Each table is one transaction: its windows, rows and bookkeeping change together or not at all, so
a run killed anywhere leaves the old or the new state and the next one goes on. Windows never
vanish; a table that is a snapshot (the ledger's) keeps its newest window only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from touchproof.clock import Clock
from touchproof.first_landings import keep_first_landings
from touchproof.landing import Batch, Landing, Window
from touchproof.quality.suites import suite_of
from touchproof.quality.verdict import read_verdict
from touchproof.raw_tables import (
    AcceptedBatch,
    check_counts,
    count_rows,
    create_bookkeeping,
    create_table,
    delete_windows,
    insert_batches,
    loaded_windows,
    remember_loads,
)
from touchproof.settings import Settings
from touchproof.skips.terms_seed import banks_without_basis
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.registry import entities
from touchproof.warehouse import connect_warehouse, warehouse_lock

logger = logging.getLogger(__name__)

_UNGATED = "ungated"


@dataclass(frozen=True)
class TableLoad:
    """Count what one load did to one raw table."""

    source: str
    entity: str
    windows_replaced: int
    rows_loaded: int
    rows_total: int


@dataclass(frozen=True)
class LoadReport:
    """Report one load; `rows_loaded` is 0 when nothing was new.

    `stopped` says which banks may not be loaded, a sentence each.
    """

    night: date
    windows_replaced: int
    rows_loaded: int
    rows_total: int
    tables: tuple[TableLoad, ...]
    stopped: tuple[str, ...] = ()


def load_batches(
    settings: Settings,
    night: date,
    clock: Clock,
    *,
    on_wait: Callable[[str], None] | None = None,
) -> LoadReport:
    """Replace every window whose newest accepted batch isn't the loaded one.

    Args:
        settings: Settings of the world.
        night: The night that loads; `raw._loads` remembers it.
        clock: Tells the moment of loading.
        on_wait: Called with a sentence when another step holds the warehouse.

    Raises:
        LockTimeoutError: If the warehouse stays held.
        CheckFailedError: If a table's rows aren't those that the verdicts promise.
    """
    landing = Landing(settings.paths.landing)
    paths = settings.paths
    tables = []
    stopped = banks_without_basis()
    for sentence in stopped.values():
        logger.warning("%s", sentence)
    with warehouse_lock(
        paths.warehouse_lock,
        "load",
        timeout_seconds=settings.lock_timeout_seconds,
        on_wait=on_wait,
    ):
        connection = connect_warehouse(paths.warehouse)
        try:
            create_bookkeeping(connection)
            for entity in entities():
                if entity.source.removeprefix("bank_") in stopped:
                    create_table(connection, entity)
                    continue
                tables.append(_load_entity(connection, landing, entity, night, clock()))
        finally:
            connection.close()
    report = LoadReport(
        night,
        sum(table.windows_replaced for table in tables),
        sum(table.rows_loaded for table in tables),
        sum(table.rows_total for table in tables),
        tuple(tables),
        tuple(stopped.values()),
    )
    logger.info(
        "load night %s: %s windows, %s rows", night, report.windows_replaced, report.rows_loaded
    )
    return report


def _load_entity(
    connection: duckdb.DuckDBPyConnection,
    landing: Landing,
    entity: EntityDefinition,
    night: date,
    moment: datetime,
) -> TableLoad:
    accepted = accepted_batches(landing, entity)
    create_table(connection, entity)
    connection.execute("begin transaction")
    try:
        loaded = loaded_windows(connection, entity)
        due = [
            item
            for window, item in accepted.items()
            if loaded.get(window) != (item.batch.manifest.batch, item.verdict_sha256)
        ]
        gone = [window for window in loaded if entity.is_snapshot and window not in accepted]
        if due or gone:
            replaced = [item.batch.window for item in due if item.batch.window in loaded]
            delete_windows(connection, entity, [*replaced, *gone])
        if due:
            insert_batches(connection, entity, due)
            keep_first_landings(connection, landing, entity, [item.batch for item in due])
            check_counts(connection, entity, due)
            remember_loads(connection, entity, due, night, moment)
        total = count_rows(connection, entity)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return TableLoad(
        entity.source, entity.entity, len(due), sum(item.rows for item in due), int(total)
    )


def accepted_batches(landing: Landing, entity: EntityDefinition) -> dict[Window, AcceptedBatch]:
    """Return each window's newest batch that the gate let pass; snapshots have one window."""
    newest = landing.newest(entity.source, entity.entity)
    if entity.is_snapshot:
        newest = dict(list(newest.items())[-1:])
    found = {}
    for window, batch in newest.items():
        if suite_of(entity.source, entity.entity) is None:
            found[window] = AcceptedBatch(batch, None, _UNGATED)
            continue
        item = _passed(batch)
        if item is None:  # refused or not judged yet: an older batch of the window stays
            older = landing.of_window(entity.source, entity.entity, window)[:-1]
            item = next(filter(None, map(_passed, reversed(older))), None)
        if item is not None:
            found[window] = item
    return found


def _passed(batch: Batch) -> AcceptedBatch | None:
    judged = read_verdict(batch)
    if judged is None or judged[0].status == "refused":
        return None
    return AcceptedBatch(batch, judged[0], judged[1])
