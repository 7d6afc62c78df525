"""Rule: banks know people differently than we do, as often as the world's mess says, and stably."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.world import generate
from touchproof_sandbox.world.bank_customers import bank_customer
from touchproof_sandbox.world.mess import HOSTILE, ORDINARY, Mess, relate
from touchproof_sandbox.world.people import make_people

COUNT = 3000


def share_that_differs(mess: Mess, field: str) -> float:
    people = make_people(4, COUNT, mess)
    ours = {
        "first_name": people.first_names,
        "last_name": people.last_names,
        "birth_date": people.birth_dates,
        "postal_code": people.postal_codes,
        "phone": people.phones,
    }[field]
    differing = [
        getattr(bank_customer(4, people, person), field) != ours[person] for person in range(COUNT)
    ]
    return sum(differing) / COUNT


@pytest.mark.parametrize("field", ["first_name", "last_name", "birth_date", "postal_code", "phone"])
def test_a_hostile_world_differs_more_in_every_field(field: str) -> None:
    ordinary, hostile = (share_that_differs(mess, field) for mess in (ORDINARY, HOSTILE))
    assert 0.01 < ordinary < hostile < 0.65


def test_a_person_is_the_same_customer_every_time_and_not_so_with_another_seed() -> None:
    people = make_people(4, 200, HOSTILE)
    first = [bank_customer(4, people, person) for person in range(200)]
    assert first == [bank_customer(4, people, person) for person in reversed(range(200))][::-1]
    assert first != [bank_customer(5, people, person) for person in range(200)]


def test_relatives_share_what_relatives_share() -> None:
    people = make_people(4, COUNT, HOSTILE)
    relations = relate(4, HOSTILE, people.is_canadian)
    for one, other in relations.twins.tolist():
        for column in (people.last_names, people.birth_dates, people.postal_codes):
            assert column[one] == column[other]
    for one, other in relations.namesakes.tolist():
        for column in (people.first_names, people.last_names, people.birth_dates):
            assert column[one] == column[other]
    assert all(people.partner[one] == other for one, other in relations.partners.tolist())
    pairs = np.concatenate([relations.twins, relations.namesakes, relations.partners])
    assert len(np.unique(pairs)) == pairs.size
    assert len(relations.twins_of_one_name) > 10


def test_identifiers_stay_the_person_s_own() -> None:
    people = make_people(4, COUNT, HOSTILE)
    assert len({*people.emails[0], *people.emails[1]}) == 2 * COUNT
    assert len(set(people.phones)) == COUNT


def test_a_hostile_world_is_another_one_and_says_so(tmp_path: Path) -> None:
    generate(tmp_path / "one", 400, 3, 5)
    generate(tmp_path / "two", 400, 3, 5, is_hostile=True)
    one, two = (pq.read_table(tmp_path / name / "truth/people.parquet") for name in ("one", "two"))
    assert not one.equals(two)
    with pytest.raises(BadInputError, match="hostile"):
        generate(tmp_path / "one", 400, 3, 5, is_hostile=True)
