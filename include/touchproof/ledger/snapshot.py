"""The ledger as a source of the build: what it held before the night, landed as batches.

Belongs here: taking the snapshot of persons, claims with their cents and decisions, suppressions
and model fits. Doesn't belong here: their columns (sources/ledger.py), loading them (load.py), the
rest of the ledger, which the warehouse never sees.

A night that is committed, or that lies before a committed one, is never snapshot again: its batch
is used again, so that a repeated night is built from the same state and gives the same marts.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from touchproof.clock import Clock
from touchproof.closed_months import require_sound
from touchproof.errors import LedgerError
from touchproof.landing import Batch, Landing, PartTable, Window
from touchproof.ledger.closed_periods import closed_periods
from touchproof.ledger.records import canonical_json
from touchproof.ledger.schema import metadata
from touchproof.ledger.store import Ledger, arrow_table
from touchproof.settings import Settings
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.ledger import SOURCE

_LOG = logging.getLogger(__name__)
LEDGER_SCHEMAS: dict[str, pa.Schema] = {entity.entity: entity.schema for entity in SOURCE.entities}


def land_ledger(settings: Settings, night: date, clock: Clock) -> list[Batch]:
    """Land the ledger's state for one night's build.

    Args:
        settings: The world.
        night: The night; the batches' window is [night, night + 1 day).
        clock: Gives the moment of landing.

    Returns:
        One batch an entity of `sources.ledger.SOURCE`, in its order.

    Raises:
        LedgerError: If the night is committed but its batches are gone from landing, or a file of
            a closed month, which the build will read too, is missing or damaged.
    """
    ledger = Ledger.of(settings)
    require_sound(settings.paths, closed_periods(ledger))
    landing = Landing(settings.paths.landing)
    window = Window(night, night + timedelta(days=1))
    last = ledger.last_published_night()
    if last is not None and night <= last.night:
        return [
            _committed_batch(ledger, landing, window, entity, clock) for entity in SOURCE.entities
        ]
    with ledger.reading() as connection:
        tables = [_snapshot(connection, entity) for entity in SOURCE.entities]
    landed_at = clock()
    batches = []
    for entity, (table, content_sha256) in zip(SOURCE.entities, tables, strict=True):
        batch, is_new = landing.write(
            SOURCE.name,
            entity.entity,
            window,
            [PartTable("ledger", table)],
            content_sha256=content_sha256,
            landed_at=landed_at,
        )
        _LOG.info("ledger %s: %d rows, new %s", entity.entity, batch.manifest.rows, is_new)
        batches.append(batch)
    return batches


def _committed_batch(
    ledger: Ledger, landing: Landing, window: Window, entity: EntityDefinition, clock: Clock
) -> Batch:
    """Return the batch from which a committed night was built; empty if it knew no such table."""
    batches = landing.of_window(SOURCE.name, entity.entity, window)
    row = next((row for row in ledger.published_nights() if row.night == window.start), None)
    wanted = row.ledger_batch.get(entity.entity) if row is not None else None
    if row is not None and wanted is None and not batches:
        empty = PartTable("ledger", entity.schema.empty_table())
        sha256 = hashlib.sha256(canonical_json(entity.schema.names).encode()).hexdigest()
        landed = clock()
        batch, _ = landing.write(
            SOURCE.name, entity.entity, window, [empty], content_sha256=sha256, landed_at=landed
        )
        return batch
    found = [batch for batch in batches if wanted in (None, batch.manifest.content_sha256)]
    if not found:
        raise LedgerError(
            "The ledger's state of a committed night is gone from landing",
            where=f"ledger/{entity.entity}, window {window.name}",
            todo="Restore landing from its backup; a past night can't be built from today's state.",
        )
    return found[-1]


def _snapshot(connection: Connection, entity: EntityDefinition) -> tuple[pa.Table, str]:
    """Read one table in the order of its key; return it and the hash of its content."""
    table = metadata.tables[entity.entity]
    query = select(*(table.c[name] for name in entity.schema.names))
    query = query.order_by(*(table.c[name] for name in entity.key))
    rows = [tuple(_naive(value) for value in row) for row in connection.execute(query)]
    digest = hashlib.sha256(canonical_json(entity.schema.names).encode())
    for row in rows:
        digest.update(b"\n")
        digest.update(canonical_json([_text(value) for value in row]).encode())
    return arrow_table(rows, entity.schema), digest.hexdigest()


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
