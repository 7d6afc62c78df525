"""Equal values have one canonical form, whatever they look like."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.errors import ConfigurationError
from touchproof.salesforce import canonical as canonical_module
from touchproof.salesforce.canonical import FIELD_TYPES, canonical_sql
from touchproof.warehouse import connect_memory

CONNECTION = connect_memory()
thoroughly = settings(deadline=None)


def canonical(value: str | None, field_type: str) -> str | None:
    """Return one value's form over a connection that stays open."""
    sql = f"select {canonical_sql('v', field_type)} from (select ?::varchar as v)"
    ((form,),) = CONNECTION.execute(sql, [value]).fetchall()
    return form


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
numbers = st.decimals(
    min_value=Decimal("-1e15"), max_value=Decimal("1e15"), places=6, allow_nan=False
)
offsets = st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@pytest.mark.parametrize(
    ("value", "field_type", "form"),
    [
        ("1.50", "number", "1.5"),
        ("007", "number", "7"),
        ("1.0E7", "number", "10000000"),
        ("100", "number", "100"),
        ("-0.00", "number", "0"),
        ("+.5", "number", "0.5"),
        ("1,5", "number", "1,5"),
        ("TRUE", "boolean", "true"),
        ("0", "boolean", "false"),
        ("maybe", "boolean", "maybe"),
        ("2026-06-28T23:59:00.000Z", "date", "2026-06-28"),
        ("2026-02-30", "date", "2026-02-30"),
        ("2026-06-28T21:33:43.000+0000", "datetime", "2026-06-28T21:33:43.000Z"),
        ("2026-06-28T23:33:43+02:00", "datetime", "2026-06-28T21:33:43.000Z"),
        (" e\u0301\r\nx ", "text", "\u00e9\nx"),
        ("", "text", None),
        (" \t\n", "text", None),
        ("#N/A", "text", None),
        (None, "number", None),
    ],
)
def test_a_value_has_this_form(value: str | None, field_type: str, form: str | None) -> None:
    assert canonical(value, field_type) == form
    assert canonical_module.canonical(value, field_type) == form


@thoroughly
@given(texts, st.sampled_from(FIELD_TYPES))
def test_a_canonical_form_is_its_own_form(text: str, field_type: str) -> None:
    once = canonical(text, field_type)
    assert canonical(once, field_type) == once


@thoroughly
@given(texts)
def test_texts_that_differ_only_in_their_composition_are_equal(text: str) -> None:
    forms = {canonical(unicodedata.normalize(form, text), "text") for form in ("NFC", "NFD")}
    assert len(forms) == 1


@thoroughly
@given(numbers, st.integers(0, 5))
def test_a_number_written_in_another_way_is_equal(number: Decimal, zeros: int) -> None:
    ways = {f"{number:f}", f"{number:f}" + "0" * zeros, f"{number:E}", f" {number:f} "}
    forms = {canonical(way, "number") for way in ways}
    assert len(forms) == 1
    assert Decimal(forms.pop() or "") == number


@thoroughly
@given(numbers, numbers)
def test_numbers_that_differ_stay_different(one: Decimal, other: Decimal) -> None:
    forms = canonical(f"{one:f}", "number"), canonical(f"{other:f}", "number")
    assert (forms[0] == forms[1]) == (one == other)


@thoroughly
@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), offsets)
def test_a_moment_in_any_zone_is_equal(moment: datetime, zone: timezone) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    there = moment.astimezone(zone).isoformat(timespec="milliseconds")
    assert canonical(there, "datetime") == moment.strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="money"):
        canonical_sql("v", "money")


def test_many_values_at_once_have_the_forms_that_they_have_alone() -> None:
    values = ["1.50", None, "", "abc", "7", "1e3"]
    sql = f"select {canonical_sql('v', 'number')} from (select unnest(?::varchar[]) as v)"
    rows = CONNECTION.execute(sql, [values]).fetchall()
    assert [row[0] for row in rows] == [canonical(value, "number") for value in values]
