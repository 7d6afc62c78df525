"""Refusals that a test plants: rows of a value are refused with a code of its choice.

Belongs here: looking the rules up and using them up. Doesn't belong here: Salesforce's own rules
(rules.py, neighbours.py), rules of an org's
administrator (org_rules.py).
"""

from __future__ import annotations

import json
from collections import Counter

from touchproof_sandbox.salesforce.errors import Refusal
from touchproof_sandbox.salesforce.neighbours import Row
from touchproof_sandbox.salesforce.storage import Record, Storage


class PlantedRefusals:
    """Hold the rules of one object during one write."""

    def __init__(self, storage: Storage, object_name: str) -> None:
        self._storage = storage
        rows = storage.db.execute("select * from refusals where object = ?", (object_name,))
        self._rules = [dict(row) for row in rows]
        self._used: Counter[int] = Counter()

    def refusal(self, row: Row, record: Record) -> Refusal | None:
        """Return the refusal of the first rule that the row meets, and use that rule up by one."""
        for rule in self._rules:
            field, value = rule["field"], rule["value"]
            left = None if rule["times"] is None else rule["times"] - self._used[rule["number"]]
            if left == 0 or not (
                value in {row.get(field), record.get(field)} or (value == "*" and field in row)
            ):
                continue
            self._used[rule["number"]] += 1
            return Refusal(rule["code"], rule["message"], tuple(json.loads(rule["fields"])))
        return None

    def save(self) -> None:
        """Keep how often each rule was used."""
        for number, times in self._used.items():
            self._storage.db.execute(
                "update refusals set times = times - ? where number = ?", (times, number)
            )
