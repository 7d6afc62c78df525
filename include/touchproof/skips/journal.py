"""The journal of referral fees as a file for the books.

Belongs here: reading a month of `mart_fee_journal` and writing it as CSV. Doesn't belong here:
what is booked on which account (dbt, seed `journal_accounts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence.pack_format import csv_bytes
from touchproof.evidence.periods import parse_period
from touchproof.settings import Settings
from touchproof.warehouse import connect_published

COLUMNS = (
    "period",
    "adjusts_period",
    "bank_id",
    "currency",
    "entry_kind",
    "account_number",
    "account_name",
    "debit",
    "credit",
)


@dataclass(frozen=True)
class JournalLine:
    """Hold one line; one of debit and credit is 0."""

    month: date
    adjusts_month: date | None
    bank_id: str
    currency: str
    entry_kind: str
    account_number: str
    account_name: str
    debit_cents: int
    credit_cents: int


def journal_lines(settings: Settings, period: str) -> list[JournalLine]:
    """Return the journal of a month as the published file has it, in the order of its file.

    Args:
        settings: The world.
        period: The month, `YYYY-MM`.

    Raises:
        BadInputError: If it isn't a month or nothing is published.
        CheckFailedError: If its debits aren't its credits.
    """
    month = date.fromisoformat(f"{parse_period(period)}-01")
    names = ", ".join(JournalLine.__dataclass_fields__)
    connection = connect_published(settings.paths.published)
    try:
        rows = connection.execute(
            f"select {names} from marts.mart_fee_journal where month = ? order by all",  # noqa: S608  (constants)
            [month],
        ).fetchall()
    finally:
        connection.close()
    lines = [JournalLine(*row) for row in rows]
    require_balanced(lines, period)
    return lines


def require_balanced(lines: Sequence[JournalLine], period: str) -> None:
    """Refuse a journal whose debits aren't its credits in every currency."""
    for currency in sorted({line.currency for line in lines}):
        of_currency = [line for line in lines if line.currency == currency]
        debit = sum(line.debit_cents for line in of_currency)
        credit = sum(line.credit_cents for line in of_currency)
        if debit != credit:
            raise CheckFailedError(
                f"The journal doesn't balance: {debit} cents debit, {credit} credit",
                where=f"{period}, {currency}",
                todo="Build and publish the night again.",
            )


def journal_csv(lines: Sequence[JournalLine]) -> bytes:
    """Return the lines as RFC 4180 CSV whose cells no spreadsheet takes for formulas."""
    return csv_bytes(COLUMNS, [_cells(line) for line in lines])


def _cells(line: JournalLine) -> list[Any]:
    return [
        f"{line.month:%Y-%m}",
        f"{line.adjusts_month:%Y-%m}" if line.adjusts_month else "",
        line.bank_id,
        line.currency,
        line.entry_kind,
        line.account_number,
        line.account_name,
        f"{line.debit_cents // 100}.{line.debit_cents % 100:02d}",
        f"{line.credit_cents // 100}.{line.credit_cents % 100:02d}",
    ]


def require_lines(lines: Sequence[JournalLine], period: str) -> None:
    """Say that a month has no journal instead of writing an empty file.

    Raises:
        BadInputError: If there is no line.
    """
    if not lines:
        raise BadInputError(
            "Nothing was booked in this month", where=period, todo="Name another month."
        )
