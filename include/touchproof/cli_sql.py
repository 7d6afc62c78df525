"""`touchproof sql`: a read-only query of the published warehouse.

Belongs here: the command. Doesn't belong here: running and writing (query.py).
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from touchproof.errors import BadInputError
from touchproof.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    # A statement may begin with a comment, which looks like an option.
    app.command("sql", context_settings={"ignore_unknown_options": True})(sql)


def sql(
    statement: Annotated[str, typer.Argument(help="One statement; tables are in schema marts.")],
    output: Annotated[
        str, typer.Option("--format", help="table, csv (RFC 4180) or json.", metavar="FORMAT")
    ] = "table",
) -> None:
    """Query the published warehouse, read-only."""
    from touchproof.query import FORMATS, query

    if output not in FORMATS:
        raise BadInputError(
            f"There is no format {output!r}", todo=f"Choose one of {', '.join(FORMATS)}."
        )
    try:
        # newline="" and UTF-8 whatever the terminal: CSV keeps its CRLF as it is.
        with (
            query(Settings(), statement) as result,
            open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out,
        ):
            FORMATS[output](result, out)
    except BrokenPipeError:
        # Whoever read us has seen enough; nothing may be written to that pipe at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
