"""The reason that a person gives for a decision: there, short, and without personal data.

Belongs here: what a reason may hold. Doesn't belong here: reasons that the machinery writes, and
how a pack tells them (evidence/adjustments.py).

The reason of a withdrawal or a claw-back that a person decides reaches the bank as written, and a
pack shows no personal data. So no reason of a person may hold what names one.
"""

from __future__ import annotations

import re

from touchproof.errors import BadInputError

MAX_LENGTH = 500
TOLD_AS_WRITTEN = "The bank reads the reason of a withdrawal or claw-back as written."
_PERSONAL = (
    ("an e-mail address", r"\S@\S"),
    ("a phone number", r"\+\d[\d ().-]{6,}\d"),
    ("a person's identifier", r"\bper_\w+"),
    ("a person's identifier", r"\b(?:app|web|cookie|registration|app_user|lead|contact):\S+"),
    ("a person's identifier", r"\b00(?:3|Q)[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?\b"),
)
"""What it is called, and its pattern; the last is Salesforce's id of a contact or a lead."""


def require_reason(reason: str, where: str) -> None:
    """Refuse a reason that is missing, too long or names a person; no message repeats it.

    Args:
        reason: As the person wrote it.
        where: Which decision.

    Raises:
        BadInputError: In one sentence.
    """
    if not reason.strip():
        raise BadInputError("A decision needs a reason", where=where, todo="Give one.")
    if len(reason) > MAX_LENGTH:
        raise BadInputError(f"A reason is longer than {MAX_LENGTH} characters", where=where)
    for what, pattern in _PERSONAL:
        if re.search(pattern, reason):
            raise BadInputError(
                f"A reason names no person, and this one holds {what}",
                where=where,
                todo=f"Write it without. {TOLD_AS_WRITTEN}",
            )
