"""Landing: immutable Parquet batches, committed by their manifest.

Belongs here: the folder and manifest format, writing a batch, finding the newest batch of a
window. This is the only writer of landing. Doesn't belong here: talking to sources, judging
values (quality/), loading into DuckDB (load.py).

Layout: `<source>/<entity>/window=<start>_<end>/batch=<12 hex>/part-*.parquet` and, written last,
`_manifest.json`. A folder without a manifest is an unfinished batch and doesn't count.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof.durable import fsync_tree, write_atomically

MANIFEST = "_manifest.json"
VERDICT = "_verdict.json"


@dataclass(frozen=True, order=True)
class Window:
    """Name a half-open range of dates [start, end)."""

    start: date
    end: date

    @property
    def name(self) -> str:
        return f"{self.start.isoformat()}_{self.end.isoformat()}"

    @classmethod
    def parse(cls, name: str) -> Window:
        """Read `2026-03-01_2026-03-02` back."""
        start, end = name.split("_")
        return cls(date.fromisoformat(start), date.fromisoformat(end))


@dataclass(frozen=True)
class Part:
    """Describe one Parquet file of a batch and the source file that it came from."""

    name: str
    sha256: str
    rows: int
    source_file: str


@dataclass(frozen=True)
class Manifest:
    """Describe one committed batch; times are UTC ISO texts, `rows` counts landed rows."""

    source: str
    entity: str
    window_start: str
    window_end: str
    batch: str
    content_sha256: str
    rows: int
    parts: tuple[Part, ...]
    supersedes: str | None
    sequence: int
    landed_at: str


@dataclass(frozen=True)
class Batch:
    """Point at one committed batch."""

    path: Path
    manifest: Manifest

    @property
    def window(self) -> Window:
        return Window(
            date.fromisoformat(self.manifest.window_start),
            date.fromisoformat(self.manifest.window_end),
        )

    @property
    def part_paths(self) -> tuple[Path, ...]:
        return tuple(self.path / part.name for part in self.manifest.parts)


@dataclass(frozen=True)
class PartTable:
    """Pair the rows of one source file with its name; the input of `Landing.write`."""

    source_file: str
    table: pa.Table


class Landing:
    """Write and find batches below one landing root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(
        self,
        source: str,
        entity: str,
        window: Window,
        parts: Iterable[PartTable],
        *,
        content_sha256: str,
        landed_at: datetime,
    ) -> tuple[Batch, bool]:
        """Commit a batch unless the window's newest one has the same content.

        Args:
            source: Source system, e.g. `ga4`.
            entity: Entity of the source, e.g. `events`.
            window: Half-open range of dates that the batch covers.
            parts: Rows by source file, all of one schema; `_file` and `_row` are added here.
            content_sha256: Hex digest of the source's own bytes; its first 12 name the batch.
            landed_at: Timezone-aware moment of landing.

        Returns:
            The batch and whether it is new (False: the same content was the newest already).
        """
        earlier = self.of_window(source, entity, window)
        newest = earlier[-1] if earlier else None
        if newest is not None and newest.manifest.content_sha256 == content_sha256:
            return newest, False
        folder = self._entity(source, entity) / f"window={window.name}"
        folder = folder / f"batch={content_sha256[:12]}"
        again = next((b for b in earlier if b.manifest.content_sha256 == content_sha256), None)
        written = again.manifest.parts if again else _write_parts(folder, parts)
        manifest = Manifest(
            source=source,
            entity=entity,
            window_start=window.start.isoformat(),
            window_end=window.end.isoformat(),
            batch=content_sha256[:12],
            content_sha256=content_sha256,
            rows=sum(part.rows for part in written),
            parts=tuple(written),
            supersedes=newest.manifest.batch if newest else None,
            sequence=newest.manifest.sequence + 1 if newest else 1,
            landed_at=landed_at.isoformat(),
        )
        write_atomically(folder / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
        return Batch(folder, manifest), True

    def of_window(self, source: str, entity: str, window: Window) -> list[Batch]:
        """Return the committed batches of one window, oldest first."""
        folder = self._entity(source, entity) / f"window={window.name}"
        return sorted(_committed(folder), key=lambda batch: batch.manifest.sequence)

    def newest(self, source: str, entity: str, since: date | None = None) -> dict[Window, Batch]:
        """Return each window's newest batch, windows in order; those that begin on a day or later.

        Args:
            source: The source.
            entity: Its entity.
            since: The day; None for all.
        """
        found: dict[Window, Batch] = {}
        for folder in sorted(self._entity(source, entity).glob("window=*")):
            window = Window.parse(folder.name.removeprefix("window="))
            if since is not None and window.start < since:
                continue
            batches = sorted(_committed(folder), key=lambda batch: batch.manifest.sequence)
            if batches:
                found[window] = batches[-1]
        return found

    def _entity(self, source: str, entity: str) -> Path:
        return self.root / source / entity


def _committed(window_folder: Path) -> list[Batch]:
    return [
        Batch(manifest.parent, _read_manifest(manifest))
        for manifest in window_folder.glob(f"batch=*/{MANIFEST}")
    ]


def _read_manifest(path: Path) -> Manifest:
    content = json.loads(path.read_bytes())
    parts = tuple(Part(**part) for part in content.pop("parts"))
    return Manifest(parts=parts, **content)


def _write_parts(folder: Path, parts: Iterable[PartTable]) -> list[Part]:
    if folder.exists():
        shutil.rmtree(folder)  # unfinished: it has no manifest
    folder.mkdir(parents=True)
    written = []
    for number, part in enumerate(parts):
        name = f"part-{number:05d}.parquet"
        rows = part.table.num_rows
        table = part.table.append_column("_file", pa.array([part.source_file] * rows, pa.string()))
        table = table.append_column("_row", pa.array(range(1, rows + 1), pa.int64()))
        pq.write_table(table, folder / name, compression="zstd")
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        written.append(Part(name, digest, rows, part.source_file))
    fsync_tree(folder)  # the manifest mustn't outlive what it names
    return written
