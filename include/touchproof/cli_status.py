"""`touchproof status`.

Belongs here: the command. Doesn't belong here: collecting the status (status.py).
"""

from __future__ import annotations

import typer

from touchproof.cli_common import JsonOption, say_json
from touchproof.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(as_json: JsonOption = False) -> None:
    """Say how the newest night stands."""
    from touchproof.status import collect_status, status_json

    report = collect_status(Settings())
    if as_json:
        say_json(status_json(report))
        return
    import sys

    from rich.console import Console

    from touchproof.summary import print_status

    print_status(report, Console(file=sys.stdout, width=100, highlight=False))
