"""Verdicts: what the gate said about one batch, kept beside its manifest.

Belongs here: the verdict's format, reading and writing it. Doesn't belong here: judging (gate.py)
or loading what was accepted (load.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from touchproof.durable import write_atomically
from touchproof.landing import VERDICT, Batch


@dataclass(frozen=True)
class ExcludedRow:
    """Leave one row out: `row` of `file` (from 1), for `rule`, quarantined as `entry`."""

    part: str
    file: str
    row: int
    rule: str
    entry: str


@dataclass(frozen=True)
class ExcludedFile:
    """Leave all `rows` of one file of the batch out, quarantined as `entry`."""

    part: str
    file: str
    rows: int
    rule: str
    entry: str


@dataclass(frozen=True)
class Verdict:
    """Say which rows of a batch may be loaded.

    Args:
        status: `accepted` whole, `partly` (some rows or files are left out) or `refused` whole.
        night: Night that judged the batch, ISO.
        rows_in: Rows of the batch.
        rows_loaded: Rows that may be loaded; with `rows_quarantined` they make `rows_in`.
        rows_quarantined: Rows left out.
        excluded_rows: Rows left out singly.
        excluded_files: Files left out whole.
        rules: Rows that broke each rule, by rule; a row may break several.
        released: Quarantine entries that a person let pass.
    """

    status: Literal["accepted", "partly", "refused"]
    night: str
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    excluded_rows: tuple[ExcludedRow, ...] = ()
    excluded_files: tuple[ExcludedFile, ...] = ()
    rules: tuple[tuple[str, int], ...] = ()
    released: tuple[str, ...] = ()


def verdict_of(
    batch: Batch,
    night: str,
    excluded_rows: tuple[ExcludedRow, ...],
    excluded_files: tuple[ExcludedFile, ...],
    rules: tuple[tuple[str, int], ...],
    released: tuple[str, ...],
) -> Verdict:
    """Return the verdict that follows from what is left out."""
    rows_in = batch.manifest.rows
    left_out = len(excluded_rows) + sum(file.rows for file in excluded_files)
    status: Literal["accepted", "partly", "refused"] = "accepted"
    if left_out:
        status = "refused" if left_out == rows_in else "partly"
    return Verdict(
        status,
        night,
        rows_in,
        rows_in - left_out,
        left_out,
        excluded_rows,
        excluded_files,
        rules,
        released,
    )


def write_verdict(batch: Batch, verdict: Verdict) -> None:
    """Put a verdict beside its batch."""
    content = asdict(verdict)
    content["rules"] = dict(verdict.rules)
    write_atomically(batch.path / VERDICT, json.dumps(content, indent=1).encode())


def read_verdict(batch: Batch) -> tuple[Verdict, str] | None:
    """Return a batch's verdict and the digest of its file, None while it wasn't judged."""
    try:
        raw = (batch.path / VERDICT).read_bytes()
    except FileNotFoundError:
        return None
    content = json.loads(raw)
    content["excluded_rows"] = tuple(ExcludedRow(**item) for item in content["excluded_rows"])
    content["excluded_files"] = tuple(ExcludedFile(**item) for item in content["excluded_files"])
    content["rules"] = tuple(content["rules"].items())
    content["released"] = tuple(content["released"])
    return Verdict(**content), hashlib.sha256(raw).hexdigest()
