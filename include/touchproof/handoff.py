"""The handoff: what publish leaves for the push, the lanes and the evidence packs.

Belongs here: the handoff's files and versions, writing one so that no reader ever sees half of it,
finding the last committed one. Doesn't belong here: gates, marts and the commit row (publish.py),
what readers do with the files.

Layout, below `handoff/`:

    .versions/<night>.<12 hex>/{sync,evidence}/<model>.parquet, _handoff.json   never changes
    <night>  ->  .versions/<night>.<12 hex>                      a link, swapped in one step

The digits hash the files' hashes, so a repeated night with the same content is the same folder,
and the hashes in the ledger's commit row name the version: who reads through
`last_committed_handoff` sees a whole, committed night even while a newer one is being written. The
link is for people and for tools that run after publish.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.durable import fsync_tree, rename, sha256_of, swap_link
from touchproof.errors import GateFailedError, LedgerError
from touchproof.row_hash import columns_of, quote, tables_of

if TYPE_CHECKING:
    import duckdb

    from touchproof.settings import Settings

VERSIONS = ".versions"
CONTENT = "_handoff.json"
SYNC_SCHEMA = "sync"
SYNC_SEEDS = ("salesforce_fields", "source_spellings")
EVIDENCE = (
    "fct_skip_referrals",
    "mart_commission_evidence",
    "bank_terms",
    "skip_eligibility_rules",
    "skip_match_methods",
)
CODE = "evidence/dbt_code.parquet"
_KEPT_VERSIONS = 3


@dataclass(frozen=True)
class HandoffTable:
    """Name one table of the handoff: part `sync` or `evidence`, and where it lies."""

    part: str
    schema: str
    table: str

    @property
    def name(self) -> str:
        return f"{self.part}/{self.table}.parquet"


@dataclass(frozen=True)
class HandoffFile:
    """Describe one written file; `name` is `<part>/<model>.parquet`."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Handoff:
    """Point at one version of a night's handoff."""

    night: date
    version: str
    path: Path
    files: tuple[HandoffFile, ...]

    @property
    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file by its path below the folder."""
        return {file.name: file.sha256 for file in self.files}


def handoff_tables(connection: duckdb.DuckDBPyConnection) -> tuple[HandoffTable, ...]:
    """List what is handed over: every sync model, the seeds of both lanes and the evidence.

    Raises:
        GateFailedError: If one of the named tables wasn't built.
    """
    found = [HandoffTable("sync", SYNC_SCHEMA, name) for name in tables_of(connection, SYNC_SCHEMA)]
    named = {table.table for table in found}
    wanted = [
        *(("sync", name) for name in SYNC_SEEDS),
        *(("evidence", name) for name in EVIDENCE),
    ]
    for part, name in wanted:
        if part == "sync" and name in named:
            continue
        found.append(HandoffTable(part, _schema_of(connection, name), name))
    if not named:
        raise GateFailedError(
            "No sync model was built", where=f"schema {SYNC_SCHEMA}", todo="Run the build again."
        )
    return tuple(sorted(found, key=lambda table: table.name))


def write_handoff(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    night: date,
    on_step: Callable[[str], None],
) -> Handoff:
    """Write a night's handoff, unless the same content is there already; don't show it yet.

    Args:
        connection: The open warehouse.
        root: The folder `handoff/` of the world.
        night: The night that was built.
        on_step: Called with the name of each durable step before and after it.

    Returns:
        The version, whole on disk; `show_handoff` points the night's link at it.
    """
    temporary = root / VERSIONS / f".{night.isoformat()}.tmp"
    files = _write_files(connection, temporary)
    version = version_name(night, {file.name: file.sha256 for file in files})
    folder = temporary.with_name(version)
    if folder.exists():
        shutil.rmtree(temporary)
        return read_handoff(folder)
    content = {
        "night": night.isoformat(),
        "version": version,
        "files": [asdict(file) for file in files],
    }
    _private_file(temporary / CONTENT).write_text(json.dumps(content, indent=1))
    fsync_tree(temporary)
    on_step("before handoff rename")
    rename(temporary, folder)
    on_step("after handoff rename")
    return read_handoff(folder)


def version_name(night: date, hashes: Mapping[str, str]) -> str:
    """Return the folder name of a handoff with these files, e.g. of a ledger's commit row."""
    lines = sorted(f"{name} {sha256}" for name, sha256 in hashes.items())
    return f"{night.isoformat()}.{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def show_handoff(handoff: Handoff, root: Path) -> None:
    """Point the night's link at a version."""
    link = root / handoff.night.isoformat()
    target = f"{VERSIONS}/{handoff.version}"
    if not (link.is_symlink() and str(link.readlink()) == target):
        swap_link(link, target)


