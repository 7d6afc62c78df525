"""Arrived files: what lies in the drop folders and what was made of it already.

Belongs here: listing `drops/<arrival day>/<source>/`, and the memory of files seen, so that a
night looks only at what is new. Doesn't belong here: reading files or writing batches.

The memory (`landing/<source>/_arrivals.json`) is a shortcut, never the truth: a run killed before
it was written finds its batches committed already, and a deleted one costs a re-read and no more.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from touchproof.durable import write_atomically
from touchproof.errors import SourceUnavailableError
from touchproof.landing import Window
from touchproof.sources.definition import EntityDefinition

MEMORY = "_arrivals.json"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_BLOCK_BYTES = 1024 * 1024
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")

Outcome = Literal["new", "landed", "superseded", "quarantined"]


@dataclass(frozen=True)
class Arrival:
    """Remember one arrived file.

    Args:
        day: Arrival day, ISO.
        name: File name.
        size: Bytes.
        mtime_ns: Modification time in nanoseconds; with the size it tells an unchanged file.
        sha256: Hex digest of its content, unpacked.
        outcome: What was made of it.
        quarantine_id: Its quarantine entry where it has one.
    """

    day: str
    name: str
    size: int
    mtime_ns: int
    sha256: str
    outcome: Outcome = "new"
    quarantine_id: str | None = None

    @property
    def key(self) -> str:
        """Name the file below the drop folder of its source."""
        return f"{self.day}/{self.name}"

    @property
    def stem(self) -> str:
        """Name the logical file: a later arrival of the same stem supersedes this one."""
        return self.name.split(".")[0]

    @property
    def order(self) -> tuple[str, str]:
        """Sort arrivals from oldest to newest."""
        return (self.day, self.name)


def arrival_path(drops: Path, source: str, arrival: Arrival) -> Path:
    """Return where an arrived file lies."""
    return drops / arrival.day / source / arrival.name


def list_arrivals(
    drops: Path, source: str, night: date, known: dict[str, Arrival], limit: int
) -> dict[str, Arrival]:
    """Return every file of a source that arrived by a night, those seen before with their outcome.

    Files still being sent (`.tmp`, `.part`, hidden ones) don't count yet.

    Args:
        drops: Folder with one sub-folder an arrival day.
        source: Source system.
        night: Last arrival day that counts.
        known: The memory, by key.
        limit: Most bytes of a file to unpack for its digest.

    Raises:
        SourceUnavailableError: If the drop folder is missing or can't be read.
    """
    found: dict[str, Arrival] = {}
    try:
        days = sorted(
            entry.name
            for entry in os.scandir(drops)
            if _DAY.fullmatch(entry.name) and entry.name <= night.isoformat()
        )
        for day in days:
            for path, stat in _files(drops / day / source):
                arrival = _arrival(path, stat, day, known.get(f"{day}/{path.name}"), limit)
                found[arrival.key] = arrival
    except FileNotFoundError as error:
        raise SourceUnavailableError(
            "The drop folder doesn't exist",
            where=f"source {source}",
            todo="Mount it or set TOUCHPROOF_DROPS_DIR, then run the extract again.",
        ) from error
    except OSError as error:
        raise SourceUnavailableError(
            f"The drop folder can't be read: {os.strerror(error.errno or 0)}",
            where=f"source {source}",
            todo="Correct its permissions or its mount, then run the extract again.",
        ) from error
    return found


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    if not folder.is_dir():
        return []
    return [
        (Path(entry.path), entry.stat())
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.is_file()
        and not entry.name.startswith((".", "_"))
        and not entry.name.endswith(_UNFINISHED)
    ]


def _arrival(
    path: Path, stat: os.stat_result, day: str, known: Arrival | None, limit: int
) -> Arrival:
    seen = (stat.st_size, stat.st_mtime_ns)
    if known is not None and (known.size, known.mtime_ns) == seen:
        return known
    sha256 = content_digest(path, limit)
    if known is not None and known.sha256 == sha256:
        return replace(known, size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    return Arrival(day, path.name, stat.st_size, stat.st_mtime_ns, sha256)


def content_digest(path: Path, limit: int) -> str:
    """Return the sha256 of a file's content: the same for the same rows compressed anew.

    A `.gz` that can't be unpacked within the limit counts by its own bytes.
    """
    if path.suffix == ".gz":
        digest, unpacked = hashlib.sha256(), 0
        try:
            with gzip.open(path) as file:
                while unpacked <= limit and (block := file.read(_BLOCK_BYTES)):
                    digest.update(block)
                    unpacked += len(block)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            unpacked = limit + 1
        if unpacked <= limit:
            return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_memory(landing: Path, source: str) -> dict[str, Arrival]:
    """Return the remembered arrivals by key; a missing or damaged memory is an empty one."""
    try:
        content = json.loads((landing / source / MEMORY).read_bytes())
        remembered = [Arrival(**item) for item in content["arrivals"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return {arrival.key: arrival for arrival in remembered}


def write_memory(landing: Path, source: str, arrivals: dict[str, Arrival]) -> None:
    """Remember the arrivals; unchanged content isn't written again."""
    items = [asdict(arrivals[key]) for key in sorted(arrivals)]
    content = json.dumps({"arrivals": items}, indent=0).encode()
    path = landing / source / MEMORY
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)


def placed(
    entities: Sequence[EntityDefinition], name: str
) -> tuple[EntityDefinition, Window] | None:
    """Return the entity and the window that a file's name tells, None for an unknown name."""
    for entity in entities:
        match = entity.file_pattern.fullmatch(name) if entity.file_pattern else None
        if match is None:
            continue
        digits = match["date"]
        try:
            day = date.fromisoformat(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}")
        except ValueError:
            return None
        return entity, Window(day, day + timedelta(days=1))
    return None
