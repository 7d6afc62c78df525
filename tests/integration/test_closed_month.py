"""Whole nights close a month with fees: what banks say and pay later is booked in the open month.

March's claims are issued and answered in April, the night of 30 April closes April, and from then
on one file of April arrives late, terms are corrected and banks go on answering.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nights import World, world

from touchproof.settings import PROJECT_ROOT
from touchproof_airflow.planning import NightPlan
from touchproof_airflow.pretend import PretendWorld, ensure_days

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
CLOSING = date(2026, 4, 30)
TERMS, CORRECTED = "northlake,2025-1,4.1,savings,referral,4500,", 4200
BY_KIND = (
    "select month, adjusts_month, bank_id, currency, entry_kind, account_number, debit_cents,"
    " credit_cents from marts.mart_fee_journal"
)


@dataclass(frozen=True)
class Closed:
    """Hold the world after its last night, and what April showed when it was closed."""

    made: World
    accruals: list[dict[str, Any]]
    journal: list[dict[str, Any]]
    late_cents: int


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """Run two nights, the one that closes April, and the next."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT_ROOT / "airflow_settings.yaml", project)
    for name in ("dags", "include", "dbt_project", "plugins"):
        ignored = shutil.ignore_patterns("target", "__pycache__")
        shutil.copytree(PROJECT_ROOT / name, project / name, ignore=ignored)
    with world(tmp_path_factory.mktemp("closed"), project=project) as made:
        made.run()
        made.run()
        late = _hold_back(made, tmp_path_factory.mktemp("held"))
        _edit(project / "dbt_project" / "seeds")
        made.run("--night", CLOSING.isoformat())
        accruals, journal = _accruals(made), made.sql(f"{BY_KIND} where month <= '2026-04-01'")
        cents = _arrive(late)
        made.run()
        yield Closed(made, accruals, journal, cents)


def _hold_back(made: World, held: Path) -> tuple[Path, Path]:
    """Make the days up to the closing, and let a payment of April not arrive yet."""
    described = PretendWorld(made.customers, made.days, seed=7)
    ensure_days(made.settings, described, NightPlan(CLOSING, CLOSING, False, "made ahead"))
    path = min(made.settings.drops.glob("2026-04-2?/bank_northlake/remittance_*.csv"))
    return path, Path(shutil.move(path, held / path.name))


def _arrive(late: tuple[Path, Path]) -> int:
    """Let the payment arrive after all; return its cents."""
    place, held = late
    shutil.move(held, place)
    with place.open(encoding="utf-8", newline="") as file:
        return sum(int(Decimal(row["amount"]) * 100) for row in csv.DictReader(file))


def _edit(seeds: Path) -> None:
    """Name April as closed, and correct a fee by the terms of March's openings."""
    with (seeds / "money" / "closed_months.csv").open("a", encoding="utf-8") as file:
        file.write("2026-04-01,2026-05-01,the books are closed\n")
    terms = seeds / "skips" / "bank_terms.csv"
    text = terms.read_text(encoding="utf-8")
    assert text.count(TERMS) == 1
    terms.write_text(text.replace(TERMS, TERMS.replace("4500", str(CORRECTED))), encoding="utf-8")


def _accruals(made: World) -> list[dict[str, Any]]:
    return made.sql(
        "select * exclude (is_closed) from marts.mart_fee_accruals where month <= '2026-04-01'"
        " order by all"
    )


def test_a_month_with_claims_answers_and_money_is_closed(closed: Closed) -> None:
    [april] = [row for row in closed.accruals if row["bank_id"] == "northlake"]
    for measure in ("billed_cents", "earned_cents", "cash_cents"):
        assert int(april[measure]) > 0, measure
    assert int(april["constrained_closing_cents"]) > 0, "a claim waits for its bank over the close"


def test_the_closed_month_never_moves(closed: Closed) -> None:
    assert _accruals(closed.made) == closed.accruals
    [row] = closed.made.sql(
        "select bool_and(is_closed = (month <= '2026-04-01')) as is_right"
        " from marts.mart_fee_accruals"
    )
    assert row["is_right"] is True
    later = closed.made.sql(f"{BY_KIND} where month <= '2026-04-01'")
    assert sorted(later, key=repr) == sorted(closed.journal, key=repr)


def test_a_payment_of_the_closed_month_that_arrives_late_adjusts_it_in_the_open_one(
    closed: Closed,
) -> None:
    late = closed.made.sql(
        f"{BY_KIND} where adjusts_month = '2026-04-01' and entry_kind = 'received'"
        " and account_number = '1000'"
    )
    assert [(row["month"], int(row["debit_cents"])) for row in late] == [
        ("2026-05-01", closed.late_cents)
    ]


def test_a_fee_corrected_after_the_closing_is_billed_in_the_open_month(closed: Closed) -> None:
    [row] = closed.made.sql(
        "select sum(billed_cents)::bigint as cents from marts.mart_fee_accruals"
        " where month = '2026-05-01' and bank_id = 'northlake'"
    )
    claims = [claim for claim in _claims(closed.made) if claim["bank_id"] == "northlake"]
    changes = [claim["owed_cents"] - claim["fee_cents"] for claim in claims
               if claim["pack_number"] == 1]  # fmt: skip
    assert {change for change in changes if change} == {CORRECTED - 4500}
    issued = sum(claim["fee_cents"] for claim in claims if claim["pack_number"] == 2)
    assert int(row["cents"]) == issued + sum(changes)


def _claims(made: World) -> list[dict[str, Any]]:
    claims: list[dict[str, Any]] = json.loads(made.touchproof("claims", "list", "--json"))
    return claims


def test_every_stage_ties_out_and_both_journals_balance(closed: Closed) -> None:
    ties = closed.made.sql("select * from marts.mart_fee_tie_out")
    assert {row["bank_id"] for row in ties} == {c["bank_id"] for c in _claims(closed.made)}
    assert {int(row["difference_cents"]) for row in ties} == {0}
    for period in ("2026-04", "2026-05"):
        rows = list(csv.DictReader(closed.made.touchproof(
            "claims", "journal", "--period", period).splitlines()))  # fmt: skip
        assert rows
        assert sum(Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows) == 0
