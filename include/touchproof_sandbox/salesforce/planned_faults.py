"""Faults that a user of the server plans for calls and jobs.

Belongs here: keeping the plans in the org's state, so that they outlive a restart, and counting
what they are met by. Doesn't belong here: which fault meets a request (faults.py), refusals of
single rows (planted.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from touchproof_sandbox.salesforce.faults import JOB, Asked, Calls, Fault, meet
from touchproof_sandbox.salesforce.storage import Storage


class PlannedFaults:
    """Keep the plans of faults and find the one that meets a call or a job."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def plan(self, calls: Calls, effect: str, options: Mapping[str, Any]) -> int:
        """Plan a fault; return its number."""
        values = (json.dumps(asdict(calls)), effect, json.dumps(dict(options)))
        number = self._storage.db.execute(
            "insert into faults (calls, effect, options) values (?, ?, ?)", values
        ).lastrowid
        assert number is not None  # noqa: S101  one row was inserted
        return number

    def plans(self) -> list[Fault]:
        """Return all plans, in order of planning."""
        return [
            Fault(
                row["number"],
                Calls(**json.loads(row["calls"])),
                row["effect"],
                json.loads(row["options"]),
                row["seen"],
            )
            for row in self._storage.db.execute("select * from faults order by number")
        ]

    def stop(self) -> None:
        """Forget all plans, those that hold jobs too."""
        for table in ("faults", "job_faults"):
            self._storage.db.execute(f"delete from {table}")  # noqa: S608  names of ours

    def meet(self, asked: Asked) -> Fault | None:
        """Return the fault that meets a request, and count the request on every plan it is of."""
        fault, counted = meet(self.plans(), asked)
        for plan in counted:
            self._storage.db.execute(
                "update faults set seen = ? where number = ?", (plan.seen, plan.number)
            )
        return fault

    # Jobs

    def meet_job(self, job_id: str, object_name: str) -> None:
        """Let the fault that is due, if any, meet a job that is closed now."""
        fault = self.meet(Asked(JOB, object=object_name))
        if fault is not None:
            self._storage.db.execute(
                "insert into job_faults values (?, ?, ?)",
                (job_id, fault.effect, json.dumps(dict(fault.options))),
            )

    def of_job(self, job_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return effect and options of the fault that met a job."""
        row = self._storage.db.execute(
            "select * from job_faults where job_id = ?", (job_id,)
        ).fetchone()
        return None if row is None else (row["effect"], json.loads(row["options"]))
