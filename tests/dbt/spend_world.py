"""A planted world whose touches, conversions, bookings and bills lie in different months.

Belongs here: its raw rows. Doesn't belong here: how rows get into tables (dbt_planted.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from dbt_built import pseudonym
from dbt_planted import Row, ga4_event

Tables = dict[str, list[Row]]


def spend_world() -> Tables:
    """Return raw rows in which every date basis puts the same money into other months."""
    return {
        "ga4__events": [
            # gus: two campaigns in two months, then directly.
            _visit("2026-04-20", "gus.web", 1, "so_gus", "facebook", "paid_social"),
            _visit("2026-05-10", "gus.web", 2, "ps_brand_us", "google", "cpc"),
            _visit("2026-05-24", "gus.web", 3, user="u_gus"),
            # hal: one code of a spot, in dollars of Canada.
            _visit("2026-05-12", "hal.web", 1, "tv_hockey", "tv", "qr", user="u_hal"),
            # cleo opened at two banks.
            _visit("2026-05-02", "cleo.web", 1, "di_1", "adgrid", "display", recipient="rcp_cleo"),
        ],
        "email__events": [
            _sent("m1", "processed", "2026-04-20"),
            _sent("m1", "delivered", "2026-04-20"),
            _sent("m2", "bounce", "2026-05-03"),
        ],
        "app__products": [
            _entry("le1", "opening", "acc_gus", "2026-05-25"),
            _entry("le2", "accrual", "acc_gus", "2026-05-26", "100.01"),
            _entry("le3", "claw_back", "acc_gus", "2026-06-10", "-60.02"),
            _entry("le4", "opening", "acc_hal", "2026-05-15", currency="CAD"),
            _entry("le5", "accrual", "acc_hal", "2026-06-02", "10.00", currency="CAD"),
            # dan was never seen; what he brought was lost again.
            _entry("le6", "opening", "acc_dan", "2026-05-30"),
            _entry("le7", "claw_back", "acc_dan", "2026-06-03", "-0.05"),
        ],
        "ledger__claims": [
            _claim("clm_1", "northlake", "accepted", 5000, "USD"),
            _claim("clm_2", "maple", "issued", None, "CAD"),
        ],
        "ledger__fee_entries": [
            _booked(1, "clm_1", "northlake", "billed", 5000, "USD"),
            _booked(2, "clm_1", "northlake", "earned", 5000, "USD"),
            _booked(3, "clm_2", "maple", "billed", 5000, "CAD"),
            _booked(4, "clm_2", "maple", "constrained", 5000, "CAD"),
        ],
        "ledger__person_ids": [
            {
                "identifier_hmac": pseudonym("recipient:rcp_cleo"),
                "person_id": "per_cleo",
                "assigned_night": date(2026, 5, 2),
            }
        ],
        "media__spend": [
            _bill("2026-04-20", "meta_ads", "so_gus", "10.00"),
            _bill("2026-05-10", "google_ads", "ps_brand_us", "20.00"),
            _bill("2026-05-10", "meta_ads", "", "7.00"),
            _bill("2026-05-12", "tv_agency", "tv_hockey", "5.00", currency="CAD"),
        ],
        "media__list_purchases": [
            {
                "list_purchase_id": "lp_1",
                "list_id": "list_pl_1",
                "campaign_code": "pl_1",
                "vendor": "listhouse",
                "purchased_on": "2026-04-15",
                "address_count": "3",
                "planned_sends": "3",
                "price": "100.00",
                "currency": "USD",
            }
        ],
        "media__program_costs": [
            {
                "program_cost_id": "pc_1",
                "campaign_code": "ps_brand_us",
                "period_month": "2026-05-01",
                "cost": "31.00",
                "currency": "USD",
            }
        ],
    }


def _visit(
    day: str,
    cookie: str,
    session: int,
    campaign: str | None = None,
    source: str | None = None,
    medium: str | None = None,
    **more: Any,
) -> Row:
    return ga4_event(
        _noon(day),
        cookie,
        session=session,
        campaign=campaign,
        source=source,
        medium=medium,
        **more,
    )


def _sent(message: str, event: str, day: str) -> Row:
    return {
        "event_id": f"{message}.{event}",
        "email": f"{message}@example.com",
        "occurred_at_unix": str(int(_noon(day).replace(tzinfo=UTC).timestamp())),
        "event": event,
        "message_id": message,
        "campaign_code": "pl_1",
        "list_id": "list_pl_1",
    }


def _entry(
    key: str, kind: str, account: str, day: str, amount: str = "", currency: str = "USD"
) -> Row:
    return {
        "ledger_entry_id": key,
        "entry_type": kind,
        "account_id": account,
        "app_user_id": account.replace("acc_", "u_"),
        "product_line": "savings",
        "bank_id": "bank_northlake",
        "occurred_at": f"{day}T12:00:00Z",
        "booked_date": day,
        "amount": amount,
        "currency": currency,
    }


def _claim(key: str, bank: str, status: str, accepted_cents: int | None, currency: str) -> Row:
    return {
        "claim_id": key,
        "bank_id": bank,
        "bank_opening_id": f"{bank}:1",
        "person_id": "per_cleo",
        "product_line": "savings",
        "opened_at": _noon("2026-05-28"),
        "fee_kind": "referral",
        "status": status,
        "fee_cents": 5000,
        "accepted_cents": accepted_cents,
        "currency": currency,
        "issued_at": _noon("2026-05-31"),
        "accepted_at": _noon("2026-06-20") if accepted_cents else None,
        "status_at": _noon("2026-06-25"),
    }


def _booked(number: int, claim: str, bank: str, kind: str, cents: int, currency: str) -> Row:
    return {
        "id": number,
        "bank_id": bank,
        "claim_id": claim,
        "kind": kind,
        "cents": cents,
        "currency": currency,
        "entered_at": _noon("2026-06-20" if kind == "earned" else "2026-05-31"),
    }


def _bill(day: str, platform: str, campaign: str, cost: str, currency: str = "USD") -> Row:
    return {
        "date": day,
        "platform": platform,
        "campaign_code": campaign,
        "campaign_name": campaign,
        "ad_group": "",
        "impressions": "100",
        "clicks": "9",
        "cost": cost,
        "currency": currency,
    }


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00")
