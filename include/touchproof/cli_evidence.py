"""`touchproof evidence export|verify|sample|countersign|timestamp|end-key`.

Belongs here: the commands. Doesn't belong here: packs (evidence/).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from touchproof.cli_common import JsonOption, NightOption, night_or_due, say, say_json, say_rows
from touchproof.errors import BadInputError
from touchproof.settings import Settings

BankOption = Annotated[str | None, typer.Option("--bank", help="Only this bank.")]
KeysOption = Annotated[
    Path | None, typer.Option("--public-keys", help="Folder of the signers' public keys.")
]
PackArgument = Annotated[Path, typer.Argument(help="A pack's folder.")]
app = typer.Typer(help="Packs that prove claims to the banks.", no_args_is_help=True)


@app.command("export")
def export(
    period: Annotated[str, typer.Option("--period", help="YYYY-MM", metavar="MONTH")],
    bank: BankOption = None,
    adjust_now: Annotated[
        bool, typer.Option("--adjust-now", help="Tell changes in a pack of their own at once.")
    ] = False,
    night: NightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the packs up to one period."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise BadInputError("A period is a month", where=repr(period), todo="Give it as YYYY-MM.")
    from touchproof.evidence.export import export_packs
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    due = night_or_due(settings, night)
    reports = run_step(
        settings,
        due,
        "evidence",
        clock,
        lambda: export_packs(settings, due, clock, period=period, bank=bank, adjust_now=adjust_now),
    )
    if as_json:
        say_json([plain(report) for report in reports])
        return
    if not reports:
        say(f"No pack: no claim of {period} waits to be put to a bank.")
        return
    contents = [plain(report) for report in reports]
    columns = [key for key, value in contents[0].items() if isinstance(value, (str, int))]
    say_rows(columns, [[content[key] for key in columns] for content in contents])


@app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(help="A pack, or a bank's folder (the chain).")],
    public_keys: KeysOption = None,
    expect_head: Annotated[
        str | None, typer.Option("--expect-head", help="SHA-256 that the chain must end in.")
    ] = None,
    against_warehouse: Annotated[
        bool,
        typer.Option("--against-warehouse", help="Also show what has changed since the issue."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that a pack, or a bank's chain of packs, is what was issued."""
    _require_folder(folder)
    from touchproof.evidence.verify import verify as check
    from touchproof.steps import as_json as plain

    report = check(folder, public_keys=public_keys, expect_head=expect_head)
    content, sentences, is_ok = plain(report), [str(report)], report.ok
    if against_warehouse and report.ok:
        from touchproof.evidence.drift import against_warehouse as compare

        drift = compare(Settings(), folder)
        content["drift"] = plain(drift)
        sentences += [f"{fault}." for fault in drift.faults] + drift.sentences
        is_ok = not drift.faults
    if as_json:
        say_json(content)
    else:
        say("\n".join(sentences))
    if not is_ok:
        raise typer.Exit(1)


@app.command("sample")
def sample(
    seed: Annotated[int, typer.Option("--seed", help="The auditor's number.")],
    size: Annotated[int, typer.Option("--size", min=1, help="How many claims.")],
    bank: BankOption = None,
    public_keys: KeysOption = None,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder of packs; default: the world's.")
    ] = None,
    output: Annotated[
        str, typer.Option("--format", help="table, csv or json.", metavar="FORMAT")
    ] = "table",
) -> None:
    """Draw issued claims at random, each with its whole trail; the same for everybody."""
    if output not in {"table", "csv", "json"}:
        raise BadInputError("There is no such format", where=output[:20], todo="table, csv, json.")
    from touchproof.evidence.pack_format import csv_bytes
    from touchproof.evidence.sample import ROW_COLUMNS, draw_sample
    from touchproof.steps import as_json as plain

    root = folder or Settings().paths.evidence
    drawn = draw_sample(root, seed, size, bank=bank, public_keys=public_keys)
    rows = drawn.rows()
    if output == "json":
        say_json(plain(drawn))
    elif output == "csv":
        lines = csv_bytes(ROW_COLUMNS, [[row[name] for name in ROW_COLUMNS] for row in rows])
        typer.echo(lines.decode(), nl=False)
    else:
        say(
            f"{len(drawn.claims)} of {drawn.population} issued claims, seed {drawn.seed}, "
            f"population {drawn.population_sha256}"
        )
        columns = [name for name in _SAMPLE_COLUMNS if name in ROW_COLUMNS]
        say_rows(columns, [[row[name] for name in columns] for row in rows])


