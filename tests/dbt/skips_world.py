"""A planted world of bank openings and CRM records, one person a rule.

Belongs here: its raw rows, and the same rows after Salesforce took what we sent. Doesn't belong
here: how rows get into tables (dbt_planted.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from dbt_built import pseudonym
from dbt_planted import NIGHT, Row, ga4_event

Tables = dict[str, list[Row]]

START = datetime(2026, 6, 1, 12)
_EPOCH = datetime(1970, 1, 1)


def skips_world() -> Tables:
    """Return raw rows of a world in which every person stands for one rule."""
    return {
        "ga4__events": [
            _visit(0, "eve.web", "di_1"),
            _token(60, "eve.web", "TPR-EVE"),
            _visit(0, "mia.web", "tv_hockey", recipient="rcp_mia"),
            _visit(0, "pat.web", "di_1", recipient="rcp_pat"),
        ],
        "email__events": [
            _mail("m1", "delivered", 0, "rcp_mia", "mia@example.com"),
            _mail("m2", "delivered", 0, "rcp_pat", "pat@example.com"),
            _mail("m3", "spamreport", 90, "rcp_finn", "finn@example.com"),
        ],
        "app__registrations": [
            _registration("reg_gina", "u_gina", "gina@example.com", last_name="Gray"),
            _registration("reg_hank", "u_hank", "hank@example.com"),
            _registration("reg_lou", "u_lou", "lou@example.com"),
            _registration("reg_nora", "u_nora", "nora@example.com"),
        ],
        "app__consents": [
            _consent("c1", "u_gina", "gina@example.com"),
            _consent("c2", "u_ivy", "ivy@example.com"),
        ],
        "app__products": [
            {
                "ledger_entry_id": "le1",
                "entry_type": "opening",
                "account_id": "acc1",
                "app_user_id": "u_nora",
                "product_line": "savings",
                "bank_id": "northlake",
                "occurred_at": _text(100),
                "booked_date": "2026-06-01",
                "currency": "USD",
            }
        ],
        "salesforce__leads": [
            _lead("00QF1", "finn@example.com"),
            _lead("00QF2", "Finn@Example.com"),
            _lead("00QJ", "jack@example.com"),
            _lead("00QK", "kim@example.com", IsConverted="true", ConvertedContactId="003K"),
            _lead("00QL", "lou@example.com", IsDeleted="true"),
            _lead("00QM", "mia@example.com"),
            _lead(
                "00QN",
                "old@example.com",
                IsDeleted="true",
                MasterRecordId="00QM",
                HasOptedOutOfEmail="true",
            ),
        ],
        "salesforce__contacts": [
            _contact("003I", "ivy@example.com", HasOptedOutOfEmail="true", App_User_Id__c="u_ivy"),
            _contact("003K", "kim@example.com"),
        ],
        "salesforce__campaigns": [
            {
                "Id": "701D",
                "Name": "Display",
                "Campaign_Code__c": "di_1",
                "CreatedDate": "2026-05-01T00:00:00.000Z",
                "SystemModstamp": "2026-05-01T00:00:00.000Z",
                "IsDeleted": "false",
            }
        ],
        "ledger__suppressions": [
            {
                "identifier_hmac": pseudonym("email:jack@example.com"),
                "channel": "email",
                "suppressed_at": START,
                "reason": "asked by letter",
            }
        ],
        "ledger__claims": [
            _claim("NL-OLD", "paid", 4000, 4000),
            _claim("NL-OLD2", "disputed", 5000, None),
        ],
        "ledger__fee_entries": [
            _booked(number, reference, kind, cents)
            for number, (reference, kind, cents) in enumerate(
                [
                    ("NL-OLD", "billed", 5000),
                    ("NL-OLD", "earned", 4000),
                    ("", "received", 4500),
                    ("NL-OLD", "applied", 4000),
                    ("", "on_account", 500),
                    ("NL-OLD2", "billed", 5000),
                    ("NL-OLD2", "earned", 5000),
                    ("NL-OLD2", "reversed", -5000),
                    ("NL-OLD2", "constrained", 5000),
                ],
                1,
            )
        ],
        "ledger__skip_decisions": [
            _decision("maple:ML-MIA2", "per_mia", "accepted"),
            _decision("maple:ML-MIA3", "per_mia", "rejected"),
        ],
        "ledger__person_ids": [
            {
                "identifier_hmac": pseudonym("email:mia@example.com"),
                "person_id": "per_mia",
                "assigned_night": date(2026, 5, 2),
            }
        ],
        "bank_northlake__remittances": [
            {
                "remittance_id": "P1",
                "line_number": str(number),
                "paid_date": "2026-06-20",
                "reference": reference,
                "amount": amount,
                "payment_amount": "45.00",
                "currency": "USD",
            }
            for number, (reference, amount) in enumerate([("NL-OLD", "40.00"), ("X", "5.00")], 1)
        ],
        "bank_northlake__openings": [
            _opening("NL-EVE", 120, referral_token="tpr-eve"),
            _opening("NL-PAT", 120, email=" PAT@example.com ", product_line="loan"),
            _opening("NL-PAT2", 50_000, email="pat@example.com"),
            _opening("NL-NORA", 200, email="nora@example.com"),
            _opening("NL-NOBODY", 120, email="nobody@example.com"),
        ],
        "bank_maple__openings": [
            {
                "reference": "ML-MIA",
                "product_line": "savings",
                "opened_at": "2026-06-01",
                "is_date_only": "true",
                "email": "mia@example.com",
                "currency": "CAD",
            },
            *(
                {
                    "reference": reference,
                    "product_line": line,
                    "opened_at": "2026-06-01",
                    "is_date_only": "true",
                    "email": "mia@example.com",
                    "currency": "CAD",
                }
                for reference, line in (("ML-MIA2", "loan"), ("ML-MIA3", "checking"))
            ),
        ],
    }


def after_the_push(tables: Tables, sent: list[dict[str, Any]], new_ids: dict[str, str]) -> Tables:
    """Return the world one night later: Salesforce holds what we sent, and nothing else is new.

    Args:
        tables: The world of the night before.
        sent: Rows of the sync models of leads and contacts, as one dictionary a record.
        new_ids: Salesforce's id of each created lead, by Touchproof_Key__c.
    """
    echo: Tables = {"salesforce__leads": [], "salesforce__contacts": []}
    known = {
        row["Id"]: row for name in ("salesforce__leads", "salesforce__contacts")
        for row in tables[name]
    }  # fmt: skip
    for record in sent:
        values = {name: value for name, value in record.items() if name[0].isupper() and value}
        key = record["record_key"]
        identifier = record["salesforce_id"] or new_ids.get(key)
        if identifier is None:
            continue
        created = {"Id": identifier, "Touchproof_Key__c": key, "IsDeleted": "false",
                   "IsConverted": "false", "CreatedDate": "2026-06-29T08:00:00.000Z"}  # fmt: skip
        row = {
            **(known.get(identifier) or created),
            **values,
            "SystemModstamp": "2026-06-29T08:00:00.000Z",
            "_window_start": NIGHT + timedelta(days=1),
        }
        name = "salesforce__leads" if record["object"] == "Lead" else "salesforce__contacts"
        echo[name].append(row if name == "salesforce__leads" else _without(row, "IsConverted"))
    return tables | {name: [*tables[name], *rows] for name, rows in echo.items()}


def _without(row: dict[str, Any], name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def _moment(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def _text(minutes: int) -> str:
    return _moment(minutes).strftime("%Y-%m-%dT%H:%M:%SZ")


def _visit(minutes: int, cookie: str, campaign: str, recipient: str | None = None) -> Row:
    return ga4_event(
        _moment(minutes), cookie, session=1, campaign=campaign, source="adgrid",
        medium="display", recipient=recipient,
    )  # fmt: skip


def _token(minutes: int, cookie: str, token: str) -> Row:
    event = ga4_event(_moment(minutes), cookie, session=1, name="bank_referral_click")
    value = {"string_value": token, "int_value": None, "float_value": None, "double_value": None}
    event["event_params"].append({"key": "referral_token", "value": value})
    return event


def _mail(event_id: str, event: str, minutes: int, recipient: str, email: str) -> Row:
    return {
        "event_id": event_id,
        "email": email,
        "occurred_at_unix": str(int((_moment(minutes) - _EPOCH).total_seconds())),
        "event": event,
        "message_id": f"m_{recipient}",
        "campaign_code": "pl_1",
        "recipient_id": recipient,
    }


def _registration(key: str, user: str, email: str, last_name: str = "") -> Row:
    return {
        "registration_id": key,
        "app_user_id": user,
        "registered_at": _text(10),
        "email": email,
        "last_name": last_name,
        "country": "US",
    }


def _consent(key: str, user: str, email: str) -> Row:
    return {
        "consent_event_id": key,
        "app_user_id": user,
        "email": email,
        "channel": "email",
        "state": "opted_in",
        "changed_at": _text(9000),
        "source": "app",
    }


def _lead(identifier: str, email: str, **more: str) -> Row:
    return {
        "Id": identifier,
        "Email": email,
        "LastName": "Someone",
        "Company": "Someone household",
        "HasOptedOutOfEmail": "false",
        "IsConverted": "false",
        "IsDeleted": "false",
        "CreatedDate": "2026-05-20T18:00:00.000Z",
        "SystemModstamp": "2026-05-20T18:00:00.000Z",
        **more,
    }


def _contact(identifier: str, email: str, **more: str) -> Row:
    row = {**_lead(identifier, email), **more}
    return {key: value for key, value in row.items() if key not in ("Company", "IsConverted")}


def _opening(
    reference: str,
    minutes: int,
    *,
    email: str = "",
    referral_token: str = "",
    product_line: str = "savings",
) -> Row:
    return {
        "reference": reference,
        "product_line": product_line,
        "opened_at": _text(minutes),
        "is_date_only": "false",
        "email": email,
        "referral_token": referral_token,
        "currency": "USD",
    }


def _claim(reference: str, status: str, accepted: int, paid: int | None) -> Row:
    return {
        "claim_id": f"clm_{reference}",
        "bank_id": "northlake",
        "bank_opening_id": f"northlake:{reference}",
        "person_id": "per_mia",
        "product_line": "savings",
        "opened_at": datetime(2026, 4, 2, 12),
        "opened_date": date(2026, 4, 2),
        "fee_kind": "referral",
        "status": status,
        "fee_cents": 5000,
        "accepted_cents": accepted,
        "paid_cents": paid,
        "currency": "USD",
        "issued_at": datetime(2026, 5, 2, 12),
        "accepted_at": datetime(2026, 5, 20, 12),
        "status_at": datetime(2026, 6, 20, 12),
    }


def _booked(number: int, reference: str, kind: str, cents: int) -> Row:
    is_money = kind in ("received", "applied", "on_account")
    return {
        "id": number,
        "bank_id": "northlake",
        "claim_id": f"clm_{reference}" if reference else None,
        "document_id": "P1" if is_money else None,
        "line_number": "1" if is_money else None,
        "kind": kind,
        "cents": cents,
        "currency": "USD",
        "booked_date": date(2026, 6, 20) if is_money else None,
        "entered_at": datetime(2026, 5, 2 if kind == "billed" else 20, 12),
    }


def _decision(opening: str, person: str, decision: str) -> Row:
    return {
        "id": 1 if decision == "accepted" else 2,
        "bank_opening_id": opening,
        "person_id": person,
        "code": "same_day_contact",
        "decision": decision,
        "decided_at": datetime(2026, 6, 3, 12),
    }


LAST_DAY: date = NIGHT + timedelta(days=1)
