"""`touchproof skips blind-kit`.

Belongs here: the command. Doesn't belong here: the kit (skips/blind_kit.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, NightOption, night_or_due, say_report
from touchproof.settings import Settings

app = typer.Typer(help="Openings at the banks matched with people.", no_args_is_help=True)


@app.callback()
def skips() -> None:
    """Openings at the banks matched with people."""


@app.command("blind-kit")
def blind_kit(
    bank: Annotated[str, typer.Option("--bank", help="The bank's id, such as northlake.")],
    out: Annotated[Path, typer.Option("--out", help="Folder that gets the kit.")],
    night: NightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what a bank needs to match on its own side: script, test vectors, hashed list."""
    from touchproof.skips.blind_kit import write_kit
    from touchproof.steps import as_json as plain

    settings = Settings()
    report = write_kit(settings, bank, out, night_or_due(settings, night))
    say_report(plain(report), as_json=as_json)
