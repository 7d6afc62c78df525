"""`touchproof attribute-paths`, and the group of `touchproof attribution`.

Belongs here: the commands about attribution. Doesn't belong here: the models (attribution/).
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from touchproof.cli_common import JsonOption, parse_date, say, say_json, say_rows, warn
from touchproof.errors import BadInputError
from touchproof.settings import Settings

if TYPE_CHECKING:
    from touchproof.attribution.fits_made import FitFound, FitReport
    from touchproof.attribution.paths import PathTable

app = typer.Typer(help="Fits of the data-driven attribution models.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command that stands by itself."""
    root.command("attribute-paths")(attribute_paths)


def attribute_paths(
    file: Annotated[
        Path, typer.Argument(help="Delimited text: path (a > b > c), conversions, value, nulls.")
    ],
    separator: Annotated[str, typer.Option("--sep", help="Between fields; tab for tabs.")] = ",",
    output: Annotated[
        str, typer.Option("--format", help="table, csv (RFC 4180) or json.", metavar="FORMAT")
    ] = "table",
    direct: Annotated[
        str | None,
        typer.Option("--direct", help="The step that is direct, for last_non_direct."),
    ] = None,
    lead_step: Annotated[
        str | None,
        typer.Option("--lead-step", help="The step that made the lead, for w_shaped."),
    ] = None,
    half_life_steps: Annotated[
        float,
        typer.Option("--half-life-steps", help="Steps that halve a touch's share in time_decay."),
    ] = 1.0,
    order: Annotated[
        int, typer.Option("--order", help="How many touches Markov remembers, 1 to 3.")
    ] = 1,
    keep_repeats: Annotated[
        bool, typer.Option("--keep-repeats", help="Don't merge a channel's consecutive touches.")
    ] = False,
) -> None:
    """Credit every channel of a path table by every attribution model."""
    from touchproof.query import FORMATS

    if output not in FORMATS:
        raise BadInputError(
            f"There is no format {output!r}", todo=f"Choose one of {', '.join(FORMATS)}."
        )
    if not (math.isfinite(half_life_steps) and half_life_steps > 0):
        raise BadInputError("A half-life is a number above 0", where="--half-life-steps")
    from touchproof.attribution import attribute_paths as models
    from touchproof.attribution.path_files import read_path_file
    from touchproof.attribution.rule_models import RuleSettings
    from touchproof.attribution.transitions import check_order

    paths = read_path_file(file, separator)
    try:
        check_order(order, len(paths.channels))
    except ValueError as error:
        raise BadInputError(f"This order can't be counted: {error}", where="--order") from None
    _say_what_is_missing(paths, direct, lead_step)
    result = models.attribute_paths(
        paths,
        models.PathSettings(
            RuleSettings(direct=direct, lead_step=lead_step, half_life_steps=half_life_steps),
            order=order,
            keep_repeats=keep_repeats,
        ),
    )
    if result.largest_shapley_error > 0:
        warn(
            "Some paths have so many channels that Shapley is sampled; the largest standard error "
            f"of a channel's share in its set is {result.largest_shapley_error:.2g}."
        )
    try:
        # newline="" and UTF-8 whatever the terminal: CSV keeps its CRLF as it is.
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out:
            FORMATS[output](models.as_rows(result), out)
    except BrokenPipeError:
        # Whoever read us has seen enough; nothing may be written to that pipe at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_what_is_missing(paths: PathTable, direct: str | None, lead_step: str | None) -> None:
    """Say on stderr which models are the less for want of an option, or for a name not found."""
    if lead_step is None:
        warn("w_shaped is null: it needs --lead-step, the step at which a person became a lead.")
    for option, name in (("--direct", direct), ("--lead-step", lead_step)):
        if name is not None and name not in paths.channels:
            warn(f"No path has the step that {option} names.")


@app.callback()
def attribution() -> None:
    """Fits of the data-driven attribution models."""


@app.command("fit")
def fit(
    through: Annotated[
        str | None,
        typer.Option("--through", help="Last date of the journeys to learn from.", metavar="DATE"),
    ] = None,
    credits_from: Annotated[
        str | None,
        typer.Option(
            "--credits-from",
            help="First date to credit; default: the day after the last published night.",
            metavar="DATE",
        ),
    ] = None,
    restate_from: Annotated[
        str | None,
        typer.Option(
            "--restate-from",
            help="Credit published conversions from this date on again; needs --reason.",
            metavar="DATE",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why conversions are credited again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let Markov and Shapley learn again from the published journeys."""
    from touchproof.attribution.fits_made import make_fits
    from touchproof.attribution.fits_planned import FitRequest
    from touchproof.ledger.actors import acting_user
    from touchproof.steps import as_json as plain
    from touchproof.world_clock import world_clock

    settings = Settings()
    request = FitRequest(
        parse_date(through, "--through"),
        parse_date(credits_from, "--credits-from"),
        parse_date(restate_from, "--restate-from"),
        reason,
    )
    report = make_fits(settings, world_clock(settings), request, actor=acting_user())
    if as_json:
        say_json(plain(report))
    else:
        _say_fits(report)


def _say_fits(report: FitReport) -> None:
    """Show what each model found beside what it found before, the largest channel first."""
    if not report.fits:
        say("No published journey converted, so there is nothing to learn from yet.")
        return
    for found in report.fits:
        say(f"\n{_title(found)}\n")
        rows = [
            (
                one.channel,
                _percent(one.share),
                f"{_percent(one.lower)} – {_percent(one.upper)}",
                _percent(one.share_before),
                _points(one.share, one.share_before),
            )
            for one in sorted(found.channels, key=lambda one: (-one.share, one.channel))
        ]
        say_rows(("channel", "share now", "95 % interval", "share before", "change"), rows)
    start = report.fits[0].credits_from_date
    if report.outcome == "unchanged":
        say("\nThe ledger has these very fits already; nothing was written.")
    elif report.restated_to is not None:
        say(
            f"\nThe next night credits the conversions of {start} to {report.restated_to} again, "
            "and all after them, by these fits. The restatement is recorded."
        )
    else:
        say(f"\nThe next night credits conversions from {start} on by these fits.")


def _title(found: FitFound) -> str:
    order = f" of order {found.markov_order}" if found.markov_order else ""
    return (
        f"{found.attribution_model.capitalize()}{order}: {found.conversions:,} conversions in "
        f"{found.journeys:,} journeys, {found.training_start_date} to {found.training_end_date}"
    )


def _percent(share: float | None) -> str:
    return "     –" if share is None else f"{100 * share:5.1f} %"


def _points(share: float, before: float | None) -> str:
    # Adding 0 turns the -0.0 of a tiny fall into 0.0.
    return "    –" if before is None else f"{round(100 * (share - before), 1) + 0.0:+5.1f}"
