"""Exporting evidence packs of a night: which banks, up to which month, one export at a time.

Belongs here: the step `evidence` as DAGs and the command line call it. Doesn't belong here: issuing
one bank's packs (issuer.py), which months are due (periods.py), checking (verify.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from touchproof.clock import Clock
from touchproof.errors import BadInputError
from touchproof.evidence.issuer import Issuer, PackReport
from touchproof.evidence.pack_ledger import pack_rows
from touchproof.evidence.periods import last_closed_period, parse_period
from touchproof.evidence.signing import Signer
from touchproof.evidence.trail import EvidenceHandoff
from touchproof.file_lock import file_lock
from touchproof.handoff import committed_handoff
from touchproof.ledger.actors import acting_user
from touchproof.ledger.claims import register_candidates
from touchproof.settings import Settings

__all__ = ["PackReport", "export_packs"]


def export_packs(
    settings: Settings,
    night: date,
    clock: Clock,
    period: str | None = None,
    bank: str | None = None,
    actor: str | None = None,
    *,
    adjust_now: bool = False,
    signer: Signer | None = None,
    on_step: Callable[[str], None] | None = None,
) -> list[PackReport]:
    """Register the committed night's eligible skips as claims and issue the packs that are due.

    Due is each closed business month as of the night, per bank with claims; a period that is given
    stops there. Issued packs are checked, never rewritten; what has changed since is told by the
    next pack.

    Args:
        settings: The world.
        night: The night; months that it doesn't close stay open.
        clock: Gives the moment of issue.
        period: The newest month to issue, `YYYY-MM` (default: the last closed one).
        bank: Only this bank.
        actor: Who issues (default: who acts now, see actors.py).
        adjust_now: Put what has changed since the last pack into a pack of its own at once;
            otherwise it waits for the next closed month.
        signer: Signs the packs (default: the world's own, see signing.py).
        on_step: Called with the name of each durable step, after it.

    Returns:
        All packs of the banks concerned, by bank and number.

    Raises:
        BadInputError: If nothing is published yet, the month is open or the bank unknown.
        CheckFailedError: If an issued pack was changed, or a claim's trail doesn't prove it.
        GateFailedError: If a gate of the data didn't pass.
        ConfigurationError: If the world `main` has no signing key.
    """
    step = on_step or _ignore
    handoff = committed_handoff(settings)
    if handoff is None:
        raise BadInputError("Nothing has been published yet", where="evidence", todo="Run a night.")
    evidence = EvidenceHandoff(handoff)
    until = last_closed_period(min(night, handoff.night))
    if period is not None and parse_period(period) > until:
        raise BadInputError(
            "The month isn't closed yet", where=period, todo=f"The last closed one is {until}."
        )
    issuer = Issuer(settings, evidence, clock, actor or acting_user(), step, signer)
    with _export_lock(settings.paths.evidence):
        register_candidates(issuer.ledger, evidence.referrals, clock, issuer.actor)
        known = {str(name) for name in evidence.referrals["bank_id"].to_pylist()}
        banks = known | {row.bank_id for row in pack_rows(issuer.ledger)}
        if bank is not None and bank not in banks:
            raise BadInputError(
                "There is no such bank", where=bank[:40], todo=", ".join(sorted(banks))
            )
        reports: list[PackReport] = []
        for bank_id in sorted(banks if bank is None else {bank}):
            reports += issuer.issue_bank(bank_id, period or until, adjust_now=adjust_now)
        return reports


@contextmanager
def _export_lock(root: Path) -> Iterator[None]:
    """Let one export of a world run at a time."""
    root.mkdir(parents=True, exist_ok=True)
    with file_lock(root / ".lock"):
        yield


def _ignore(_step: str) -> None:
    """Do nothing at a step."""
