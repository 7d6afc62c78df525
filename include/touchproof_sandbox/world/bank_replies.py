"""What the pretend banks answer to the packs that were issued to them.

Belongs here: each bank's reply to each claim, and its statement and remittance files, written by
the bank's own YAML. Doesn't belong here: openings (flat_files.py), reading answers (touchproof).

A real bank reads our packs, so this is the one part of the pretend world that looks at what the
pipeline did: a step of its own, apart from the drops of a day, which never depend on it. What a
bank says to a claim, and on which day after the pack, follows from the claim's id and the world's
seed alone; a day's files are written once and never change.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from touchproof.sources.bank_statements import AnswerMapping
from touchproof.sources.banks import BankMapping
from touchproof_sandbox.world import files
from touchproof_sandbox.world.bank_formats import Value, answers_bytes, bank_mappings, file_name

_CORRECTED_AFTER_DAYS = 2
_SHORT_CENTS = 1000


@dataclass(frozen=True)
class ReplyReport:
    """Count what one call wrote."""

    day: date
    files: int
    statement_lines: int
    remittance_lines: int


@dataclass(frozen=True)
class Reply:
    """Say what a bank does about one claim; None where it does nothing.

    Args:
        claim_id: Our claim.
        reference: The bank's own reference.
        word_on: Day of the statement.
        word: accepted or rejected.
        accepted_cents: What it accepts.
        reason: Why it rejects.
        paid_on: Day of the payment.
        paid_cents: What it pays.
    """

    claim_id: str
    reference: str
    word_on: date | None
    word: str
    accepted_cents: int
    reason: str
    paid_on: date | None
    paid_cents: int


@dataclass(frozen=True)
class Claimed:
    """Hold a claim as its bank reads it in a pack."""

    claim_id: str
    reference: str
    fee_cents: int
    issued_on: date


def write_replies(drops: Path, evidence: Path, seed: int, day: date) -> ReplyReport:
    """Write the statements and remittances that the banks send on one day; repeating it is safe.

    Args:
        drops: The world's drops.
        evidence: Folder of the packs, `<bank_id>/<pack_number>/`.
        seed: The world's seed.
        day: The day.
    """
    written = statements = remittances = 0
    for mapping in bank_mappings().values():
        replies = [
            reply_of(seed, claimed) for claimed in claims_in_packs(evidence / mapping.bank_id, day)
        ]
        if mapping.statements is None or mapping.remittances is None or not replies:
            continue
        for kind, section, rows in (
            ("statement", mapping.statements, statement_rows(seed, mapping, replies, day)),
            ("remittance", mapping.remittances, remittance_rows(mapping, replies, day)),
        ):
            statements += len(rows) if kind == "statement" else 0
            remittances += len(rows) if kind == "remittance" else 0
            if rows:
                written += _put(drops, mapping, section, day, day, rows)
        earlier = day - timedelta(days=_CORRECTED_AFTER_DAYS)
        if _is_wrong(seed, mapping.bank_id, earlier):
            corrected = statement_rows(seed, mapping, replies, earlier, is_corrected=True)
            if corrected:
                written += _put(drops, mapping, mapping.statements, earlier, day, corrected)
    return ReplyReport(day, written, statements, remittances)


def claims_in_packs(folder: Path, day: date) -> Iterator[Claimed]:
    """Return the claims of a bank's packs that were issued before or on a day, in their order."""
    for manifest in sorted(folder.glob("[0-9]*/manifest.json")):
        issued_on = date.fromisoformat(json.loads(manifest.read_bytes())["issued_at"][:10])
        if issued_on > day:
            continue
        with (manifest.parent / "claims.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield Claimed(
                    row["claim_id"],
                    row["bank_reference"],
                    int(row["fee_cents"]),
                    issued_on,
                )


