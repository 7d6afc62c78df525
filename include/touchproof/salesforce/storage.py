"""Data storage: what records take of it.

Belongs here: the size of a record by its object. Doesn't belong here: what is left (the org's
limit `DataStorageMB`), what follows where it doesn't suffice (preflight.py, budget.py).

Salesforce counts a record by its object, however much its fields hold: help article 000193871.
"""

from __future__ import annotations

from collections.abc import Mapping

LIMIT = "DataStorageMB"
KILOBYTES_A_MEGABYTE = 1024
_RECORD_KILOBYTES: Mapping[str, int] = {"Campaign": 8, "CampaignMember": 1}
_USUAL_KILOBYTES = 2


def kilobytes_of(object_name: str, records: int) -> int:
    """Return what so many new records of an object take, in KB."""
    return records * _RECORD_KILOBYTES.get(object_name, _USUAL_KILOBYTES)


def megabytes(kilobytes: int) -> int:
    """Return whole megabytes, rounded up: what an org must have left."""
    return -(-kilobytes // KILOBYTES_A_MEGABYTE)
