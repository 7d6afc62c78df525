"""The banks' landed statements and remittances that count tonight.

Belongs here: which batch, row and version of a document counts, the same as for the warehouse.
Doesn't belong here: formats (sources/), what a document does (settling.py).

Of a document that stands in several files the newest counts: by window, then by the file's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow.parquet as pq

from touchproof.landing import Landing
from touchproof.load import accepted_batches
from touchproof.quality.verdict import Verdict
from touchproof.settings import Settings
from touchproof.skips.bank_lines import REMITTANCES, STATEMENTS, Document, documents_of
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.registry import entities


@dataclass(frozen=True)
class BankFile:
    """Hold the documents of one landed file whose newest version it is."""

    bank_id: str
    kind: str
    name: str
    window_start: date
    documents: tuple[Document, ...]


def bank_files(settings: Settings, night: date) -> list[BankFile]:
    """Return the files that landed up to a night, oldest first, statements before remittances.

    Args:
        settings: The world.
        night: The night; files of later days don't count.
    """
    found: list[BankFile] = []
    for entity in entities():
        if entity.entity in (STATEMENTS, REMITTANCES):
            found += _newest(list(_files_of(Landing(settings.paths.landing), entity, night)))
    found.sort(
        key=lambda file: (file.window_start, file.kind != STATEMENTS, file.bank_id, file.name)
    )
    return found


def _files_of(landing: Landing, entity: EntityDefinition, night: date) -> Iterator[BankFile]:
    bank_id = entity.source.removeprefix("bank_")
    for window, item in sorted(accepted_batches(landing, entity).items()):
        if window.start > night:
            continue
        for part in item.batch.manifest.parts:
            out, rows_out = _left_out(item.verdict, part.name)
            if out:
                continue
            table = pq.read_table(item.batch.path / part.name, partitioning=None)
            rows = [row for row in table.to_pylist() if row["_row"] not in rows_out]
            documents = documents_of(bank_id, entity.entity, rows)
            yield BankFile(bank_id, entity.entity, part.source_file, window.start, tuple(documents))


def _left_out(verdict: Verdict | None, part: str) -> tuple[bool, set[int]]:
    if verdict is None:
        return False, set()
    is_out = any(file.part == part for file in verdict.excluded_files)
    return is_out, {row.row for row in verdict.excluded_rows if row.part == part}


def _newest(files: list[BankFile]) -> list[BankFile]:
    """Leave out of each file the documents that a newer one holds."""
    newest: dict[str, tuple[date, str]] = {}
    for file in files:
        for document in file.documents:
            here = (file.window_start, file.name)
            newest[document.document_id] = max(newest.get(document.document_id, here), here)
    return [
        BankFile(
            file.bank_id,
            file.kind,
            file.name,
            file.window_start,
            tuple(
                document
                for document in file.documents
                if newest[document.document_id] == (file.window_start, file.name)
            ),
        )
        for file in files
    ]
