"""The pretend world's days, one after the other.

Belongs here: the order of a day's happenings. Doesn't belong here: their chances (contacts.py,
outcomes.py), what is remembered (state.py) and how it is written down (the renderers).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from touchproof_sandbox.world import (
    bank_openings,
    contacts,
    outcomes,
    platform_claims,
    registering,
    selling,
    television,
)
from touchproof_sandbox.world.campaigns import CAMPAIGNS, numbers_of
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import (
    FORM,
    FORM_CONFIRMATION,
    WELCOME,
    Day,
    FormLead,
    Mails,
    Registration,
    Sessions,
    submission_id,
)
from touchproof_sandbox.world.spots import spots_aired_on
from touchproof_sandbox.world.state import EXPOSURE_DECAY, State

_OUR_FORMS_SHARE, _CONSENT_SHARE = 0.2, 0.7


class Simulation:
    """Live through the days of one world; every day draws from streams of its own.

    Args:
        seed: The world's seed.
        people: The people of the same seed.
    """

    def __init__(self, seed: int, people: People) -> None:
        self._seed = seed
        self._people = people
        self._viewers = television.viewers_of(seed, people)
        self.state = State.before_the_first_day(people)
        self.next_day = 0

    def days(self, last_day: int) -> Iterator[Day]:
        """Yield the days from the next one up to `last_day`, inclusive."""
        while self.next_day <= last_day:
            yield self._live(self.next_day)
            self.next_day += 1

    def _live(self, day: int) -> Day:
        seed, people, state = self._seed, self._people, self.state
        state.exposure *= EXPOSURE_DECAY
        drafts = SessionDrafts(people, stream(seed, "device", day))
        spots = spots_aired_on(seed, day)
        television.watch_tv(seed, day, people, state)
        clicks = contacts.visit_the_web(seed, day, people, state, drafts)
        clicks += television.answer_spots(seed, day, self._viewers, state, drafts, spots)
        mails, sends = contacts.receive_mails(seed, day, people, state, drafts)
        contacts.use_the_app(seed, day, people, state, drafts)
        flags, last_touch, last_device = contacts.note_contacts(seed, day, state, drafts)
        today = outcomes.Today(day, last_touch, last_device)
        out = outcomes.DayOutcomes(session_flags=flags)
        registering.register(seed, today, people, state, drafts, out)
        selling.open_products(seed, today, people, state, drafts, out)
        bank_openings.go_to_the_bank(seed, today, people, state, drafts, out)
        registering.change_consents(seed, day, people, state, out)
        selling.book_what_is_due(day, state, out)
        sessions = drafts.finish(state, out.session_flags)
        forms = _forms(seed, day, sessions, self.state)
        left = mails.unsubscribed > 0
        clicks += np.bincount(mails.campaign[mails.clicked > 0], minlength=len(CAMPAIGNS))
        return Day(
            day=day,
            sessions=sessions,
            mails=_with_service_mails(people, mails, out.registrations, forms),
            clicks=clicks,
            sends=sends,
            spots=spots,
            registrations=tuple(out.registrations),
            ledger=tuple(out.ledger),
            consents=tuple(out.consents),
            openings=tuple(out.openings),
            causes=tuple(out.causes),
            platform_claims=platform_claims.claim_conversions(seed, day, people, state, out),
            installs=platform_claims.count_installs(seed, day, people, state, out, clicks),
            forms=forms,
            opted_out=tuple(
                (int(person), int(at))
                for person, at in zip(mails.person[left], mails.unsubscribed[left], strict=True)
            ),
        )


def _forms(seed: int, day: int, sessions: Sessions, state: State) -> tuple[FormLead, ...]:
    rng, kinds = stream(seed, "form-memory", day), stream(seed, "form-kind", day)
    found = []
    for index in np.flatnonzero(sessions.flags & FORM):
        person = int(sessions.person[index])
        remembers = bool(state.exposure[person, list(numbers_of("tv"))].sum() > 0.5)
        remembers = remembers and rng.random() < 0.5
        ours, consents = (kinds.random(2) < (_OUR_FORMS_SHARE, _CONSENT_SHARE)).tolist()
        found.append(
            FormLead(
                submission_id(day, int(index)),
                person,
                int(sessions.started[index]) + 240,
                int(sessions.device[index]),
                int(sessions.origin[index]),
                remembers,
                ours,
                consents,
            )
        )
    return tuple(found)


def _with_service_mails(
    people: People,
    mails: Mails,
    registrations: list[Registration],
    forms: tuple[FormLead, ...],
) -> Mails:
    """Append the welcome mails of registrations and the confirmations of web forms."""
    service = [
        (r.person, int(people.app_address[r.person]), WELCOME, r.at + 120) for r in registrations
    ]
    service += [(form.person, 0, FORM_CONFIRMATION, form.at + 60) for form in forms]
    if not service:
        return mails
    extra = np.array(service, dtype=np.int64).T
    none = np.zeros(len(service), dtype=np.int64)
    opened = np.where(extra[0] % 3 == 0, extra[3] + 40, 0)
    return Mails(
        person=np.concatenate([mails.person, extra[0]]),
        address=np.concatenate([mails.address, extra[1]]),
        campaign=np.concatenate([mails.campaign, extra[2]]),
        sent=np.concatenate([mails.sent, extra[3]]),
        bounced=np.concatenate([mails.bounced, none.astype(np.bool_)]),
        machine_opened=np.concatenate([mails.machine_opened, none]),
        opened=np.concatenate([mails.opened, opened]),
        clicked=np.concatenate([mails.clicked, none]),
        scanned=np.concatenate([mails.scanned, none]),
        unsubscribed=np.concatenate([mails.unsubscribed, none]),
    )
