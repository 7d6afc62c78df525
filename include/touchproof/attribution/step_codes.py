"""Path text to step numbers, at the speed of the memory that the text lies in.

Belongs here: finding the steps of `a > b > c` in Arrow text and giving each distinct step a number.
Doesn't belong here: the table that comes out (paths.py), files (path_files.py).

How: a path's bytes are cut at `>`; each piece, with its white space, is hashed eight bytes at a
time into a 64-bit key; keys are looked up in a small table, and only a piece seen for the first
time is read as text. Every operation covers a block of text that fits the processor's cache, and
blocks are coded by one thread a core. Two different pieces with one key would be taken for one: for
a thousand different pieces the odds are 3 in 10^14.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from touchproof.errors import BadInputError

SEPARATOR = ">"
_CUT = ord(SEPARATOR)
_BLOCK_BYTES = 1 << 18
_WORD = 8
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_WORD_BITS = np.uint64(64)
_SMALLEST_TABLE_BITS, _LARGEST_TABLE_BITS = 14, 20
_FIRST_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(_WORD + 1)], dtype=np.uint64)
_SECOND_MASKS = np.concatenate([np.zeros(_WORD, np.uint64), _FIRST_MASKS])
"""Which bytes of a piece's first and second word are its own, by the piece's length."""

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]


class FaultyPathError(BadInputError):
    """Report a path that `path_fault` finds fault with."""

    def __init__(self, row: int, fault: str) -> None:
        super().__init__(
            fault,
            where=f"row {row + 1}, column path",
            todo="Write a path as: first > second > third.",
        )


def path_fault(path: str | None) -> str | None:
    """Say what is wrong with a path; None if nothing is."""
    if path is None or not path.strip():
        return "The path is empty"
    if not all(step.strip() for step in path.split(SEPARATOR)):
        return "The path has an empty step"
    if not _is_fit(path):
        return "The path has a line break or a zero byte in it"
    return None


@dataclass(frozen=True)
class _Known:
    """Hold the pieces seen so far. Never changed, only replaced, so threads read it unlocked.

    `slot_keys` and `slot_codes` are a table by the key's first bits, one piece a slot;
    `sorted_keys` and `sorted_codes` have all pieces, for those whose slot another one holds.
    """

    bits: int
    slot_keys: Keys
    slot_codes: NDArray[np.uint32]
    sorted_keys: Keys
    sorted_codes: NDArray[np.uint32]


class StepCoder:
    """Code path text, chunk by chunk; the text itself isn't kept."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or min(4, len(os.sched_getaffinity(0)))
        self._pieces: list[str] = []
        self._known = _known(np.empty(0, np.uint64))
        self._lock = Lock()
        self._codes: list[NDArray[np.uint32]] = []
        self._lengths: list[Places] = []
        self._rows = 0
        self._checked = 0

    def add(self, text: Any) -> None:
        """Code one Arrow array of path text.

        Raises:
            FaultyPathError: If `path_fault` finds fault with a path.
        """
        offsets, content = _text_buffers(text)
        if text.null_count or bool((offsets[1:] == offsets[:-1]).any()):
            raise self._faulty(text)
        if len(text) == 0:
            return
        size = int(offsets[-1] - offsets[0])
        cuts = np.searchsorted(offsets, np.arange(0, size, _BLOCK_BYTES) + offsets[0])
        cuts = np.unique(np.append(cuts, len(text)))
        blocks = [(offsets[a : b + 1], content) for a, b in pairwise(cuts)]
        if len(blocks) > 1 and self._threads > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                coded = list(pool.map(self._code, blocks))
        else:
            coded = [self._code(block) for block in blocks]
        new_pieces = self._pieces[self._checked :]
        if any(block is None for block in coded) or not all(map(_is_fit, new_pieces)):
            raise self._faulty(text)
        for block in coded:
            assert block is not None  # noqa: S101 - told apart above
            self._codes.append(block[0])
            self._lengths.append(block[1])
        self._checked = len(self._pieces)
        self._rows += len(text)

    def result(self) -> tuple[tuple[str, ...], NDArray[Any], Places]:
        """Return the channels, sorted, the steps as positions in them, and the paths' offsets."""
        names = [piece.strip() for piece in self._pieces]
        channels = sorted(set(names))
        place = {name: position for position, name in enumerate(channels)}
        recode = np.array(
            [place[name] for name in names], dtype=np.min_scalar_type(max(len(channels) - 1, 0))
        )
        steps = [recode.take(codes) for codes in self._codes]
        offsets = np.zeros(self._rows + 1, dtype=np.int64)
        if steps:
            np.cumsum(np.concatenate(self._lengths), out=offsets[1:])
        return tuple(channels), np.concatenate(steps) if steps else recode, offsets

    def _faulty(self, text: Any) -> FaultyPathError:
        for row, path in enumerate(text.to_pylist()):
            fault = path_fault(path)
            if fault:
                return FaultyPathError(self._rows + row, fault)
        raise AssertionError("there was a faulty path before")  # pragma: no cover

    def _code(
        self, block: tuple[Places, NDArray[np.uint8]]
    ) -> tuple[NDArray[np.uint32], Places] | None:
        """Code the paths of one block; None if a piece is empty or has zeros in it."""
        offsets, content = block
        begin, end = int(offsets[0]), int(offsets[-1])
        # A copy that is aligned to words and ends in zeros: every piece can be read in words.
        text = np.zeros((end - begin) // _WORD * _WORD + 3 * _WORD, dtype=np.uint8)
        text[: end - begin] = content[begin:end]
        path_starts = offsets[:-1] - begin
        has_zeros = np.count_nonzero(text) < end - begin
        if has_zeros or (text.take(path_starts) == _CUT).any():
            return None
        edges = _edges(text, path_starts, end - begin)
        is_cut = text.take(edges[:-1]) == _CUT
        starts = edges[:-1] + is_cut
        lengths = edges[1:] - starts
        if not lengths.all():
            return None
        keys = _keys(text.view(np.uint64), starts, lengths)
        firsts = np.flatnonzero(~is_cut)
        return (
            self._codes_of(keys, text, starts, lengths),
            np.diff(firsts, append=len(starts)),
        )

    def _codes_of(
        self, keys: Keys, text: NDArray[np.uint8], starts: Places, lengths: Places
    ) -> NDArray[np.uint32]:
        codes, unknown = _look_up(self._known, keys)
        if len(unknown) == 0:
            return codes
        with self._lock:
            found, missing = _look_up(self._known, keys.take(unknown))
            if len(missing):
                new_keys, first = np.unique(keys.take(unknown.take(missing)), return_index=True)
                for place in unknown.take(missing.take(first)):
                    piece = text[starts[place] : starts[place] + lengths[place]]
                    self._pieces.append(piece.tobytes().decode("utf-8"))
                self._known = _known(new_keys, self._known)
                found, missing = _look_up(self._known, keys.take(unknown))
        codes[unknown] = found
        return codes


def _edges(text: NDArray[np.uint8], path_starts: Places, size: int) -> Places:
    """Return where pieces begin (at their `>`, or at the path's begin), and the end of the text.

    numpy finds marks by jumping from one to the next where fewer than a tenth of the bytes are
    marked, and several times as fast by going through all bytes where more are. The marks behind
    the text see to that.
    """
    marks = np.ones(size + size // 8 + 1, dtype=np.bool_)
    np.equal(text[:size], _CUT, out=marks[:size])
    marks[path_starts] = True
    edges = np.flatnonzero(marks)
    return edges[: len(edges) - size // 8]


def _known(new_keys: Keys, before: _Known | None = None) -> _Known:
    """Return what is known after pieces with these keys were given the next numbers."""
    keys, codes = new_keys, np.arange(len(new_keys), dtype=np.uint32)
    if before is not None:
        keys = np.concatenate([before.sorted_keys, new_keys])
        codes = np.concatenate([before.sorted_codes, codes + np.uint32(len(before.sorted_keys))])
    order = np.argsort(keys)
    keys, codes = keys[order], codes[order]
    bits = int(np.clip(2 * len(keys).bit_length(), _SMALLEST_TABLE_BITS, _LARGEST_TABLE_BITS))
    slot_keys, slot_codes = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.uint32)
    slots = _slots(keys, bits)
    slot_keys[slots], slot_codes[slots] = keys, codes
    return _Known(bits, slot_keys, slot_codes, keys, codes)


def _look_up(known: _Known, keys: Keys) -> tuple[NDArray[np.uint32], Places]:
    """Return the number of each key, and the positions of the keys that are new."""
    slots = _slots(keys, known.bits)
    codes = known.slot_codes.take(slots)
    is_other = known.slot_keys.take(slots) != keys
    if not is_other.any():
        return codes, np.empty(0, np.int64)
    others = np.flatnonzero(is_other)
    if len(known.sorted_keys) == 0:
        return codes, others
    wanted = keys.take(others)
    places = np.searchsorted(known.sorted_keys, wanted).clip(max=len(known.sorted_keys) - 1)
    codes[others] = known.sorted_codes.take(places)
    return codes, others[known.sorted_keys.take(places) != wanted]


def _slots(keys: Keys, bits: int) -> NDArray[np.int64]:
    return (keys >> np.uint64(64 - bits)).view(np.int64)


def _keys(words: Keys, starts: Places, lengths: Places) -> Keys:
    """Hash each piece: its first two words, then every further one that it has.

    Zeros behind a piece don't change its key: pieces have no zeros themselves.
    """
    place = starts >> 3
    right = ((starts & 7) << 3).view(np.uint64)
    # A shift by the whole word gives 0 in numpy, which is what a start on a word's edge needs.
    left = _WORD_BITS - right
    keys, second = words.take(place, mode="clip"), words.take(place + 1, mode="clip")
    keys >>= right
    keys |= second << left
    keys &= _FIRST_MASKS.take(lengths, mode="clip")
    second >>= right
    second |= words.take(place + 2, mode="clip") << left
    second &= _SECOND_MASKS.take(lengths, mode="clip")
    keys *= _FACTOR
    _add_word(keys, second)
    done = 2 * _WORD
    longer = np.flatnonzero(lengths > done)
    while len(longer):
        part = keys.take(longer)
        _add_word(part, _word(words, starts.take(longer) + done, lengths.take(longer) - done))
        keys[longer] = part
        done += _WORD
        longer = longer[lengths.take(longer) > done]
    return keys


def _add_word(keys: Keys, word: Keys) -> None:
    """Take one more word into each key, mixing so that no two words cancel out."""
    keys ^= keys >> _HALF
    keys += word
    keys *= _FACTOR


def _word(words: Keys, starts: Places, lengths: Places) -> Keys:
    """Return up to eight bytes from each start as a number, with zeros beyond the length."""
    place, right = starts >> 3, ((starts & 7) << 3).view(np.uint64)
    word = words.take(place, mode="clip") >> right
    word |= words.take(place + 1, mode="clip") << (_WORD_BITS - right)
    word &= _FIRST_MASKS.take(lengths, mode="clip")
    return word


def _text_buffers(text: Any) -> tuple[Places, NDArray[np.uint8]]:
    """Return the offsets of each text and the bytes that they point into."""
    if not (pa.types.is_string(text.type) or pa.types.is_large_string(text.type)):
        text = text.cast(pa.large_string())
    _, places, content = text.buffers()
    kind = np.int32 if pa.types.is_string(text.type) else np.int64
    if places is None or len(text) == 0:
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    offsets = np.frombuffer(places, dtype=kind)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(content, dtype=np.uint8) if content else np.empty(0, np.uint8)
    return offsets.astype(np.int64), data


def _is_fit(text: str) -> bool:
    return bool(text.strip()) and not any(character in text for character in "\n\r\0")
