"""The summary's part about the randomised experiment of the world `hillstrom`.

Belongs here: the groups as the published marts know them, beside the file's own totals, and what
attribution credits to the e-mails beside what the control group says they caused. Doesn't belong
here: reading the file and its statistics (touchproof_sandbox.hillstrom).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from touchproof.settings import Settings
from touchproof.summary import add_numbers, money, new_table, show_table

if TYPE_CHECKING:
    from touchproof_sandbox.hillstrom import GroupEffect, GroupTotals

MODELS = ("last_touch", "position_based", "last_non_direct")


@dataclass(frozen=True)
class MartGroup:
    """Count one group in the published marts; `campaign_id` None is the control group."""

    campaign_id: str | None
    people: int
    visits: int
    conversions: int
    revenue_cents: int

    def equals(self, own: GroupTotals) -> bool:
        """Tell whether the file's own totals are the same, to the cent."""
        return (self.people, self.visits, self.conversions, self.revenue_cents) == (
            own.people,
            own.visits,
            own.conversions,
            own.spend_cents,
        )


@dataclass(frozen=True)
class Credit:
    """Hold what one model credits to one campaign."""

    campaign_id: str
    model: str
    conversions: float
    revenue_cents: int

    def of(self, metric: str) -> float:
        """Return `conversions` or `revenue_cents`."""
        return self.revenue_cents if metric == "revenue_cents" else self.conversions


_GROUPS = """
with sent as (
    select person_id, max(campaign_id) as campaign_id
    from marts.fct_touchpoints
    where interaction = 'send'
    group by person_id
),
visited as (
    select distinct person_id from marts.fct_touchpoints where interaction = 'visit'
),
bought as (
    select person_id, count(*) as conversions, sum(revenue_cents) as revenue_cents
    from marts.fct_conversions
    group by person_id
)
select
    sent.campaign_id,
    count(*) as people,
    count(visited.person_id) as visits,
    coalesce(sum(bought.conversions), 0) as conversions,
    coalesce(sum(bought.revenue_cents), 0) as revenue_cents,
from marts.dim_persons as persons
left join sent on persons.person_id = sent.person_id
left join visited on persons.person_id = visited.person_id
left join bought on persons.person_id = bought.person_id
group by sent.campaign_id
"""

_CREDITS = """
select campaign_id, model, sum(conversions), sum(revenue_cents)
from marts.mart_campaign_performance
where date_basis = 'conversion'
group by campaign_id, model
"""


def print_experiment(settings: Settings, data: Path, console: Console) -> None:
    """Print the experiment's two tables.

    Args:
        settings: The world; its marts are published.
        data: The experiment's file.
        console: Where to.
    """
    from touchproof_sandbox.hillstrom import effect, groups

    found, credits = read_marts(settings)
    _print_groups(found, groups(data), console)
    _print_effects(credits, effect(data), console)


def read_marts(settings: Settings) -> tuple[tuple[MartGroup, ...], tuple[Credit, ...]]:
    """Read groups and credits from the published file.

    Raises:
        BadInputError: If nothing is published.
    """
    from touchproof.warehouse import connect_published

    connection = connect_published(settings.paths.published)
    try:
        found = tuple(
            MartGroup(campaign, int(people), int(visits), int(conversions), int(cents))
            for campaign, people, visits, conversions, cents in connection.execute(
                _GROUPS
            ).fetchall()
        )
        credits = tuple(
            Credit(str(campaign), str(model), float(conversions), int(cents))
            for campaign, model, conversions, cents in connection.execute(_CREDITS).fetchall()
        )
    finally:
        connection.close()
    return found, credits


def _print_groups(found: Sequence[MartGroup], own: Sequence[GroupTotals], console: Console) -> None:
    table = new_table("Group")
    add_numbers(table, "People", "Visits", "Conversions", "Revenue (USD)")
    table.add_column("The file says")
    by_campaign = {group.campaign_id: group for group in found}
    for totals in own:
        group = by_campaign.get(totals.campaign_code) or MartGroup(totals.campaign_code, 0, 0, 0, 0)
        table.add_row(
            totals.segment,
            f"{group.people:,}",
            f"{group.visits:,}",
            f"{group.conversions:,}",
            money(group.revenue_cents),
            "[green]the same[/green]" if group.equals(totals) else f"[red]{_own(totals)}[/red]",
        )
    show_table(console, "The experiment's groups, from the published marts", table)


def _own(totals: GroupTotals) -> str:
    return (
        f"{totals.people:,}, {totals.visits:,}, {totals.conversions:,}, {money(totals.spend_cents)}"
    )


def _print_effects(
    credits: Sequence[Credit], effects: Sequence[GroupEffect], console: Console
) -> None:
    table = new_table("\nE-mail", "")
    add_numbers(table, *(_header(model) for model in MODELS), "\ncaused", "\n95 % interval")
    credited = {(credit.campaign_id, credit.model): credit for credit in credits}
    shown = ""
    for one in effects:
        if one.metric == "visits":
            continue
        is_money = one.metric == "revenue_cents"
        cells = []
        for model in MODELS:
            credit = credited.get((one.campaign_code, model))
            value = (
                0 if credit is None else credit.revenue_cents if is_money else credit.conversions
            )
            cells.append(_value(value, is_money=is_money))
        table.add_row(
            one.segment if one.segment != shown else "",
            "revenue (USD)" if is_money else "conversions",
            *cells,
            _value(one.total, is_money=is_money),
            f"{_value(one.low, is_money=is_money)} to {_value(one.high, is_money=is_money)}",
        )
        shown = one.segment
    show_table(
        console, "What the e-mails brought: credited by attribution, caused by experiment", table
    )
    console.print(
        "  Caused: the difference to the group without e-mail, times the group's people."
        " A model that\n  credits more than the interval's upper end gives the e-mail sales that"
        " would have come anyway."
    )


def _header(model: str) -> str:
    """Break a model's name into two lines before its last word."""
    first, _, last = model.rpartition("_")
    return f"{first.replace('_', ' ')}\n{last}"


def _value(value: float, *, is_money: bool) -> str:
    if not value:
        return "·"
    return f"{value / 100:,.0f}" if is_money else f"{value:,.1f}"
