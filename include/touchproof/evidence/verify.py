"""Checking packs as an auditor does: with the files and public keys alone.

Belongs here: what is checked, in which order, and the sentence that says it. Doesn't belong here:
the single checks (verify_pack.py, verify_lines.py, verify_chain.py, verify_proofs.py), making packs
(pack.py), comparing them with today's warehouse (drift.py).

The standard library and `cryptography` are all it needs. Hashes and chain find every accident; the
signature finds who forges without the key; the expected head, the bank's countersignature and an
outside time stamp find who has the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.errors import BadInputError
from touchproof.evidence import pack_format as form
from touchproof.evidence.keys import PublicKey, read_keys
from touchproof.evidence.verify_chain import chain_faults, name_faults
from touchproof.evidence.verify_pack import PackCheck, check_pack
from touchproof.evidence.verify_proofs import check_proofs

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_KEYS_BESIDE = (
    "The public keys lay beside the packs, so their origin wasn't checked independently: compare "
    "their fingerprints with those that you were given another way, or give --public-keys."
)
_ALL_SANDBOX = "SANDBOX: these packs are a pretend world's; they claim nothing from anybody."


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
        adjustments: Their adjustments.
        head_sha256: Hash of the last pack's manifest, to compare with the one handed over.
        is_signed: Whether every pack carries a signature that was checked.
        keys_are_independent: Whether the public keys came from elsewhere than the packs.
        is_sandbox: Whether they are a pretend world's packs.
        countersigned: Packs whose head the bank has countersigned.
        timestamped: Packs whose head an outside authority has stamped.
        faults: Every fault, one sentence each, the most telling first.
        notes: What the reader should know although it is no fault.
    """

    ok: bool
    sentence: str
    bank_id: str | None
    packs: int
    claims: int
    touches: int
    adjustments: int
    head_sha256: str | None
    is_signed: bool
    keys_are_independent: bool
    is_sandbox: bool
    countersigned: tuple[str, ...]
    timestamped: tuple[str, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Say it to a person: the sentence, every further fault, the head and the notes."""
        head = [f"Head: {self.head_sha256}"] if self.head_sha256 else []
        return "\n".join([self.sentence, *self.faults[1:], *head, *self.notes])

    def with_notes(self, *more: str) -> VerifyReport:
        """Return the report with further notes."""
        return replace(self, notes=(*self.notes, *more))


def verify(
    path: Path, public_keys: Path | None = None, expect_head: str | None = None
) -> VerifyReport:
    """Check one pack, or a bank's folder with the chain of all its packs.

    Args:
        path: A pack (`…/<bank_id>/<pack_number>`) or a bank's folder.
        public_keys: Folder of public keys (default: `public_keys` beside the banks' folders).
        expect_head: Hex SHA-256 that the last pack's manifest must have.

    Raises:
        BadInputError: If the path is neither a pack nor a bank's folder, or a key can't be read.
    """
    path = path.resolve()
    if not path.is_dir():
        raise BadInputError("There is no such folder", where=path.name, todo="Name a pack.")
    keys_folder = _keys_folder(path, public_keys)
    keys = {} if keys_folder is None else read_keys(keys_folder)
    packs, faults, bank_folder = _read(path, keys)
    proofs = check_proofs(
        bank_folder, packs, keys, _trusted(keys_folder), of_all=bank_folder == path
    )
    faults = [fault for pack in packs for fault in pack.faults] + faults + proofs.faults
    head = packs[-1].manifest_sha256
    if expect_head is not None and expect_head.strip().lower() != head:
        faults.append(
            f"{packs[-1].name}: the head is {head}, not the expected {expect_head.strip()[:64]}; "
            "the last pack is missing, was added or was made anew"
        )
    notes = [] if public_keys is not None or keys_folder is None else [_KEYS_BESIDE]
    is_sandbox = any(pack.is_sandbox for pack in packs)
    return VerifyReport(
        ok=not faults,
        sentence=_sentence(packs, faults),
        bank_id=packs[0].bank_id,
        packs=len(packs),
        claims=sum(len(pack.claim_ids) for pack in packs),
        touches=sum(pack.touches for pack in packs),
        adjustments=sum(pack.adjustments for pack in packs),
        head_sha256=head,
        is_signed=not any(form.SIGNATURE in fault for fault in faults),
        keys_are_independent=public_keys is not None,
        is_sandbox=is_sandbox,
        countersigned=tuple(proofs.countersigned),
        timestamped=tuple(proofs.timestamped),
        faults=tuple(faults),
        notes=(*notes, *proofs.notes, *([_ALL_SANDBOX] if is_sandbox else [])),
    )


def read_chain(path: Path) -> list[PackCheck]:
    """Return the packs of a bank's folder, or one pack, without checking signatures."""
    return _read(path, None)[0]


def is_pack_name(name: str) -> bool:
    """Tell whether a folder's name is a pack's number."""
    return 4 <= len(name) <= 9 and name.isascii() and name.isdecimal()


def _read(path: Path, keys: dict[str, PublicKey] | None) -> tuple[list[PackCheck], list[str], Path]:
    """Return packs, faults between them, and the bank's folder."""
    entries = sorted(path.iterdir())
    numbered = [entry for entry in entries if is_pack_name(entry.name)]
    if numbered and form.MANIFEST not in {entry.name for entry in entries}:
        packs = [check_pack(folder, keys) for folder in numbered]
        known = {entry.name for entry in numbered} | form.BESIDE_PACKS
        strangers = sorted({entry.name for entry in entries} - known)
        faults = [f"{name[:80]}: doesn't belong to a bank's folder" for name in strangers]
        return packs, faults + chain_faults(packs), path
    if not entries:
        raise BadInputError("The folder is empty", where=path.name, todo="Name a pack.")
    packs = [check_pack(path, keys)]
    return packs, name_faults(packs[0], path.name if is_pack_name(path.name) else None), path.parent


def _keys_folder(path: Path, given: Path | None) -> Path | None:
    if given is not None:
        if not given.is_dir():
            raise BadInputError("There is no such folder of keys", where=given.name)
        return given
    beside = (path.parent / form.PUBLIC_KEYS, path.parent.parent / form.PUBLIC_KEYS)
    return next((folder for folder in beside if folder.is_dir()), None)


def _trusted(folder: Path | None) -> list[Certificate]:
    if folder is None:
        return []
    from touchproof.evidence.timestamps import trusted_certificates

    return trusted_certificates(folder)


def _sentence(packs: Sequence[PackCheck], faults: Sequence[str]) -> str:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"{faults[0]}{more}."
    cents: Counter[str] = Counter()
    adjusted: Counter[str] = Counter()
    for pack in packs:
        cents.update(pack.cents)
        adjusted.update(pack.adjusted_cents)
    money = ", ".join(form.money(cents[name], name) for name in sorted(cents)) or "nothing new"
    first, last = packs[0].name, packs[-1].name
    which = f"Pack {first}" if len(packs) == 1 else f"Packs {first} to {last}"
    claims = sum(len(pack.claim_ids) for pack in packs)
    touches = sum(pack.touches for pack in packs)
    lines = sum(pack.adjustments for pack in packs)
    changed = ", ".join(form.money(adjusted[name], name) for name in sorted(adjusted))
    more = f"; {lines} adjustments change them by {changed}" if lines else ""
    verb = "is" if len(packs) == 1 else "are"
    return (
        f"{which} of {packs[0].bank_id} {verb} whole and signed: "
        f"{claims} claims over {money}, {touches} contacts{more}."
    )
