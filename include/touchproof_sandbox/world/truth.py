"""The planted truth: who is who, what caused what, which bank customers are skips.

Belongs here: three truth tables, which the pipeline never reads. Doesn't belong here: the truth of
television (tv_truth.py), how the truth comes about (simulation.py) or how a result is scored.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from touchproof_sandbox.world.crm import Crm
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import BankOpening, Cause, FormLead, Registration
from touchproof_sandbox.world.state import State

_MOMENT = pa.timestamp("us", tz="UTC")


def person_key(person: int) -> str:
    """Return the true person's name in all truth tables."""
    return f"P{person:07d}"


def people_table(
    people: People,
    crm: Crm,
    registrations: list[Registration],
    forms: list[FormLead],
    state: State,
) -> pa.Table:
    """Return one row per person and identifier that was ever shown to a source system.

    Columns: true_person, identifier_type (cookie, install, app_user, email, recipient, phone,
    registration, submission, lead, contact), identifier.
    """
    rows: list[tuple[int, str, str]] = []
    for device in range(3):
        for person in np.flatnonzero(state.device_sessions[device] > 0).tolist():
            rows.append((person, "cookie", people.cookies[device][person]))
    for person in range(people.count):
        for address in (0, 1) if people.has_second_email[person] else (0,):
            rows.append((person, "email", people.emails[address][person]))
            rows.append((person, "recipient", people.recipients[address][person]))
        rows.append((person, "phone", people.phones[person]))
    for person in np.flatnonzero(state.device_sessions[3] > 0).tolist():
        rows.append((person, "install", people.installs[person]))
    for event in registrations:
        rows.append((event.person, "app_user", people.app_users[event.person]))
        rows.append((event.person, "registration", event.registration_id))
    for form in forms:
        rows.append((form.person, "submission", form.submission_id))
    for person, leads in crm.leads_of.items():
        rows.extend((person, "lead", lead) for lead in leads)
    rows.extend((person, "contact", contact) for person, contact in crm.contact_of.items())
    rows.sort()
    return pa.table(
        {
            "true_person": [person_key(person) for person, _, _ in rows],
            "identifier_type": [kind for _, kind, _ in rows],
            "identifier": [text for _, _, text in rows],
        }
    )


def causes_table(causes: list[Cause]) -> pa.Table:
    """Return one row per conversion and causing campaign; a conversion's shares sum to 1.

    Columns: conversion_kind (registration, app_opening, bank_opening), conversion (registration
    id, account id, `<bank>:<reference>`), campaign_code (`baseline`: nobody), share.
    """
    return pa.table(
        {
            "conversion_kind": pa.array([cause.conversion_kind for cause in causes], pa.string()),
            "conversion": pa.array([cause.conversion for cause in causes], pa.string()),
            "campaign_code": pa.array([cause.campaign_code for cause in causes], pa.string()),
            "share": pa.array([cause.share for cause in causes], pa.float64()),
        }
    )


def skips_table(people: People, openings: list[BankOpening], state: State) -> pa.Table:
    """Return one row per opening that a bank reported.

    Columns: bank_id, reference, true_person, is_skip, why (contacted_first = skip,
    existing_customer, sold_through_app, never_contacted, opened_before_contact, contact_too_old),
    opened_at, first_contact_at, last_contact_at (campaign touches and web forms before the
    opening), is_identifiable (something that we hold ties the contact to a name or address).
    """
    whys = [
        "opened_before_contact"
        if o.why == "never_contacted" and state.first_contact[o.person] > 0
        else o.why
        for o in openings
    ]
    return pa.table(
        {
            "bank_id": pa.array([o.bank_id for o in openings], pa.string()),
            "reference": pa.array([o.reference for o in openings], pa.string()),
            "true_person": pa.array([person_key(o.person) for o in openings], pa.string()),
            "is_skip": pa.array([o.why == "contacted_first" for o in openings], pa.bool_()),
            "why": pa.array(whys, pa.string()),
            "opened_at": pa.array([_moment(o.at) for o in openings], _MOMENT),
            "first_contact_at": pa.array([_moment(o.first_contact) for o in openings], _MOMENT),
            "last_contact_at": pa.array([_moment(o.last_contact) for o in openings], _MOMENT),
            "is_identifiable": pa.array(
                [o.is_known_to_us and not people.refuses_analytics[o.person] for o in openings],
                pa.bool_(),
            ),
        }
    )


def _moment(second: int) -> datetime | None:
    return datetime.fromtimestamp(second, UTC) if second else None
