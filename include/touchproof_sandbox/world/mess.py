"""How far what a bank writes down of a person differs from what we know.

Belongs here: the rates of each difference, for ordinary and for hostile worlds, and who is related
to whom. Doesn't belong here: what a difference looks like (bank_customers.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.randomness import stream


@dataclass(frozen=True)
class Mess:
    """Hold shares: of people the first four, of the banks' customers the others.

    Args:
        twins: Have a twin: one last name, birth date and postcode.
        same_named_twins: How many twins have one first name too.
        namesakes: Have a double elsewhere: one first and last name and one birth date.
        partners: Live with somebody of one last name and postcode.
        nickname: Are known at the bank by a short form, where there is one.
        accents_lost: Lost their accents, where there are any.
        swapped_birth: Have day and month of the birth date swapped, where both may be months.
        typo: Have a slip in a name, the birth date or the e-mail.
        married: Have another last name at the bank, or two.
        moved: Have another postcode.
        shared_email: Gave the e-mail of the partner, where there is one.
        no_email, other_email: Gave none, or the second one.
        no_phone, other_phone: Gave none, or one that we don't know.
        no_birth: The bank sends no birth date.
    """

    twins: float
    same_named_twins: float
    namesakes: float
    partners: float
    nickname: float
    accents_lost: float
    swapped_birth: float
    typo: float
    married: float
    moved: float
    shared_email: float
    no_email: float = 0.06
    other_email: float = 0.10
    no_phone: float = 0.20
    other_phone: float = 0.05
    no_birth: float = 0.03


ORDINARY = Mess(
    twins=0.006, same_named_twins=0.05, namesakes=0.001, partners=0.10,
    nickname=0.15, accents_lost=0.25, swapped_birth=0.02, typo=0.04, married=0.015, moved=0.05,
    shared_email=0.10,
)  # fmt: skip
HOSTILE = Mess(
    twins=0.10, same_named_twins=0.25, namesakes=0.05, partners=0.25,
    nickname=0.50, accents_lost=0.70, swapped_birth=0.15, typo=0.20, married=0.12, moved=0.20,
    shared_email=0.25, no_email=0.20, other_email=0.25, no_phone=0.40, other_phone=0.15,
    no_birth=0.08,
)  # fmt: skip


@dataclass(frozen=True)
class Relations:
    """Name pairs of people, each person in one pair at most; arrays of shape (pairs, 2).

    `twins_of_one_name` are among `twins`.
    """

    twins: NDArray[np.int64]
    twins_of_one_name: NDArray[np.int64]
    namesakes: NDArray[np.int64]
    partners: NDArray[np.int64]

    def copies(self) -> Iterator[tuple[int, int, bool, bool, bool, bool]]:
        """Yield one person, the other who takes over, and what: first, last, birth, place."""
        for pairs, first, last, birth, place in (
            (self.twins, False, True, True, True),
            (self.twins_of_one_name, True, True, True, True),
            (self.namesakes, True, True, True, False),
            (self.partners, False, True, False, True),
        ):
            for one, other in pairs.tolist():
                yield one, other, first, last, birth, place


def relate(seed: int, mess: Mess, is_canadian: NDArray[np.bool_]) -> Relations:
    """Choose who is related; both of a pair live in one country.

    Args:
        seed: The world's seed.
        mess: The shares.
        is_canadian: One value a person.
    """
    rng = stream(seed, "relations")
    count = len(is_canadian)
    order = rng.permutation(count)
    found, start = [], 0
    for share in (mess.twins, mess.namesakes, mess.partners):
        people = int(count * share) // 2 * 2
        pairs = order[start : start + people].reshape(-1, 2)
        start += people
        found.append(pairs[is_canadian[pairs[:, 0]] == is_canadian[pairs[:, 1]]])
    twins, namesakes, partners = found
    same = twins[rng.random(len(twins)) < mess.same_named_twins]
    return Relations(twins, same, namesakes, partners)
