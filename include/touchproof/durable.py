"""Durable files: what a power cut or `kill -9` can't leave half done.

Belongs here: fsync of files and folders, renames that survive a crash, swapping a link, hashing a
file. Doesn't belong here: what is written (landing, handoff, publish, packs).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def fsync(path: Path) -> None:
    """Flush a file's or a folder's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below a folder, and the folder itself."""
    for path in folder.rglob("*"):
        fsync(path)
    fsync(folder)


def rename(source: Path, target: Path) -> None:
    """Rename so that after a crash either name holds the whole; the content is flushed already."""
    source.replace(target)
    fsync(target.parent)


def swap_link(link: Path, target: str) -> None:
    """Point a symbolic link at another target in one step.

    Args:
        link: The link's path.
        target: Where it points to, relative to the link's folder.
    """
    temporary = link.with_name(f".{link.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    rename(temporary, link)


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
