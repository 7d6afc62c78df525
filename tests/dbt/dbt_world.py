"""A tiny planted world: a few people whose paths, fees and consents show every branch.

Belongs here: its raw rows. Doesn't belong here: how rows get into tables (dbt_planted.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from dbt_planted import Row, ga4_event

_UTC_EPOCH = datetime(1970, 1, 1)
_START = datetime(2026, 6, 1, 12)

Tables = dict[str, list[Row]]


def tiny_world() -> Tables:
    """Return raw rows of a world with two currencies, a skip, an opt-out and a shared browser."""
    return {
        "ga4__events": [
            # ann: paid search, then a mail's link, then directly to the app sale.
            _visit(0, "ann.web", 1, campaign="ps_brand_us", source="GOOGLE Ads", medium="cpc"),
            _visit(2880, "ann.web", 2, campaign="xs_loan", source="crm", medium="email",
                   recipient="rcp_ann"),
            _visit(4320, "ann.web", 3, user="u_ann"),
            # ben: television by a code, then the app; in dollars of Canada.
            _visit(100, "ben.web", 1, campaign="tv_hockey", source="tv", medium="qr"),
            _visit(200, "ben.web", 2, user="u_ben"),
            # cleo has a skip: she came by display and opened at the bank.
            _visit(300, "cleo.web", 1, campaign="di_1", source="adgrid", medium="display",
                   recipient="rcp_cleo"),
            # A shared browser links nobody.
            _visit(400, "kiosk", 1, user="u_ann"),
            _visit(500, "kiosk", 2, user="u_ben"),
            # Without consent there is neither cookie nor session.
            ga4_event(_at(600), None),
        ],
        "email__events": [
            _mail("d1", "delivered", 2870, "rcp_ann", " Ann@Example.com", "xs_loan"),
            _mail("c1", "click", 2879, "rcp_ann", "ann@example.com", "xs_loan", url="https://x"),
            _mail("c1", "click", 2879, "rcp_ann", "ann@example.com", "xs_loan", url="https://x"),
            _mail("s1", "click", 10, "rcp_cleo", "cleo@example.com", None, category="service|w"),
            _mail("u1", "unsubscribe", 5000, "rcp_cleo", "cleo@example.com", "pl_1"),
        ],
        "app__registrations": [
            _registration("reg_ann", "u_ann", 4321, "ann@example.com", "ann.web", "US"),
            _registration("reg_ben", "u_ben", 201, "ben@example.com", "ben.web", "CA",
                          lead_comment="Saw your TV ad"),
        ],
        "app__products": [
            _entry("le1", "opening", "acc_ann_1", "u_ann", "savings", 4400),
            _entry("le2", "accrual", "acc_ann_1", "u_ann", "savings", 4500, amount="100.01"),
            _entry("le3", "opening", "acc_ann_2", "u_ann", "loan", 9000),
            _entry("le4", "accrual", "acc_ann_2", "u_ann", "loan", 9100, amount="50.00"),
            _entry("le5", "claw_back", "acc_ann_2", "u_ann", "loan", 9200, amount="-80.07"),
            _entry("le6", "opening", "acc_ben", "u_ben", "savings", 300, currency="CAD"),
            _entry("le7", "accrual", "acc_ben", "u_ben", "savings", 310, amount="0.01",
                   currency="CAD"),
            # dora was never seen before.
            _entry("le8", "opening", "acc_dora", "u_dora", "checking", 700),
        ],
        "app__consents": [
            _consent("cn1", "u_ann", "ann@example.com", "opted_in", 4322),
            # eve left, we told the CRM, and she came back.
            _consent("cn2", "", "eve@example.com", "opted_out", 1000),
            _consent("cn3", "", "eve@example.com", "opted_in", 3000),
            _consent("cn4", "", "fay@example.com", "opted_in", 1000),
        ],
        "media__spend": [
            {"date": "2026-06-01", "platform": "google_ads", "campaign_code": "ps_brand_us",
             "campaign_name": "Brand", "ad_group": "g1", "impressions": "100", "clicks": "9",
             "cost": "33.33", "currency": "USD"},
            {"date": "2026-06-02", "platform": "tv_agency", "campaign_code": "tv_hockey",
             "campaign_name": "Hockey", "ad_group": "", "impressions": "9000", "clicks": "0",
             "cost": "500.00", "currency": "CAD"},
            {"date": "2026-06-02", "platform": "meta_ads", "campaign_code": "",
             "campaign_name": "", "ad_group": "", "impressions": "1", "clicks": "0",
             "cost": "7.00", "currency": "USD"},
        ],
        "salesforce__campaigns": [
            {"Id": "701A", "Name": "Brand Search", "Campaign_Code__c": "ps_brand_us",
             "Type": "Search", "StartDate": "2026-05-01", "EndDate": "2026-12-31",
             "CreatedDate": "2026-05-01T00:00:00.000Z", "IsDeleted": "false",
             "SystemModstamp": "2026-05-01T00:00:00.000Z"},
        ],
        "salesforce__leads": [
            _lead("00QA", "CLEO@example.com", 360, LeadSource="Display"),
            _lead("00QB", "eve@example.com", 4000, HasOptedOutOfEmail="true",
                  Touchproof_Email_Consent__c="opted_out"),
            # fay told a salesperson, who ticked the box.
            _lead("00QC", "fay@example.com", 4000, HasOptedOutOfEmail="true"),
        ],
        "ledger__claims": [
            {"claim_id": "clm_1", "bank_id": "northlake", "bank_opening_id": "northlake:NL1",
             "person_id": "per_cleo", "product_line": "savings", "opened_at": _at(3000),
             "fee_kind": "referral", "status": "issued", "fee_cents": 7500,
             "accepted_cents": None, "currency": "USD", "issued_at": _at(20000),
             "status_at": _at(20000)},
        ],
        "ledger__fee_entries": [
            {"id": number, "bank_id": "northlake", "claim_id": "clm_1", "kind": kind,
             "cents": 7500, "currency": "USD", "entered_at": _at(20000)}
            for number, kind in enumerate(("billed", "constrained"), 1)
        ],
        "bank_northlake__openings": [
            {"reference": "NL1", "product_line": "savings", "opened_at": _text(3000),
             "is_date_only": "false", "email": "cleo@example.com", "first_name": "Cleo",
             "last_name": "Quist", "existing_customer": "no", "balance": "10.00",
             "currency": "USD"},
        ],
    }  # fmt: skip


def with_ledger_person(tables: Tables, identifier_hmac: str) -> Tables:
    """Return the world with one identifier that the ledger knows as `per_cleo`."""
    known: Row = {
        "identifier_hmac": identifier_hmac,
        "person_id": "per_cleo",
        "assigned_night": date(2026, 6, 1),
    }
    return tables | {"ledger__person_ids": [known]}


def _at(minutes: int) -> datetime:
    return _START + timedelta(minutes=minutes)


def _text(minutes: int) -> str:
    return _at(minutes).strftime("%Y-%m-%dT%H:%M:%SZ")


def _visit(minutes: int, cookie: str, session: int, **more: Any) -> Row:
    return ga4_event(_at(minutes), cookie, session=session, **more)


def _mail(
    event_id: str,
    event: str,
    minutes: int,
    recipient: str,
    email: str,
    campaign: str | None,
    **more: Any,
) -> Row:
    seconds = int((_at(minutes) - _UTC_EPOCH).total_seconds())
    return {
        "event_id": event_id,
        "email": email,
        "occurred_at_unix": str(seconds),
        "event": event,
        "message_id": f"m_{recipient}",
        "campaign_code": campaign,
        "recipient_id": recipient,
        **more,
    }


def _registration(
    key: str, user: str, minutes: int, email: str, cookie: str, country: str, **more: Any
) -> Row:
    return {
        "registration_id": key,
        "app_user_id": user,
        "registered_at": _text(minutes),
        "email": email,
        "country": country,
        "web_client_id": cookie,
        **more,
    }


def _consent(key: str, user: str, email: str, state: str, minutes: int) -> Row:
    return {
        "consent_event_id": key,
        "app_user_id": user,
        "email": email,
        "channel": "email",
        "state": state,
        "changed_at": _text(minutes),
        "source": "app",
    }


def _lead(key: str, email: str, minutes: int, **more: Any) -> Row:
    moment = _at(minutes).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    row: Row = {
        "Id": key,
        "Email": email,
        "HasOptedOutOfEmail": "false",
        "CreatedDate": moment,
        "SystemModstamp": moment,
        "IsDeleted": "false",
    }
    return dict(row) | more


def _entry(
    key: str,
    kind: str,
    account: str,
    user: str,
    line: str,
    minutes: int,
    *,
    amount: str = "",
    currency: str = "USD",
) -> Row:
    return {
        "ledger_entry_id": key,
        "entry_type": kind,
        "account_id": account,
        "app_user_id": user,
        "product_line": line,
        "bank_id": "bank_northlake",
        "occurred_at": _text(minutes),
        "booked_date": _at(minutes).date().isoformat(),
        "amount": amount,
        "currency": currency,
    }
