"""Incremental nights: the rows of a full refresh, whatever came late, wherever a build stopped."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dbt_built import pseudonym
from dbt_increments import (
    INCREMENTS,
    LAST,
    MODELS,
    WITH_SEEDS,
    Increments,
    change,
    dirty,
    hashes,
    rows,
)
from dbt_planted import NIGHT, Row, ga4_event, plant
from dbt_world import tiny_world, with_ledger_person

from touchproof.settings import Settings
from touchproof.transform import BuildFailedError, build

_START = datetime(2026, 6, 1, 12)
_CREDITS = (
    "select conversion_id, touchpoint_id, path_position, path_length, unattributed_reason,"
    " columns('.*_weight'), columns('.*_fit_id') from marts.fct_attribution order by all"
)
_CLOSED_ROWS = (
    "select columns(*) from marts.mart_campaign_performance"
    " where month <= date '2026-06-01' order by all"
)
_BETWEEN = "int_conversion_windows_set+,+{}"


@dataclass(frozen=True)
class Night:
    """Say what a night's build left.

    Args:
        dirty: Dirty persons with their reasons.
        incremental: Row hashes by table.
        credits: What fct_attribution says of weights.
        closed: Rows of mart_campaign_performance up to June.
        refreshed: Row hashes after a full refresh of the same rows.
    """

    dirty: Mapping[str, str]
    incremental: Mapping[str, str]
    credits: list[tuple[object, ...]]
    closed: list[tuple[object, ...]]
    refreshed: Mapping[str, str]


class Story:
    """Tell four nights; the last one comes after June was closed."""

    def __init__(self, folder: Path) -> None:
        tables: dict[str, list[Row]] = {name: list(rows) for name, rows in tiny_world().items()}
        self.world = Increments(folder, tables)
        with_person = with_ledger_person({}, pseudonym("recipient:rcp_cleo"))
        tables.update({name: list(rows) for name, rows in with_person.items()})
        self.nights: list[Night] = []
        self.persons: dict[str, str] = {}
        self._first()
        self._late()
        self._merged()
        self._closed()

    def _end(self) -> None:
        """Remember the night's tables, and those of a full refresh beside it."""
        settings = self.world.settings
        left = (dirty(settings), hashes(settings), rows(settings, _CREDITS),
                rows(settings, _CLOSED_ROWS))  # fmt: skip
        refreshed = left[1]
        if self.nights:
            with self.world.aside():
                build(settings, LAST, select=INCREMENTS, full_refresh=True, with_data_tests=False)
                refreshed = hashes(settings)
        self.nights.append(Night(*left, refreshed))

    def _first(self) -> None:
        self.world.night(NIGHT, WITH_SEEDS)
        names = ("u_ann", "u_ben", "rcp_cleo", "u_dora")
        self.persons = dict(zip(names, self.world.persons(*names), strict=True))
        self._end()

    def _late(self) -> None:
        """A late touch of ben, a claw-back of ann's; consent moves nothing here."""
        tables = self.world.tables
        tables["ga4__events"].append(_visit(150, "ben.web", 9))
        tables["app__products"].append(_claw_back("le9", "acc_ann_1", "savings", "-20.00"))
        tables["app__consents"].append(
            {**tables["app__consents"][0], "consent_event_id": "cn9", "state": "opted_out"}
        )
        self.world.night(NIGHT + timedelta(days=1))
        self._end()

    def _merged(self) -> None:
        """Dora is cleo; a window that arrives again lacks ann's click; scans earn nothing."""
        tables = self.world.tables
        registration = dict(tables["app__registrations"][0])
        tables["app__registrations"].append(
            registration | {"registration_id": "reg_dora", "app_user_id": "u_dora",
                            "email": "cleo@example.com", "web_client_id": "cleo.web"}
        )  # fmt: skip
        tables["email__events"] = [
            row for row in tables["email__events"] if row["event_id"] != "c1"
        ]
        change(
            self.world.settings,
            "update seeds.touch_interactions set is_earning = false where interaction = 'scan'",
        )
        night = NIGHT + timedelta(days=2)
        self.world.night(night)
        self._end()
        self.world.close(date(2026, 6, 1), night)
        published = self.world.settings.paths.published
        published.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.world.settings.paths.warehouse, published)

    def _closed(self) -> None:
        """June is closed: ben has another late touch, ann loses one, and money is taken back."""
        tables = self.world.tables
        tables["ga4__events"] = [
            *tables["ga4__events"][1:], _visit(170, "ben.web", 11), _visit(50000, "ann.web", 12),
        ]  # fmt: skip
        tables["app__products"].append(_claw_back("le10", "acc_ann_1", "savings", "-10.00"))
        night = NIGHT + timedelta(days=3)
        self.world.night(night)
        self._end()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Run the nights once."""
    return Story(tmp_path_factory.mktemp("increments"))


def _visit(minutes: int, cookie: str, session: int) -> Row:
    return ga4_event(_START + timedelta(minutes=minutes), cookie, session=session,
                     campaign="ps_brand_us", source="google", medium="cpc")  # fmt: skip


def _claw_back(key: str, account: str, line: str, amount: str) -> Row:
    return {
        "ledger_entry_id": key, "entry_type": "claw_back", "account_id": account,
        "app_user_id": "u_ann", "product_line": line, "bank_id": "bank_northlake",
        "occurred_at": "2026-06-27T12:00:00Z", "booked_date": "2026-06-27", "amount": amount,
        "currency": "USD",
    }  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_night_gives_the_rows_of_a_full_refresh(story: Story, number: int) -> None:
    night = story.nights[number]
    assert len(night.incremental) >= 6
    assert night.incremental == night.refreshed


def test_the_first_build_finds_everybody_new(story: Story) -> None:
    assert set(story.nights[0].dirty.values()) == {"new"}
    assert set(story.persons.values()) <= set(story.nights[0].dirty)


def test_a_night_with_little_news_rewrites_only_whom_it_touches(story: Story) -> None:
    changed = {story.persons["u_ann"]: "changed", story.persons["u_ben"]: "changed"}
    assert story.nights[1].dirty == changed
    assert len(story.nights[0].dirty) > 3


def test_both_sides_of_a_merge_and_whom_a_seed_touches_are_rewritten(story: Story) -> None:
    ids = story.persons
    kept, gone = sorted((ids["rcp_cleo"], ids["u_dora"]), key=lambda one: one != ids["rcp_cleo"])
    assert story.nights[2].dirty == {
        ids["u_ann"]: "changed", ids["u_ben"]: "changed", kept: "changed", gone: "vanished",
    }  # fmt: skip
    table = "marts.fct_attribution"
    left = rows(story.world.settings, f"select * from {table} where person_id = '{gone}'")
    assert left == []


def test_a_night_without_news_leaves_nobody_dirty(story: Story) -> None:
    with story.world.aside() as settings:
        before = hashes(settings)
        build(settings, LAST, select=INCREMENTS, with_data_tests=False)
        assert dirty(settings) == {}
        assert hashes(settings) == before


def test_in_a_closed_month_touches_reasons_and_weights_stay(story: Story) -> None:
    """A late touch, a withdrawn one and a claw-back change no weight of June's conversions."""
    before, after = story.nights[2], story.nights[3]
    assert after.credits == before.credits
    assert any(row[1] is None for row in after.credits)
    assert after.closed == before.closed


