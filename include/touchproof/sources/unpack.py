"""The bytes of a source file, unpacked within limits.

Belongs here: reading a file as a whole, gzip included, without trusting it. Doesn't belong here:
what the bytes mean (delimited.py and the source modules).
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from touchproof.sources.faults import StructuralFaultError


def read_unpacked(path: Path, limit: int) -> bytes:
    """Return a file's bytes; a name that ends in `.gz` is unpacked.

    Args:
        path: File to read.
        limit: Most bytes to unpack; a larger file (or a gzip bomb) is a fault.

    Raises:
        StructuralFaultError: `empty_file`, `truncated_gzip`, `damaged_gzip`, `too_large_unpacked`.
    """
    size = path.stat().st_size
    if size == 0:
        raise StructuralFaultError("empty_file", rows_in=0)
    if path.suffix != ".gz":
        if size > limit:
            raise StructuralFaultError("too_large_unpacked")
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            content = file.read(limit + 1)
    except EOFError as error:
        raise StructuralFaultError("truncated_gzip") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise StructuralFaultError("damaged_gzip") from error
    if len(content) > limit:
        raise StructuralFaultError("too_large_unpacked")
    if not content:
        raise StructuralFaultError("empty_file", rows_in=0)
    return content
