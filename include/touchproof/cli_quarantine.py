"""`touchproof quarantine list|show|release|discard`.

Belongs here: the commands. Doesn't belong here: entries and decisions (quarantine.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from touchproof.cli_common import JsonOption, say, say_json, say_report, say_rows
from touchproof.settings import Settings

app = typer.Typer(help="What was refused on its way in, and why.", no_args_is_help=True)
EntryArgument = Annotated[str, typer.Argument(help="The entry's id or an unambiguous beginning.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept with the decision.")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Decided entries too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the entries."""
    from touchproof.quarantine import list_entries
    from touchproof.steps import as_json as plain

    entries = list_entries(Settings(), include_decided=everything)
    if as_json:
        say_json([{"id": entry.id, **plain(entry.reason)} for entry in entries])
        return
    say_rows(
        ("id", "source", "entity", "file", "rule", "rows", "night", "decision"),
        [
            (
                entry.id,
                entry.reason.source,
                entry.reason.entity,
                entry.reason.file,
                entry.reason.rule,
                entry.reason.row_count or "file",
                entry.reason.night,
                entry.decision.decision if entry.decision else "open",
            )
            for entry in entries
        ],
    )


@app.command("show")
def show(entry: EntryArgument, as_json: JsonOption = False) -> None:
    """Show one entry: what was found, where it lies, what to do."""
    from touchproof.quarantine import show as find
    from touchproof.steps import as_json as plain

    found = find(Settings(), entry)
    content = {"id": found.id, **plain(found.reason), "found_at": found.found_at}
    content["decision"] = plain(found.decision) if found.decision else None
    if as_json:
        say_json(content)
        return
    content["rows"] = ", ".join(str(row) for row in found.reason.rows[:20]) or "the whole file"
    if not found.decision:
        content["decision"] = "open"
    say_report(content, as_json=False)


@app.command("release")
def release(entry: EntryArgument, note: NoteOption = "") -> None:
    """Let an entry pass at the next extract and gate."""
    from touchproof.ledger.actors import acting_user
    from touchproof.quarantine import release as let_pass
    from touchproof.world_clock import world_clock

    settings = Settings()
    done = let_pass(settings, entry, world_clock(settings), by=acting_user(), note=note)
    say(f"{done.id} is released; the next run of its night carries it past the rule.")


@app.command("discard")
def discard(entry: EntryArgument, note: NoteOption = "") -> None:
    """Give an entry up; its original goes, its reason stays."""
    from touchproof.ledger.actors import acting_user
    from touchproof.quarantine import discard as give_up
    from touchproof.world_clock import world_clock

    settings = Settings()
    done = give_up(settings, entry, world_clock(settings), by=acting_user(), note=note)
    say(f"{done.id} is discarded.")