def test_a_claw_back_in_a_closed_month_is_dealt_at_the_frozen_weights_and_adjusts(
    story: Story,
) -> None:
    settings = story.world.settings
    sums = rows(
        settings,
        "select sum(linear_revenue_cents), max(path_length) from marts.fct_attribution"
        f" where conversion_type = 'acquisition' and person_id = '{story.persons['u_ann']}'",
    )
    assert sums == [(7001, 3)]
    adjusted = rows(
        settings,
        "select date_basis, sum(revenue_cents) from marts.mart_campaign_performance"
        " where model = 'linear' and adjusts_month = date '2026-06-01' group by 1 order by 1",
    )
    assert adjusted == [("cash", -1000), ("conversion", -1000), ("touch", -1000)]


def test_a_withdrawn_touch_stays_in_the_closed_path_and_leaves_the_touchpoints(
    story: Story,
) -> None:
    unknown = rows(
        story.world.settings,
        "select distinct touchpoint_id, person_id from marts.fct_attribution as credits"
        " where touchpoint_id is not null"
        " and touchpoint_id not in (select touchpoint_id from marts.fct_touchpoints)",
    )
    assert [person for _, person in unknown] == [story.persons["u_ann"]]


def test_only_the_claw_back_restates_a_closed_month(story: Story) -> None:
    restated = rows(
        story.world.settings,
        "select person_id, conversion_type from intermediate.int_conversions_restated"
        " inner join intermediate.int_conversions_unioned using (conversion_id)",
    )
    assert restated == [(story.persons["u_ann"], "acquisition")]


def _smallest_identifiers_person(settings: Settings, person: str) -> str:
    """Return the id that somebody gets whom the ledger doesn't know."""
    found = rows(
        settings,
        "select min(identifier_type || ':' || identifier) from"
        f" intermediate.int_person_identifiers where person_id = '{person}'",
    )
    return f"per_{pseudonym(found[0][0])[:24]}"


