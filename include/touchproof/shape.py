"""The shape of a value: what a message may say about it.

Belongs here: turning a value into a pattern that tells its form and nothing else. Doesn't belong
here: where shapes are written (quarantine, logs).
"""

from __future__ import annotations

MAX_SHAPE_LENGTH = 40


def shape_of(value: object) -> str:
    """Describe a value by its form: letters become `a` or `A`, digits `9`, the rest stays.

    Only ASCII punctuation and the space are shown as they are; every other letter counts as a
    letter, every other character as `?`. Longer shapes than 40 characters are cut with `…`.
    None is `(missing)`, an empty text `(empty)`, and what isn't text is named by its type.
    """
    if value is None:
        return "(missing)"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if not isinstance(value, str):
        return f"({type(value).__name__})"
    if not value:
        return "(empty)"
    shape = "".join(_character_shape(character) for character in value[:MAX_SHAPE_LENGTH])
    return shape + ("…" if len(value) > MAX_SHAPE_LENGTH else "")


def _character_shape(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if character.isascii() and character.isprintable():
        return character
    return "?"
