"""Durable files: what a power cut or `kill -9` can't leave half done.

Belongs here: fsync of files and folders, renames that survive a crash, small files written whole,
swapping a link, hashing a file. Doesn't belong here: what is written (landing, handoff, publish,
packs).
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


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a small file so that a reader sees the old or the whole new one, even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename(temporary, path)


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
