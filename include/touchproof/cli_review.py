"""`touchproof claims review`: the sheet for a person, out and back in.

Belongs here: the command. Doesn't belong here: the sheet (skips/review_sheet.py), what decisions
do (skips/review.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, say, say_report
from touchproof.errors import BadInputError
from touchproof.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)


def review(
    out: Annotated[Path | None, typer.Option("--out", help="Write the sheet there.")] = None,
    in_: Annotated[Path | None, typer.Option("--in", help="Take this sheet back.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write what waits for a person's review as an XLSX, or take the decided XLSX back.

    A reason names no person. These claims aren't with a bank yet, so no bank reads it; the reason
    of a later withdrawal (claims decide) reaches the bank as written.
    """
    if (out is None) == (in_ is None):
        raise BadInputError("Give either --out FILE.xlsx or --in FILE.xlsx")
    from touchproof.ledger.actors import acting_user
    from touchproof.ledger.store import Ledger
    from touchproof.skips.review import decide_rows, review_rows
    from touchproof.skips.review_sheet import read_sheet, write_sheet
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    rows = review_rows(settings)
    if in_ is not None:
        decisions = read_sheet(in_, rows)
        done = decide_rows(Ledger.of(settings), decisions, clock=clock, actor=acting_user())
        say_report({"decided": len(decisions), **done}, as_json=as_json)
        return
    if out is None or out.suffix.lower() != ".xlsx":
        raise BadInputError("The sheet is an .xlsx file", where=str(out), todo="Name it so.")
    if not out.parent.is_dir():
        raise BadInputError("There is no such folder", where=str(out.parent))
    made_at = clock()
    title = f"Skips to review, {settings.world}, {made_at:%d %B %Y}"
    temporary = out.with_name(f".{out.name}.tmp")
    write_sheet(rows, temporary, title=title, made_at=made_at)
    temporary.chmod(0o600)
    temporary.replace(out)
    if as_json:
        say_report({"file": str(out), "rows": len(rows)}, as_json=True)
        return
    say(f"{out}: {len(rows)} {'row' if len(rows) == 1 else 'rows'} to decide")
