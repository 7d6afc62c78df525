"""Reports of the lane of new leads, in the words of the nightly push's.

Belongs here: the frozen report of one tick, and the judgement whether it went well. Doesn't belong
here: the tick (lane.py), how long leads take (lane_latency.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from touchproof.errors import TouchproofError
from touchproof.salesforce.lane_latency import LaneLatency
from touchproof.salesforce.report import RefusedRow


@dataclass(frozen=True)
class LaneReport:
    """Say what one tick did; planned = pushed + refused + deferred.

    Args:
        night: The committed night whose handoff was read.
        status: `waiting` before the first handoff, or while the allowance has no room for leads.
        pushed: Records opted out, leads created and leads routed.
        opt_outs: Records opted out.
        created: Leads that Salesforce confirmed.
        routed: Leads that the CRM has as another record already.
        refused: Records that Salesforce refused.
        deferred: Leads that wait for allowance, and records that another push holds just now.
        held: Leads that consent holds back.
        skipped: Records that Salesforce refused before; their dead letters are open.
        resumed: Records of an earlier tick whose answer was lost, settled first.
        dead_letters: Open ones after this tick.
        push_calls: Requests that counted against the allowance; token requests apart.
        latency: Of the leads of the last 24 hours, and of those that wait.
    """

    night: date | None
    lane: str
    status: Literal["ok", "waiting"]
    is_dry_run: bool = False
    planned: int = 0
    pushed: int = 0
    opt_outs: int = 0
    created: int = 0
    routed: int = 0
    refused: int = 0
    deferred: int = 0
    held: int = 0
    skipped: int = 0
    resumed: int = 0
    refused_rows: tuple[RefusedRow, ...] = ()
    dead_letters: int = 0
    push_calls: int = 0
    token_requests: int = 0
    allowance_used: int | None = None
    allowance_max: int | None = None
    waiting_reason: str | None = None
    latency: LaneLatency = field(default_factory=LaneLatency)


class LaneFailedError(TouchproofError):
    """Report a tick that is recorded to its end and still isn't good.

    Args:
        report: What it did.
    """

    def __init__(self, what: str, *, report: LaneReport, where: str = "", todo: str = "") -> None:
        self.report = report
        super().__init__(what, where=where, todo=todo)


def require_good(
    report: LaneReport, refused_opt_outs: int, max_refused_share: float, few_refused: int
) -> None:
    """Fail a tick whose refusals are more than single records' own faults.

    Args:
        report: What it did.
        refused_opt_outs: Opt-outs that were refused though their record is there.
        max_refused_share: Share of the sent records that may be refused.

    Raises:
        LaneFailedError: If an opt-out was refused, or too many leads were.
    """
    if refused_opt_outs:
        raise LaneFailedError(
            f"Salesforce refused the opt-out of {refused_opt_outs} records",
            report=report,
            where=f"push:{report.lane}",
            todo="Look at `touchproof push dead-letters` now: an opt-out must reach the CRM.",
        )
    sent = report.pushed + report.refused
    if report.refused > max(few_refused, max_refused_share * sent):
        raise LaneFailedError(
            f"Salesforce refused {report.refused} of {sent} records",
            report=report,
            where=f"push:{report.lane}",
            todo="Look at `touchproof push dead-letters`; they come again with the nightly push.",
        )
