"""The `touchproof` command: its parts put together, and its exit codes.

Belongs here: the app, and turning every expected error into one clear sentence: 0 success, 1 a
failed check, 2 bad input. Doesn't belong here: the commands themselves (cli_<subject>.py).
"""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from touchproof import (
    cli_attribution,
    cli_audit,
    cli_claims,
    cli_evidence,
    cli_explain,
    cli_ledger,
    cli_night,
    cli_push,
    cli_quarantine,
    cli_sandbox,
    cli_skips,
    cli_sql,
    cli_status,
)
from touchproof.errors import TouchproofError

app = typer.Typer(
    name="touchproof",
    help="Single steps of the night, the published warehouse, pushes, claims and evidence packs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_night.register(app)
cli_status.register(app)
cli_sql.register(app)
cli_attribution.register(app)
cli_explain.register(app)
cli_audit.register(app)
app.add_typer(cli_attribution.app, name="attribution")
app.add_typer(cli_push.app, name="push")
app.add_typer(cli_claims.app, name="claims")
app.add_typer(cli_evidence.app, name="evidence")
app.add_typer(cli_ledger.app, name="ledger")
app.add_typer(cli_quarantine.app, name="quarantine")
app.add_typer(cli_sandbox.app, name="sandbox")
app.add_typer(cli_skips.app, name="skips")


def main() -> None:
    """Run the command line and exit with 0, 1 or 2."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after `touchproof`.

    Returns:
        The exit code.
    """
    from pydantic import ValidationError

    try:
        code = typer.main.get_command(app).main(
            arguments, prog_name="touchproof", standalone_mode=False
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except TouchproofError as error:
        return _end(str(error), error.exit_code)
    except ValidationError as error:
        return _end(_setting_problem(error), 2)
    except TyperException as error:
        return _end(_usage_problem(error), 2)
    except typer.Abort:
        return _end("Stopped.", 1)
    except KeyboardInterrupt:
        return _end("Stopped.", 130)


def _end(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - this is the command line
    return code


def _usage_problem(error: TyperException) -> str:
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    sentence = " ".join(str(told).split())
    return f"{sentence.rstrip('.')}. Add --help to see what there is."


def _setting_problem(error: object) -> str:
    problem = error.errors()[0]  # type: ignore[attr-defined]  # pydantic's ValidationError
    name = "_".join(str(part) for part in problem["loc"]).upper()
    return f"TOUCHPROOF_{name}: {problem['msg']}."
