"""Structural faults: what makes a source file unreadable, and the words for it.

Belongs here: the rules' names, what to do about each, and the error that readers raise. Doesn't
belong here: value faults (quality/), what happens to a faulty file (quarantine.py).
"""

from __future__ import annotations

from touchproof.errors import UnreadableFileError

WHAT_TO_DO = {
    "truncated_gzip": "Ask the sender for the file again; it was cut off on its way.",
    "damaged_gzip": "Ask the sender for the file again; its compression is damaged.",
    "too_large_unpacked": (
        "Check that the file is genuine; raise TOUCHPROOF_MAX_UNPACKED_MEGABYTES if it is."
    ),
    "empty_file": "Ask the sender whether the day really had nothing; discard it if so.",
    "no_data_rows": "Ask the sender whether the day really had no rows; discard it if so.",
    "wrong_header": "Compare the header with the agreed columns and ask the sender to correct it.",
    "wrong_encoding": "Ask the sender which encoding was used, or correct the source's mapping.",
    "nul_bytes": "Ask the sender for the file again; it holds NUL bytes and may be damaged.",
    "ragged_rows": "Ask the sender for the file again; a row has too few or too many fields.",
    "unbalanced_quotes": "Ask the sender for the file again; a quoted field never ends.",
    "wrong_type": "Compare the column's type with the agreed one and ask the sender to correct it.",
    "damaged_parquet": "Ask the sender for the file again; it isn't a whole Parquet file.",
    "damaged_json": "Ask the sender for the file again; it isn't whole, well-formed JSON.",
    "damaged_workbook": "Ask the sender for the file again; it isn't a whole XLSX workbook.",
    "no_trailer": "Ask the sender for the file again; its last line is missing, so it was cut off.",
    "control_total": (
        "Ask the sender for the file again; it doesn't hold as many rows as its control total says."
    ),
    "duplicate_file": (
        "Check whether the sender sent one file twice under two names; release it if both are due."
    ),
    "unknown_file_name": "Rename the file as agreed, or add its pattern to the source.",
}


class StructuralFaultError(UnreadableFileError):
    """Report why a file can't be read, without any value from it.

    Args:
        rule: A key of `WHAT_TO_DO`.
        column: Column concerned, from our own schema; never a text from the file.
        shape: Shape of what was found.
        row: Data row concerned, from 1, where known.
        rows_in: Data rows in the file where they could be counted.
    """

    def __init__(
        self,
        rule: str,
        *,
        column: str | None = None,
        shape: str | None = None,
        row: int | None = None,
        rows_in: int | None = None,
    ) -> None:
        self.rule = rule
        self.column = column
        self.shape = shape
        self.row = row
        self.rows_in = rows_in
        super().__init__(
            f"The file can't be read: {rule.replace('_', ' ')}",
            where=column or "",
            todo=WHAT_TO_DO[rule],
        )
