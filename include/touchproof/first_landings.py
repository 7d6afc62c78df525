"""First landings: a row that was landed before is known since then, not since its file came again.

Belongs here: giving rows of a superseding batch the name and landing time of the batch in which
they first came. Doesn't belong here: which batch of a window counts (load.py).

Sources rewrite their files (GA4 does so for days), and the newest batch of a window replaces the
older ones in raw. What a row proves, though, is when we first held it: evidence may not look
younger because the source sent the same row once more. The older batches still lie in landing,
unchanged, so this is computed from landing alone and a rebuilt warehouse says the same.

A row counts as the same if all its columns are equal; a changed row is a new one.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from touchproof.landing import Batch, Landing
from touchproof.raw_tables import files_table, raw_table
from touchproof.sources.definition import EntityDefinition


def keep_first_landings(
    connection: duckdb.DuckDBPyConnection,
    landing: Landing,
    entity: EntityDefinition,
    loaded: Iterable[Batch],
) -> int:
    """Date back rows that an older batch of their window held already; return how many.

    Args:
        connection: The open warehouse; the transaction is the caller's.
        landing: Where the older batches lie.
        entity: The entity whose raw table holds the rows.
        loaded: The batches that were just loaded.
    """
    files = [
        (str(path), older)
        for batch in loaded
        for older in _older_batches(landing, entity, batch)
        for path in older.part_paths
    ]
    if not files:
        return 0
    paths = [path for path, _ in files]
    source = (
        "read_parquet($paths, filename = true, union_by_name = true, hive_partitioning = false)"
    )
    present = {
        row[0] for row in connection.execute(f"describe from {source}", {"paths": paths}).fetchall()
    }
    names = [name for name in entity.schema.names if name in present]
    connection.register("older_files", files_table(files))
    try:
        row = connection.execute(
            f"""
            with held_before as (
                select
                    {_content("older", names)} as content,
                    older_files._window_start,
                    older_files._window_end,
                    min(older_files._landed_at) as _landed_at,
                    min_by(older_files._batch_id, older_files._landed_at) as _batch_id
                from {source} as older
                inner join older_files on older.filename = older_files.path
                group by all
            )
            update {raw_table(entity)} as landed
            set _batch_id = held_before._batch_id, _landed_at = held_before._landed_at
            from held_before
            where landed._window_start = held_before._window_start
                and landed._window_end = held_before._window_end
                and {_content("landed", names)} = held_before.content
                and held_before._landed_at < landed._landed_at
            """,  # noqa: S608  (own names)
            {"paths": paths},
        ).fetchone()
    finally:
        connection.unregister("older_files")
    return int(row[0]) if row else 0


def _older_batches(landing: Landing, entity: EntityDefinition, batch: Batch) -> list[Batch]:
    """Return the window's batches that were landed before this one."""
    return [
        other
        for other in landing.of_window(entity.source, entity.entity, batch.window)
        if other.manifest.landed_at < batch.manifest.landed_at
    ]


def _content(alias: str, names: list[str]) -> str:
    """Return an expression that is equal for equal rows only."""
    columns = ", ".join(f"'{name}': {alias}.\"{name}\"" for name in names)
    return f"md5(to_json({{{columns}}})::varchar)"
