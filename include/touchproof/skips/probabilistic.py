"""The probability that a bank's customer is a person whom we know, by Splink (Fellegi and Sunter).

Belongs here: what each level of agreement weighs, learnt from the data, and the score of pairs.
Doesn't belong here: the levels (comparisons.py), which records there are (matching.py), what a
score leads to (int_skip_candidates_matched).

The same records give the same scores, bit by bit and in any order: samples are chosen by hash and
not at random, training runs on one thread, and what it found is rounded before it is used. Splink
sends nothing anywhere and prints nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from touchproof.skips.comparisons import (
    BLOCKS,
    FIELDS,
    SHARED_FIELDS,
    Field,
    level_label,
    level_number,
)

SAMPLE = 1000
"""Records of each side whose every pair teaches how often strangers agree."""
MIN_TRAINING_PAIRS = 50
PRIOR_PAIRS, PRIOR_STRANGERS = 200.0, 200_000.0
"""How many pairs the weights before training are worth beside those that the data have."""
KNOWN_SHARE = 0.5
"""How many of the banks' customers we know, before anything is looked at."""
MIN_NAME_SHARE = 1e-4
"""A name rarer than this weighs no more than one that one in ten thousand has."""
MAX_PAIRS = 5000
MIN_WEIGHT = -10.0
"""A guessed pair whose odds are below 1 to 1,000 is no candidate."""
_DIGITS = 6

Weights = Mapping[str, tuple[tuple[float, float], ...]]
"""By field, (m, u) of each level."""


@dataclass(frozen=True)
class MatchModel:
    """Hold what was learnt: chances by field and level, and from how many pairs."""

    weights: Weights
    persons: int
    contact_pairs: int
    name_pairs: int


