"""`touchproof ledger backup|restore`.

Belongs here: the commands. Doesn't belong here: copying and checking (ledger/backup.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, NightOption, night_or_due, say_report
from touchproof.settings import Settings

app = typer.Typer(help="Durable state: copies of the ledger.", no_args_is_help=True)


@app.command("backup")
def backup(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Copy the ledger while it is in use; the last 14 copies are kept."""
    from touchproof.ledger.backup import backup as copy
    from touchproof.steps import as_json as plain
    from touchproof.world_clock import world_clock

    settings = Settings()
    report = copy(settings, night_or_due(settings, night), world_clock(settings))
    say_report(plain(report), as_json=as_json)


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A backup, from ledger/backups.")],
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the ledger's place; what was there is kept aside."""
    from touchproof.ledger.backup import restore as bring_back
    from touchproof.steps import as_json as plain
    from touchproof.world_clock import world_clock

    settings = Settings()
    say_report(plain(bring_back(settings, file, world_clock(settings))), as_json=as_json)
