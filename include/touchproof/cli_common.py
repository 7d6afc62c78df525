"""What the commands share: settings, the night, the clock, printing a report.

Belongs here: small helpers of the command line. Doesn't belong here: commands (cli_*.py) or
anything that a task needs too. Nothing heavy is imported at module level: a command starts fast.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from touchproof.errors import BadInputError
from touchproof.settings import Settings

NightOption = Annotated[
    str | None,
    typer.Option("--night", help="YYYY-MM-DD; default: the night that is due.", metavar="DATE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_date(text: str | None, what: str) -> date | None:
    """Read an optional date.

    Raises:
        BadInputError: If it isn't a date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(
            f"{what} is a date", where=repr(text), todo="Give it as YYYY-MM-DD."
        ) from None


def night_or_due(settings: Settings, text: str | None) -> date:
    """Return the night that was asked for, else the one that is due by the world's clock."""
    from touchproof.clock import night_of
    from touchproof.world_clock import world_clock

    asked = parse_date(text, "A night")
    return asked or night_of(world_clock(settings)(), settings.business_timezone)


def say(text: str) -> None:
    """Print a line to stdout."""
    typer.echo(text)


def say_json(content: Any) -> None:
    """Print JSON to stdout."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def say_report(content: dict[str, Any], *, as_json: bool) -> None:
    """Print a report: JSON, or its plain values one a line."""
    if as_json:
        say_json(content)
        return
    width = max((len(key) for key in content), default=0)
    for key, value in content.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
        elif isinstance(value, list):
            value = f"{len(value)}"
        say(f"{key.replace('_', ' '):<{width}}  {_shown(value)}")


def say_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print an aligned table; numbers stand to the right."""
    shown = [[_shown(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in shown)]) for i, name in enumerate(columns)]
    say("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip())
    say("  ".join("─" * width for width in widths))
    for row in shown:
        cells = [
            cell.rjust(width) if _is_number(cell) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        say("  ".join(cells).rstrip())
    say(f"({len(shown):,} {'row' if len(shown) == 1 else 'rows'})")


def warn(text: str) -> None:
    """Print a line to stderr."""
    print(text, file=sys.stderr)  # noqa: T201 - this is the command line


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(cell: str) -> bool:
    return bool(cell) and cell.replace(",", "").replace(".", "").replace("-", "").isdigit()
