"""Where packs lie, and that what lies there is what was issued.

Belongs here: the staged and the placed folder of a pack, writing and moving it, every refusal that
keeps an issued pack as it is. Doesn't belong here: when a pack is issued (issuer.py), its bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from touchproof.durable import fsync, fsync_tree, rename
from touchproof.errors import CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.keys import PublicKey, read_keys
from touchproof.evidence.pack_ledger import PackRow
from touchproof.evidence.told import told_claims
from touchproof.evidence.verify_pack import PackCheck, check_pack

_STAGING = ".staging"


@dataclass(frozen=True)
class PackFolders:
    """Hold the folders of a world's packs.

    Args:
        root: The folder `evidence`.
        public_keys: The keys that are handed over beside the packs.
    """

    root: Path
    public_keys: Path

    @property
    def keys(self) -> dict[str, PublicKey]:
        """Return the public keys by id."""
        return read_keys(self.public_keys) if self.public_keys.is_dir() else {}

    def folder(self, row: PackRow) -> Path:
        """Return a pack's place."""
        return self.root / row.bank_id / form.folder_name(row.pack_number)

    def staged(self, row: PackRow) -> Path:
        """Return where a pack is made."""
        return self.root / _STAGING / f"{row.bank_id}-{form.folder_name(row.pack_number)}"

    def staged_head(self, row: PackRow) -> str | None:
        """Return the manifest's hash of a whole staged pack, else None."""
        folder = self.staged(row)
        if not folder.is_dir():
            return None
        # Its folder has another name than a pack's; only what is inside counts here.
        check = check_pack(folder, self.keys)
        return None if check.faults else check.manifest_sha256

    def stage(self, row: PackRow, files: Mapping[str, bytes]) -> None:
        """Write a pack's files, whole and read-only, before it is planned."""
        folder = self.staged(row)
        shutil.rmtree(folder, ignore_errors=True)  # of a run killed before it planned the pack
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o444)
        fsync_tree(folder)

    def place(self, row: PackRow, step: Callable[[str], None]) -> None:
        """Move a staged pack to its place, unless it is there."""
        folder = self.folder(row)
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            fsync(folder.parent.parent)
            rename(self.staged(row), folder)
            step("renamed")

    def require_unchanged(self, row: PackRow) -> PackCheck:
        """Refuse to go on if a pack isn't, byte for byte, what the ledger committed to."""
        folder = self.folder(row)
        check = check_pack(folder, self.keys) if folder.is_dir() else None
        if check is None or check.faults or check.manifest_sha256 != row.head_sha256:
            fault = "its folder is missing" if check is None else "; ".join(check.faults[:3])
            raise CheckFailedError(
                f"An issued pack isn't what was issued: {fault or 'another manifest'}",
                where=row.name,
                todo="An issued pack is never rewritten: put its folder back from the backup.",
            )
        return check

    def require_sound(self, row: PackRow, earlier: Sequence[PackCheck]) -> None:
        """Refuse to issue what a reader would find at fault, for it could never be mended."""
        check = check_pack(self.staged(row), self.keys)
        faults = check.faults
        if not faults:
            told = [*(pack.told for pack in earlier), check.told]
            faults = [what for _, what in told_claims(told)[1]]
        if faults:
            raise CheckFailedError(
                f"The pack would be at fault, so it isn't issued: {faults[0]}", where=row.name
            )

    def require_free(self, row: PackRow) -> None:
        """Refuse to overwrite a pack that the ledger doesn't know."""
        if self.folder(row).exists():
            raise CheckFailedError(
                "There is a pack in the evidence folder that the ledger doesn't know",
                where=row.name,
                todo="It may have been handed over: restore the ledger that issued it.",
            )

    def require_no_strangers(self, bank_id: str, rows: Iterable[PackRow]) -> None:
        """Refuse to go on beside what the ledger doesn't know."""
        known = {form.folder_name(row.pack_number) for row in rows}
        folder = self.root / bank_id
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        strangers = names - known - form.BESIDE_PACKS
        if strangers:
            raise CheckFailedError(
                "The bank's folder holds what the ledger doesn't know",
                where=f"{bank_id}/{min(strangers)}",
                todo="Move it aside, or restore the ledger that issued it.",
            )
