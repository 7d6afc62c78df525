"""`touchproof claims list`.

Belongs here: the command. Doesn't belong here: the claims' life (ledger/claims.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, say_json, say_rows
from touchproof.errors import BadInputError
from touchproof.settings import Settings

app = typer.Typer(help="Skips put to the banks.", no_args_is_help=True)

STATUSES = (
    "candidate",
    "review",
    "issued",
    "accepted",
    "part_paid",
    "paid",
    "rejected",
    "disputed",
    "withdrawn",
    "expired",
    "clawed_back",
    "written_off",
)
_COLUMNS = (
    "claim_id",
    "bank_id",
    "product_line",
    "opened_date",
    "fee_kind",
    "fee_cents",
    "currency",
    "status",
    "pack_number",
)


@app.callback()
def claims() -> None:
    """Skips put to the banks."""


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option("--status", help="Only this status.")] = None,
    bank: Annotated[str | None, typer.Option("--bank", help="Only this bank.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the claims."""
    if status is not None and status not in STATUSES:
        raise BadInputError(
            f"There is no status {status!r}", todo=f"Choose one of {', '.join(STATUSES)}."
        )
    from sqlalchemy import select

    from touchproof.ledger.schema import claims as table
    from touchproof.ledger.store import Ledger

    query = select(*(table.c[name] for name in _COLUMNS)).order_by(
        table.c.bank_id, table.c.opened_date, table.c.claim_id
    )
    if status is not None:
        query = query.where(table.c.status == status)
    if bank is not None:
        query = query.where(table.c.bank_id == bank)
    with Ledger.of(Settings()).reading() as connection:
        found = [row._mapping for row in connection.execute(query)]
    rows = [tuple(str(row[n]) if n == "opened_date" else row[n] for n in _COLUMNS) for row in found]
    if as_json:
        say_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    say_rows(_COLUMNS, rows)
