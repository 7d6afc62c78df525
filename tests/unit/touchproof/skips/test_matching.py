"""Rules: who is likely the customer, what speaks against it, and that chance plays no part."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from touchproof.skips.matching import SCORED_SCHEMA, score_candidates

OPENING = pa.schema(
    [
        ("bank_opening_id", pa.string()),
        ("first_name", pa.string()),
        ("last_name", pa.string()),
        ("birth_date", pa.date32()),
        ("postal_code", pa.string()),
        ("email_key", pa.string()),
        ("phone_key", pa.string()),
        ("referral_token", pa.string()),
    ]
)
PERSON = pa.schema(
    [
        ("person_id", pa.string()),
        *((OPENING.field(at).name, OPENING.field(at).type) for at in range(1, 5)),
        ("phone", pa.string()),
    ]
)
PAIR = pa.schema([(n, pa.string()) for n in ("bank_opening_id", "person_id", "match_method")])
NICKNAMES = pa.table(
    {"nickname": ["bob", "alex", "alex"], "first_name": ["robert", "alexander", "alexandra"]}
)
ANN: dict[str, Any] = {
    "first_name": "annabel",
    "last_name": "leeward",
    "birth_date": date(1980, 3, 5),
    "postal_code": "10001",
}
Found = dict[str, dict[str, Any]]


def crowd(count: int = 3000) -> list[dict[str, Any]]:
    """Return people who have nothing to do with anybody; always the same."""
    drawn = random.Random(5)  # noqa: S311
    firsts = [f"{a}{b}el" for a in "bcdfgklmn" for b in "aeiou"]
    lasts = [f"{a}{b}rt{c}n" for a in "bcdfgklmn" for b in "aeiou" for c in "ao"]
    return [
        {
            "person_id": f"crowd {number:05d}",
            "first_name": drawn.choice(firsts),
            "last_name": drawn.choice(lasts),
            "birth_date": date(1950, 1, 1) + timedelta(days=drawn.randrange(20_000)),
            "postal_code": f"{drawn.randrange(20_000, 21_000)}",
            "phone": "+15550000000",
        }
        for number in range(count)
    ]


def score(
    openings: list[dict[str, Any]],
    people: list[dict[str, Any]],
    pairs: list[dict[str, str]] | None = None,
    emails: list[str] | None = None,
) -> pa.Table:
    return score_candidates(
        openings=pa.Table.from_pylist(openings, schema=OPENING),
        people=pa.Table.from_pylist(people, schema=PERSON),
        emails=pa.table({"person_id": pa.array(emails or [], pa.string())}),
        certain_pairs=pa.Table.from_pylist(pairs or [], schema=PAIR),
        nicknames=NICKNAMES,
    )


def one(person: dict[str, Any], opening: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the score of one opening and one person in a crowd."""
    table = score([{"bank_opening_id": "o", **opening}], [*crowd(), person], **more)
    rows = [row for row in table.to_pylist() if row["person_id"] == person["person_id"]]
    assert len(rows) <= 1
    if not rows:
        return {"match_weight": None, "levels": {}, "match_guard": None}
    levels = json.loads(rows[0]["comparison_detail"])
    return {**rows[0], "levels": {k: v for k, v in levels.items() if v != "missing"}}


@pytest.mark.parametrize(
    ("change", "levels"),
    [
        ({}, {}),
        ({"first_name": "annebel"}, {"first_name": "typo"}),
        ({"first_name": "anna"}, {"first_name": "short_form"}),
        ({"last_name": "leewadr"}, {"last_name": "typo"}),
        ({"last_name": "leewardsmith"}, {"last_name": "part"}),
        ({"last_name": "kowalczyk"}, {"last_name": "other"}),
        ({"birth_date": date(1980, 5, 3)}, {"birth_date": "day_and_month_swapped"}),
        ({"birth_date": date(1980, 3, 15)}, {"birth_date": "typo"}),
        ({"postal_code": "10099"}, {"postal_code": "same_area"}),
        ({"postal_code": "94110"}, {"postal_code": "other"}),
    ],
    ids=str,
)
def test_one_difference_leaves_a_person_likely_and_is_told(
    change: dict[str, Any], levels: dict[str, str]
) -> None:
    found = one({"person_id": "ann", **ANN}, ANN | change)
    assert found["match_weight"] > 6, "the odds are above 64 to 1"
    assert found["match_guard"] is None
    same = dict.fromkeys(("first_name", "last_name", "birth_date", "postal_code"), "same")
    assert found["levels"] == same | levels


