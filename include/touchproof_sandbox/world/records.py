"""What happens on one day of the pretend world, before it is written into anyone's format.

Belongs here: the records that the simulation hands to the renderers. Doesn't belong here: how
they come about (simulation.py) or how a source system writes them (the renderers).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.spots import Spot

FIRST_VISIT = 1
FORM = 2
SIGN_UP = 4
LOGIN = 8
BANK_CLICK = 16
IN_APP_VIEW = 32
IN_APP_CLICK = 64
PUSH_OPEN = 128

WELCOME, FORM_CONFIRMATION = -1, -2
"""Service mails; campaign mails carry their campaign number."""


def submission_id(day: int, session: int) -> str:
    """Name the web form that was sent in a session, by the session's place in its day."""
    return f"web_{day:04d}{session:05d}"


@dataclass(frozen=True)
class Sessions:
    """Hold web and app sessions, one value a session, in order of start.

    `device` is 0 to 2 (cookie) or `APP_DEVICE`; `started` is in Unix seconds; `origin` is a
    campaign number or DIRECT, ORGANIC, REFERRAL; `message` the campaign of an in-app message or
    push (-1: none); `address` the address whose recipient id the landing page carries (-1: none);
    `spot` the place among the day's TV spots of the one that caused the session (-1: none);
    `flags` a sum of the constants above; `number` counts the device's sessions from 1;
    `first_origin` and `first_seen` belong to the device's first session; `is_known` says that the
    person has an app user at the end of the session.
    """

    person: NDArray[np.int64]
    device: NDArray[np.int64]
    started: NDArray[np.int64]
    origin: NDArray[np.int64]
    message: NDArray[np.int64]
    address: NDArray[np.int64]
    spot: NDArray[np.int64]
    flags: NDArray[np.int64]
    number: NDArray[np.int64]
    first_origin: NDArray[np.int64]
    first_seen: NDArray[np.int64]
    is_known: NDArray[np.bool_]


@dataclass(frozen=True)
class Mails:
    """Hold sent e-mails; times are Unix seconds and 0 where the thing didn't happen."""

    person: NDArray[np.int64]
    address: NDArray[np.int64]
    campaign: NDArray[np.int64]
    sent: NDArray[np.int64]
    bounced: NDArray[np.bool_]
    machine_opened: NDArray[np.int64]
    opened: NDArray[np.int64]
    clicked: NDArray[np.int64]
    scanned: NDArray[np.int64]
    unsubscribed: NDArray[np.int64]


@dataclass(frozen=True)
class Registration:
    """Describe one app registration."""

    registration_id: str
    person: int
    at: int
    in_app: bool
    web_device: int
    last_campaign: int
    remembers_tv: bool


@dataclass(frozen=True)
class LedgerEntry:
    """Describe one entry of the app's product ledger; cents are 0 for openings."""

    entry_type: str
    account_id: str
    person: int
    product: int
    bank_id: str
    at: int
    cents: int
    applied_at: int


@dataclass(frozen=True)
class ConsentEvent:
    """Describe one consent given or withdrawn in the app."""

    person: int
    channel: str
    state: str
    at: int
    source: str


@dataclass(frozen=True)
class BankOpening:
    """Describe one account that a consortium bank reports.

    `why` says what the opening truly is and `token` is our referral token or empty.
    """

    bank_id: str
    reference: str
    person: int
    product: int
    at: int
    existing: str
    token: str
    why: str
    first_contact: int
    last_contact: int
    is_known_to_us: bool
    balance_cents: int
    variant: int


@dataclass(frozen=True)
class Cause:
    """State which share of one conversion a campaign truly caused (`baseline`: nobody)."""

    conversion_kind: str
    conversion: str
    campaign_code: str
    share: float


@dataclass(frozen=True)
class PlatformClaim:
    """State what a platform claims of one day for a campaign: hundredths of conversions, value."""

    day: int
    campaign: int
    hundredths: int
    cents: int
    window_days: int


@dataclass(frozen=True)
class Installs:
    """State how many installs a platform counts for a campaign on a day."""

    campaign: int
    count: int


@dataclass(frozen=True)
class FormLead:
    """Describe a web form that somebody sent.

    A plug-in of the CRM takes it at once, unless it is one of ours (`is_ours`): those come to us as
    files. `has_consent` says whether the box for e-mails was ticked.
    """

    submission_id: str
    person: int
    at: int
    device: int
    origin: int
    remembers_tv: bool
    is_ours: bool
    has_consent: bool


@dataclass(frozen=True)
class Day:
    """Hold everything that happened on one day."""

    day: int
    sessions: Sessions
    mails: Mails
    clicks: NDArray[np.int64]
    sends: NDArray[np.int64]
    spots: tuple[Spot, ...] = ()
    registrations: tuple[Registration, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    consents: tuple[ConsentEvent, ...] = ()
    openings: tuple[BankOpening, ...] = ()
    causes: tuple[Cause, ...] = ()
    platform_claims: tuple[PlatformClaim, ...] = ()
    installs: tuple[Installs, ...] = ()
    forms: tuple[FormLead, ...] = ()
    opted_out: tuple[tuple[int, int], ...] = field(default=())
