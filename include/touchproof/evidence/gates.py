"""The gates that a pack's data must have passed.

Belongs here: asking the ledger how the steps of a night ended. Doesn't belong here: the gates
themselves (quality/, dbt's tests, publish_checks.py), the verdict on single batches (basis.py).
"""

from __future__ import annotations

from datetime import date

from touchproof.errors import GateFailedError
from touchproof.ledger.store import Ledger

GATES = {
    "gate": "the landing gate",
    "load": "the load",
    "build": "the build with its tests",
    "publish": "the last checks before publish",
}
"""Steps of a night that must have ended well, and what they are called."""


def require_gates_passed(ledger: Ledger, night: date) -> None:
    """Refuse to issue from a night whose gates didn't all pass.

    A night is committed only after its gates; but a later repeat of it may have failed, and what
    stands there now is then in doubt.

    Raises:
        GateFailedError: Naming the first gate that failed or that the ledger knows nothing of.
    """
    statuses = {run.step: run.status for run in ledger.runs(night)}
    for step, name in GATES.items():
        status = statuses.get(step)
        if status != "ok":
            found = f"ended {status}" if status else "isn't recorded"
            raise GateFailedError(
                f"No pack is issued, because {name} of its data {found}",
                where=f"step {step} of night {night.isoformat()}",
                todo="Run that night again; `touchproof status` shows its gates.",
            )
