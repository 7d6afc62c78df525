"""The Hillstrom e-mail experiment: reading its file, its groups and what they prove.

Belongs here: the file's rows, the exact totals of its three random groups, and the randomised
effect of each e-mail with its interval. Doesn't belong here: turning the file into source drops
(hillstrom.py).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from touchproof.errors import BadInputError

CONTROL = "No E-Mail"
CAMPAIGN_CODES = {"Mens E-Mail": "hillstrom_mens", "Womens E-Mail": "hillstrom_womens"}
"""Campaign code of each treated group; the control group has none."""

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

_COLUMNS = ("segment", "visit", "conversion", "spend")


@dataclass(frozen=True)
class Customer:
    """Describe one row: `line` is its line number in the file (the header is line 1)."""

    line: int
    segment: str
    has_visited: bool
    has_bought: bool
    spend_cents: int


@dataclass(frozen=True)
class GroupTotals:
    """Sum up one group of the experiment."""

    segment: str
    campaign_code: str | None
    people: int
    visits: int
    conversions: int
    spend_cents: int


@dataclass(frozen=True)
class GroupEffect:
    """State what an e-mail caused in its group, against the control group.

    `per_person` is the difference of the two means and `standard_error` its Welch standard error;
    `total` is `per_person` times the group's people, `low` and `high` bound it with 95 %
    confidence. Unit: people (visits, conversions) or cents (revenue).
    """

    segment: str
    campaign_code: str
    metric: str
    people: int
    control_people: int
    per_person: float
    standard_error: float
    total: float
    low: float
    high: float


def read_customers(csv_path: Path) -> list[Customer]:
    """Read the experiment's file.

    Raises:
        BadInputError: If the file is missing, lacks a column or holds a value that isn't one.
    """
    if not csv_path.is_file():
        raise BadInputError(
            "The data file doesn't exist", where=str(csv_path), todo="Give DATA=<path of the file>."
        )
    with csv_path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise BadInputError(
                f"The data file lacks the columns {', '.join(missing)}", where=csv_path.name
            )
        customers = [_customer(row, reader.line_num, csv_path.name) for row in reader]
    if not customers:
        raise BadInputError("The data file has no rows", where=csv_path.name)
    return customers


def _customer(row: dict[str, str], line: int, file: str) -> Customer:
    try:
        cents = Decimal(row["spend"]) * 100
        exact = int(cents)
    except (InvalidOperation, TypeError, ValueError):
        exact, cents = 0, Decimal("0.5")
    known = row["segment"] == CONTROL or row["segment"] in CAMPAIGN_CODES
    plain = all(row[name] in ("0", "1") for name in ("visit", "conversion"))
    if cents != exact or not known or not plain:
        raise BadInputError(
            "A row has no known segment, no 0 or 1 as visit or conversion, or no cents as spend",
            where=f"{file}, line {line}",
            todo="Give the file as it was published.",
        )
    return Customer(line, row["segment"], row["visit"] == "1", row["conversion"] == "1", exact)


def totals_of(customers: Iterable[Customer]) -> tuple[GroupTotals, ...]:
    """Sum up each group exactly, treated groups first, in alphabetical order."""
    groups: dict[str, list[Customer]] = {name: [] for name in (*CAMPAIGN_CODES, CONTROL)}
    for customer in customers:
        groups[customer.segment].append(customer)
    return tuple(
        GroupTotals(
            segment=segment,
            campaign_code=CAMPAIGN_CODES.get(segment),
            people=len(members),
            visits=sum(member.has_visited for member in members),
            conversions=sum(member.has_bought for member in members),
            spend_cents=sum(member.spend_cents for member in members),
        )
        for segment, members in groups.items()
    )


def groups(csv_path: Path) -> tuple[GroupTotals, ...]:
    """Return the file's own totals by group.

    Raises:
        BadInputError: If the file can't be read as the experiment's.
    """
    return totals_of(read_customers(csv_path))


def effect(csv_path: Path) -> tuple[GroupEffect, ...]:
    """Return what each e-mail caused: visits, conversions and revenue_cents, with intervals.

    The difference of the means of two random groups, with the standard error of Welch (1947) and
    the normal distribution, which at tens of thousands of people a group is exact enough.

    Raises:
        BadInputError: If the file can't be read, or a group has fewer than two people.
    """
    customers = read_customers(csv_path)
    effects = []
    for segment, code in CAMPAIGN_CODES.items():
        for metric in ("visits", "conversions", "revenue_cents"):
            treated = [_value(c, metric) for c in customers if c.segment == segment]
            control = [_value(c, metric) for c in customers if c.segment == CONTROL]
            if min(len(treated), len(control)) < 2:
                raise BadInputError("A group has fewer than two people", where=csv_path.name)
            effects.append(_welch(segment, code, metric, treated, control))
    return tuple(effects)


def _value(customer: Customer, metric: str) -> int:
    if metric == "visits":
        return int(customer.has_visited)
    return int(customer.has_bought) if metric == "conversions" else customer.spend_cents


def _welch(
    segment: str, code: str, metric: str, treated: Sequence[int], control: Sequence[int]
) -> GroupEffect:
    (mean, variance), (control_mean, control_variance) = _moments(treated), _moments(control)
    people = len(treated)
    error = math.sqrt(variance / people + control_variance / len(control))
    difference = mean - control_mean
    return GroupEffect(
        segment=segment,
        campaign_code=code,
        metric=metric,
        people=people,
        control_people=len(control),
        per_person=difference,
        standard_error=error,
        total=difference * people,
        low=(difference - Z_95 * error) * people,
        high=(difference + Z_95 * error) * people,
    )


def _moments(values: Sequence[int]) -> tuple[float, float]:
    """Return mean and sample variance, from exact integer sums."""
    count, total = len(values), sum(values)
    squares = sum(value * value for value in values)
    return total / count, (squares * count - total * total) / (count * (count - 1))
