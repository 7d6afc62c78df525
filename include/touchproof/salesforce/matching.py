"""Matching what Salesforce tells of a job's rows to the rows themselves, by key.

Belongs here: finding each sent row among the results, as sets, since a job may have a million.
Doesn't belong here: reading the result files (perform.py), what a refusal means (answers.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from touchproof.ledger.store import arrow_table
from touchproof.salesforce.result_files import ResultKind
from touchproof.salesforce.tables import BATCH_ROWS, fetch_row, scratch

SENT = pa.schema([]).append(pa.field("row_id", pa.int64())).append(pa.field("record", pa.string()))
WRITTEN = pa.schema([]).append(pa.field("row_id", pa.int64()))
WRITTEN = WRITTEN.append(pa.field("salesforce_id", pa.string()))
_TOLD = pa.schema([(name, pa.string()) for name in ("key", "salesforce_id", "error")])


@dataclass(frozen=True)
class Told:
    """Say what became of a row that wasn't written; without a kind no file has it."""

    row_id: int
    kind: ResultKind | None
    error: str


class Matching:
    """Match results to the rows of one job; the first that is told of a row counts.

    Args:
        sent: Tables of `SENT`.
        key_field: The column of a result that has the row's record.
    """

    def __init__(self, sent: Iterable[pa.Table], key_field: str) -> None:
        self._connection = scratch(Path(tempfile.gettempdir()))
        self._key_field = key_field
        self._connection.execute("create temp table sent (row_id bigint, record text)")
        self._connection.execute(
            "create temp table told "
            "(number bigint, kind text, key text, salesforce_id text, error text)"
        )
        self._number = 0
        for table in sent:
            self._connection.register("part", table)
            self._connection.execute("insert into sent select row_id, record from part")
            self._connection.unregister("part")

    def note(self, kind: ResultKind, results: Iterator[Mapping[str, str]]) -> None:
        """Take in the rows of a result file."""
        while rows := list(islice(results, BATCH_ROWS)):
            columns = (self._key_field, "sf__Id", "sf__Error")
            part = arrow_table(([row.get(name) for name in columns] for row in rows), _TOLD)
            self._connection.register("part", part)
            self._connection.execute(
                "insert into told select $1 + row_number() over (), $2, key, "
                "nullif(salesforce_id, key), error from part",
                [self._number, kind],
            )
            self._connection.unregister("part")
            self._number += len(rows)

    @property
    def is_complete(self) -> bool:
        """Tell whether every row has been found."""
        (missing,) = fetch_row(
            self._connection,
            "select count(*) from sent where record not in (select key from told)",
        )
        return not missing

    def written(self) -> pa.Table:
        """Return `row_id` and `salesforce_id` of what was written, in the order of the rows."""
        table: pa.Table = self._connection.sql(
            f"""
            select row_id, coalesce(salesforce_id, record) as salesforce_id
            from ({_FIRST})
            where kind = 'successfulResults'
            order by row_id
            """  # noqa: S608
        ).to_arrow_table()
        return table

    def others(self) -> list[Told]:
        """Return what became of the others, in the order of the rows."""
        found = self._connection.execute(
            f"""
            select row_id, kind, coalesce(error, '')
            from ({_FIRST})
            where kind is distinct from 'successfulResults'
            order by row_id
            """  # noqa: S608
        ).fetchall()
        return [Told(int(row_id), kind, str(error)) for row_id, kind, error in found]

    def close(self) -> None:
        """Give memory and disk back."""
        self._connection.close()


_FIRST = """
    select sent.row_id, sent.record, told.kind, told.salesforce_id, told.error
    from sent
    left join (select key, min(number) as number from told group by key) as first
        on sent.record = first.key
    left join told on first.number = told.number
"""
