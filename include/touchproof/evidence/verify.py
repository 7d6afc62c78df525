"""Checking packs as an auditor does: with the files alone, no warehouse, no ledger.

Belongs here: everything that a pack and a bank's chain of packs must satisfy. Doesn't belong here:
making packs (pack.py), comparing them with today's warehouse. The standard library is all it needs.

Until packs are signed, the seal and the chain find every accident and every edit that isn't redone
consistently up to the newest pack; who re-seals a whole chain is found by `expect_head` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from touchproof.errors import BadInputError
from touchproof.evidence import pack_format as form
from touchproof.evidence.verify_pack import PackCheck, check_pack


@dataclass(frozen=True)
class VerifyReport:
    """Tell what a verification found.

    Args:
        ok: Whether nothing is wrong.
        sentence: One sentence for a person: what is right, or what is wrong and where.
        bank_id: The bank, if a manifest could be read.
        packs: How many packs were looked at.
        claims: Their claims.
        touches: Their contacts.
        head_sha256: Hash of the last pack's manifest, to compare with the one handed over.
        is_signed: Whether every pack carries a signature that was checked.
        faults: Every fault, one sentence each, the most telling first.
        notes: What the reader should know although it is no fault.
    """

    ok: bool
    sentence: str
    bank_id: str | None
    packs: int
    claims: int
    touches: int
    head_sha256: str | None
    is_signed: bool
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Say it to a person: the sentence, every further fault, the head and the notes."""
        head = [f"Head: {self.head_sha256}"] if self.head_sha256 else []
        return "\n".join([self.sentence, *self.faults[1:], *head, *self.notes])


def verify(
    path: Path, public_keys: Path | None = None, expect_head: str | None = None
) -> VerifyReport:
    """Check one pack, or a bank's folder with the chain of all its packs.

    Args:
        path: A pack (`…/<bank_id>/<pack_number>`) or a bank's folder.
        public_keys: Folder of public keys; asking for a signature check that can't be made is a
            fault.
        expect_head: Hex SHA-256 that the last pack's manifest must have.

    Raises:
        BadInputError: If the path is neither a pack nor a bank's folder.
    """
    if not path.is_dir():
        raise BadInputError("There is no such folder", where=path.name, todo="Name a pack.")
    if public_keys is not None and not public_keys.is_dir():
        raise BadInputError("There is no such folder of keys", where=public_keys.name)
    entries = sorted(path.iterdir())
    numbered = [entry for entry in entries if _is_pack_name(entry.name) and entry.is_dir()]
    if numbered:
        packs = [check_pack(folder) for folder in numbered]
        strangers = sorted({entry.name for entry in entries} - {entry.name for entry in numbered})
        faults = [f"{name}: doesn't belong to a bank's folder" for name in strangers]
        faults += _chain_faults(packs)
    elif entries:
        number = path.name if _is_pack_name(path.name) else None
        packs = [check_pack(path)]
        faults = _name_faults(packs[0], number)
    else:
        raise BadInputError("The folder is empty", where=path.name, todo="Name a pack.")
    faults = [fault for pack in packs for fault in pack.faults] + faults
    head = packs[-1].manifest_sha256
    if expect_head is not None and expect_head.strip().lower() != head:
        faults.append(
            f"{packs[-1].name}: the head is {head}, not the expected {expect_head.strip()[:64]}; "
            "the last pack is missing, was added or was made anew"
        )
    notes = ["The packs are unsigned: hashes and chain are checked, not who made them."]
    if public_keys is not None:
        faults.append(
            f"{packs[0].name}: {form.SIGNATURE} is missing, the pack is unsigned, so public keys "
            "prove nothing"
        )
    return VerifyReport(
        ok=not faults,
        sentence=_sentence(packs, faults),
        bank_id=packs[0].bank_id,
        packs=len(packs),
        claims=sum(len(pack.claim_ids) for pack in packs),
        touches=sum(pack.touches for pack in packs),
        head_sha256=head,
        is_signed=False,
        faults=tuple(faults),
        notes=tuple(notes),
    )


def _is_pack_name(name: str) -> bool:
    return len(name) >= 4 and name.isascii() and name.isdecimal()


def _name_faults(pack: PackCheck, name: str | None) -> list[str]:
    if name is None or pack.pack_number is None or name == form.folder_name(pack.pack_number):
        return []
    return [f"{name}: holds pack {form.folder_name(pack.pack_number)}"]


def _chain_faults(packs: Sequence[PackCheck]) -> list[str]:
    """Compare neighbours: numbers without gaps, previous hashes, one bank, no claim twice."""
    faults = []
    names = {pack.name for pack in packs}
    last = max(int(name) for name in names)
    for number in range(1, last + 1):
        if form.folder_name(number) not in names:
            faults.append(f"{form.folder_name(number)}: the pack is missing from the chain")
    for pack in packs:
        faults += _name_faults(pack, pack.name)
    before: PackCheck | None = None
    owner: dict[str, str] = {}
    for pack in packs:
        if pack.manifest is None:
            before = pack
            continue
        if before is None and pack.previous_sha256 is not None and pack.pack_number == 1:
            faults.append(f"{pack.name}: the first pack names a previous one")
        if before is not None:
            faults += _link_faults(before, pack)
        for claim_id in pack.claim_ids:
            if claim_id in owner:
                faults.append(f"{pack.name}: {claim_id} was claimed in {owner[claim_id]} already")
            owner.setdefault(claim_id, pack.name)
        before = pack
    return faults


def _link_faults(before: PackCheck, pack: PackCheck) -> list[str]:
    faults = []
    if pack.previous_sha256 != before.manifest_sha256:
        faults.append(
            f"{pack.name}: the previous pack's hash isn't that of {before.name}, so one of both "
            "was changed, swapped or replaced"
        )
    if before.manifest is None:
        return faults
    if pack.bank_id != before.bank_id:
        faults.append(f"{pack.name}: belongs to {pack.bank_id}, {before.name} to {before.bank_id}")
    if (pack.manifest or {})["period"] <= before.manifest["period"]:
        faults.append(f"{pack.name}: its period isn't after that of {before.name}")
    if pack.issued_at and before.issued_at and pack.issued_at < before.issued_at:
        faults.append(f"{pack.name}: was issued before {before.name}")
    return faults


def _sentence(packs: Sequence[PackCheck], faults: Sequence[str]) -> str:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"{faults[0]}{more}."
    cents: Counter[str] = Counter()
    for pack in packs:
        cents.update(pack.cents)
    money = ", ".join(f"{cents[name] / 100:,.2f} {name}" for name in sorted(cents))
    first, last = packs[0].name, packs[-1].name
    which = f"Pack {first}" if len(packs) == 1 else f"Packs {first} to {last}"
    claims = sum(len(pack.claim_ids) for pack in packs)
    touches = sum(pack.touches for pack in packs)
    verb = "is" if len(packs) == 1 else "are"
    return (
        f"{which} of {packs[0].bank_id} {verb} whole: "
        f"{claims} claims over {money}, {touches} contacts."
    )
