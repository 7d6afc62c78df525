"""Following: what was meant for a record that is another one now reaches that one.

Belongs here: the nightly push's rows of merged and converted records: which of them go to whom,
and which become dead letters. Doesn't belong here: finding out what a record became (moves.py), the
lane by day (lane_tick.py).

An opt-out goes on at once, whether we have read the other record or not. What else was meant for
the old record is the other one's own wish, if this plan has one for it, and waits for the next
extract if not. Neither is sent to the old record again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from touchproof.errors import SalesforceError
from touchproof.ledger.records import FieldValues
from touchproof.salesforce.canonical import CLEAR
from touchproof.salesforce.client import Client
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.dead_letters import Refusal, note_refusals
from touchproof.salesforce.error_actions import MOVED_UNKNOWN, MOVED_UNREAD
from touchproof.salesforce.inputs import PushInputs
from touchproof.salesforce.lane_plan import is_opt_out, lacks, writable_opt_out
from touchproof.salesforce.lane_view import acknowledged_values
from touchproof.salesforce.matching import WRITTEN
from touchproof.salesforce.moves import (
    Moves,
    Record,
    ask_moves,
    end_of,
    may_have_moved,
    note_moves,
)
from touchproof.salesforce.outbox import JobOutcome, Outbox, OutboxRow
from touchproof.salesforce.perform import GroupResult
from touchproof.salesforce.plan import PushPlan
from touchproof.salesforce.tables import Rows, fresh_path
from touchproof.settings import OrgModel


def take_out(plan: PushPlan, moves: Moves) -> tuple[PushPlan, tuple[PlanGroup, ...]]:
    """Take the rows of moved records out of a plan, to be followed.

    What the plan says about the consent of a record that takes a moved one's opt-out is taken out
    too: it doesn't know of that, and would take the opt-out back.

    Returns:
        The plan without them, and they.
    """
    if not moves:
        return plan, ()
    parts = [_split(group, moves) for group in plan.groups]
    gone = tuple(group for _, group in parts if group.rows.num_rows)
    leaving = {
        end_of(moves, (group.object, str(row["record"])))
        for group in gone
        for row in group.rows.to_pylist()
        if group.kind == "consent" and is_opt_out(row)
    }
    groups = [
        _filtered(group, {one[1] for one in leaving if one and one[0] == group.object})[0]
        if group.kind == "consent"
        else group
        for group, _ in parts
    ]
    return replace(plan, groups=tuple(group for group in groups if group.rows.num_rows)), gone


@dataclass
class Follower:
    """Follow the moved records of one push.

    Args:
        client: Client of the org.
        send: Performs a group.
        outbox: The nightly push's.
        inputs: What the push reads.
        org_model: The setting.
        night: The night of the push.
        folder: For the files of what is sent to others.
        moves: What records became, as far as it is known; grows with what Salesforce tells.
        gone: Rows of moved records that were taken out of the plan.

    Attributes:
        results: What was sent to others, and what could not be.
    """

    client: Client
    send: Callable[[PlanGroup], GroupResult]
    outbox: Outbox
    inputs: PushInputs
    org_model: OrgModel
    night: date
    folder: Path
    moves: dict[Record, Record | None]
    gone: tuple[PlanGroup, ...] = ()
    results: list[GroupResult] = field(default_factory=list)
    _followed: set[Record] = field(default_factory=set)
    _open: set[Record] = field(default_factory=set)

    @property
    def failure(self) -> SalesforceError | None:
        """Return what ended a job or a query of this follower early, if anything did."""
        return next((one.failure for one in self.results if one.failure is not None), None)

    @property
    def settled(self) -> set[Record]:
        """Return the moved records of which nothing is left to send."""
        return self._followed - self._open

    @property
    def unsettled(self) -> set[Record]:
        """Return those of which something is left; their dead letters stay open."""
        return set(self._open)

    @property
    def unfollowed(self) -> set[Record]:
        """Return the moved records that were taken out of the plan and weren't looked at."""
        return set().union(*(group.records for group in self.gone)) - self._followed

    def follow_known(self, kind: str) -> None:
        """Follow the rows of one kind that were taken out of the plan."""
        for group in self.gone:
            if group.kind != kind or self.failure is not None:
                continue
            records = {str(record) for record in group.rows.column("record").to_pylist()}
            unknown = {one for one in records if self.moves[group.object, one] is None}
            try:
                self._ask(group.object, unknown)
            except SalesforceError as error:
                self.results.append(GroupResult(group, (), 0, error))
            self._refuse(group, self._follow(group))

    def follow(self, group: PlanGroup, result: GroupResult) -> GroupResult:
        """Look for the refused records of a group that was sent, and follow them.

        Returns:
            The result, in which a refusal says why its record couldn't be followed, if so.
        """
        refused = {
            refusal.record
            for outcome in result.outcomes
            for _, refusal in outcome.refused
            if group.operation == "update" and may_have_moved(group.object, refusal.code)
        }
        if not refused or result.failure is not None:
            return result
        try:
            self._ask(group.object, refused)
        except SalesforceError as error:
            return replace(result, failure=error)
        found = {one for one in refused if (group.object, one) in self.moves}
        stuck = self._follow(_filtered(group, found)[1])
        self._note(group.object, stuck)
        outcomes = tuple(_restated(outcome, stuck) for outcome in result.outcomes)
        return replace(result, outcomes=outcomes)

    def without_moved(self, group: PlanGroup) -> PlanGroup:
        """Follow the rows of records of whose move this push has learned; return the others."""
        free, gone = _split(group, self.moves)
        if gone.rows.num_rows:
            self._refuse(gone, self._follow(gone))
        return free

    def _ask(self, object_name: str, records: set[str]) -> None:
        """Ask what records became, and remember it before anything follows."""
        if not records:
            return
        found = ask_moves(self.client, object_name, records, self.org_model)
        moves = {(object_name, record): to for record, to in found.items()}
        self.moves |= moves
        note_moves(self.outbox.ledger, self.outbox.org_id, moves, self.outbox.now())

    def _follow(self, gone: PlanGroup) -> dict[str, str]:
        """Send rows to what their records became; return the others with the code that says why."""
        rows = gone.rows.to_pylist()
        ends = {
            str(row["record"]): end_of(self.moves, (gone.object, str(row["record"])))
            for row in rows
        }
        stuck = dict.fromkeys((one for one, end in ends.items() if end is None), MOVED_UNKNOWN)
        known = {record: end for record, end in ends.items() if end is not None}
        if gone.kind == "consent":
            leaving = {known[row["record"]] for row in rows if row["record"] in known
                       and is_opt_out(row)}  # fmt: skip
            missing = self._opt_out(leaving)
            left = {record for record, end in known.items() if end in missing}
        else:
            wanted = self._wanted(set(known.values()))
            left = {record for record, end in known.items() if end not in wanted}
            stuck |= dict.fromkeys(left, MOVED_UNREAD)
        self._followed |= {(gone.object, record) for record in ends}
        self._open |= {(gone.object, record) for record in (*stuck, *left)}
        return stuck

    def _opt_out(self, targets: set[Record]) -> set[Record]:
        """Opt records out that don't know it yet; return those that still don't."""
        ledger, org_id = self.outbox.ledger, self.outbox.org_id
        with ledger.reading() as connection:
            known = acknowledged_values(connection, org_id, {record for _, record in targets})
        busy = self.outbox.unfinished_records()
        missing: set[Record] = set()
        for name in sorted({name for name, _ in targets}):
            values = writable_opt_out(name, self.inputs.rules)
            # An object of which we may write nothing can't take it, which isn't to go unsaid.
            lacking = [
                one
                for one in sorted(targets)
                if one[0] == name and (not values or lacks(values, known.get(one)))
            ]
            missing |= set(lacking)
            records = [one[1] for one in lacking if one not in busy]
            if not records or not values or self.failure is not None:
                continue
            group = _update_of(name, records, values, self.folder)
            # The other record may have been merged since, too.
            result = self.follow(group, self.send(group))
            self.results.append(result)
            for outcome in result.outcomes:
                written = outcome.written.column("salesforce_id").to_pylist()
                missing -= {(name, str(record)) for record in written}
        return missing - self.settled

    def _wanted(self, targets: set[Record]) -> set[Record]:
        """Return which of these records the night says something of."""
        found: set[Record] = set()
        for model, rows in self.inputs.desired.items():
            names = {rule.object for rule in self.inputs.rules if rule.sync_model == model}
            ids = {record for name, record in targets if name in names}
            if ids:
                parts = (part.column(0).to_pylist() for part in rows.batches(["salesforce_id"]))
                present = {record for part in parts for record in ids.intersection(part)}
                found |= {one for one in targets if one[0] in names and one[1] in present}
        return found

    # What can't go on

    def _refuse(self, group: PlanGroup, stuck: Mapping[str, str]) -> None:
        """Report rows that weren't sent at all as refused."""
        if not stuck:
            return
        self._note(group.object, stuck)
        refused = tuple(
            (OutboxRow(0, record, record, {}), Refusal(group.object, record, record, code))
            for record, code in stuck.items()
        )
        rows = _filtered(group, set(stuck))[1]
        self.results.append(GroupResult(rows, (JobOutcome(WRITTEN.empty_table(), refused),), 0))

    def _note(self, object_name: str, stuck: Mapping[str, str]) -> None:
        refusals = [Refusal(object_name, record, record, code) for record, code in stuck.items()]
        with self.outbox.ledger.transaction() as connection:
            note_refusals(connection, self.outbox.org_id, refusals, self.night)


