"""Masking of messages that aren't ours before they reach logs or XCom.

Belongs here: replacing what DuckDB and dbt quote from the data by its shape. Doesn't belong here:
our own messages, which never contain values (touchproof.errors).
"""

from __future__ import annotations

import re

from touchproof.shape import shape_of

_QUOTED = re.compile(r"'([^'\n]*)'")
_EMAIL = re.compile(r"[^\s'\"<>()]+@[^\s'\"<>()]+")
_DIGITS = re.compile(r"\d{6,}")


def mask(message: str) -> str:
    """Return the message with quoted texts, e-mail addresses and long numbers as shapes."""
    shaped = _QUOTED.sub(lambda found: f"'{shape_of(found.group(1))}'", message)
    shaped = _EMAIL.sub(lambda found: shape_of(found.group(0)), shaped)
    return _DIGITS.sub(lambda found: "9" * len(found.group(0)), shaped)
