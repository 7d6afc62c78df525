"""`touchproof extract`, `load`, `build`, `publish`, `parse`: one step of the night.

Belongs here: the commands that run a single step and record it as the DAGs do. Doesn't belong
here: the steps (touchproof.*) and their order (the DAGs).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from touchproof.cli_common import (
    JsonOption,
    NightOption,
    night_or_due,
    parse_date,
    say,
    say_report,
)
from touchproof.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("extract")(extract)
    app.command("gate")(gate)
    app.command("load")(load)
    app.command("build")(build)
    app.command("publish")(publish)
    app.command("parse")(parse)


def extract(
    source: Annotated[
        str,
        typer.Argument(help="salesforce, ga4, email, media, app, web_forms, bank_<name>."),
    ],
    night: NightOption = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="First data date to read again.", metavar="DATE")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Last data date to read again.", metavar="DATE")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Land one source."""
    from touchproof.sources.extract import extract as extract_one
    from touchproof.sources.registry import source_named

    source_named(source)
    first, last = parse_date(from_, "--from"), parse_date(to, "--to")
    _run(
        f"extract:{source}",
        night,
        as_json,
        lambda settings, due, clock: extract_one(source, due, settings, clock, first, last),
    )


def gate(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Judge the values of what landed."""
    from touchproof.quality.gate import run_gate

    _run("gate", night, as_json, run_gate)


def load(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Land the ledger's state and load the newest batches into the raw tables."""
    from touchproof.ledger.snapshot import land_ledger
    from touchproof.load import load_batches

    def land_and_load(settings: Settings, due: Any, clock: Any) -> Any:
        land_ledger(settings, due, clock)
        return load_batches(settings, due, clock)

    _run("load", night, as_json, land_and_load)


def build(
    night: NightOption = None,
    full_refresh: Annotated[
        bool,
        typer.Option("--full-refresh", help="Rebuild all rows, not only those of dirty persons."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build and test every dbt model under the warehouse lock."""
    from touchproof.transform import build as build_models

    _run(
        "build",
        night,
        as_json,
        lambda settings, due, clock: build_models(settings, due, full_refresh=full_refresh),
    )


def publish(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Check the marts, hand them over and commit the night."""
    from touchproof.publish import publish as publish_night

    _run("publish", night, as_json, publish_night)


def parse() -> None:
    """Parse the dbt project, so that the DAGs can draw its models."""
    from touchproof.transform import parse as parse_project

    say(f"wrote {parse_project(Settings()).name}")


def _run(step: str, night: str | None, as_json: bool, action: Any) -> None:
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    due = night_or_due(settings, night)
    report = run_step(settings, due, step, clock, lambda: action(settings, due, clock))
    say_report({"step": step, **plain(report)}, as_json=as_json)