def _split(group: PlanGroup, moves: Moves) -> tuple[PlanGroup, PlanGroup]:
    """Return the rows of a group that go, and those of moved records."""
    return _filtered(group, {record for name, record in moves if name == group.object})


def _filtered(group: PlanGroup, records: set[str]) -> tuple[PlanGroup, PlanGroup]:
    """Return a group without some records, and with those alone."""
    nothing = replace(group, rows=group.rows.slice(0, 0))
    chosen = group.rows.only("record", records) if records else nothing.rows
    if not chosen.num_rows:
        return group, nothing
    others = group.rows.without(records, "record")
    return replace(group, rows=others), replace(group, rows=chosen)


def _update_of(
    object_name: str, records: Sequence[str], values: FieldValues, folder: Path
) -> PlanGroup:
    texts = {name: CLEAR if value is None else value for name, value in values.items()}
    columns = {
        "record": records,
        "record_key": [None] * len(records),
        "salesforce_id": records,
        **{name: [text] * len(records) for name, text in texts.items()},
    }
    table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    rows = Rows.write(fresh_path(folder / "opt-outs.parquet"), [table], table.schema)
    return PlanGroup(object_name, "update", "consent", tuple(texts), rows)


def _restated(outcome: JobOutcome, stuck: Mapping[str, str]) -> JobOutcome:
    refused = tuple(
        (row, replace(refusal, code=stuck.get(refusal.record, refusal.code), fields=()))
        if refusal.record in stuck
        else (row, refusal)
        for row, refusal in outcome.refused
    )
    return replace(outcome, refused=refused)
