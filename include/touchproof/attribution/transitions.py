"""How people went from step to step: the counts that a Markov chain is made of.

Belongs here: counting the transitions of a path table for chains of any order. Doesn't belong here:
probabilities and removal effects (markov.py), choosing the order (order_choice.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchproof.attribution.exact_sums import Limb, joined, limbs_of, part_of, summed, whole_sums
from touchproof.attribution.paths import Floats, PathTable, Positions, row_blocks

_DENSE_CELLS = 1 << 22
_BLOCK_TOUCHES = 1 << 18
MAX_CHANNELS = {1: 10_000, 2: 1_000, 3: 300}
"""By order, up to how many channels a chain is solved in minutes at most."""
MAX_ORDER = max(MAX_CHANNELS)


@dataclass(frozen=True, eq=False)
class Transitions:
    """Hold how many people made each step.

    A state is the last `order` touches: the number whose digits, in base channels + 1, are the
    touches' channels plus 1, the newest last; shorter beginnings have zeros before, and the start
    is 0. Only what was observed is listed, sorted.

    Args:
        order: How many touches a state remembers.
        channel_count: How many channels there are.
        origins, channels, counts: From this state to a touch of this channel, so many people.
        last_states, conversions, nulls: After this state, so many converted or didn't.
    """

    order: int
    channel_count: int
    origins: Positions
    channels: Positions
    counts: Floats
    last_states: Positions
    conversions: Floats
    nulls: Floats

    def next_states(self) -> Positions:
        """Return the state after each transition."""
        return state_after(self.origins, self.channels, self.order, self.channel_count)


def state_after(
    states: Positions, channels: Positions, order: int, channel_count: int
) -> Positions:
    """Return each state after one more touch: the oldest touch that is beyond `order` is gone."""
    base = channel_count + 1
    kept: Positions = states % base ** (order - 1)
    return kept * base + channels + 1


def newest_channel(states: Positions, channel_count: int) -> Positions:
    """Return the channel of each state's last touch; -1 for the start."""
    return np.asarray(states % (channel_count + 1) - 1)


def count_transitions(paths: PathTable, order: int) -> Transitions:
    """Count every step of every path, as often as people went it, converting or not.

    Raises:
        ValueError: If the order isn't 1 to 3, or there are too many channels for it.
    """
    check_order(order, len(paths.channels))
    paths = paths.rows((paths.conversions != 0) | (paths.nulls != 0))
    channel_count = len(paths.channels)
    # A path may repeat one transition as often as it has touches.
    people = limbs_of(paths.conversions + paths.nulls, int(paths.lengths.max(initial=1)))
    cells, counts = _counted(paths, order, people)
    origins, channels = np.divmod(cells, max(channel_count, 1))
    ends = states_of(paths, order, slice(0, len(paths)), only_last=True)
    last_states, place = np.unique(ends, return_inverse=True)
    conversions, nulls = (
        summed(place.astype(np.int64), len(last_states), limbs_of(column), None)
        for column in (paths.conversions, paths.nulls)
    )
    return Transitions(
        order, channel_count, origins, channels, counts, last_states, conversions, nulls
    )


def check_order(order: int, channel_count: int) -> None:
    """Refuse an order that can't be counted.

    Raises:
        ValueError: Why.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"order is 1 to {MAX_ORDER}")
    most = MAX_CHANNELS[order]
    if channel_count > most:
        raise ValueError(f"order {order} takes up to {most:,} channels, not {channel_count:,}")


def states_of(paths: PathTable, order: int, rows: slice, *, only_last: bool = False) -> Positions:
    """Return the state after every touch of some rows, or after the last touch of each.

    Args:
        paths: The paths.
        order: How many touches a state remembers.
        rows: A slice of rows with begin and end.
        only_last: One state a path.
    """
    offsets = paths.offsets[rows.start : rows.stop + 1]
    begin = int(offsets[0])
    steps = paths.steps[begin : int(offsets[-1])]
    base = len(paths.channels) + 1
    if only_last:
        places, since = offsets[1:] - 1 - begin, np.diff(offsets) - 1
    else:
        places = np.arange(len(steps))
        firsts = offsets[:-1] - begin
        since = places if order == 1 else places - np.repeat(firsts, np.diff(offsets))
    states = steps.take(places).astype(np.int64)
    states += 1
    for back in range(1, order):
        earlier = steps.take(np.maximum(places - back, 0)).astype(np.int64) + 1
        states += np.where(since >= back, earlier, 0) * base**back
    return states


def transition_cells(paths: PathTable, order: int, rows: slice) -> Positions:
    """Return for every touch of some rows: state before × channels + channel."""
    offsets = paths.offsets[rows.start : rows.stop + 1]
    begin = int(offsets[0])
    channel_count = max(len(paths.channels), 1)
    after = states_of(paths, order, rows)
    cells = np.empty(len(after), dtype=np.int64)
    np.multiply(after[:-1], channel_count, out=cells[1:])
    cells[offsets[:-1] - begin] = 0
    cells += paths.steps[begin : int(offsets[-1])]
    return cells


def _counted(paths: PathTable, order: int, people: Sequence[Limb]) -> tuple[Positions, Floats]:
    """Return the observed cells, sorted, and how many people made each."""
    channel_count = max(len(paths.channels), 1)
    cell_count = (channel_count + 1) ** order * channel_count
    lengths = paths.lengths
    if cell_count > _DENSE_CELLS:
        cells = transition_cells(paths, order, slice(0, len(paths)))
        found, place = np.unique(cells, return_inverse=True)
        row = np.repeat(np.arange(len(paths)), lengths)
        return found, summed(place.astype(np.int64), len(found), people, row)
    wholes = np.zeros((len(people), cell_count))
    for rows in row_blocks(paths.offsets, max(_BLOCK_TOUCHES, 8 * cell_count)):
        row = np.repeat(np.arange(rows.stop - rows.start), lengths[rows])
        cells = transition_cells(paths, order, rows)
        wholes += whole_sums(cells, cell_count, part_of(people, rows), row)
    counts = joined(people, wholes)
    found = np.flatnonzero(counts)
    return found, counts[found]
