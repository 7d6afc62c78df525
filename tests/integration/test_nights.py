"""Nights in a row: exact sums, fewer records the second time, nothing in a quiet night, repeats."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from nights import Seen, World

pytestmark = pytest.mark.timeout(2400)

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
)
FIRST = date(2026, 4, 14)


def test_each_night_is_published_under_its_own_date(nights: dict[str, Seen]) -> None:
    names = ("first", "bad")
    published = [nights[name].status["published"]["night"] for name in names]
    assert published == [(FIRST + timedelta(days=n)).isoformat() for n in range(len(names))]


def test_rows_in_equal_loaded_plus_quarantined(nights: dict[str, Seen]) -> None:
    sources = nights["first"].status["sources"]
    assert len(sources) >= 7
    for source in sources:
        assert source["rows_in"] == source["rows_loaded"] + source["rows_quarantined"], source
        assert source["status"] == "fresh"
        assert source["rows_in"] > 0, source


def test_attributed_cents_equal_each_conversions_revenue(
    nights: dict[str, Seen], demo: World
) -> None:
    for model in MODELS:
        rows = demo.sql(
            f"""
            select
                count(*) as conversions,
                count(*) filter (where coalesce(credited.cents, -1) <> conversions.revenue_cents)
                    as wrong,
                count(*) filter (where credited.weight <> 1) as unbalanced
            from marts.fct_conversions as conversions
            left join (
                select
                    conversion_id,
                    sum({model}_revenue_cents) as cents,
                    sum({model}_weight) as weight
                from marts.fct_attribution
                group by conversion_id
            ) as credited using (conversion_id)
            """
        )
        assert int(rows[0]["conversions"]) > 100
        assert (int(rows[0]["wrong"]), int(rows[0]["unbalanced"])) == (0, 0), model


def test_conversions_without_touchpoints_are_there_with_a_reason(
    nights: dict[str, Seen], demo: World
) -> None:
    rows = demo.sql(
        "select count(*) as alone, count(unattributed_reason) as reasons "
        "from marts.fct_attribution where touchpoint_id is null"
    )
    assert int(rows[0]["alone"]) > 0
    assert rows[0]["alone"] == rows[0]["reasons"]


@pytest.mark.parametrize("basis", ["touch", "conversion", "cash"])
@pytest.mark.parametrize("mart", ["mart_campaign_performance", "mart_channel_performance"])
def test_performance_totals_equal_the_conversions(
    nights: dict[str, Seen], demo: World, mart: str, basis: str
) -> None:
    expected = demo.sql(
        "select currency, sum(revenue_cents)::bigint as cents, count(*) as conversions "
        "from marts.fct_conversions group by all order by all"
    )
    for model in MODELS:
        found = demo.sql(
            f"select currency, sum(revenue_cents)::bigint as cents, "
            f"sum(conversions)::decimal(18, 6) as conversions from marts.{mart} "
            f"where model = '{model}' and date_basis = '{basis}' group by all order by all"
        )
        assert [(row["currency"], row["cents"]) for row in found] == [
            (row["currency"], row["cents"]) for row in expected
        ]
        for row, wanted in zip(found, expected, strict=True):
            assert float(row["conversions"]) == pytest.approx(int(wanted["conversions"]), abs=1e-6)


def test_the_second_night_pushes_fewer_records(nights: dict[str, Seen]) -> None:
    assert nights["first"].push["pushed"] > nights["bad"].push["pushed"] > 0
    assert nights["first"].push["refused"] == 0


def test_a_repeated_night_gives_the_same_marts_and_pushes_what_was_refused_alone(
    nights: dict[str, Seen],
) -> None:
    assert (
        nights["repeated"].status["published"]["night"]
        == nights["bad"].status["published"]["night"]
    )
    assert nights["repeated"].hashes == nights["bad"].hashes
    assert len(nights["bad"].hashes) >= 9
    assert nights["repeated"].push["pushed"] == nights["bad"].push["refused"] == 1


def test_a_night_with_news_changes_the_marts(nights: dict[str, Seen]) -> None:
    assert nights["bad"].hashes["fct_touchpoints"] != nights["first"].hashes["fct_touchpoints"]


def test_every_bank_is_read_whatever_its_format(nights: dict[str, Seen], demo: World) -> None:
    rows = demo.sql(
        "select bank_id, sum(loaded_rows)::integer as loaded, sum(withheld_rows)::integer as held,"
        " count(control_total) = count(*) as counts_its_rows"
        " from marts.mart_opening_controls group by bank_id"
    )
    assert len(rows) == 6
    assert all(int(row["loaded"]) > 0 for row in rows)
    counting = {row["bank_id"]: row["held"] for row in rows if row["counts_its_rows"]}
    assert counting == dict.fromkeys(("aurore", "harbor", "laurent", "summit"), 0)


def test_skips_have_packs_that_verify(nights: dict[str, Seen], demo: World) -> None:
    banks = sorted({pack.parent for pack in demo.settings.paths.evidence.glob("*/[0-9]*")})
    owing = demo.sql(
        "select distinct bank_id from marts.fct_skip_referrals where claim_status = 'issued'"
    )
    assert {row["bank_id"] for row in owing} <= {bank.name for bank in banks}
    assert len(banks) >= 2
    for bank in banks:
        demo.touchproof("evidence", "verify", str(bank))
        assert list(bank.glob("*/claims.csv"))


def test_the_summary_tells_what_to_do_next(nights: dict[str, Seen]) -> None:
    printed = nights["first"].printed
    for word in ("Salesforce", "northlake", "laurent", "make run", "make ui", "touchproof sql"):
        assert word in printed, word
    assert max(len(line) for line in printed.splitlines()) <= 120
