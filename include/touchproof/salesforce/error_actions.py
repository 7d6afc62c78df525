"""Error actions: what each refusal of a record means and who can mend it.

Belongs here: reading the table `error_actions.csv` (code, action, owner, reason). Doesn't belong
here: parsing Salesforce's answer (answers.py), storing dead letters (dead_letters.py).

The reason is ours: Salesforce's own message quotes the refused value and is never kept.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

UNPROCESSED = "UNPROCESSED"
UNACCOUNTED = "UNACCOUNTED"
JOB_LOST = "JOB_LOST"
DUPLICATE_UNROUTABLE = "DUPLICATE_UNROUTABLE"
MOVED_UNREAD = "MOVED_UNREAD"
MOVED_UNKNOWN = "MOVED_UNKNOWN"
RETRY_NOW = "retry_now"
_ANY = "*"


@dataclass(frozen=True)
class ErrorAction:
    """Say what follows from one error code.

    Args:
        action: `retry_now` (within the same push), `retry` (with the next one), `fix_data`,
            `fix_crm`, `configure`, `route_to_contact`, `follow_merge` or `look_up`.
        owner: Who can mend it.
        reason: One clause, without any value.
    """

    code: str
    action: str
    owner: str
    reason: str

    @property
    def is_passing(self) -> bool:
        """Tell whether the same row may go through later without anybody's doing."""
        return self.action in (RETRY_NOW, "retry")

    @property
    def is_moved(self) -> bool:
        """Tell whether the record isn't there any more, at least not under this Id."""
        return self.action in ("route_to_contact", "follow_merge")


def error_action(code: str) -> ErrorAction:
    """Return the action of a code, in any case; unknown codes are looked up by the CRM's people."""
    table = _table()
    known = table.get(code.upper(), table[_ANY])
    return ErrorAction(code.upper(), known.action, known.owner, known.reason)


@cache
def _table() -> dict[str, ErrorAction]:
    text = files("touchproof.salesforce").joinpath("error_actions.csv").read_text("utf-8")
    rows = [ErrorAction(**row) for row in csv.DictReader(text.splitlines())]
    return {row.code: row for row in rows}
