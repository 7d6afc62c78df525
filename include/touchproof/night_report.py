"""What a night did, collected for the summary: rows, channels, skips, push and packs.

Belongs here: reading the ledger's step reports and the published marts into one frozen report.
Doesn't belong here: showing it (summary.py), what holds now for ops (status.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from touchproof.errors import BadInputError
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.status import StatusReport, collect_status

MODELS = ("last_touch", "position_based")
"""The two models that the summary puts side by side."""


@dataclass(frozen=True)
class SourceRows:
    """Follow one source's rows through the night.

    Args:
        source: Its name.
        status: `fresh`, `stale` or `never`.
        landed: Rows newly landed by the newest run of the extract.
        rows_in: Rows that the gate judged in this night; loaded + quarantined.
        rows_loaded: Of these, rows that may be loaded.
        rows_quarantined: Of these, rows left out.
        files_quarantined: Files that couldn't be read.
        rows_total: Rows of the source in the warehouse now.
    """

    source: str
    status: str
    landed: int
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    files_quarantined: int
    rows_total: int


@dataclass(frozen=True)
class ChannelLine:
    """Compare two models on one channel; money in cents of the reporting currency."""

    channel: str
    spend_cents: int
    conversions: tuple[float, float]
    revenue_cents: tuple[int, int]


@dataclass(frozen=True)
class BankSkips:
    """Count one bank's openings; `fee_cents` are of the eligible ones, in the bank's currency."""

    bank_id: str
    openings: int
    eligible: int
    review: int
    refused: int
    unmatched: int
    fee_cents: int
    currency: str


@dataclass(frozen=True)
class PushLine:
    """Count one object of the night's push."""

    object: str
    pushed: int
    refused: int
    deferred: int
    calls: int


@dataclass(frozen=True)
class Pack:
    """Name one evidence pack; `fees` are cents by currency."""

    bank_id: str
    period: str
    claims: int
    fees: Mapping[str, int]
    path: str
    outcome: str


@dataclass(frozen=True)
class NightReport:
    """Hold what the summary shows; empty parts are steps that haven't run."""

    status: StatusReport
    sources: tuple[SourceRows, ...]
    currency: str
    channels: tuple[ChannelLine, ...]
    skips: tuple[BankSkips, ...]
    push: tuple[PushLine, ...]
    push_calls: int
    refused_rows: tuple[Mapping[str, Any], ...]
    waiting_reason: str | None
    packs: tuple[Pack, ...]


def collect_night(settings: Settings, night: date | None = None) -> NightReport:
    """Collect the report of a night.

    Args:
        settings: The world.
        night: The night; the newest one without it.
    """
    status = collect_status(settings, night)
    reports = _step_reports(settings, status.night)
    channels, skips = _marts(settings)
    push = reports.get("push:nightly", {})
    return NightReport(
        status=status,
        sources=_sources(status, reports),
        currency=settings.reporting_currency,
        channels=channels,
        skips=skips,
        push=_push(push),
        push_calls=push.get("push_calls", 0),
        refused_rows=tuple(push.get("refused_rows", ())),
        waiting_reason=push.get("waiting_reason"),
        packs=tuple(_pack(pack) for pack in reports.get("evidence", {}).get("items", ())),
    )


def _step_reports(settings: Settings, night: date | None) -> dict[str, Mapping[str, Any]]:
    if night is None:
        return {}
    return {run.step: run.report for run in Ledger.of(settings).runs(night)}


def _sources(
    status: StatusReport, reports: Mapping[str, Mapping[str, Any]]
) -> tuple[SourceRows, ...]:
    totals: dict[str, int] = {}
    for table in reports.get("load", {}).get("tables", ()):
        totals[table["source"]] = totals.get(table["source"], 0) + table["rows_total"]
    return tuple(
        SourceRows(
            source=source.source,
            status=source.status,
            landed=reports.get(f"extract:{source.source}", {}).get("rows", 0),
            rows_in=source.rows_in,
            rows_loaded=source.rows_loaded,
            rows_quarantined=source.rows_quarantined,
            files_quarantined=source.files_quarantined,
            rows_total=totals.get(source.source, 0),
        )
        for source in status.sources
    )


_CHANNELS = """
select
    channel,
    coalesce(max(spend_cents), 0) as spend_cents,
    sum(conversions) filter (model = $first) as first_conversions,
    sum(conversions) filter (model = $second) as second_conversions,
    sum(revenue_cents) filter (model = $first) as first_revenue_cents,
    sum(revenue_cents) filter (model = $second) as second_revenue_cents,
from (
    select
        channel,
        model,
        sum(conversions) as conversions,
        sum(revenue_reporting_cents) as revenue_cents,
        sum(spend_reporting_cents) as spend_cents,
    from marts.mart_channel_performance
    where date_basis = 'conversion' and model in ($first, $second)
    group by all
)
group by channel
order by second_revenue_cents desc, first_revenue_cents desc, spend_cents desc, channel
"""

_SKIPS = """
select
    bank_id,
    count(*) as openings,
    count(*) filter (eligibility = 'eligible') as eligible,
    count(*) filter (eligibility = 'review') as review,
    count(*) filter (eligibility = 'refused') as refused,
    count(*) filter (eligibility = 'unmatched') as unmatched,
    coalesce(sum(fee_cents) filter (eligibility = 'eligible'), 0) as fee_cents,
    coalesce(max(currency), '') as currency,
from marts.fct_skip_referrals
group by bank_id
order by bank_id
"""


def _marts(settings: Settings) -> tuple[tuple[ChannelLine, ...], tuple[BankSkips, ...]]:
    from touchproof.warehouse import connect_published

    try:
        connection = connect_published(settings.paths.published)
    except BadInputError:
        return (), ()
    try:
        models = {"first": MODELS[0], "second": MODELS[1]}
        channels = connection.execute(_CHANNELS, models).fetchall()
        skips = connection.execute(_SKIPS).fetchall()
    finally:
        connection.close()
    return tuple(_channel(row) for row in channels), tuple(BankSkips(*row) for row in skips)


def _channel(row: Sequence[Any]) -> ChannelLine:
    channel, spend, first, second, first_revenue, second_revenue = row
    return ChannelLine(
        channel=str(channel),
        spend_cents=int(spend or 0),
        conversions=(float(first or 0), float(second or 0)),
        revenue_cents=(int(first_revenue or 0), int(second_revenue or 0)),
    )


def _push(report: Mapping[str, Any]) -> tuple[PushLine, ...]:
    lines: dict[str, PushLine] = {}
    for group in report.get("groups", ()):
        name = group["object"]
        known = lines.get(name, PushLine(name, 0, 0, 0, 0))
        lines[name] = PushLine(
            name,
            known.pushed + group["pushed"],
            known.refused + group["refused"],
            known.deferred + group["deferred"],
            known.calls + group["calls"],
        )
    return tuple(lines[name] for name in sorted(lines))


def _pack(report: Mapping[str, Any]) -> Pack:
    return Pack(
        bank_id=report["bank_id"],
        period=report["period"],
        claims=report["claims"],
        fees=report["fees"],
        path=report["path"],
        outcome=report["outcome"],
    )
