"""`python -m touchproof_airflow run|ui`, behind `make run` and `make ui`.

Belongs here: flags and exit codes. Doesn't belong here: doing it (runner.py, ui.py).
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from touchproof.errors import TouchproofError
from touchproof.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings()
        if options.command == "ui":
            from touchproof_airflow.ui import serve

            return serve(settings, port=options.port)
        if options.command == "guard":
            from touchproof_airflow.ui import guard

            return guard()
        if options.command == "prepare":
            from touchproof_airflow.preparing import prepare

            prepare(settings)
            return 0
        from touchproof_airflow.planning import RunRequest
        from touchproof_airflow.runner import run

        request = RunRequest(
            night=options.night,
            is_quiet=options.quiet,
            data=options.data,
            customers=options.customers,
            days=options.days,
            seed=options.seed,
        )
        return run(settings, request)
    except ValidationError as error:
        problem = error.errors()[0]
        setting = "_".join(str(part) for part in problem["loc"]).upper()
        print(f"TOUCHPROOF_{setting}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - CLI
        return 2
    except TouchproofError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command line
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped. The next run finishes this night.", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m touchproof_airflow", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a night through the DAGs in this process")
    run.add_argument("--night", type=_night, help="repeat this night (YYYY-MM-DD)")
    run.add_argument("--quiet", action="store_true", help="a night in which no source changes")
    run.add_argument("--data", type=Path, help="the file of the world `hillstrom`")
    run.add_argument("--customers", type=_positive, help="people in a new pretend world")
    run.add_argument("--days", type=_positive, help="days of a new pretend world")
    run.add_argument("--seed", type=int, help="seed of a new pretend world")
    commands.add_parser("guard", help="run Airflow until stdin ends (started by ui)")
    commands.add_parser("prepare", help="make Airflow's database and pools ready")
    ui = commands.add_parser("ui", help="open Airflow on the same data")
    ui.add_argument("--port", type=_positive, default=None, help="default: a free one")
    return parser


def _night(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a night is a date YYYY-MM-DD, not {text!r}") from None


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
