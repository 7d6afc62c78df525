"""What a value and a record must be like.

Belongs here: the stored form of a value by type, and the refusals that a value earns by itself.
Doesn't belong here: rules that need other records (writer.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from touchproof_sandbox.salesforce.errors import Refusal
from touchproof_sandbox.salesforce.schema import Field, SObject, long_id
from touchproof_sandbox.salesforce.storage import format_moment

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_TRUE = frozenset({"true", "1", "yes", "y", "on"})
_FALSE = frozenset({"false", "0", "no", "n", "off"})

Checked = str | None | Refusal
Check = Callable[[str | None], Checked]


def check_of(field: Field) -> Check:
    """Return the function that turns a value into its stored form or refuses it.

    None, the wish to clear the field, comes through as None; a cleared boolean is `false`.
    """
    by_type: dict[str, Callable[[str], Checked]] = {
        "boolean": _boolean,
        "double": _number,
        "currency": _number,
        "date": _date,
        "datetime": _moment,
        "email": _email,
        "id": _reference,
        "reference": _reference,
    }
    convert = by_type.get(field.type, str)
    empty = "false" if field.type == "boolean" else None
    longest = field.length if field.is_text else None

    def check(value: str | None) -> Checked:
        if value is None or value == "":
            return empty
        if longest is not None and len(value) > longest:
            return Refusal(
                "STRING_TOO_LONG",
                f"{field.name}: data value too large: {value} (max length={longest})",
                (field.name,),
            )
        stored = convert(value)
        if not isinstance(stored, Refusal):
            return stored
        code, message = stored.code, stored.message
        return Refusal(code, f"{field.name}: {message}{value}", (field.name,))

    return check


_WRONG_TYPE = Refusal("INVALID_TYPE_ON_FIELD_IN_RECORD", "value not of required type: ")


def _boolean(value: str) -> Checked:
    lowered = value.lower()
    if lowered in _TRUE:
        return "true"
    return "false" if lowered in _FALSE else _WRONG_TYPE


def _number(value: str) -> Checked:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return _WRONG_TYPE
    if not number.is_finite():
        return _WRONG_TYPE
    plain = format(number, "f")
    whole, _, digits = plain.partition(".")
    return (
        f"{'0' if whole == '-0' and not digits.strip('0') else whole}.{digits.rstrip('0') or '0'}"
    )


def _date(value: str) -> Checked:
    try:
        return date.fromisoformat(value).isoformat() if len(value) == 10 else _WRONG_TYPE
    except ValueError:
        return _WRONG_TYPE


def _moment(value: str) -> Checked:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return _WRONG_TYPE
    return format_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _email(value: str) -> Checked:
    if _EMAIL.fullmatch(value):
        return value
    return Refusal("INVALID_EMAIL_ADDRESS", "invalid email address: ")


def _reference(value: str) -> Checked:
    return (
        long_id(value)
        if _ID.fullmatch(value)
        else Refusal("MALFORMED_ID", "id value of incorrect type: ")
    )


def missing_fields(sobject: SObject, record: dict[str, str | None]) -> Refusal | None:
    """Refuse a record without one of its required fields."""
    missing = [field.name for field in sobject.required_fields if record.get(field.name) is None]
    if sobject.name == "CampaignMember" and not (record.get("LeadId") or record.get("ContactId")):
        missing.append("LeadId")
    if not missing:
        return None
    names = ", ".join(missing)
    return Refusal(
        "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{names}]", tuple(missing)
    )
