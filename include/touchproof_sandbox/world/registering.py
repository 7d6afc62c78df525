"""How people register in the app or on the web, and what they consent to.

Belongs here: registrations and consents. Doesn't belong here: product openings (selling.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import DIRECT, numbers_of
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.outcomes import DayOutcomes, Today, causes_of
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import SIGN_UP, ConsentEvent, Registration
from touchproof_sandbox.world.state import EFFECTS, State

_REGISTER_BASE = 0.0011
_TV = list(numbers_of("tv"))


def register(
    seed: int, today: Today, people: People, state: State, drafts: SessionDrafts, out: DayOutcomes
) -> None:
    """Let people register in the app or on the web."""
    rng = stream(seed, "register", today.day)
    need = people.needs.mean(axis=0)
    chance = need * (_REGISTER_BASE + state.pull())
    fires = (state.registered == 0) & (rng.random(people.count) < chance)
    seconds = calendar.second_of_day(rng, people.count)
    columns = drafts.columns()
    position_of = _newest_positions(columns, today.last_touch)
    for number, person in enumerate(np.flatnonzero(fires).tolist()):
        touched = int(today.last_touch[person])
        at = (touched or calendar.epoch_of(today.day) + int(seconds[person])) + int(
            rng.integers(60, 800)
        )
        in_app = bool(people.app_platform[person] > 0 and rng.random() < 0.55)
        device = int(today.last_device[person]) if touched else 0
        identifier = f"reg_{today.day:04d}{number:05d}"
        state.registered[person] = at
        state.is_known[person] = True
        state.consents_email[person] = rng.random() < 0.78
        if in_app:
            state.has_install[person] = True
            drafts.add(person, at - 50, DIRECT, device=APP_DEVICE, flags=SIGN_UP)
            device = device if rng.random() < 0.6 else -1
        elif touched:
            position = position_of[person]
            out.session_flags[position] = out.session_flags.get(position, 0) | SIGN_UP
        else:
            drafts.add(person, at - 400, DIRECT, device=device, flags=SIGN_UP)
        seen = in_app and device >= 0 and not touched
        if seen and state.device_sessions[device, person] == 0:
            device = -1
        remembers = bool(state.exposure[person, _TV].sum() > 0.5 and rng.random() < 0.5)
        registration = Registration(
            identifier, person, at, in_app, device, int(state.last_origin[person]), remembers
        )
        out.registrations.append(registration)
        out.causes.extend(
            causes_of("registration", identifier, _REGISTER_BASE, EFFECTS, state, person)
        )
        out.consents.extend(_first_consents(people, state, registration))


def change_consents(seed: int, day: int, people: People, state: State, out: DayOutcomes) -> None:
    """Let a few registered people change their mind about e-mails in the app."""
    rng = stream(seed, "consent", day)
    draws = rng.random(people.count)
    seconds = calendar.second_of_day(rng, people.count)
    settled = (state.registered > 0) & (state.registered < calendar.epoch_of(day))
    leaves = settled & state.consents_email & (draws < 0.0008)
    returns = settled & ~state.consents_email & (draws < 0.0004)
    for changes, name in ((leaves, "opted_out"), (returns, "opted_in")):
        for person in np.flatnonzero(changes):
            at = calendar.epoch_of(day) + int(seconds[person])
            event = ConsentEvent(int(person), "email", name, at, "app_settings")
            out.consents.append(event)
    state.consents_email = (state.consents_email & ~leaves) | returns


def _newest_positions(
    columns: dict[str, NDArray[np.int64]], last_touch: NDArray[np.int64]
) -> dict[int, int]:
    newest = np.flatnonzero(columns["started"] == last_touch[columns["person"]])
    return {int(columns["person"][position]): int(position) for position in newest}


def _first_consents(people: People, state: State, registration: Registration) -> list[ConsentEvent]:
    person, at = registration.person, registration.at
    wanted = {
        "email": bool(state.consents_email[person]),
        "analytics": not people.refuses_analytics[person],
    }
    if registration.in_app:
        wanted["push"] = person % 3 != 0
    if person % 5 == 0:
        wanted["sms"] = person % 2 == 0
    return [
        ConsentEvent(person, channel, "opted_in" if yes else "opted_out", at + 5, "registration")
        for channel, yes in wanted.items()
    ]
