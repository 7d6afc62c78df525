"""`touchproof evidence export|verify`.

Belongs here: the commands. Doesn't belong here: packs (evidence/).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, NightOption, night_or_due, say, say_json, say_rows
from touchproof.errors import BadInputError
from touchproof.settings import Settings

app = typer.Typer(help="Packs that prove claims to the banks.", no_args_is_help=True)


@app.command("export")
def export(
    period: Annotated[str, typer.Option("--period", help="YYYY-MM", metavar="MONTH")],
    bank: Annotated[str | None, typer.Option("--bank", help="Only this bank.")] = None,
    night: NightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the packs of one period."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise BadInputError("A period is a month", where=repr(period), todo="Give it as YYYY-MM.")
    from touchproof.evidence.export import export_packs
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    due = night_or_due(settings, night)
    reports = run_step(
        settings,
        due,
        "evidence",
        clock,
        lambda: export_packs(settings, due, clock, period=period, bank=bank),
    )
    if as_json:
        say_json([plain(report) for report in reports])
        return
    if not reports:
        say(f"No pack: no claim of {period} waits to be put to a bank.")
        return
    contents = [plain(report) for report in reports]
    columns = [key for key, value in contents[0].items() if isinstance(value, (str, int))]
    say_rows(columns, [[content[key] for key in columns] for content in contents])


@app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(help="A pack, or a bank's folder (the chain).")],
    public_keys: Annotated[
        Path | None, typer.Option("--public-keys", help="Folder of the signers' keys.")
    ] = None,
    expect_head: Annotated[
        str | None, typer.Option("--expect-head", help="SHA-256 that the chain must end in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a pack, or a bank's chain of packs, is what was issued."""
    if not folder.is_dir():
        raise BadInputError(
            "There is no such folder", where=str(folder), todo="Name a pack or a bank's folder."
        )
    from touchproof.evidence.verify import verify as check
    from touchproof.steps import as_json as plain

    report = check(folder, public_keys=public_keys, expect_head=expect_head)
    if as_json:
        say_json(plain(report))
    else:
        say(str(report))
