"""`touchproof audit-api`: who spends the Salesforce API allowance, and what to change first.

Belongs here: the command. Doesn't belong here: reading and replaying (api_audit/), layout
(api_audit/report_text.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, parse_date, say, say_json
from touchproof.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit-api")(audit_api)


def audit_api(
    day: Annotated[
        str | None,
        typer.Option("--day", help="Day of the log; default: the newest.", metavar="DATE"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say who spends the API allowance, and replay a day's log under each possible change."""
    from touchproof.api_audit import audit
    from touchproof.api_audit.report_text import audit_text

    found = audit.audit_api(Settings(), parse_date(day, "--day"))
    if as_json:
        say_json(audit.audit_json(found))
        return
    say(audit_text(found).rstrip())