def reply_of(seed: int, claim: Claimed) -> Reply:
    """Return what a bank does about a claim.

    Of a hundred claims 3 get no answer, 7 are rejected, 5 accepted in part, the others whole; of
    those accepted 4 are paid in part, 2 too much, 3 never. Half of the answers come at once.
    """
    draw = _draws(seed, claim.claim_id)
    kind, late, pays, after, part = (next(draw) for _ in range(5))
    word_on = claim.issued_on + timedelta(days=0 if late % 2 else late % 13)
    accepted = claim.fee_cents
    if 10 <= kind < 15:
        accepted = claim.fee_cents * (50 + part % 40) // 100
    word, reason = ("rejected", _REASONS[part % 4]) if kind < 10 else ("accepted", "")
    paid_on: date | None = word_on + timedelta(days=0 if after % 3 == 0 else after % 21)
    paid = accepted
    if pays < 4:
        paid = accepted // 2
    elif pays < 6:
        paid = accepted + 500
    if word == "rejected" or pays >= 97:
        paid_on = None
    if kind < 3:
        return Reply(claim.claim_id, claim.reference, None, "", 0, "", None, 0)
    return Reply(claim.claim_id, claim.reference, word_on, word, accepted, reason, paid_on, paid)


_REASONS = ("existing_customer", "duplicate", "outside_window", "no_contact")


def statement_rows(
    seed: int,
    mapping: BankMapping,
    replies: Sequence[Reply],
    day: date,
    *,
    is_corrected: bool = False,
) -> list[dict[str, Value]]:
    """Return the lines of a bank's statement of a day by our column; none if it says nothing.

    Some days' first version names the first accepted claim 10.00 too low, which its corrected
    version mends; about one statement in four names a reference that we never sent.
    """
    said = [reply for reply in replies if reply.word_on == day]
    name = f"{mapping.bank_id[:2].upper()}S{day:%Y%m%d}"
    rows: list[dict[str, Value]] = []
    is_wrong = _is_wrong(seed, mapping.bank_id, day) and not is_corrected
    for reply in said:
        cents = reply.accepted_cents
        if is_wrong and reply.word == "accepted" and cents > _SHORT_CENTS:
            cents, is_wrong = cents - _SHORT_CENTS, False
        rows.append(
            {
                "statement_id": name,
                "line_number": str(len(rows) + 1),
                "statement_date": day,
                "claim_id": reply.claim_id,
                "reference": reply.reference,
                "status": reply.word,
                "amount": _units(cents) if reply.word == "accepted" else None,
                "reason_code": reply.reason,
            }
        )
    if rows and next(_draws(seed, f"stranger {name}")) < 25:
        stranger = dict(rows[0], claim_id="", reference=f"{name}-X", status="accepted")
        rows.append({**stranger, "line_number": str(len(rows) + 1), "amount": _units(2500)})
    return rows


def remittance_rows(
    mapping: BankMapping, replies: Sequence[Reply], day: date
) -> list[dict[str, Value]]:
    """Return the lines of the one payment with which a bank settles a day's claims."""
    paid = [reply for reply in replies if reply.paid_on == day and reply.paid_cents > 0]
    total = sum(reply.paid_cents for reply in paid)
    return [
        {
            "remittance_id": f"{mapping.bank_id[:2].upper()}P{day:%Y%m%d}",
            "line_number": str(number),
            "paid_date": day,
            "claim_id": reply.claim_id,
            "reference": reply.reference,
            "amount": _units(reply.paid_cents),
            "payment_amount": _units(total),
        }
        for number, reply in enumerate(paid, 1)
    ]


def _put(
    drops: Path,
    mapping: BankMapping,
    section: AnswerMapping,
    of_day: date,
    arrives: date,
    rows: Sequence[Mapping[str, Value]],
) -> int:
    """Write a file of a day into the drops of the day on which it arrives, unless it is there."""
    name = file_name(section.file_pattern, of_day)
    path = drops / arrives.isoformat() / mapping.source / name
    if path.exists():
        return 0
    files.write_bytes(path, answers_bytes(mapping, section, rows))
    return 1


def _units(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _is_wrong(seed: int, bank_id: str, day: date) -> bool:
    """Tell whether a bank's statement of a day has a fault that it corrects later."""
    return next(_draws(seed, f"wrong {bank_id} {day.isoformat()}")) < 30


def _draws(seed: int, name: str) -> Iterator[int]:
    """Draw numbers from 0 to 99 that follow from a name."""
    digest = hashlib.blake2s(f"{seed}:{name}".encode()).digest()
    for first in range(0, len(digest) - 1, 2):
        yield int.from_bytes(digest[first : first + 2], "big") % 100
