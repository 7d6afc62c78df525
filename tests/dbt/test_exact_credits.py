"""Properties of paths and credits: the compiled SQL against plain Python, on random worlds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import pytest
from dbt_built import Built
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import DATA_DRIVEN, MODELS, UNIT, Rules, Touch, credits, learnt_shares

_NOW = datetime(2026, 6, 20, 12)
_RULES = Rules(half_life_days=7, weights=(40, 20, 40), w_weights=(30, 30, 30, 10))
_CLICK_WINDOW, _VIEW_WINDOW = timedelta(days=30), timedelta(days=5)


@dataclass(frozen=True)
class Candidate:
    """Describe a touch before or after a conversion, earning or not.

    What was inferred from it are one step with it, and leave it the rest of its weight.
    """

    seconds_before: int
    kind: str
    is_earning: bool
    channel: str
    weight_units: int
    inferred_units: tuple[int, ...] = ()
    inferred_channel: str = "TV"


@dataclass(frozen=True)
class Conversion:
    """Describe one conversion of one person and all the person's touches."""

    revenue_cents: int
    candidates: tuple[Candidate, ...]
    applied_seconds_before: int = 0
    lead_seconds_before: int | None = None


_MOST_CONVERSIONS = 8
_TABLES = ("int_conversion_windows_set", "int_touchpoints_unioned", "int_conversions_unioned")
# Filled once: what a fit found; nobody without a conversion, nothing closed, everybody dirty.
_FIXED_TABLES = (
    "int_model_fits_applied",
    "int_data_driven_shares",
    "int_journeys_not_converted",
    "int_persons_dirty",
)
_COMPUTED = (
    "int_credits_frozen",
    "int_windows_refreshed",
    "int_paths_refreshed",
    "int_paths_built",
    "int_journey_touches_labelled",
    "int_journeys_listed",
    "int_conversion_fits_chosen",
    "int_data_driven_weights_dealt",
    "int_credits_computed",
)
_CHANNELS = ("Direct", "Email", "TV")
# By model and set of channels: the parts of its channels, of 1e9, in the order of their names.
_SHARES = {
    "markov": {
        ("Direct",): (10**9,),
        ("Email",): (10**9,),
        ("TV",): (10**9,),
        ("Direct", "Email"): (333_333_333, 666_666_667),
        ("Direct", "TV"): (1, 999_999_999),
        ("Email", "TV"): (500_000_000, 500_000_000),
        ("Direct", "Email", "TV"): (123_456_789, 376_543_211, 500_000_000),
    },
    "shapley": {
        ("Direct",): (10**9,),
        ("Email",): (10**9,),
        ("TV",): (10**9,),
        ("Direct", "Email"): (0, 10**9),
        ("Direct", "TV"): (250_000_000, 750_000_000),
        ("Email", "TV"): (999_999_999, 1),
        ("Direct", "Email", "TV"): (0, 142_857_143, 857_142_857),
    },
}
_LONGEST = int(timedelta(days=33).total_seconds())
_SECONDS = st.one_of(
    st.integers(-3600, _LONGEST),
    st.sampled_from([0, 1, 86400 * 5, 86400 * 5 + 1, 86400 * 30, 86400 * 30 + 1]),
)
_INFERRED = st.lists(
    st.one_of(st.integers(1, UNIT // 3), st.just(UNIT // 4), st.just(UNIT // 2)), max_size=3
).filter(lambda units: sum(units) <= UNIT)


@st.composite
def _candidates(draw: st.DrawFn) -> Candidate:
    inferred = tuple(draw(st.one_of(st.just([]), _INFERRED)))
    own = st.one_of(st.just(UNIT), st.integers(1, UNIT), st.just(0))
    return Candidate(
        seconds_before=draw(_SECONDS),
        kind=draw(st.sampled_from(["visit", "visit", "click", "view"])),
        is_earning=draw(st.sampled_from([True, True, True, False])),
        channel=draw(st.sampled_from(_CHANNELS)),
        weight_units=UNIT - sum(inferred) if inferred else draw(own),
        inferred_units=inferred,
        inferred_channel=draw(st.sampled_from(["TV", "TV", "Direct"])),
    )


_CONVERSION = st.builds(
    Conversion,
    revenue_cents=st.one_of(st.integers(-(10**9), 10**9), st.sampled_from([0, 1, -1])),
    candidates=st.lists(_candidates(), max_size=9).map(tuple),
    applied_seconds_before=st.one_of(st.just(0), st.integers(0, 86400 * 4)),
    lead_seconds_before=st.one_of(st.none(), _SECONDS),
)


@pytest.fixture(scope="module")
def engine(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give an in-memory database with the tables that paths and credits read."""
    connection = duckdb.connect(":memory:")
    connection.execute("set timezone = 'UTC'")
    connection.execute("attach ':memory:' as touchproof")
    for schema, tables in {
        "intermediate": (*_TABLES, *_FIXED_TABLES),
        "seeds": ("fx_rates",),
        "staging": ("stg_ledger__closed_credits",),
    }.items():
        connection.execute(f"create schema touchproof.{schema}")
        for table in tables:
            columns = built.rows(
                "select column_name, data_type from information_schema.columns"
                f" where table_schema = '{schema}' and table_name = '{table}'"
                " order by ordinal_position"
            )
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            connection.execute(f"create table touchproof.{schema}.{table} ({listed})")
    _fill_fits(connection)
    connection.executemany(
        "insert into touchproof.intermediate.int_persons_dirty (person_id) values (?)",
        [[f"p{number}"] for number in range(_MOST_CONVERSIONS)],
    )
    yield connection
    connection.close()


def _fill_fits(connection: duckdb.DuckDBPyConnection) -> None:
    for model, sets in _SHARES.items():
        connection.execute(
            "insert into touchproof.intermediate.int_model_fits_applied (attribution_model,"
            " model_fit_id, applies_from_date, applies_before_date)"
            " values (?, ?, date '0001-01-01', date '9999-12-31')",
            [model, f"fit_{model}"],
        )
        for channels, shares in sets.items():
            named = "[" + ",".join(f'"{channel}"' for channel in channels) + "]"
            connection.executemany(
                "insert into touchproof.intermediate.int_data_driven_shares (attribution_model,"
                " model_fit_id, channel_set, channel, share_units) values (?, ?, ?, ?, ?)",
                [
                    [model, f"fit_{model}", named, channel, share]
                    for channel, share in zip(channels, shares, strict=True)
                ],
            )


def _expected_path(conversion: Conversion, number: int) -> list[Touch]:
    begins, views_begin = _CLICK_WINDOW.total_seconds(), _VIEW_WINDOW.total_seconds()
    found = []
    has_click = False
    for index, one in enumerate(conversion.candidates):
        window = views_begin if one.kind == "view" else begins
        if not conversion.applied_seconds_before < one.seconds_before <= window:
            continue
        if one.is_earning and one.weight_units > 0:
            has_click |= one.kind == "click" and one.seconds_before <= views_begin
        found.append((index, one))
    steps = [
        (-one.seconds_before, bool(one.inferred_units), _touch_id(number, index), one)
        for index, one in found
        if not (one.kind == "view" and has_click)
    ]
    touches = []
    for seconds, _, step, one in sorted(steps, key=lambda row: row[:3]):
        touches += [
            Touch(_inferred_id(step, place), seconds, one.inferred_channel, units, step, True)
            for place, units in enumerate(one.inferred_units)
        ]
        if one.is_earning and one.weight_units > 0:
            touches.append(Touch(step, seconds, one.channel, one.weight_units, step))
    return touches


def _expected_rules(conversion: Conversion, path: list[Touch]) -> Rules:
    lead = conversion.lead_seconds_before
    channels = [touch.channel for touch in path]
    present = tuple(sorted(set(channels)))
    learnt = {
        model: learnt_shares(channels, dict(zip(present, _SHARES[model][present], strict=True)))
        for model in DATA_DRIVEN
    }
    return replace(_RULES, lead_seconds=None if lead is None else -lead, learnt=learnt)


def _touch_id(number: int, index: int) -> str:
    return f"tp_{number:03d}_{index:03d}"


def _inferred_id(step: str, place: int) -> str:
    """Return an id whose order is not that of the touches in their step."""
    return f"{step}_{9 - place}"


def _fill(
    engine: duckdb.DuckDBPyConnection, conversions: list[Conversion], order: random.Random
) -> None:
    schema = "touchproof.intermediate"
    for table in _TABLES:
        engine.execute(f"delete from {schema}.{table}")
    windows, touches, facts = [], [], []
    for number, conversion in enumerate(conversions):
        begins = [_NOW - _CLICK_WINDOW, _NOW - _VIEW_WINDOW, None]
        rules = [_RULES.half_life_days, *_RULES.weights, *_RULES.w_weights, "Direct"]
        ends = _NOW - timedelta(seconds=conversion.applied_seconds_before)
        lead = None
        if conversion.lead_seconds_before is not None:
            lead = _NOW - timedelta(seconds=conversion.lead_seconds_before)
        key = [f"cv_{number}", number, f"p{number}", _NOW]
        windows.append([*key, *begins, *rules, ends, lead])
        facts.append([f"cv_{number}", f"p{number}", _NOW, conversion.revenue_cents, 0, "USD"])
        for index, one in enumerate(conversion.candidates):
            touches += _touch_rows(_touch_id(number, index), f"p{number}", one)
    for rows in (windows, touches, facts):
        order.shuffle(rows)
    engine.executemany(
        f"insert into {schema}.int_conversion_windows_set (conversion_id, conversion_number,"
        " person_id, converted_at, click_window_begins_at, view_window_begins_at, path_begins_at,"
        " half_life_days,"
        " first_weight, middle_weight, last_weight, w_first_weight, w_lead_weight, w_last_weight,"
        " w_middle_weight, direct_channel, path_ends_at, lead_created_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        windows,
    )
    engine.executemany(
        f"insert into {schema}.int_conversions_unioned"
        " (conversion_id, person_id, converted_at, revenue_cents, pending_fee_cents, currency)"
        " values (?, ?, ?, ?, ?, ?)",
        facts,
    )
    if touches:
        engine.executemany(
            f"insert into {schema}.int_touchpoints_unioned (touchpoint_id, person_id, touched_at,"
            " channel, interaction, touch_weight, step_id, step_weight_before, is_earning,"
            " is_only_without_click, window_kind)"
            " values (?, ?, ?, ?, ?, cast(? as decimal(25, 0)) / 1000000000000, ?,"
            " cast(? as decimal(25, 0)) / 1000000000000, ?, ?, ?)",
            touches,
        )


def _touch_rows(step: str, person: str, one: Candidate) -> list[list[object]]:
    """Return the rows of a touch and of what was inferred from it."""
    moment = _NOW - timedelta(seconds=one.seconds_before)
    window = [one.kind == "view", "view" if one.kind == "view" else "click"]
    step_id = step if one.inferred_units else None
    rows: list[list[object]] = []
    before = 0
    for place, units in enumerate(one.inferred_units):
        inferred = [_inferred_id(step, place), person, moment, one.inferred_channel, "inferred"]
        rows.append([*inferred, units, step_id, before, True, *window])
        before += units
    own = [step, person, moment, one.channel, one.kind, one.weight_units]
    rows.append([*own, step_id, before, one.is_earning, *window])
    return rows


def _computed(
    engine: duckdb.DuckDBPyConnection, built: Built
) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    folder = ("models", "intermediate", "attribution")
    for model in _COMPUTED:
        engine.execute(
            f"create or replace table touchproof.intermediate.{model} as"
            f" {built.compiled(*folder, model + '.sql')}"
        )
    columns = ", ".join(f"{model}_units, {model}_revenue_cents" for model in MODELS)
    rows = engine.execute(
        f"select conversion_id, touchpoint_id, {columns}"
        " from touchproof.intermediate.int_credits_computed order by conversion_id, path_position"
    ).fetchall()
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for conversion_id, touchpoint_id, *values in rows:
        found.setdefault(conversion_id, []).append((touchpoint_id, tuple(values)))
    return found


def _check(engine: duckdb.DuckDBPyConnection, built: Built, conversions: list[Conversion]) -> None:
    _fill(engine, conversions, random.Random(1))  # noqa: S311 - an order, no secret
    found = _computed(engine, built)
    for number, conversion in enumerate(conversions):
        path = _expected_path(conversion, number)
        rows = found.get(f"cv_{number}", [])
        assert [row[0] for row in rows] == [touch.touchpoint_id for touch in path]
        if not path:
            continue
        rules = _expected_rules(conversion, path)
        for position, model in enumerate(MODELS):
            expected = credits(model, path, conversion.revenue_cents, rules)
            actual = [row[1][2 * position : 2 * position + 2] for row in rows]
            assert sum(cents for _, cents in actual) == conversion.revenue_cents
            assert sum(units for units, _ in actual) == UNIT
            assert actual == expected, model


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(conversions=st.lists(_CONVERSION, min_size=1, max_size=_MOST_CONVERSIONS))
def test_paths_and_credits_are_those_of_plain_python(
    engine: duckdb.DuckDBPyConnection, built: Built, conversions: list[Conversion]
) -> None:
    _check(engine, built, conversions)


# The last six lie at, and one beyond, the borders between the three ways to divide.
@pytest.mark.parametrize(
    "revenue_cents",
    [
        *(1, -1, 199, -12_345, 999_999_999_999),
        *(4_000_000, -4_000_001, 4_000_000_000_000, -4_000_000_000_001),
        *(9_000_000_000_000_001, -9_000_000_000_000_001),
    ],
)
@pytest.mark.parametrize("length", [1, 2, 3, 200])
def test_long_paths_and_single_cents_sum_exactly(
    engine: duckdb.DuckDBPyConnection, built: Built, length: int, revenue_cents: int
) -> None:
    draw = random.Random(length)  # noqa: S311 - made-up touches
    candidates = tuple(
        _with_television(draw) if draw.random() < 0.2 else
        Candidate(draw.randint(1, 86400 * 30), "visit", True, draw.choice(_CHANNELS),
                  draw.choice([UNIT, draw.randint(1, UNIT)]))
        for _ in range(length)
    )  # fmt: skip
    lead = draw.choice([None, draw.randint(1, 86400 * 30)])
    _check(engine, built, [Conversion(revenue_cents, candidates, 0, lead)])


def _with_television(draw: random.Random) -> Candidate:
    units = draw.randint(1, UNIT - 1)
    seconds, channel = draw.randint(1, 86400 * 30), draw.choice(_CHANNELS)
    return Candidate(seconds, "visit", True, channel, UNIT - units, (units,))


def test_the_order_of_rows_changes_nothing(engine: duckdb.DuckDBPyConnection, built: Built) -> None:
    candidates = tuple(
        Candidate(86400 * (index % 4), "visit", True, _CHANNELS[index % 2], UNIT)
        for index in range(1, 9)
    )
    conversions = [Conversion(cents, candidates) for cents in (100, -7, 1)]
    results = []
    for seed in range(3):
        _fill(engine, conversions, random.Random(seed))  # noqa: S311 - an order, no secret
        results.append(_computed(engine, built))
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 3
