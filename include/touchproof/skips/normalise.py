"""The one form in which a value of a person is compared, hashed and shown to nobody.

Belongs here: e-mails, phones, names, postcodes and birth dates of one person, as plain functions of
the standard library. Doesn't belong here: hashing (keyed_hash.py), the same rules for many rows at
once (dbt: macros/dialect/names.sql, which a test holds against these) and the bank's own copy
(blind_match.py, likewise).

A change of any result is a new `NORMALISATION_VERSION` and new test vectors: banks hash by it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

NORMALISATION_VERSION = "1"

LETTERS = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i",
    "ħ": "h", "ŧ": "t", "ĸ": "k", "ŋ": "n",
}  # fmt: skip
"""Latin letters that don't come apart into a plain letter and an accent."""
_TRANSLATED = str.maketrans(LETTERS)
_SIGNS = re.compile(r"[\W_]+")
_NO_CODE = re.compile(r"[^A-Z0-9]")
_DIGITS = re.compile(r"[0-9]+")
_COUNTRY_CODE = "1"
_LOCAL_DIGITS, _MIN_DIGITS, _MAX_DIGITS = 10, 8, 15


def normalise_email(text: str | None) -> str | None:
    """Return an address in small letters without blanks around; None if nothing is left.

    Dots and what follows a plus stay: for many providers they make another address.
    """
    return (text or "").strip(" \t\r\n").lower() or None


def normalise_phone(text: str | None) -> str | None:
    """Return a number as + and digits (E.164); ten digits alone are North American.

    None if fewer than 8 or more than 15 digits are left.
    """
    digits = "".join(_DIGITS.findall(text or ""))
    if len(digits) == _LOCAL_DIGITS and not (text or "").lstrip().startswith("+"):
        digits = _COUNTRY_CODE + digits
    elif digits.startswith("00"):
        digits = digits[2:]
    return f"+{digits}" if _MIN_DIGITS <= len(digits) <= _MAX_DIGITS else None


def normalise_name(text: str | None) -> str | None:
    """Return a name's letters and digits of any script: small, without accents, signs and blanks.

    None if none is left. Compatible forms are made one (NFKD), then marks dropped.
    """
    lowered = unicodedata.normalize("NFKD", (text or "").lower())
    plain = "".join(sign for sign in lowered if not unicodedata.category(sign).startswith("M"))
    joined = unicodedata.normalize("NFC", plain.lower().translate(_TRANSLATED))
    return _SIGNS.sub("", joined) or None


def normalise_postcode(text: str | None) -> str | None:
    """Return capital letters and digits only; of a ZIP+4 the first five."""
    code = _NO_CODE.sub("", (text or "").upper())
    return (code[:5] if len(code) == 9 and code.isdigit() else code) or None


def normalise_birth_date(value: date | str | None) -> str | None:
    """Return YYYY-MM-DD; None for what is no date."""
    if value is None or isinstance(value, date):
        return value.isoformat()[:10] if value else None
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        return None


def name_birth_postcode(
    first_name: str | None,
    last_name: str | None,
    birth_date: date | str | None,
    postal_code: str | None,
) -> str | None:
    """Return the key of the exact match; None if one of the four is missing."""
    parts = (
        normalise_name(first_name),
        normalise_name(last_name),
        normalise_birth_date(birth_date),
        normalise_postcode(postal_code),
    )
    return "|".join(part for part in parts if part) if all(parts) else None
