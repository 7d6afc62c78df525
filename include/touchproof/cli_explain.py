"""`touchproof explain`: why one conversion's revenue went where it went.

Belongs here: the command. Doesn't belong here: reading and computing (explain.py), layout
(explain_text.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from touchproof.cli_common import say
from touchproof.errors import BadInputError
from touchproof.settings import Settings

_FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain_conversion)


def explain_conversion(
    conversion_id: Annotated[str, typer.Argument(help="As in marts.fct_conversions.")],
    output: Annotated[
        str, typer.Option("--format", help="text or json.", metavar="FORMAT")
    ] = "text",
) -> None:
    """Print a conversion's path, the rule behind each channel, and each model's arithmetic."""
    from touchproof.explain import explain, explanation_json
    from touchproof.explain_text import explanation_text

    if output not in _FORMATS:
        raise BadInputError(
            f"There is no format {output!r}", todo=f"Choose one of {', '.join(_FORMATS)}."
        )
    explanation = explain(Settings(), conversion_id)
    say(
        explanation_json(explanation)
        if output == "json"
        else explanation_text(explanation).rstrip()
    )
