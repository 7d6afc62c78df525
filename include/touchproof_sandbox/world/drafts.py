"""Sessions in the making: gathered during a day, ordered and numbered at its end.

Belongs here: collecting session columns and turning them into `Sessions`. Doesn't belong here:
who visits when (contacts.py, outcomes.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import pick
from touchproof_sandbox.world.records import FIRST_VISIT, Sessions
from touchproof_sandbox.world.state import State

_COLUMNS = ("person", "device", "started", "origin", "message", "address", "spot", "flags")


class SessionDrafts:
    """Collect the sessions of one day."""

    def __init__(self, people: People, rng: np.random.Generator) -> None:
        self._people = people
        self._rng = rng
        self._parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in _COLUMNS}

    def add(
        self,
        person: ArrayLike,
        started: ArrayLike,
        origin: ArrayLike,
        *,
        device: ArrayLike | None = None,
        message: ArrayLike = -1,
        address: ArrayLike = -1,
        spot: ArrayLike = -1,
        flags: ArrayLike = 0,
    ) -> None:
        """Add sessions; without a device each person takes one of the own web devices."""
        who = np.atleast_1d(np.asarray(person, dtype=np.int64))
        if device is None:
            drawn = pick(self._rng, len(who), [0.68, 0.22, 0.10])
            device = np.minimum(drawn, self._people.device_count[who] - 1)
        values = (who, device, started, origin, message, address, spot, flags)
        for name, value in zip(_COLUMNS, values, strict=True):
            column = np.broadcast_to(np.asarray(value, dtype=np.int64), who.shape)
            self._parts[name].append(column)

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Return what was added so far, in the order of adding."""
        return {
            name: np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
            for name, parts in self._parts.items()
        }

    def finish(self, state: State, extra_flags: dict[int, int]) -> Sessions:
        """Order the sessions by time, number them by device and note first visits.

        Args:
            state: The world's state; its device counters move on.
            extra_flags: Flags to add, by position in the order of adding.
        """
        columns = self.columns()
        flags = columns["flags"].copy()
        for position, flag in extra_flags.items():
            flags[position] |= flag
        columns["flags"] = flags
        order = np.lexsort((columns["device"], columns["person"], columns["started"]))
        columns = {name: values[order] for name, values in columns.items()}
        person, device = columns["person"], columns["device"]
        rank = _rank_within(device * self._people.count + person)
        number = state.device_sessions[device, person] + rank + 1
        fresh = number == 1
        where = (device[fresh], person[fresh])
        state.device_first_origin[where] = columns["origin"][fresh]
        state.device_first_seen[where] = columns["started"][fresh]
        np.add.at(state.device_sessions, (device, person), 1)
        columns["flags"] = np.where(fresh, columns["flags"] | FIRST_VISIT, columns["flags"])
        return Sessions(
            **columns,
            number=number,
            first_origin=state.device_first_origin[device, person],
            first_seen=state.device_first_seen[device, person],
            is_known=(state.registered[person] > 0)
            & (state.registered[person] <= columns["started"] + 1800),
        )


def _rank_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each element's position within its group, keeping the present order."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(groups) else ordered
    first = np.maximum.accumulate(np.where(starts, np.arange(len(groups)), 0))
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - first
    return rank
