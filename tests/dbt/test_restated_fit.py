"""A fit that restates: the next night credits again from its date on, says so, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from dbt_nights import Nights, Tables
from dbt_planted import Row, ga4_event
from sqlalchemy import select

from touchproof.attribution.fits_made import make_fits
from touchproof.attribution.fits_planned import FitRequest
from touchproof.ledger import schema
from touchproof.ledger.store import Ledger

pytestmark = pytest.mark.long

FIRST, SECOND, THIRD = (date(2026, 6, day) for day in (28, 29, 30))
RESTATED_FROM = date(2026, 6, 5)
REASON = "The first fit had seen too little."
SEARCH, DISPLAY = ("ps_brand_us", "google", "cpc"), ("di_1", "adgrid", "display")
LEARNT = ("markov", "shapley")
CENTS = 10_001


def _person(
    name: str, day: int, touches: tuple[tuple[str, str, str], ...], *, converts: bool
) -> tuple[list[Row], list[Row]]:
    """Return the visits of a person, an hour apart on one day of June, and perhaps a sale."""
    visits = [
        ga4_event(datetime(2026, 6, day, 10 + hour), f"{name}.web", session=hour + 1,
                  campaign=campaign, source=source, medium=medium, user=f"u_{name}")
        for hour, (campaign, source, medium) in enumerate(touches)
    ]  # fmt: skip
    entry = {
        "account_id": f"acc_{name}",
        "app_user_id": f"u_{name}",
        "product_line": "savings",
        "bank_id": "bank_northlake",
        "occurred_at": f"2026-06-{day:02d}T18:00:00Z",
        "booked_date": f"2026-06-{day:02d}",
        "currency": "USD",
    }
    amount = f"{CENTS / 100:.2f}"
    sale = [
        entry | {"ledger_entry_id": f"{name}.1", "entry_type": "opening", "amount": ""},
        entry | {"ledger_entry_id": f"{name}.2", "entry_type": "accrual", "amount": amount},
    ]
    return visits, sale if converts else []


def _world(*, until: date) -> Tables:
    """Return people of whom search sells at first, and display later."""
    both = (SEARCH, DISPLAY)
    people = [_person(f"both{day}", day, both, converts=True) for day in (2, 3, 4, 5, 6, 8)]
    people += [_person(f"search{day}", day, (SEARCH,), converts=True) for day in (3, 7)]
    people += [_person(f"display{day}", day, (DISPLAY,), converts=False) for day in (4, 6, 9)]
    if until >= SECOND:
        people += [_person(f"late{day}", day, (DISPLAY,), converts=True) for day in (12, 13, 14)]
        people += [_person(f"lost{day}", day, (SEARCH,), converts=False) for day in (12, 15, 16)]
        people += [_person("both18", 18, both, converts=True)]
    return {
        "ga4__events": [visit for visits, _ in people for visit in visits],
        "app__products": [entry for _, sale in people for entry in sale],
    }


@dataclass(frozen=True)
class Restated:
    """Hold three nights, the last one after a fit that restates, and what each published."""

    nights: Nights
    credits: dict[date, dict[tuple[str, str], dict[str, Any]]] = field(default_factory=dict)

    def publish(self, night: date) -> None:
        self.nights.run(night, _world(until=night))
        names = [name for (name,) in self.nights.rows(
            "select column_name from information_schema.columns where table_schema = 'marts'"
            " and table_name = 'fct_attribution' order by ordinal_position"
        )]  # fmt: skip
        rows = self.nights.rows("select * from marts.fct_attribution", published=True)
        found = [dict(zip(names, row, strict=True)) for row in rows]
        self.credits[night] = {(row["conversion_id"], row["touchpoint_id"]): row for row in found}


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory) -> Restated:
    """Publish two nights under the first fit, restate from a date on, and publish the next."""
    made = Restated(Nights(tmp_path_factory.mktemp("restated")))
    made.publish(FIRST)
    made.publish(SECOND)
    request = FitRequest(restate_from=RESTATED_FROM, reason=REASON)
    moment = datetime(2026, 6, 30, 9, tzinfo=UTC)
    report = make_fits(made.nights.settings, lambda: moment, request, actor="os:ann")
    assert (report.outcome, report.restated_to) == ("made", SECOND)
    made.publish(THIRD)
    return made


def _changed(restated: Restated) -> set[tuple[str, str]]:
    """Return the conversions and models whose weights the last night published anew."""
    before, after = restated.credits[SECOND], restated.credits[THIRD]
    assert before.keys() == after.keys()
    return {
        (key[0], name.removesuffix("_weight"))
        for key, row in before.items()
        for name in row
        if name.endswith("_weight") and row[name] != after[key][name]
    }


def test_nothing_before_the_date_moves_and_no_rule_does(restated: Restated) -> None:
    before, after = restated.credits[SECOND], restated.credits[THIRD]
    earlier = {key for key, row in before.items() if row["converted_at"].date() < RESTATED_FROM}
    assert len(earlier) == 7
    for key, row in before.items():
        kept = row if key in earlier else {name: row[name] for name in row if not _learnt(name)}
        assert {name: after[key][name] for name in kept} == kept


def _learnt(name: str) -> bool:
    return name.startswith(LEARNT)


def test_from_the_date_on_the_new_fits_credit(restated: Restated) -> None:
    before, after = restated.credits[SECOND], restated.credits[THIRD]
    for model in LEARNT:
        fits = {
            (row["converted_at"].date() >= RESTATED_FROM, before[key][f"{model}_fit_id"],
             row[f"{model}_fit_id"])
            for key, row in after.items()
        }  # fmt: skip
        (old,) = {found[1] for found in fits}
        (new,) = {found[2] for found in fits if found[0]}
        assert new != old
        assert {found[2] for found in fits if not found[0]} == {old}
    days = {after[key]["converted_at"].day for key in after
            if (key[0], "markov") in _changed(restated)}  # fmt: skip
    assert days == {5, 6, 8, 18}


def test_the_restatements_are_shown_with_their_reason(restated: Restated) -> None:
    rows = restated.nights.rows(
        "select night, conversion_id, model, reason, before_weight, after_weight"
        " from marts.mart_attribution_restatements", published=True,
    )  # fmt: skip
    assert {(row[0], row[3]) for row in rows} == {(THIRD, "new_fit")}
    assert {(row[1], row[2]) for row in rows} == _changed(restated) != set()
    for conversion_id, model in _changed(restated):
        weights = [row[4:] for row in rows if row[1:3] == (conversion_id, model)]
        assert sum(before for before, _ in weights) == sum(after for _, after in weights) == 1
    with Ledger.of(restated.nights.settings).reading() as connection:
        told = connection.execute(select(schema.restatements)).all()
    assert {(row.from_date, row.to_date, row.reason) for row in told} == {
        (RESTATED_FROM, SECOND, REASON)
    }


@pytest.mark.parametrize("night", [SECOND, THIRD])
def test_weights_and_cents_stay_exact(restated: Restated, night: date) -> None:
    rows = list(restated.credits[night].values())
    models = [name.removesuffix("_weight") for name in rows[0] if name.endswith("_weight")]
    assert set(LEARNT) < set(models)
    for conversion_id in {row["conversion_id"] for row in rows}:
        path = [row for row in rows if row["conversion_id"] == conversion_id]
        for model in models:
            assert sum(row[f"{model}_weight"] for row in path) == 1
            assert sum(row[f"{model}_revenue_cents"] for row in path) == CENTS
