"""How two records of a person are compared, field by field.

Belongs here: each field's levels, their SQL, and what they weigh before the data taught otherwise.
Doesn't belong here: training and scoring (probabilistic.py), what a comparison leads to
(int_skip_candidates_matched).

The SQL reads the columns of both sides as Splink writes them (`first_name_l`, `first_name_r`), and
is DuckDB's. Values are normalised before (normalise.py, macros/dialect/names.sql).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """Describe one degree of agreement of a field.

    Args:
        label: The word for it in the comparison detail.
        condition: SQL that is true on this level, where no level before it was.
        m: Chance of it between two records of one person, before training.
        u: Chance of it between records of two persons, before training.
    """

    label: str
    condition: str
    m: float
    u: float


@dataclass(frozen=True)
class Field:
    """Describe one compared field; its last level takes what the others left.

    Args:
        name: The column.
        levels: The surest first.
        is_name: Whether a common value weighs less than a rare one (term frequency).
        is_learnt_by_contact: Whether pairs that share token, e-mail or phone teach it; the others
            are learnt from pairs that share name, birth date and postcode.
    """

    name: str
    levels: tuple[Level, ...]
    is_name: bool = False
    is_learnt_by_contact: bool = True

    @property
    def is_missing(self) -> str:
        """Return SQL that is true where a side lacks the field."""
        return f"{self.name}_l is null or {self.name}_r is null"


def _typo(name: str) -> str:
    """One slip (a letter wrong, missing, doubled or swapped with its neighbour), or very alike."""
    left, right = f"{name}_l", f"{name}_r"
    return (
        f"(least(length({left}), length({right})) >= 4 and"
        f" (damerau_levenshtein({left}, {right}) <= 1"
        f" or jaro_winkler_similarity({left}, {right}) >= 0.93))"
    )


def _begins_or_ends(name: str, least: int) -> str:
    """One is the beginning or the end of the other: Dubois and Dubois-Roy, Jean and Jean-Luc."""
    left, right = f"{name}_l", f"{name}_r"
    return (
        f"(least(length({left}), length({right})) >= {least} and (starts_with({left}, {right})"
        f" or starts_with({right}, {left}) or ends_with({left}, {right})"
        f" or ends_with({right}, {left})))"
    )


FIELDS = (
    Field(
        "first_name",
        (
            Level("same", "first_name_l = first_name_r", 0.88, 0.013),
            Level(
                "short_form",
                "(list_has_any(first_forms_l, first_forms_r)"
                f" or {_begins_or_ends('first_name', 3)})",
                0.05,
                0.004,
            ),
            Level("typo", _typo("first_name"), 0.04, 0.003),
            Level("other", "else", 0.03, 0.98),
        ),
        is_name=True,
    ),
    Field(
        "last_name",
        (
            Level("same", "last_name_l = last_name_r", 0.90, 0.015),
            Level("part", _begins_or_ends("last_name", 4), 0.02, 0.001),
            Level("typo", _typo("last_name"), 0.04, 0.003),
            Level("other", "else", 0.04, 0.981),
        ),
        is_name=True,
    ),
    Field(
        "birth_date",
        (
            Level("same", "birth_date_l = birth_date_r", 0.955, 4.6e-5),
            Level("day_and_month_swapped", "birth_key_l = birth_key_r", 0.02, 2e-5),
            Level("typo", "damerau_levenshtein(birth_date_l, birth_date_r) <= 1", 0.015, 8e-4),
            Level("other", "else", 0.01, 0.999134),
        ),
    ),
    Field(
        "postal_code",
        (
            Level("same", "postal_code_l = postal_code_r", 0.90, 7e-4),
            Level("same_area", "left(postal_code_l, 3) = left(postal_code_r, 3)", 0.03, 0.08),
            Level("other", "else", 0.07, 0.9193),
        ),
    ),
    Field(
        "email",
        (
            Level("same", "email_l = email_r", 0.85, 0.02),
            Level("other", "else", 0.15, 1.0),
        ),
        is_learnt_by_contact=False,
    ),
    Field(
        "phone",
        (
            Level("same", "phone_l = phone_r", 0.90, 0.02),
            Level("other", "else", 0.10, 1.0),
        ),
        is_learnt_by_contact=False,
    ),
    Field(
        "token",
        (
            Level("same", "token_l = token_r", 0.999, 1e-4),
            Level("other", "else", 0.001, 1.0),
        ),
        is_learnt_by_contact=False,
    ),
)
"""`u` of the last three is meant for a world of one person: an address that two persons share
is the rarer, the more persons there are."""

SHARED_FIELDS = ("email", "phone", "token")

BLOCKS = (
    "l.birth_key = r.birth_key and l.last_name = r.last_name",
    "l.birth_key = r.birth_key and l.first_root = r.first_root",
    "l.birth_key = r.birth_key and l.postal_code = r.postal_code",
    "l.first_root = r.first_root and l.last_name = r.last_name and l.area = r.area",
    "l.last_name = r.last_name and l.postal_code = r.postal_code and l.initial = r.initial",
    "l.first_root = r.first_root and l.postal_code = r.postal_code and l.birth_year = r.birth_year",
)
"""Which pairs are looked at where nothing certain links them; the birth key has day and month in
order of size, so that swapped ones meet; the first root is a nickname's full name."""


def level_number(field: Field) -> str:
    """Return SQL of a pair's level: the place in `levels` from 0, or -1 where a side lacks it."""
    branches = " ".join(
        f"when {level.condition} then {place}" for place, level in enumerate(field.levels[:-1])
    )
    return f"case when {field.is_missing} then -1 {branches} else {len(field.levels) - 1} end"


def level_label(field: Field) -> str:
    """Return SQL of a pair's level by its word; `missing` where a side lacks the field."""
    branches = " ".join(
        f"when {level.condition} then '{level.label}'" for level in field.levels[:-1]
    )
    last = field.levels[-1].label
    return f"case when {field.is_missing} then 'missing' {branches} else '{last}' end"
