"""What the pretend world remembers from one day to the next.

Belongs here: the mutable state of the simulation and its bookkeeping. Doesn't belong here: the
chances by which it changes (contacts.py, outcomes.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.campaigns import CAMPAIGNS, PRODUCT_LINES
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import BankOpening, LedgerEntry, PlatformClaim

EXPOSURE_DECAY = 0.93
"""What is left of an exposure after a day: a half-life of about ten days."""

EFFECTS = np.array([campaign.effect for campaign in CAMPAIGNS])
RELEVANCE = np.array(
    [[line in campaign.products for campaign in CAMPAIGNS] for line in PRODUCT_LINES]
).astype(np.float64)
"""Which campaign moves which product line; shape (product lines, campaigns)."""


@dataclass
class State:
    """Hold the present state; arrays of shape (people,) unless said, times in Unix seconds.

    `exposure` has shape (people, campaigns); `owned` and `at_bank` (product lines, people);
    `unsubscribed` and `bounced` (addresses, people); the `device_` arrays (devices, people).
    Zero means never.
    """

    exposure: NDArray[np.float64]
    registered: NDArray[np.int64]
    form_sent: NDArray[np.int64]
    has_install: NDArray[np.bool_]
    consents_email: NDArray[np.bool_]
    unsubscribed: NDArray[np.bool_]
    bounced: NDArray[np.bool_]
    first_contact: NDArray[np.int64]
    last_contact: NDArray[np.int64]
    is_known: NDArray[np.bool_]
    last_origin: NDArray[np.int64]
    owned: NDArray[np.bool_]
    at_bank: NDArray[np.bool_]
    is_bank_customer: NDArray[np.bool_]
    device_sessions: NDArray[np.int64]
    device_first_origin: NDArray[np.int64]
    device_first_seen: NDArray[np.int64]
    due_entries: dict[int, list[LedgerEntry]] = field(default_factory=dict)
    due_openings: dict[int, list[BankOpening]] = field(default_factory=dict)
    platform_claims_of: dict[int, tuple[PlatformClaim, ...]] = field(default_factory=dict)

    @classmethod
    def before_the_first_day(cls, people: People) -> State:
        """Return the state in which nobody has met us."""
        count = people.count

        def zeros() -> NDArray[np.int64]:
            return np.zeros(count, dtype=np.int64)

        def no() -> NDArray[np.bool_]:
            return np.zeros(count, dtype=np.bool_)

        lines = len(PRODUCT_LINES)
        return cls(
            exposure=np.zeros((count, len(CAMPAIGNS))),
            registered=zeros(),
            form_sent=zeros(),
            has_install=no(),
            consents_email=no(),
            unsubscribed=np.zeros((2, count), dtype=np.bool_),
            bounced=np.zeros((2, count), dtype=np.bool_),
            first_contact=zeros(),
            last_contact=zeros(),
            is_known=no(),
            last_origin=np.full(count, -1, dtype=np.int64),
            owned=np.zeros((lines, count), dtype=np.bool_),
            at_bank=np.zeros((lines, count), dtype=np.bool_),
            is_bank_customer=people.is_bank_customer.copy(),
            device_sessions=np.zeros((4, count), dtype=np.int64),
            device_first_origin=np.zeros((4, count), dtype=np.int64),
            device_first_seen=np.zeros((4, count), dtype=np.int64),
        )

    def pull(self) -> NDArray[np.float64]:
        """Return what all exposures add to each person's daily chance to act.

        Not by a matrix product: its sums differ with the number of threads.
        """
        total: NDArray[np.float64] = np.einsum("pc,c->p", self.exposure, EFFECTS)
        return total

    def contact(self, person: NDArray[np.int64], at: NDArray[np.int64]) -> None:
        """Note that campaigns or our forms reached these people at these times."""
        first = np.where(self.first_contact == 0, np.iinfo(np.int64).max, self.first_contact)
        np.minimum.at(first, person, at)
        self.first_contact = np.where(first == np.iinfo(np.int64).max, 0, first)
        np.maximum.at(self.last_contact, person, at)