def test_a_nickname_is_its_name_and_may_be_of_several() -> None:
    for nickname, name in (("bob", "robert"), ("alex", "alexander"), ("alex", "alexandra")):
        found = one({"person_id": "p", **ANN, "first_name": name}, ANN | {"first_name": nickname})
        assert found["levels"]["first_name"] == "short_form"
        assert found["match_weight"] > 6


def test_a_common_name_weighs_less_than_a_rare_one() -> None:
    common, rare = "bael", "qwertz"
    weights = [
        one({"person_id": "p", **ANN, "first_name": name}, ANN | {"first_name": name})[
            "match_weight"
        ]
        for name in (common, rare)
    ]
    assert weights[0] + 2 < weights[1]


def pair(method: str) -> list[dict[str, str]]:
    return [{"bank_opening_id": "o", "person_id": "ann", "match_method": method}]


@pytest.mark.parametrize(
    ("change", "told", "pairs", "guard"),
    [
        ({}, {}, [], None),
        ({}, {"email_key": "k"}, [], "other_contact"),
        ({}, {"email_key": "k"}, pair("email"), None),
        ({}, {"phone_key": "k"}, pair("name_birth_postcode"), "other_contact"),
        ({"first_name": "zora"}, {}, [], "other_first_name"),
        ({"first_name": "zora"}, {"email_key": "k"}, pair("email"), None),
        (
            {"first_name": "zora", "birth_date": None},
            {"email_key": "k"},
            pair("email"),
            "other_first_name",
        ),
        (
            {"first_name": "zora", "birth_date": date(1983, 7, 29)},
            {"email_key": "k"},
            pair("email"),
            "other_person",
        ),
        (
            {"birth_date": date(1955, 7, 29)},
            {"email_key": "k"},
            pair("email"),
            "other_birth_date",
        ),
    ],
    ids=str,
)
def test_what_speaks_for_another_person_is_told_however_alike_the_rest_is(
    change: dict[str, Any], told: dict[str, str], pairs: list[dict[str, str]], guard: str | None
) -> None:
    person = {"person_id": "ann", **ANN, "phone": "+15551112222"}
    found = one(person, ANN | change | told, pairs=pairs, emails=["ann"])
    assert found["match_guard"] == guard


def test_an_opening_with_a_certain_person_is_compared_with_nobody_else() -> None:
    people = [*crowd(), {"person_id": "ann", **ANN}, {"person_id": "twin", **ANN}]
    openings = [{"bank_opening_id": "o", **ANN, "email_key": "k"}]
    both = score(openings, people)
    certain = score(openings, people, pairs=pair("email"), emails=["ann"])
    assert both.column("person_id").to_pylist() == ["ann", "twin"]
    assert certain.column("person_id").to_pylist() == ["ann"]


def test_a_person_known_by_an_address_alone_can_be_certain() -> None:
    found = one({"person_id": "x", **ANN}, ANN)
    table = score([{"bank_opening_id": "o", **ANN, "email_key": "k"}], crowd(), pair("email"))
    [row] = table.to_pylist()
    assert json.loads(row["comparison_detail"])["email"] == "same"
    assert 0 < row["match_weight"] < found["match_weight"]


def test_no_openings_give_no_pairs() -> None:
    table = score([], crowd(10))
    assert (table.num_rows, table.schema) == (0, SCORED_SCHEMA)
    assert score([{"bank_opening_id": "o", **ANN}], []).num_rows == 0


def test_the_order_of_the_rows_changes_nothing() -> None:
    people, drawn = crowd(), random.Random(9)  # noqa: S311
    openings = [
        {"bank_opening_id": f"o{number:03d}", **{k: v for k, v in row.items() if k in ANN}}
        for number, row in enumerate(people[:300])
    ]
    pairs = [
        {
            "bank_opening_id": f"o{n:03d}",
            "person_id": people[n]["person_id"],
            "match_method": "email",
        }
        for n in range(0, 300, 2)
    ]
    first = score(openings, people, pairs)
    for rows in (openings, people, pairs):
        drawn.shuffle(rows)  # type: ignore[arg-type]
    assert score(openings, people, pairs).equals(first)


def test_a_detail_holds_levels_and_no_value() -> None:
    table = score([{"bank_opening_id": "o", **ANN}], [*crowd(), {"person_id": "ann", **ANN}])
    text = json.dumps(table.drop_columns(["person_id", "bank_opening_id"]).to_pylist())
    for value in ("annabel", "leeward", "1980", "10001"):
        assert value not in text
