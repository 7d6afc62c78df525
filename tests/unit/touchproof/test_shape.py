"""A shape tells a value's form and never the value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.shape import MAX_SHAPE_LENGTH, shape_of


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("eve@mail.uk", "aaa@aaaa.aa"),
        ("Zoë Ж", "Aaa A"),
        ("+1 (555) 010-9999", "+9 (999) 999-9999"),
        ("", "(empty)"),
        (None, "(missing)"),
        (42, "(int)"),
        (b"secret", "(6 bytes)"),
        ("tab\there", "aaa?aaaa"),
    ],
)
def test_a_value_is_told_by_its_shape(value: object, shape: str) -> None:
    assert shape_of(value) == shape


@given(st.text())
def test_no_letter_or_digit_of_a_text_survives_and_long_texts_are_cut(value: str) -> None:
    shape = shape_of(value)
    assert len(shape) <= max(MAX_SHAPE_LENGTH + 1, len("(empty)"))
    if value:
        assert {character for character in shape if character.isalnum()} <= {"a", "A", "9"}
