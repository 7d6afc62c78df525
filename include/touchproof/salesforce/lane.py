"""The lane of new leads: opt-outs and new leads by day, from landing and the handoff alone.

Belongs here: what the command line and the DAG call, and the report of a tick. Doesn't belong here:
the tick itself (lane_tick.py); the nightly push (push.py). The lane never opens the warehouse, and
an idle tick makes no call, not even a login.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta

from touchproof.clock import Clock, night_of
from touchproof.errors import SalesforceError
from touchproof.handoff import committed_handoff
from touchproof.ledger.store import Ledger
from touchproof.salesforce.call_journal import LedgerJournal
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.dead_letters import Refusal, list_dead_letters
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.lane_choice import LaneChoice
from touchproof.salesforce.lane_known import require_lane_files
from touchproof.salesforce.lane_latency import lane_latency
from touchproof.salesforce.lane_plan import LEAD, LanePlan
from touchproof.salesforce.lane_report import LaneFailedError, LaneReport, require_good
from touchproof.salesforce.lane_tick import LIMIT_EXCEEDED, LaneTick
from touchproof.salesforce.lane_view import NEW_LEADS
from touchproof.salesforce.push_lock import push_lock
from touchproof.salesforce.report import refused_rows
from touchproof.settings import Settings
from touchproof.sources.definition import ExtractReport
from touchproof.sources.extract import extract

__all__ = ["LaneFailedError", "LaneReport", "extract_for_lane", "run_lane"]

_NOTHING_PUBLISHED = "Nothing has been published yet, so it isn't known whom the CRM has."
_WAITING = (
    "Records wait for the next tick: the allowance has no room for leads beside the reserve of "
    "other systems, another push holds the records, or Salesforce didn't let the tick end."
)


def extract_for_lane(source: str, settings: Settings, clock: Clock) -> ExtractReport:
    """Land what one of the lane's sources has by now, today's growing files among it.

    Args:
        source: `app` or `web_forms`.
        settings: The world's settings.
        clock: Tells the moment; a file may lie under today's date of either time zone.
    """
    now = clock()
    business_day = night_of(now, settings.business_timezone) + timedelta(days=1)
    return extract(source, max(business_day, now.astimezone(UTC).date()), settings, clock)


def run_lane(
    settings: Settings,
    clock: Clock,
    *,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
) -> LaneReport:
    """Send what landed since the newest committed night: opt-outs, then new leads.

    Args:
        settings: The world's settings.
        clock: Tells when ledger states change.
        dry_run: Plan only: no call, no change of the ledger.
        sleep: Waits between tries of a read; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
        client: Client of the org; made from the settings when there is something to send.

    Returns:
        The report; its status is `waiting` before the first night is published.

    Raises:
        LaneFailedError: If an opt-out or too many leads were refused, or Salesforce didn't let the
            tick end, after everything was recorded.
        SalesforceError: If another tick runs, or Salesforce doesn't answer the login.
    """
    handoff = committed_handoff(settings)
    if handoff is None:
        return LaneReport(None, NEW_LEADS, "waiting", dry_run, waiting_reason=_NOTHING_PUBLISHED)
    require_lane_files(handoff)
    choice = LaneChoice(settings, handoff, Ledger.of(settings), clock)
    if dry_run:
        return replace(_idle(choice, choice.plan_now()), is_dry_run=True)
    with push_lock(settings.paths.ledger.with_name(f"push-{NEW_LEADS}.lock")):
        tick = LaneTick(choice)
        if not tick.has_work():
            return _idle(choice, choice.plan_now())
        connected = client or Client(
            connection_from_settings(settings), purpose="push", sleep=sleep, jitter=jitter
        )
        journal = LedgerJournal(choice.ledger, NEW_LEADS, handoff.night, clock)
        with journal.keeping(connected.counter):
            failure = _perform(tick, connected)
            report = _report(tick, connected)
    if failure is not None:
        raise LaneFailedError(
            failure.what,
            report=report,
            where=failure.where,
            todo=f"{failure.todo} The next tick goes on where this one ended.".strip(),
        ) from failure
    require_good(
        report,
        _refused_opt_outs(tick),
        settings.max_refused_share,
        settings.few_refused_records,
    )
    return report


def _perform(tick: LaneTick, client: Client) -> SalesforceError | None:
    """Send everything; return what ended the tick early, if that is to make it red."""
    org_id = client.org_id  # a login that fails leaves nothing to report
    try:
        tick.send_everything(client, org_id)
    except SalesforceError as error:
        # A spent allowance makes leads wait; an opt-out must go.
        is_spent = getattr(error, "code", "") == LIMIT_EXCEEDED
        return None if is_spent and not tick.choice.has_opt_outs_left() else error
    return None


def _idle(choice: LaneChoice, plan: LanePlan) -> LaneReport:
    """Report a tick that sent nothing, with what it would send or leaves alone."""
    # Opt-outs whose answer was lost are among those that wait; leads count as sent.
    outbox = choice.outbox()
    unheard = sum(len(outbox.rows(job)) for job in outbox.unfinished() if job.operation != "update")
    deferred = len(plan.opt_outs) + len(plan.creations) + plan.waiting + unheard
    return LaneReport(
        night=choice.handoff.night,
        lane=NEW_LEADS,
        status="waiting" if deferred else "ok",
        planned=deferred,
        deferred=deferred,
        held=plan.held,
        skipped=plan.refused,
        dead_letters=len(list_dead_letters(choice.ledger, choice.org_id)),
        waiting_reason=_WAITING if deferred else None,
        latency=lane_latency(choice.ledger, choice.org_id, choice.clock(), plan.missing),
    )


def _report(tick: LaneTick, client: Client) -> LaneReport:
    opt_outs = sum(len(one.written) for job, one in tick.done if job.operation == "update")
    created = sum(len(one.written) for job, one in tick.done if job.operation != "update")
    routed = sum(len(one.routed) for _, one in tick.done)
    refusals = _refusals(tick)
    left = _idle(tick.choice, _left(tick.choice, refusals))
    usage = client.counter.last_limit
    return replace(
        left,
        planned=left.deferred + opt_outs + created + routed + len(refusals),
        pushed=opt_outs + created + routed,
        opt_outs=opt_outs,
        created=created,
        routed=routed,
        refused=len(refusals),
        resumed=tick.resumed,
        refused_rows=refused_rows(refusals),
        push_calls=client.counter.push_calls,
        token_requests=client.counter.token_requests,
        allowance_used=usage.used if usage else None,
        allowance_max=usage.max if usage else None,
    )


def _refusals(tick: LaneTick) -> list[Refusal]:
    return [refusal for _, outcome in tick.done for _, refusal in outcome.refused]


def _refused_opt_outs(tick: LaneTick) -> int:
    """Count the refused opt-outs whose record is neither gone nor converted."""
    return sum(
        not error_action(refusal.code).is_moved
        for job, outcome in tick.done
        if job.operation == "update"
        for _, refusal in outcome.refused
    )


def _left(choice: LaneChoice, refusals: list[Refusal]) -> LanePlan:
    """Plan once more: what is left waits, but what was refused is counted as that."""
    refused = {(one.object, one.record) for one in refusals}
    choice.tried -= refused
    plan = choice.plan_now()
    return replace(
        plan,
        opt_outs=tuple(o for o in plan.opt_outs if (o.object, o.salesforce_id) not in refused),
        creations=tuple(o for o in plan.creations if (LEAD, o.source_key) not in refused),
    )