def read_handoff(folder: Path) -> Handoff:
    """Read a version's description back.

    Raises:
        LedgerError: If the folder isn't a whole version.
    """
    try:
        content = json.loads((folder / CONTENT).read_bytes())
    except (OSError, ValueError):
        raise LedgerError(
            "A committed handoff is missing or damaged",
            where=folder.name,
            todo=f"Publish the night {folder.name[:10]} again.",
        ) from None
    return Handoff(
        night=date.fromisoformat(content["night"]),
        version=content["version"],
        path=folder,
        files=tuple(HandoffFile(**file) for file in content["files"]),
    )


def last_committed_handoff(settings: Settings) -> Path | None:
    """Return the folder of the newest committed night's handoff, or None before the first one.

    The folder never changes, so a reader that holds it sees one whole night from first to last
    file. Take it once at the start of a step, not once a file.
    """
    found = committed_handoff(settings)
    return None if found is None else found.path


def committed_handoff(settings: Settings, night: date | None = None) -> Handoff | None:
    """Return the committed handoff of a night (default: the newest), or None if there is none."""
    from touchproof.ledger.store import Ledger

    file = settings.paths.ledger
    if settings.ledger_url is None and not file.exists():
        return None
    nights = Ledger.of(settings).published_nights()
    row = next((row for row in reversed(nights) if night in (None, row.night)), None)
    if row is None:
        return None
    versions = settings.paths.handoff(row.night).parent / VERSIONS
    return read_handoff(versions / version_name(row.night, row.handoff_hashes))


def sweep(root: Path, night: date, committed: str) -> None:
    """Remove what killed runs left behind and a night's oldest versions.

    What a reader may still hold stays: the committed version and the night's newest three. The
    caller holds the warehouse lock, so no other writer is alive.
    """
    versions = root / VERSIONS
    for leftover in (*versions.glob(".*.tmp"), *root.glob(".*.link")):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    of_night = sorted(
        versions.glob(f"{night.isoformat()}.*"), key=lambda path: path.stat().st_mtime_ns
    )
    for folder in of_night[:-_KEPT_VERSIONS]:
        if folder.name != committed:
            shutil.rmtree(folder)


def _schema_of(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    found = connection.execute(
        "select table_schema from information_schema.tables"
        " where table_catalog = current_database() and table_name = ? order by 1",
        [table],
    ).fetchall()
    if len(found) != 1:
        raise GateFailedError(
            f"The handoff needs exactly one table {table}, there are {len(found)}",
            where=table,
            todo="Run the build of the night again.",
        )
    return str(found[0][0])


def _write_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> tuple[HandoffFile, ...]:
    shutil.rmtree(folder, ignore_errors=True)  # left by a killed run
    folder.mkdir(parents=True, mode=0o700)
    files = []
    for table in handoff_tables(connection):
        (folder / table.part).mkdir(exist_ok=True, mode=0o700)
        path = _private_file(folder / table.name)
        rows = _copy(connection, table, path)
        path.chmod(0o600)  # DuckDB replaces the file
        files.append(HandoffFile(table.name, rows, sha256_of(path)))
    files.append(_write_code(folder))
    return tuple(sorted(files, key=lambda file: file.name))


def _write_code(folder: Path) -> HandoffFile:
    """Write which code built the night, so that evidence can name it later."""
    import pyarrow.parquet as pq

    from touchproof.dbt_code import code_table

    table = code_table()
    path = _private_file(folder / CODE)
    pq.write_table(table, path, compression="zstd")
    return HandoffFile(CODE, table.num_rows, sha256_of(path))


def _private_file(path: Path) -> Path:
    path.touch(mode=0o600)
    return path


def _copy(connection: duckdb.DuckDBPyConnection, table: HandoffTable, path: Path) -> int:
    """Write one table, sorted, so that the same rows give the same bytes; return its rows."""
    names = ", ".join(quote(name) for name, _ in columns_of(connection, table.schema, table.table))
    target = str(path).replace("'", "''")
    row = connection.execute(
        f"copy (select {names} from {quote(table.schema)}.{quote(table.table)} order by all)"  # noqa: S608  (names from the catalogue)
        f" to '{target}' (format parquet, compression zstd)"
    ).fetchone()
    return int(row[0]) if row else 0