def default_weights(persons: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return each level's chances before training, in a world of so many persons."""
    found = {}
    for field in FIELDS:
        scale = max(persons, 1) if field.name in SHARED_FIELDS else 1
        found[field.name] = tuple(
            (level.m, level.u / scale if level.condition != "else" else level.u)
            for level in field.levels
        )
    return found


def train(connection: duckdb.DuckDBPyConnection) -> MatchModel:
    """Learn the chances of each level from the tables `openings` and `records`.

    Strangers' agreement is counted over all pairs of two samples. A person's own agreement comes
    by expectation maximisation: names, birth date and postcode from pairs that share a token, an
    e-mail or a phone; e-mail and phone from pairs that share name, birth date and postcode. Both
    are mixed with the weights before training, so that few pairs move little.

    Args:
        connection: A database with `openings`, `records` and `taught` (opening, record and
            `by_contact` of pairs that are certain), as matching.py makes them.
    """
    persons = connection.execute("select count(distinct person_id) from records").fetchall()[0][0]
    weights = default_weights(persons)
    strangers = _strangers(connection)
    pairs = {}
    for by_contact in (True, False):
        fields = [
            field
            for field in FIELDS
            if field.is_learnt_by_contact == by_contact and field.name != "token"
        ]
        for field in fields:
            if by_contact:
                weights[field.name] = _mixed_u(weights[field.name], strangers[field.name])
        count, learnt = _learn(connection, fields, weights, by_contact)
        pairs[by_contact] = count
        for field in fields if learnt else []:
            weights[field.name] = _mixed_m(weights[field.name], learnt[field.name], count)
    return MatchModel(weights, int(persons), pairs[True], pairs[False])


def score(connection: duckdb.DuckDBPyConnection, model: MatchModel) -> None:
    """Make the table `scored`: each pair worth a look, its weight and its levels.

    Columns: `bank_opening_id`, `person_id`, `match_weight` (log2 of the odds), and by field
    `<field>_level`. Of several records of a person the most similar one counts.
    """
    rules = ["l.pair_key = r.pair_key"]
    rules += [f"{block} and l.is_guessed and r.is_guessed" for block in BLOCKS]
    linker = _linker(connection, FIELDS, model.weights, model.persons, "openings", "records", rules)
    for field in FIELDS:
        if field.is_name:
            shares = linker._db_api.register(f"shares_of_{field.name}")
            linker.table_management.register_term_frequency_lookup(shares, field.name)
    predicted = linker.inference.predict(warning_mode="never")
    columns = ", ".join(
        f"openings.{name} as {name}_l, records.{name} as {name}_r" for name in _COLUMNS
    )
    levels = ", ".join(f"{level_label(field)} as {field.name}_level" for field in FIELDS)
    connection.execute(
        f"""
        create or replace table scored as
        with best as (
            select
                pairs.unique_id_l,
                pairs.unique_id_r,
                records.person_id,
                round(pairs.match_weight, {_DIGITS}) as match_weight
            from {predicted.physical_name} as pairs
            inner join records on pairs.unique_id_r = records.unique_id
            where pairs.match_weight >= {MIN_WEIGHT} or records.pair_key is not null
            qualify row_number() over (
                partition by pairs.unique_id_l, records.person_id
                order by round(pairs.match_weight, {_DIGITS}) desc, pairs.unique_id_r
            ) = 1
        ),
        compared as (
            select best.unique_id_l as bank_opening_id, best.person_id, best.match_weight, {columns}
            from best
            inner join openings on best.unique_id_l = openings.unique_id
            inner join records on best.unique_id_r = records.unique_id
        )
        select bank_opening_id, person_id, match_weight, {levels}
        from compared
        """
    )
    predicted.drop_table_from_database_and_remove_from_cache()


def _strangers(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[int, int]]:
    """Count each level among all pairs of two samples; a person's own pairs are too few to tell."""
    fields = [field for field in FIELDS if field.is_learnt_by_contact]
    columns = ", ".join(f"{level_number(field)} as {field.name}" for field in fields)
    names = sorted({name for name in _COLUMNS if name not in SHARED_FIELDS})
    sides = ", ".join(
        f"sampled_{table}.{name} as {name}_{side}"
        for table, side in (("openings", "l"), ("records", "r"))
        for name in names
    )
    sample = (
        "(select * from {table} where is_described order by hash(unique_id), unique_id"
        f" limit {SAMPLE})"
    )
    rows = connection.execute(
        f"""
        with pairs as (
            select {sides}
            from {sample.format(table="openings")} as sampled_openings
            cross join {sample.format(table="records")} as sampled_records
        )
        select {", ".join(field.name for field in fields)}, count(*)
        from (select {columns} from pairs)
        group by all
        """
    ).fetchall()
    found: dict[str, dict[int, int]] = {field.name: {} for field in fields}
    for *levels, count in rows:
        for field, level in zip(fields, levels, strict=True):
            found[field.name][level] = found[field.name].get(level, 0) + count
    return found


def _mixed_u(
    before: tuple[tuple[float, float], ...], counts: dict[int, int]
) -> tuple[tuple[float, float], ...]:
    pairs = sum(count for level, count in counts.items() if level >= 0)
    return tuple(
        (
            m,
            _rounded((counts.get(place, 0) + PRIOR_STRANGERS * u) / (pairs + PRIOR_STRANGERS)),
        )
        for place, (m, u) in enumerate(before)
    )


def _mixed_m(
    before: tuple[tuple[float, float], ...], learnt: tuple[float | None, ...], pairs: int
) -> tuple[tuple[float, float], ...]:
    mixed = [
        (m * PRIOR_PAIRS + (m if found is None else found) * pairs) / (PRIOR_PAIRS + pairs)
        for (m, _), found in zip(before, learnt, strict=True)
    ]
    return tuple((_rounded(m / sum(mixed)), u) for m, (_, u) in zip(mixed, before, strict=True))


def _learn(
    connection: duckdb.DuckDBPyConnection,
    fields: list[Field],
    weights: Weights,
    by_contact: bool,
) -> tuple[int, dict[str, tuple[float | None, ...]]]:
    """Return how many pairs taught, and by field each level's m; nothing from too few pairs."""
    connection.execute(
        f"""
        create or replace table taught_pairs as
        select opening_id, record_id, opening_id || '#' || record_id as taught_key
        from taught
        where by_contact = {str(by_contact).lower()}
        order by hash(opening_id), opening_id, record_id
        limit {MAX_PAIRS}
        """
    )
    for side in ("opening", "record"):
        connection.execute(
            f"""
            create or replace table taught_{side}s as
            select * replace (taught_key || '#{side}' as unique_id, taught_key as pair_key)
            from taught_pairs
            inner join {side}s on taught_pairs.{side}_id = {side}s.unique_id
            order by taught_key
            """
        )
    count = connection.execute("select count(*) from taught_pairs").fetchall()[0][0]
    if count < MIN_TRAINING_PAIRS:
        return int(count), {}
    rule = "l.pair_key = r.pair_key"
    linker = _linker(
        connection, fields, weights, count, "taught_openings", "taught_records", [rule]
    )
    connection.execute("set threads = 1")  # the same sums whatever the machine
    session = linker.training.estimate_parameters_using_expectation_maximisation(
        rule, estimate_without_term_frequencies=True
    )
    connection.execute("reset threads")
    found = {
        comparison.output_column_name: tuple(
            level.m_probability if isinstance(level.m_probability, float) else None
            for level in comparison.comparison_levels
            if not level.is_null_level
        )
        for comparison in session.core_model_settings.comparisons
    }
    return int(count), {field.name: found[field.name] for field in fields}


_COLUMNS = (
    "first_name", "first_root", "first_forms", "last_name", "birth_date", "birth_key",
    "postal_code", "email", "phone", "token",
)  # fmt: skip


def _linker(
    connection: duckdb.DuckDBPyConnection,
    fields: list[Field] | tuple[Field, ...],
    weights: Weights,
    persons: int,
    left: str,
    right: str,
    rules: list[str],
) -> Any:
    """Return Splink's linker of two tables; `left` is its left side."""
    import splink  # takes a second: only where something is really matched

    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": KNOWN_SHARE / max(persons, 1),
        "comparisons": [_comparison(field, weights[field.name]) for field in fields],
        "blocking_rules_to_generate_predictions": rules,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }
    api = splink.DuckDBAPI(connection)
    sides = [
        api.register(left, dataset_display_name="a_openings"),
        api.register(right, dataset_display_name="b_records"),
    ]
    return splink.Linker(sides, settings, log_level=logging.ERROR, validate_settings=False)


def _comparison(field: Field, weights: tuple[tuple[float, float], ...]) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": field.is_missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for place, (level, (m, u)) in enumerate(zip(field.levels, weights, strict=True)):
        one: dict[str, Any] = {
            "sql_condition": "ELSE" if level.condition == "else" else level.condition,
            "label_for_charts": level.label,
            "m_probability": m,
            "u_probability": u,
        }
        if field.is_name and place == 0:
            one |= {
                "tf_adjustment_column": field.name,
                "tf_adjustment_weight": 1.0,
                "tf_minimum_u_value": MIN_NAME_SHARE,
            }
        levels.append(one)
    return {"output_column_name": field.name, "comparison_levels": levels}


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
