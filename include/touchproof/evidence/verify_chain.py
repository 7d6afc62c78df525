"""Checking a bank's chain: numbers without a gap, hashes, periods, what was told and adjusted.

Belongs here: comparing packs with one another. Doesn't belong here: one pack (verify_pack.py),
countersignatures and time stamps (verify_proofs.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from touchproof.evidence import pack_format as form
from touchproof.evidence.told import told_claims
from touchproof.evidence.verify_pack import PackCheck


def chain_faults(packs: Sequence[PackCheck]) -> list[str]:
    """Compare neighbours, and every pack with what earlier ones told."""
    faults = []
    names = {pack.name for pack in packs}
    numbers = {int(name) for name in names}
    # Not a range up to the last number, which a forger chooses.
    gaps = sorted(number + 1 for number in {0, *numbers} if number + 1 not in numbers)[:-1]
    for number in gaps:
        faults.append(f"{form.folder_name(number)}: the pack is missing from the chain")
    for pack in packs:
        faults += name_faults(pack, pack.name)
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
    if not gaps and all(pack.manifest is not None for pack in packs):
        _, wrong = told_claims(pack.told for pack in packs)
        faults += [
            f"{form.folder_name(number)}/{form.ADJUSTMENTS}: {what}" for number, what in wrong
        ]
    return faults


def name_faults(pack: PackCheck, name: str | None) -> list[str]:
    """Tell whether a pack's folder is named by its number."""
    if name is None or pack.pack_number is None or name == form.folder_name(pack.pack_number):
        return []
    return [f"{name}: holds pack {form.folder_name(pack.pack_number)}"]


def _link_faults(before: PackCheck, pack: PackCheck) -> list[str]:
    faults = []
    if pack.previous_sha256 != before.manifest_sha256:
        faults.append(
            f"{pack.name}: the previous pack's hash isn't that of {before.name}, so one of both "
            "was changed, swapped or replaced"
        )
    if before.manifest is None or pack.manifest is None:
        return faults
    if pack.bank_id != before.bank_id:
        faults.append(f"{pack.name}: belongs to {pack.bank_id}, {before.name} to {before.bank_id}")
    if pack.is_sandbox != before.is_sandbox:
        faults.append(f"{pack.name}: a sandbox pack and a real one can't be of one chain")
    earlier, later = before.manifest["period"], pack.manifest["period"]
    if later < earlier or (later == earlier and pack.kind != "adjustment"):
        faults.append(f"{pack.name}: its period isn't after that of {before.name}")
    if pack.issued_at and before.issued_at and pack.issued_at < before.issued_at:
        faults.append(f"{pack.name}: was issued before {before.name}")
    return faults
