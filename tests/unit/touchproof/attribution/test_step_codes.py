"""Coding path text: against Python's own splitting, over block edges, chunks and threads."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.attribution import step_codes
from touchproof.attribution.step_codes import FaultyPathError, StepCoder, path_fault

_NAME = st.text(
    st.characters(exclude_characters=">\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: bool(name.strip()))
_PATHS = st.lists(st.lists(_NAME, min_size=1, max_size=5), min_size=1, max_size=20)


def _decoded(coder: StepCoder) -> list[list[str]]:
    channels, steps, offsets = coder.result()
    assert list(channels) == sorted(set(channels))
    names = [channels[code] for code in steps]
    return [names[a:b] for a, b in pairwise(offsets)]


@settings(deadline=None)
@given(_PATHS, st.sampled_from([">", " > ", "  >\t", "> "]), st.booleans())
def test_steps_are_what_splitting_gives(
    paths: list[list[str]], separator: str, is_large: bool
) -> None:
    kind = pa.large_string() if is_large else pa.string()
    coder = StepCoder()
    coder.add(pa.array([separator.join(path) for path in paths], kind))
    assert _decoded(coder) == [[name.strip() for name in path] for path in paths]


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_and_chunks_and_threads_change_nothing(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(step_codes, "_BLOCK_BYTES", 64)
    # Names that differ in one byte only, at every place of a word, and more than a table's slots.
    names = [f"{'x' * (number % 23)}{number}" for number in range(3000)]
    paths = [names[place : place + 1 + place % 7] for place in range(len(names))]
    text = [" > ".join(path) for path in paths]
    coder = StepCoder(threads)
    coder.add(pa.array(text).slice(0, 1000))
    coder.add(pa.array(text).slice(1000))
    assert _decoded(coder) == paths


def test_text_of_any_arrow_type_is_read() -> None:
    text = ["A>B", "B"]
    for array in (
        pa.array(text, pa.string_view()),
        pa.array(text).dictionary_encode(),
        pa.array(["x", *text], pa.large_string())[1:],
    ):
        coder = StepCoder()
        coder.add(array)
        assert _decoded(coder) == [["A", "B"], ["B"]]


@pytest.mark.parametrize(
    "path",
    [None, "", " ", ">", "A>", ">A", " >A", "A>>B", "A> >B", "A>\u00a0", "A\n>B", "A\r", "A\0>B"],
)
def test_a_faulty_path_is_named_by_its_row(path: str | None) -> None:
    assert path_fault(path) is not None
    coder = StepCoder()
    coder.add(pa.array(["A"]))
    with pytest.raises(FaultyPathError, match="row 3, column path"):
        coder.add(pa.array(["A > B", path, "C"]))


def test_no_row_is_no_fault() -> None:
    coder = StepCoder()
    coder.add(pa.array([], pa.string()))
    assert _decoded(coder) == []
