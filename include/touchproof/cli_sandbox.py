"""`touchproof sandbox generate|bank-replies|serve`.

Belongs here: the commands of the pretend world; the only place of the library that knows it.
Doesn't belong here: the world (touchproof_sandbox).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, say, say_report, warn
from touchproof.errors import BadInputError
from touchproof.settings import Settings

app = typer.Typer(help="The pretend world and its loopback servers.", no_args_is_help=True)


@app.command("generate")
def generate(
    customers: Annotated[int, typer.Option("--customers", min=1, help="How many people.")],
    days: Annotated[int, typer.Option("--days", min=1, help="How many days of drops.")],
    out: Annotated[Path, typer.Option("--out", help="Gets drops/, truth/ and salesforce/.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Everything follows from it.")] = 7,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Twins, namesakes, typos and married names abound.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a world: source drops in OUT/drops, planted truth in OUT/truth."""
    from touchproof.steps import as_json as plain
    from touchproof_sandbox.world import generate as make

    if out.exists() and not out.is_dir():
        raise BadInputError("--out names a file", where=str(out), todo="Name a folder.")
    tenth = max(days // 10, 1)
    report = make(
        out,
        customers,
        days,
        seed,
        is_hostile=hostile,
        progress=lambda done, of: warn(f"day {done} of {of}") if done % tenth == 0 else None,
    )
    say_report(plain(report), as_json=as_json)


@app.command("bank-replies")
def bank_replies(
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD", metavar="DATE")],
    as_json: JsonOption = False,
) -> None:
    """Let the pretend banks answer the packs issued so far with the files of one day."""
    from touchproof.cli_common import parse_date
    from touchproof.steps import as_json as plain
    from touchproof_sandbox.world.bank_replies import write_replies
    from touchproof_sandbox.world.generate import read_world

    settings = Settings()
    if settings.is_production:
        raise BadInputError("The production world has no pretend banks")
    when = parse_date(day, "A day")
    if when is None:
        raise BadInputError("A day is a date", todo="Give it as YYYY-MM-DD.")
    seed = int(read_world(settings.paths.sandbox)["seed"])
    report = write_replies(settings.paths.drops, settings.paths.evidence, seed, when)
    say_report(plain(report), as_json=as_json)


@app.command("serve")
def serve(
    stop: Annotated[bool, typer.Option("--stop", help="End the world's server instead.")] = False,
) -> None:
    """Start the world's loopback Salesforce, or find it running; it stays after this command."""
    from touchproof_sandbox.salesforce.control import Control
    from touchproof_sandbox.salesforce.lifecycle import ensure
    from touchproof_sandbox.salesforce.lifecycle import stop as end

    settings = Settings()
    folder = settings.paths.salesforce_server
    if settings.is_production:
        raise BadInputError("The production world has no loopback servers")
    if stop:
        say("stopped" if end(folder) else "no server was running")
        return
    info = ensure(folder)
    if (folder / "seed").is_dir():
        Control(info.url).seed(folder / "seed")
    say(f"Salesforce  {info.url}  (process {info.pid}; login in {folder.name}/server.json)")
