"""Checking what lies beside a bank's packs: countersignatures and time stamps of heads.

Belongs here: going through both folders. Doesn't belong here: making either (countersign.py,
timestamps.py), the packs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.evidence import pack_format as form
from touchproof.evidence.countersign import SUFFIX, countersignature_fault
from touchproof.evidence.keys import PublicKey
from touchproof.evidence.verify_pack import PackCheck

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_ANSWER, _REQUEST = ".tsr", ".tsq"
_MAX_BYTES = 1 << 20


@dataclass
class Proofs:
    """Collect which heads are bound from outside, and what is wrong with that."""

    countersigned: list[str] = field(default_factory=list)
    timestamped: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_proofs(
    bank_folder: Path,
    packs: Sequence[PackCheck],
    keys: Mapping[str, PublicKey],
    trusted: Sequence[Certificate],
    *,
    of_all: bool,
) -> Proofs:
    """Check the proofs of some packs.

    Args:
        bank_folder: The bank's folder.
        packs: The packs that were checked.
        keys: Public keys by id.
        trusted: Certificates of time-stamping authorities.
        of_all: Whether those are all packs, so that a proof of any other is a fault.
    """
    proofs = Proofs()
    by_name = {pack.name: pack for pack in packs if pack.manifest_raw}
    for path in _files(bank_folder / form.COUNTERSIGNATURES, proofs):
        place = f"{form.COUNTERSIGNATURES}/{path.name}"
        pack = by_name.get(path.stem)
        if path.suffix != SUFFIX or (pack is None and of_all):
            proofs.faults.append(f"{place}: belongs to no pack that is here")
        elif pack is not None and pack.manifest is not None:
            if fault := countersignature_fault(pack, _content(path), keys):
                proofs.faults.append(f"{place}: {fault}")
            else:
                proofs.countersigned.append(pack.name)
    for path in _files(bank_folder / form.TIMESTAMPS, proofs):
        place = f"{form.TIMESTAMPS}/{path.name}"
        pack = by_name.get(path.stem)
        if path.suffix not in {_ANSWER, _REQUEST} or (pack is None and of_all):
            proofs.faults.append(f"{place}: belongs to no pack that is here")
        elif pack is not None and path.suffix == _ANSWER:
            _check_stamp(path, place, pack, trusted, proofs)
    return proofs


def _check_stamp(
    path: Path, place: str, pack: PackCheck, trusted: Sequence[Certificate], proofs: Proofs
) -> None:
    from touchproof.evidence.timestamps import check_answer

    content = _content(path)
    if content is None:
        proofs.faults.append(f"{place}: isn't a small plain file")
        return
    stamped_at, fault = check_answer(content, pack.manifest_raw, trusted)
    if fault:
        proofs.faults.append(f"{place}: {fault}")
        return
    if not trusted:
        proofs.notes.append(
            f"{place}: stamps this head, but by whom wasn't checked: no authority's certificate "
            "lies with the public keys."
        )
        return
    proofs.timestamped.append(pack.name)
    when = form.utc_text(stamped_at) if stamped_at else "?"
    proofs.notes.append(f"The head of {pack.name} was stamped by an outside authority at {when}.")


def _files(folder: Path, proofs: Proofs) -> list[Path]:
    if not folder.exists() and not folder.is_symlink():
        return []
    if folder.is_symlink() or not folder.is_dir():
        proofs.faults.append(f"{folder.name}: isn't a plain folder")
        return []
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def _content(path: Path) -> bytes | None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
        return None
    return path.read_bytes()