_SAMPLE_COLUMNS = (
    "rank",
    "bank_id",
    "pack_number",
    "bank_reference",
    "product_line",
    "told_fee_cents",
    "currency",
    "standing",
    "opened_at",
    "contact_touched_at",
    "contact_channel",
    "contact_interaction",
    "contact_batch",
    "contact_state",
)


@app.command("countersign")
def countersign(
    folder: PackArgument,
    key: Annotated[Path, typer.Option("--key", help="The bank's public key (Ed25519, PEM).")],
    signature: Annotated[
        Path, typer.Option("--signature", help="64 raw bytes over the pack's manifest.json.")
    ],
) -> None:
    """Keep a bank's signature over a pack's manifest, after checking it."""
    _require_folder(folder)
    from touchproof.evidence.countersign import countersign as keep
    from touchproof.evidence.pack_format import COUNTERSIGNATURES
    from touchproof.world_clock import world_clock

    folder, settings = folder.resolve(), Settings()
    clock = world_clock(settings)
    report = keep(folder, key, signature, _keys_beside(folder), clock)
    content = (folder.parent / COUNTERSIGNATURES / report.path).read_bytes()
    _remember(settings, folder, "countersignature", content, key_id=report.key_id)
    say(
        f"Pack {folder.name} of {report.bank_id} is countersigned by the key {report.key_id}: "
        f"head {report.head_sha256}."
    )


@app.command("timestamp")
def timestamp(
    folder: PackArgument,
    answer: Annotated[
        Path | None, typer.Option("--answer", help="The authority's answer (.tsr).")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="The authority's certificate, or its issuer's (PEM)."),
    ] = None,
) -> None:
    """Write a time-stamp request for a pack's head, or check and keep the answer (RFC 3161)."""
    _require_folder(folder)
    if (answer is None) != (certificate is None):
        raise BadInputError("An answer is checked with a certificate", todo="Give both.")
    from touchproof.evidence import timestamps
    from touchproof.evidence.pack_format import TIMESTAMPS, utc_text

    folder = folder.resolve()
    if answer is None or certificate is None:
        report = timestamps.request(folder)
        say(f"{folder.parent.name}/{TIMESTAMPS}/{report.path} asks for head {report.head_sha256}.")
        return
    report = timestamps.accept(folder, answer, certificate, _keys_beside(folder))
    content = (folder.parent / TIMESTAMPS / report.path).read_bytes()
    _remember(Settings(), folder, "timestamp", content, stamped_at=report.stamped_at)
    when = utc_text(report.stamped_at) if report.stamped_at else "an unknown time"
    say(f"The head {report.head_sha256} of pack {folder.name} was stamped at {when}.")


@app.command("end-key")
def end_key(
    key_id: Annotated[str, typer.Argument(help="The signing key's id.")],
    valid_to: Annotated[
        str, typer.Option("--valid-to", help="First day or moment (UTC) it no longer counts.")
    ],
) -> None:
    """End a signing key's validity; what it signed before still counts."""
    from touchproof.evidence.keys import end_key as end
    from touchproof.evidence.keys import parse_moment

    moment = parse_moment(valid_to)
    if moment is None:
        raise BadInputError("A key ends at a date or a moment", where="--valid-to")
    key = end(Settings().paths.public_keys, key_id, moment)
    say(f"The key {key.key_id} counts {key.validity}.")


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise BadInputError(
            "There is no such folder", where=str(folder), todo="Name a pack or a bank's folder."
        )


def _keys_beside(folder: Path) -> Path:
    from touchproof.evidence.pack_format import PUBLIC_KEYS

    return folder.parent.parent / PUBLIC_KEYS


def _remember(settings: Settings, folder: Path, kind: str, content: bytes, **more: Any) -> None:
    """Keep a proof in the ledger too, if the pack is this world's."""
    if folder.parent.parent != settings.paths.evidence.resolve():
        return
    from touchproof.evidence.pack_ledger import keep_proof
    from touchproof.ledger.actors import acting_user
    from touchproof.ledger.store import Ledger
    from touchproof.world_clock import world_clock

    keep_proof(
        Ledger.of(settings),
        folder.parent.name,
        int(folder.name),
        kind,
        content,
        at=world_clock(settings)(),
        actor=acting_user(),
        **more,
    )