def test_from_a_ledger_without_persons_the_rows_are_equal_after_renaming(
    story: Story, tmp_path: Path
) -> None:
    """Claims name persons, so the ledger's claims are renamed too; its fits are kept."""
    nights = tmp_path / "nights.duckdb"
    shutil.copy(story.world.settings.paths.warehouse, nights)
    with story.world.aside() as settings:
        theirs = hashes(settings)
        cleo = _smallest_identifiers_person(settings, story.persons["rcp_cleo"])
        change(settings, *(f"drop schema {schema} cascade"
                           for schema in ("staging", "intermediate", "marts")))  # fmt: skip
        tables = dict(story.world.tables)
        del tables["ledger__person_ids"]
        tables["ledger__claims"] = [{**row, "person_id": cleo} for row in tables["ledger__claims"]]
        plant(settings.paths.warehouse, tables)
        build(settings, LAST, select=MODELS, with_data_tests=False)
        ours = hashes(settings)
        with duckdb.connect(str(settings.paths.warehouse)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(f"attach '{nights}' as nights (read_only)")
            _compare_renamed(connection)
    for table in ("mart_campaign_performance", "mart_channel_performance"):
        assert ours[table] == theirs[table], table


def _compare_renamed(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create temp table names as select distinct ours.person_id, theirs.person_id as renamed"
        " from intermediate.int_person_identifiers as ours"
        " inner join nights.intermediate.int_person_identifiers as theirs"
        " using (identifier_type, identifier)"
    )
    pairs, persons, names, others = connection.execute(
        "select count(*), count(distinct person_id), count(distinct renamed),"
        " count(*) filter (where person_id <> renamed) from names"
    ).fetchall()[0]
    assert pairs == persons == names
    assert others > 0
    for table in ("marts.fct_touchpoints", "marts.fct_attribution",
                  "intermediate.int_credits_computed"):  # fmt: skip
        renamed = (
            f"select ours.* replace (names.renamed as person_id) from {table} as ours"
            " inner join names using (person_id)"
        )
        for pair in ((renamed, f"from nights.{table}"), (f"from nights.{table}", renamed)):
            query = "({}) except all ({})".format(*pair)
            assert connection.execute(query).fetchall() == [], table


def _random_news(draw: random.Random, settings: Settings) -> None:
    """Change, take away, add or move some of what the increments are computed from."""
    touches = "intermediate.int_touchpoints_unioned"
    ids = [one for (one,) in rows(settings, f"select touchpoint_id from {touches} order by 1")]
    everybody = f"select distinct person_id from {touches} order by 1"
    persons = [one for (one,) in rows(settings, everybody)]
    touch, other, person = draw.choice(ids), draw.choice(ids), draw.choice(persons)
    change(
        settings,
        draw.choice(
            [
                f"delete from {touches} where touchpoint_id = '{touch}'",
                f"update {touches} set person_id = '{person}' where touchpoint_id = '{touch}'",
                f"update {touches} set person_id = 'per_other' where person_id = '{person}'",
                f"update {touches} set traffic_content = 'x' where touchpoint_id = '{touch}'",
                f"update {touches} set channel = (select channel from {touches} where"
                f" touchpoint_id = '{other}') where touchpoint_id = '{touch}'",
                f"insert into {touches} select * replace ('late_{draw.random()}' as touchpoint_id,"
                f" touched_at - interval 1 hour as touched_at) from {touches}"
                f" where touchpoint_id = '{touch}'",
                "update intermediate.int_conversions_unioned set revenue_cents = revenue_cents + 1"
                f" where person_id = '{person}'",
            ]
        ),
    )


@pytest.mark.long
def test_builds_that_stop_anywhere_leave_nothing_old(story: Story, tmp_path: Path) -> None:
    """What a stopped build rewrote is rewritten again, even if its data has gone back since."""
    plain = tmp_path / "plain.duckdb"
    draw = random.Random(7)  # noqa: S311 - made-up news
    stops = ("fct_touchpoints", "fct_attribution", "int_persons_dirty")
    whole = [_BETWEEN.format("int_persons_applied")]
    with story.world.aside() as settings:
        # Where nothing is closed, touches move weights.
        change(settings, "delete from staging.stg_ledger__closed_credits")
        build(settings, LAST, select=whole, with_data_tests=False)
        shutil.copy(settings.paths.warehouse, plain)
        before = hashes(settings)
        for stop in stops:
            for _ in range(3):
                _random_news(draw, settings)
            build(settings, LAST, select=[_BETWEEN.format(stop)], with_data_tests=False)
        between = hashes(settings)
        # All that came in between is gone again.
        change(settings, f"attach '{plain}' as plain (read_only)", *(
            f"create or replace table intermediate.{name} as from plain.intermediate.{name}"
            for name in ("int_touchpoints_unioned", "int_conversions_unioned")
        ))  # fmt: skip
        build(settings, LAST, select=whole, with_data_tests=False)
        assert "again" in dirty(settings).values()
        after = hashes(settings)
    for table in ("fct_touchpoints", "fct_attribution", "int_credits_computed"):
        assert between[table] != before[table], table
        assert after[table] == before[table], table


def test_other_columns_replace_a_table_and_a_table_alone_is_refused(story: Story) -> None:
    with story.world.aside() as settings:
        before = hashes(settings)
        change(settings, "alter table marts.fct_touchpoints drop column content",
               "alter table marts.fct_attribution add column another integer")  # fmt: skip
        with pytest.raises(BuildFailedError, match=r"goes by int_persons_fingerprinted"):
            build(settings, LAST, select=["fct_touchpoints"], with_data_tests=False)
        build(settings, LAST, select=INCREMENTS, with_data_tests=False)
        begun = rows(settings, "select distinct is_begun_anew from intermediate.int_persons_dirty")
        assert begun == [(True,)]
        assert hashes(settings) == before
