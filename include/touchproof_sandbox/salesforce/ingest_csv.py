"""CSV as Bulk API 2.0 reads and writes it.

Belongs here: what makes an upload unreadable as a whole, what an empty cell and `#N/A` say, and
how result files look. Doesn't belong here: what happens to the rows (writer.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from touchproof_sandbox.salesforce.schema import OBJECTS, SObject

CLEAR = "#N/A"
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


class UnreadableUploadError(Exception):
    """Fail a whole job; the text is its errorMessage."""


@dataclass(frozen=True)
class Upload:
    """An upload as it was read: header and cells as sent, API names in the org's spelling."""

    header: tuple[str, ...]
    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    def rows(self) -> list[dict[str, str | None]]:
        """Return what each row says: empty cells say nothing, `#N/A` clears."""
        return [
            {
                name: None if cell == CLEAR else cell
                for name, cell in zip(self.names, cells, strict=True)
                if cell != ""
            }
            for cells in self.cells
        ]


def read_upload(content: bytes, sobject: SObject, delimiter: str, line_ending: str) -> Upload:
    """Read an upload.

    Raises:
        UnreadableUploadError: If the bytes aren't UTF-8 CSV of the declared delimiter and line
            ending with a header of the object's API names; then no row is processed.
    """
    header, cells = split_upload(content, delimiter, line_ending)
    if not header:
        raise UnreadableUploadError("InvalidBatch : Unable to find a header row")
    names = tuple(_api_name(sobject, name) for name in header)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableUploadError(f"InvalidBatch : Duplicate field name : {twice}")
    for number, row in enumerate(cells, start=1):
        if len(row) != len(names):
            raise UnreadableUploadError(
                f"InvalidBatch : Failed to parse CSV row {number}: {len(row)} columns found,"
                f" {len(names)} expected"
            )
    return Upload(header, names, cells)


def split_upload(
    content: bytes, delimiter: str, line_ending: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Split an upload into its header and its rows, whatever they mean.

    Raises:
        UnreadableUploadError: If that can't be done.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableUploadError("InvalidBatch : The upload isn't UTF-8") from None
    first_line = text.partition("\n")[0]
    if first_line.endswith("\r") != (line_ending == "CRLF") and "\n" in text:
        raise UnreadableUploadError(
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is"
            f" {line_ending}"
        )
    csv.field_size_limit(200_000)
    try:
        lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True
        )
        rows = [tuple(row) for row in lines if row]
    except csv.Error as error:
        raise UnreadableUploadError(f"InvalidBatch : Failed to parse CSV: {error}") from None
    return (rows[0], tuple(rows[1:])) if rows else ((), ())


def _api_name(sobject: SObject, name: str) -> str:
    """Return a column's API name, or `Relationship.Key__c` for a parent named by its key."""
    field = sobject.by_lower_name.get(name.lower())
    if field is not None:
        return field.name
    relationship, _, parent_key = name.partition(".")
    for candidate in sobject.fields:
        if candidate.refers_to and (candidate.relationship or "").lower() == relationship.lower():
            parent = OBJECTS[candidate.refers_to].by_lower_name.get(parent_key.lower())
            if parent is not None and parent.external_id:
                return f"{candidate.relationship}.{parent.name}"
    raise UnreadableUploadError(f"InvalidBatch : Field name not found : {name}")


def write_rows(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    delimiter: str = "COMMA",
    line_ending: str = "LF",
) -> int:
    """Write a result file, every cell quoted as Salesforce does; return the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(
            file,
            delimiter=DELIMITERS[delimiter],
            lineterminator=LINE_ENDINGS[line_ending],
            quoting=csv.QUOTE_ALL,
        )
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
