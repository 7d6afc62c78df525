"""Canonical forms: one text for each value, so that equal values never differ.

Belongs here: the one rule by type of Salesforce field (text, number, boolean, date, datetime), as
a DuckDB expression, and the texts that Bulk API 2.0 gives a meaning of its own. Doesn't belong
here: comparing records (plan.py), writing files (wire.py).

The empty value is NULL. Salesforce stores no empty text, so "" is NULL too.
"""

from __future__ import annotations

from typing import Literal, get_args

from touchproof.errors import ConfigurationError
from touchproof.warehouse import connect_memory

FieldType = Literal["text", "number", "boolean", "date", "datetime"]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)

CLEAR = "#N/A"
"""What a Bulk API 2.0 row says to empty a field; an empty cell leaves the field alone."""

_CLEAN = "[!-~]([ -~]*[!-~])?"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"  # noqa: E501


def canonical_sql(value: str, field_type: str) -> str:
    """Return the DuckDB expression of a value's canonical form.

    A text is NFC, with LF line ends and without white space around it (Salesforce trims it when
    it saves, so an untrimmed text would differ every night); the text `#N/A` can't be stored over
    Bulk and counts as empty. A number keeps up to 18 decimals and no trailing zero. A boolean is
    `true` or `false`. A date is `yyyy-MM-dd`; a datetime is UTC with milliseconds. A value that
    isn't of its type keeps its text: Salesforce refuses it, and then it has a name.

    Args:
        value: A DuckDB expression of type VARCHAR.
        field_type: One of `FIELD_TYPES`.

    Raises:
        ConfigurationError: For an unknown type.
    """
    return form_sql(clean_sql(value), field_type)


def clean_sql(value: str) -> str:
    """Return the expression of a value's text as Salesforce would keep it; empty is NULL.

    Most texts are clean as they stand, and seeing it takes a third of the time.
    """
    lines = (
        f"replace(replace(nfc_normalize({value}), chr(13) || chr(10), chr(10)), chr(13), chr(10))"
    )
    cleaned = f"nullif(nullif(trim({lines}, ' ' || chr(9) || chr(10)), ''), '{CLEAR}')"
    is_clean = f"regexp_full_match({value}, '{_CLEAN}') and {value} <> '{CLEAR}'"
    return f"case when {is_clean} then {value} else {cleaned} end"


def form_sql(text: str, field_type: str) -> str:
    """Return the expression of a clean text's form by type; the second half of `canonical_sql`."""
    if field_type == "text":
        return text
    if field_type == "number":
        plain = f"try_cast({text} as decimal(38, 18))"
        digits = f"rtrim(rtrim({plain}::varchar, '0'), '.')"
        shown = f"case when {plain} = 0 then '0' else {digits} end"
        return (
            f"case when regexp_matches({text}, '{_NUMBER}') then coalesce({shown}, {text}) "
            f"else {text} end"
        )
    if field_type == "boolean":
        return (
            f"case when lower({text}) in ('true', 't', '1', 'yes', 'y') then 'true' "
            f"when lower({text}) in ('false', 'f', '0', 'no', 'n') then 'false' else {text} end"
        )
    if field_type == "date":
        day = f"try_cast(left({text}, 10) as date)::varchar"
        return (
            f"case when regexp_matches({text}, '{_DATE}') then coalesce({day}, {text}) "
            f"else {text} end"
        )
    if field_type == "datetime":
        moment = f"try_cast({text} as timestamptz) at time zone 'UTC'"
        shown = f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
        return (
            f"case when regexp_matches({text}, '{_MOMENT}') then coalesce({shown}, {text}) "
            f"else {text} end"
        )
    raise ConfigurationError(
        f"A Salesforce field has the unknown type {field_type}",
        where="seed salesforce_fields",
        todo=f"Use one of {', '.join(FIELD_TYPES)}.",
    )


def canonical(value: str | None, field_type: str) -> str | None:
    """Return one value's canonical form; for single values, since each call opens a database."""
    with connect_memory() as connection:
        sql = f"select {canonical_sql('v', field_type)} from (select ?::varchar as v)"  # noqa: S608
        ((found,),) = connection.execute(sql, [value]).fetchall()
    return None if found is None else str(found)
