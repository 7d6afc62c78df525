"""The plain files of a day: the exports of the app and of the website's forms.

Belongs here: columns, spellings, separators and character sets of each file. Doesn't belong here:
what happened (the simulation), what media cost (media_files.py), the banks' files (bank_files.py).
"""

from __future__ import annotations

from typing import Any

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, DIRECT, ORGANIC, PRODUCT_LINES
from touchproof_sandbox.world.files import csv_text, gzip_bytes
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import Day, FormLead, Registration

LEAD_SPELLINGS = ("Google", "google ads", "GOOGLE", "AdWords", "google_cpc", "Googl")
REGISTRATION_COLUMNS = ("registration_id", "app_user_id", "registered_at", "email", "phone",
                  "first_name", "last_name", "birth_date", "postal_code", "country",
                  "lead_source", "lead_comment", "install_id", "web_client_id")  # fmt: skip
PRODUCT_COLUMNS = ("ledger_entry_id", "entry_type", "account_id", "app_user_id", "product_line",
             "bank_id", "occurred_at", "booked_date", "amount", "currency",
             "application_started_at")  # fmt: skip
_CONSENTS = ("consent_event_id", "app_user_id", "email", "channel", "state", "changed_at",
             "source")  # fmt: skip
SUBMISSION_COLUMNS = ("submission_id", "submitted_at", "form_name", "email", "phone",
                       "first_name", "last_name", "postal_code", "country", "lead_source",
                       "lead_comment", "web_client_id", "marketing_consent")  # fmt: skip


def lead_source(origin: int, draw: int) -> str:
    """Return what a form's source field says about the last visit, as people really fill it.

    Args:
        origin: Campaign number or DIRECT, ORGANIC, REFERRAL.
        draw: A number at random; three in ten leave the field empty.
    """
    if draw % 10 < 3:
        return ""
    if origin == ORGANIC:
        return ("Organic", "organic search", "Google")[draw % 3]
    if origin == DIRECT:
        return ("Direct", "Web")[draw % 2]
    if origin < 0:
        return "Referral"
    campaign = CAMPAIGNS[origin]
    if campaign.channel == "paid_search":
        return LEAD_SPELLINGS[draw // 10 % len(LEAD_SPELLINGS)]
    return {
        "paid_social": ("Facebook", "FB", "Instagram")[draw % 3],
        "organic_social": ("Social", "instagram")[draw % 2],
        "display": "Display",
        "list_email": ("Purchased List", "list")[draw % 2],
        "cross_sell_email": "Email",
        "tv": ("TV", "Television")[draw % 2],
    }.get(campaign.channel, "App")


def messy_email(address: str, draw: int) -> str:
    """Return the address as typed: three in a hundred in capitals, two with blanks around."""
    if draw % 100 < 3:
        return address.upper()
    if draw % 100 < 5:
        return f" {address} "
    return address


def app_files(seed: int, people: People, day: Day) -> dict[str, bytes]:
    """Return the app's files of the day by name; a kind without rows has no file."""
    stamp = f"{calendar.date_of(day.day):%Y%m%d}"
    draws = stream(seed, "typing", day.day).integers(0, 100_000, len(day.registrations)).tolist()
    tables = {
        "registrations": (
            REGISTRATION_COLUMNS,
            [_registration(people, r, d) for r, d in zip(day.registrations, draws, strict=True)],
        ),
        "products": (PRODUCT_COLUMNS, _product_rows(people, day)),
        "consents": (
            _CONSENTS,
            [
                [f"cns_{day.day:04d}{number:05d}", people.app_users[event.person],
                 people.emails[people.app_address[event.person]][event.person], event.channel,
                 event.state, calendar.iso_utc(event.at), event.source]
                for number, event in enumerate(day.consents)
            ],
        ),
    }  # fmt: skip
    return {
        f"{name}_{stamp}.csv.gz": gzip_bytes(csv_text(header, rows).encode())
        for name, (header, rows) in tables.items()
        if rows
    }


def web_form_files(seed: int, people: People, day: Day) -> dict[str, bytes]:
    """Return the day's file of the forms that come to us; a day without any has none."""
    forms = [form for form in day.forms if form.is_ours]
    if not forms:
        return {}
    draws = stream(seed, "form-typing", day.day).integers(0, 100_000, len(forms)).tolist()
    rows = [_submission(people, form, draw) for form, draw in zip(forms, draws, strict=True)]
    content = csv_text(SUBMISSION_COLUMNS, rows).encode()
    return {f"submissions_{calendar.date_of(day.day):%Y%m%d}.csv.gz": gzip_bytes(content)}


def _submission(people: People, form: FormLead, draw: int) -> list[Any]:
    person = form.person
    says_tv = form.remembers_tv and draw % 3 > 0
    return [
        form.submission_id,
        calendar.iso_utc(form.at),
        ("rate_alert", "callback")[draw % 2],
        messy_email(people.emails[0][person], draw),
        "" if person % 4 == 0 else people.phones[person],
        "" if person % 61 == 0 else people.first_names[person],
        people.last_names[person],
        "" if person % 7 == 0 else people.postal_codes[person],
        people.country(person),
        "" if says_tv else lead_source(form.origin, draw),
        ("TV ad", "tv ad", "Saw the TV ad")[draw % 3] if says_tv else "",
        "" if people.refuses_analytics[person] else people.cookies[form.device][person],
        "true" if form.has_consent else "false",
    ]


def _registration(people: People, event: Registration, draw: int) -> list[Any]:
    person = event.person
    says_tv = event.remembers_tv and draw % 4 > 0
    missing = draw // 100 % 25
    email = people.emails[people.app_address[person]][person]
    source = "" if says_tv else lead_source(event.last_campaign, draw // 7)
    install = people.installs[person] if event.in_app else ""
    shows_cookie = event.web_device >= 0 and not people.refuses_analytics[person]
    return [
        event.registration_id,
        people.app_users[person],
        calendar.iso_utc(event.at),
        messy_email(email, draw),
        "" if missing in (0, 1, 2) else people.phones[person],
        people.first_names[person],
        people.last_names[person],
        "" if missing == 3 else people.birth_dates[person].isoformat(),
        "" if missing == 4 else people.postal_codes[person],
        people.country(person),
        source,
        ("TV ad", "saw your TV ad", "tv ad last night")[draw % 3] if says_tv else "",
        install,
        people.cookies[event.web_device][person] if shows_cookie else "",
    ]


def _product_rows(people: People, day: Day) -> list[list[Any]]:
    booked = calendar.date_of(day.day).isoformat()
    rows = []
    for number, entry in enumerate(day.ledger):
        sign, cents = ("-" if entry.cents < 0 else ""), abs(entry.cents)
        opening = entry.entry_type == "opening"
        rows.append(
            [f"le_{day.day:04d}{number:06d}", entry.entry_type, entry.account_id,
             people.app_users[entry.person], PRODUCT_LINES[entry.product], entry.bank_id,
             calendar.iso_utc(entry.at), booked,
             "" if opening else f"{sign}{cents // 100}.{cents % 100:02d}",
             "CAD" if people.is_canadian[entry.person] else "USD",
             calendar.iso_utc(entry.applied_at)]
        )  # fmt: skip
    return rows
