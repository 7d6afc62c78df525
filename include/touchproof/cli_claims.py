"""`touchproof claims list|ageing|open-items|reconcile|decide|journal`.

Belongs here: the commands. Doesn't belong here: the review sheet's (cli_review.py), the claims'
life (ledger/claims.py, skips/).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from touchproof import cli_review
from touchproof.cli_common import (
    JsonOption,
    NightOption,
    night_or_due,
    say,
    say_json,
    say_report,
    say_rows,
)
from touchproof.errors import BadInputError
from touchproof.settings import Settings
from touchproof.skips.reasons import TOLD_AS_WRITTEN

app = typer.Typer(help="Skips put to the banks.", no_args_is_help=True)
cli_review.register(app)

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
    "owed_cents",
    "accepted_cents",
    "paid_cents",
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
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only those whose bank should have answered.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the claims."""
    if status is not None and status not in STATUSES:
        raise BadInputError(
            f"There is no status {status!r}", todo=f"Choose one of {', '.join(STATUSES)}."
        )
    if overdue and status is not None:
        raise BadInputError("--overdue and --status exclude each other")
    settings = Settings()
    if overdue:
        from touchproof.ledger.store import Ledger
        from touchproof.skips.terms import committed_terms
        from touchproof.skips.waiting import overdue_claims

        today = _today(settings)
        late = overdue_claims(Ledger.of(settings), committed_terms(settings), today)
        _say_items([one for one in late if bank in (None, one.bank_id)], "overdue", as_json)
        return
    from sqlalchemy import select

    from touchproof.ledger.fee_entries import OWED_CENTS
    from touchproof.ledger.schema import claims as table
    from touchproof.ledger.store import Ledger

    query = select(table, OWED_CENTS).order_by(
        table.c.bank_id, table.c.opened_date, table.c.claim_id
    )
    if status is not None:
        query = query.where(table.c.status == status)
    if bank is not None:
        query = query.where(table.c.bank_id == bank)
    with Ledger.of(settings).reading() as connection:
        found = [row._mapping for row in connection.execute(query)]
    rows = [tuple(str(row[n]) if n == "opened_date" else row[n] for n in _COLUMNS) for row in found]
    if as_json:
        say_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    say_rows(_COLUMNS, rows)


@app.command("ageing")
def ageing(as_json: JsonOption = False) -> None:
    """Show what waits at each bank by days since the claims were issued."""
    from touchproof.ledger.store import Ledger
    from touchproof.skips.waiting import aged_claims

    settings = Settings()
    _say_items(aged_claims(Ledger.of(settings), _today(settings)), "waiting", as_json)


@app.command("open-items")
def open_items(
    bank: Annotated[str | None, typer.Option("--bank", help="Only this bank.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the banks' lines that a person has to look at, and why."""
    from touchproof.ledger.store import Ledger
    from touchproof.skips.waiting import open_items as items

    _say_items(items(Ledger.of(Settings()), bank), "open", as_json)


@app.command("reconcile")
def reconcile(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Apply the landed statements and remittances to the claims; repeating it changes nothing."""
    from touchproof.skips.reconcile import reconcile as apply
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock, due = world_clock(settings), night_or_due(settings, night)
    report = run_step(settings, due, "reconcile", clock, lambda: apply(settings, due, clock))
    say_report(plain(report), as_json=as_json)


@app.command("decide")
def decide(
    claim_ids: Annotated[
        list[str], typer.Argument(help="One or more claims.", metavar="CLAIM_ID…")
    ],
    to: Annotated[str, typer.Option("--to", help="The status.", metavar="STATUS")],
    reason: Annotated[
        str, typer.Option("--reason", help=f"Why; names no person. {TOLD_AS_WRITTEN}")
    ],
    accepted_cents: Annotated[
        int | None, typer.Option("--accepted-cents", help="What the bank accepts (default: all).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Move claims by a person's decision; an opening in review becomes candidate or withdrawn."""
    if to not in STATUSES:
        raise BadInputError(
            f"There is no status {to!r}", todo=f"Choose one of {', '.join(STATUSES)}."
        )
    from touchproof.ledger.actors import acting_user
    from touchproof.ledger.store import Ledger
    from touchproof.skips.decide import Decision
    from touchproof.skips.decide import decide as decide_claims
    from touchproof.skips.review import decide_openings
    from touchproof.skips.terms import committed_terms
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock, actor = world_clock(settings), acting_user()
    done = decide_openings(settings, claim_ids, to, reason, clock=clock, actor=actor)
    if done is None:
        done = decide_claims(
            Ledger.of(settings),
            claim_ids,
            Decision(to, reason, accepted_cents),
            terms=committed_terms(settings),
            today=_today(settings),
            clock=clock,
            actor=actor,
        )
    if as_json:
        say_json([{"claim_id": claim, "done": what} for claim, what in done.items()])
        return
    told = {"reviewed": "reviewed; another person releases it", "released": "waits for its pack"}
    say_rows(("claim_id", "now"), [(claim, told.get(what, what)) for claim, what in done.items()])
    if {"withdrawn", "clawed_back"} & set(done.values()):
        say("If the bank was told of a claim, its next pack tells it this reason as written.")


@app.command("journal")
def journal(
    period: Annotated[str, typer.Option("--period", help="YYYY-MM", metavar="MONTH")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the CSV there.")] = None,
) -> None:
    """Print or write the balanced journal of a month as CSV."""
    from touchproof.durable import write_atomically
    from touchproof.skips.journal import journal_csv, journal_lines, require_lines

    lines = journal_lines(Settings(), period)
    require_lines(lines, period)
    content = journal_csv(lines)
    if out is None:
        typer.echo(content.decode(), nl=False)
        return
    if not out.parent.is_dir():
        raise BadInputError("There is no such folder", where=str(out.parent))
    write_atomically(out, content)
    say(f"{out}: {len(lines)} lines")


def _today(settings: Settings) -> date:
    from touchproof.skips.reconcile import business_day
    from touchproof.world_clock import world_clock

    return business_day(settings, world_clock(settings)())


def _say_items(items: list[Any], what: str, as_json: bool) -> None:
    """Print frozen dataclasses of one kind as a table or as JSON."""
    from touchproof.steps import as_json as plain

    contents = [plain(item) for item in items]
    if as_json:
        say_json(contents)
    elif not contents:
        say(f"nothing {what}")
    else:
        columns = list(contents[0])
        say_rows(columns, [[content[name] for name in columns] for content in contents])
