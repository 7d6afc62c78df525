"""Thresholds: which share of faulty rows refuses a whole file.

Belongs here: reading `thresholds.csv`, where a reviewer sees a change. Doesn't belong here: what
counts as faulty (suites.py).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from touchproof.errors import ConfigurationError

THRESHOLDS_FILE = Path(__file__).parent / "thresholds.csv"
_COLUMNS = ["source", "entity", "max_quarantined_share"]
_ANY = "*"

Thresholds = Mapping[tuple[str, str], Decimal]


def read_thresholds(path: Path = THRESHOLDS_FILE) -> Thresholds:
    """Return the shares by (source, entity); `*` stands for any.

    Raises:
        ConfigurationError: If the file isn't as agreed, naming the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise _wrong(path, 1, f"the header must be {','.join(_COLUMNS)}")
        found: dict[tuple[str, str], Decimal] = {}
        for line, row in enumerate(reader, start=2):
            try:
                share = Decimal(row["max_quarantined_share"] or "")
            except InvalidOperation as error:
                raise _wrong(path, line, "the share isn't a number") from error
            if not 0 <= share <= 1:
                raise _wrong(path, line, "the share isn't between 0 and 1")
            found[(row["source"], row["entity"])] = share
    if (_ANY, _ANY) not in found:
        raise _wrong(path, 2, "the line for any source and entity (*,*) is missing")
    return found


def threshold_of(thresholds: Thresholds, source: str, entity: str) -> Decimal:
    """Return the share that holds for an entity: its own, its source's, or the general one."""
    for key in ((source, entity), (source, _ANY)):
        if key in thresholds:
            return thresholds[key]
    return thresholds[(_ANY, _ANY)]


def _wrong(path: Path, line: int, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The gate's thresholds are wrong: {reason}",
        where=f"{path.name}, line {line}",
        todo="Correct that line.",
    )
