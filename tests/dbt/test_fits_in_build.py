"""A build applies the ledger's fits, makes the first ones, and always gives the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt_built import Built, planted_settings
from dbt_planted import NIGHT, plant
from dbt_world import tiny_world

from touchproof.transform import build

MODELS = [
    "+mart_model_fits",
    "+mart_channel_intervals",
    "+mart_closed_months",
    "+int_data_driven_shares",
]
TABLES = (
    "marts.mart_model_fits",
    "marts.mart_channel_intervals",
    "intermediate.int_data_driven_shares",
)
_FIT_COLUMNS = (
    "model_fit_id",
    "attribution_model",
    "training_start_date",
    "training_end_date",
    "data_sha256",
    "parameters_json",
    "credits_from_date",
)


def build_with(folder: Path, tables: Mapping[str, Any], *, with_data_tests: bool = False) -> Built:
    settings = planted_settings(folder)
    plant(settings.paths.warehouse, tiny_world() | tables)
    report = build(settings, NIGHT, select=MODELS, with_data_tests=with_data_tests)
    return Built(settings, report)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the tiny world with an empty ledger, and test the data."""
    return build_with(tmp_path_factory.mktemp("first"), {}, with_data_tests=True)


def recorded(built: Built) -> list[dict[str, Any]]:
    """Return the fits that a build made as the ledger would land them."""
    rows = built.rows(f"select {', '.join(_FIT_COLUMNS)} from intermediate.int_model_fits_applied")
    moment = datetime(2026, 6, 29, 5)
    return [dict(zip(_FIT_COLUMNS, row, strict=True)) | {"fitted_at": moment} for row in rows]


def all_rows(built: Built, table: str) -> list[str]:
    return sorted(map(repr, built.rows(f"select * from {table}")))


def test_a_world_without_fits_gets_one_a_model_from_its_first_conversion_on(first: Built) -> None:
    rows = first.rows(
        "select attribution_model, is_new, credits_from_date, applies_from_date,"
        " applies_before_date from intermediate.int_model_fits_applied order by 1"
    )
    expected = (True, date(2026, 6, 1), date.min, date.max)
    assert rows == [("markov", *expected), ("shapley", *expected)]


def test_every_set_of_a_converting_journey_is_dealt_out_whole(first: Built) -> None:
    rows = first.rows(
        "select attribution_model, channel_set, sum(share_units)"
        " from intermediate.int_channel_sets_listed left join intermediate.int_data_driven_shares"
        " using (attribution_model, model_fit_id, channel_set) group by 1, 2"
    )
    assert len(rows) >= 4
    assert {row[2] for row in rows} == {1_000_000_000}


def test_a_repeated_night_makes_the_same_fits_and_the_same_rows(
    first: Built, tmp_path: Path
) -> None:
    again = build_with(tmp_path, {})
    assert recorded(again) == recorded(first)
    for table in TABLES:
        assert all_rows(again, table) == all_rows(first, table), table


def test_the_next_night_takes_the_fits_from_the_ledger_and_gives_the_same_rows(
    first: Built, tmp_path: Path
) -> None:
    following = build_with(tmp_path, {"ledger__model_fits": recorded(first)})
    new = following.rows("select count(*) from intermediate.int_model_fits_applied where is_new")
    assert new == [(0,)]
    for table in TABLES:
        assert all_rows(following, table) == all_rows(first, table), table


def test_a_new_fit_credits_only_from_its_start(first: Built, tmp_path: Path) -> None:
    fits = recorded(first)
    (chain,) = [fit for fit in fits if fit["attribution_model"] == "markov"]
    start = date(2026, 6, 3)
    later = chain | {
        "model_fit_id": "later",
        "credits_from_date": start,
        "fitted_at": chain["fitted_at"] + timedelta(days=1),
    }
    built = build_with(tmp_path, {"ledger__model_fits": [*fits, later]})
    rows = built.rows(
        "select cast(ended_at as date) >= date '2026-06-03' as is_later, list(distinct"
        " fits.model_fit_id) from intermediate.int_journeys_listed as journeys"
        " inner join intermediate.int_model_fits_applied as fits on attribution_model = 'markov'"
        " and cast(ended_at as date) >= applies_from_date"
        " and cast(ended_at as date) < applies_before_date where is_converted group by 1 order by 1"
    )
    assert rows == [(False, [chain["model_fit_id"]]), (True, ["later"])]
    used = built.rows(
        "select distinct model_fit_id from intermediate.int_channel_sets_listed"
        " where attribution_model = 'markov'"
    )
    assert sorted(used) == sorted([(chain["model_fit_id"],), ("later",)])
    shown = built.rows(
        "select distinct model_fit_id, is_current, applies_from_date, applies_before_date"
        " from marts.mart_model_fits where model = 'markov' order by is_current"
    )
    assert shown == [
        (chain["model_fit_id"], False, None, start),
        ("later", True, start, None),
    ]


def test_no_fit_names_a_person(first: Built) -> None:
    persons = first.rows("select distinct person_id from intermediate.int_journeys_listed")
    assert persons
    for fit in recorded(first):
        assert not any(str(person) in fit["parameters_json"] for (person,) in persons)


def test_intervals_of_every_model_sum_to_all_conversions(first: Built) -> None:
    rows = first.rows(
        "select model, sum(conversions), round(sum(conversion_share), 4)"
        " from marts.mart_channel_intervals group by 1"
    )
    count = first.rows("select count(*) from intermediate.int_conversions_unioned")[0][0]
    assert len(rows) >= 7
    for model, conversions, share in rows:
        assert (float(conversions), share) == (pytest.approx(count), 1), model
