"""What the models must give, in plain Python with whole numbers and fractions.

Belongs here: an independent calculation to compare the SQL with. Doesn't belong here: anything
that the pipeline uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

UNIT = 10**12
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
    "markov",
    "shapley",
)
DATA_DRIVEN = ("markov", "shapley")


@dataclass(frozen=True)
class Touch:
    """Describe one touch of a path in its order."""

    touchpoint_id: str
    seconds: int
    channel: str
    weight_units: int
    step: str
    is_inferred: bool = False


@dataclass(frozen=True)
class Rules:
    """Hold the settings of one conversion, and by data-driven model the share of each touch.

    The lead's moment is in the seconds of the touches.
    """

    half_life_days: int
    weights: tuple[int, int, int]
    w_weights: tuple[int, int, int, int]
    lead_seconds: int | None = None
    learnt: Mapping[str, Sequence[int]] = field(default_factory=dict)


def learnt_shares(channels: Sequence[str], shares: Mapping[str, int]) -> list[int]:
    """Deal the share of each channel, of 1e9, out to its touches, three more digits kept."""
    return [1000 * shares[channel] // channels.count(channel) for channel in channels]


def raw_shares(model: str, path: Sequence[Touch], rules: Rules) -> list[int]:
    """Return each touch's share before normalising, touch weights included."""
    first, middle, last = rules.weights
    if model == "w_shaped":
        return _w_shares(path, rules)
    if model in DATA_DRIVEN:
        return [
            share * touch.weight_units
            for share, touch in zip(rules.learnt[model], path, strict=True)
        ]
    order = steps_in_order(path)
    count = len(order)
    not_direct = [touch for touch in path if touch.is_inferred or touch.channel != "Direct"]
    shares = []
    for touch in path:
        index = order.index(touch.step)
        if model == "first_touch":
            share = int(index == 0)
        elif model == "last_touch":
            share = int(index == count - 1)
        elif model == "last_non_direct" and not_direct:
            share = int(touch in not_direct and touch.step == not_direct[-1].step)
        elif model == "last_non_direct":
            share = int(touch is path[-1])
        elif model == "linear":
            share = 1
        elif model == "time_decay":
            halves = (path[-1].seconds - touch.seconds) / (rules.half_life_days * 86400.0)
            share = max(1, int(10**9 * 0.5**halves + 0.5))
        elif count == 1:
            share = 1
        elif count == 2:
            share = first if index == 0 else last
        elif index in (0, count - 1):
            share = (first if index == 0 else last) * (count - 2)
        else:
            share = middle
        shares.append(share * touch.weight_units)
    return shares


def steps_in_order(path: Sequence[Touch]) -> list[str]:
    """Return the steps of a path: a visit and what was inferred from it are one."""
    return list(dict.fromkeys(touch.step for touch in path))


def _w_shares(path: Sequence[Touch], rules: Rules) -> list[int]:
    """Give three steps their weights, one of several their sum, the others one together."""
    first, lead, last, middle = rules.w_weights
    order = steps_in_order(path)
    named = {order[0]: first}
    named[order[-1]] = named.get(order[-1], 0) + last
    up_to_lead = [
        touch.step
        for touch in path
        if rules.lead_seconds is not None and touch.seconds <= rules.lead_seconds
    ]
    if up_to_lead:
        named[up_to_lead[-1]] = named.get(up_to_lead[-1], 0) + lead
    others = max(1, len(order) - len(named))
    return [
        (named[touch.step] * others if touch.step in named else middle) * touch.weight_units
        for touch in path
    ]


def dealt(amount: int, shares: Sequence[int]) -> list[int]:
    """Deal an amount out by rounded running sums, half away from zero."""
    total, running, before, parts = sum(shares), 0, 0, []
    for share in shares:
        running += share
        exact = Fraction(abs(amount) * running, total)
        now = int(exact + Fraction(1, 2))
        parts.append((now - before) * (1 if amount >= 0 else -1))
        before = now
    return parts


def credits(
    model: str, path: Sequence[Touch], revenue_cents: int, rules: Rules
) -> list[tuple[int, int]]:
    """Return weight units and cents of each touch."""
    units = dealt(UNIT, raw_shares(model, path, rules))
    return list(zip(units, dealt(revenue_cents, units), strict=True))
