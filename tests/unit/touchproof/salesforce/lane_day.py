"""A day of the lane, again and again from the same beginning, and what must hold at its end.

Belongs here: people who ask and who say a word, ticks under faults, and the truth about org, ledger
and consent. Doesn't belong here: the files that arrive (lane_world.py), the org (small_crm.py).
"""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from beginning import Beginning
from lane_world import NOON, LaneWorld
from small_crm import FIRST_NIGHT, Crm

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce import lane_tick
from touchproof.salesforce.answers import SalesforceError
from touchproof.salesforce.call_journal import count_push_calls
from touchproof.salesforce.client import Client
from touchproof.salesforce.dead_letters import list_dead_letters
from touchproof.salesforce.lane import LaneFailedError, LaneReport, run_lane
from touchproof.salesforce.lane_outbox import LaneOutbox
from touchproof.salesforce.lane_plan import EVERY_OPT_OUT
from touchproof.salesforce.lane_view import NEW_LEADS
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import PushReport, run_push
from touchproof_sandbox.salesforce.schema import ORG_ID

MAX_TICKS = 6
KEY, OPT_OUT = "Touchproof_Key__c", "HasOptedOutOfEmail"
WORD = "Touchproof_Email_Consent__c"
Record = tuple[str, str]
"""Object and Id."""


@dataclass
class Person:
    """Hold what somebody asked for and said.

    Args:
        words: Their words about e-mails that have landed, oldest first.
        key: Key of the lead that they asked for.
        record: The record that the last night knew of them.
        contact: Contact that this lead was converted to since.
        said_at: Moment of the last word.
        is_read: Whether a night has read the lead that was made, so that its Id is known.
    """

    words: list[str] = field(default_factory=list)
    key: str | None = None
    record: Record | None = None
    contact: Record | None = None
    said_at: datetime = NOON
    is_read: bool = False

    @property
    def consents(self) -> bool:
        return self.words[-1:] == ["opted_in"]

    @property
    def has_left(self) -> bool:
        return self.words[-1:] == ["opted_out"]

    @property
    def has_returned(self) -> bool:
        return self.consents and "opted_out" in self.words


@dataclass
class LaneDay:
    """An org and a world in which people ask for something and say a word by day.

    Args:
        world: The world, whose night is handed over.
        people: Who there is, by name.
        changes: What made the org's records.
        frozen: Leads whose bytes were frozen, each with consent.
        resent: Leads that were sent once more, each with consent in that tick.
    """

    world: LaneWorld
    people: dict[str, Person]
    changes: list[dict[str, Any]]
    frozen: int = 0
    resent: int = 0
    beginning: Beginning = field(init=False)
    _first: tuple[dict[Any, list[Any]], dict[str, Person], int] = field(init=False)
    _unlanded: list[tuple[str, str, datetime]] = field(default_factory=list)
    _said: int = 0
    _made_by_others: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(
        cls,
        crm: Crm,
        template: Path,
        *,
        new: int = 0,
        leads: int,
        contacts: int,
        converted: int,
        is_quiet: bool = False,
    ) -> LaneDay:
        """Make the org, hand a night over, and let the day's first files land.

        Args:
            crm: An empty org.
            template: Where the world is kept.
            new: People who ask for something, `new0` and so on; all but the last consent.
            leads: Known leads, `lead0` and so on; all but the last opt out.
            contacts: Known contacts, `contact0` and so on; all but the last opt out.
            converted: Known leads, `gone0` and so on, that were converted since; they opt out.
            is_quiet: Whether nobody says a word yet.
        """
        made = [("Lead", f"lead{n}") for n in range(leads)]
        made += [("Contact", f"contact{n}") for n in range(contacts)]
        made += [("Lead", f"gone{n}") for n in range(converted)]
        made += [("Contact", f"came{n}") for n in range(converted)]
        changes = [_creation(object_name, name) for object_name, name in made]
        ids = crm.control.apply(changes)
        records = {name: (kind, record) for (kind, name), record in zip(made, ids, strict=True)}
        crm.control.set_clock(NOON)
        day = cls(LaneWorld(crm), {}, changes)
        for name, record in records.items():
            if not name.startswith("came"):
                day.people[name] = Person(record=record)
                day.world.know(name, f"email:{name}@example.test")
                day.world.hold(name, record[1], object_name=record[0])
        day.world.hand_over()
        for number in range(converted):
            contact = day.people[f"gone{number}"].contact = records[f"came{number}"]
            changes.append(_conversion(records[f"gone{number}"], contact))
        for name in () if is_quiet else day.people:
            if name not in (f"lead{leads - 1}", f"contact{contacts - 1}"):
                day.say(name, "opted_out")
        for number in range(new):
            day.ask(f"new{number}")
            if number < new - 1:
                day.say(f"new{number}", "opted_in")
        day.land()
        day.beginning = Beginning(crm, template, changes, NEW_LEADS)
        rows = {file: list(lines) for file, lines in day.world.rows.items()}
        day._first = (rows, day.people, day._said)
        day.reset()
        return day

    def reset(self) -> None:
        """Begin anew: the org and the world as they were before the first tick."""
        self.crm.rows.clear()
        self.crm.night = FIRST_NIGHT
        self.world.people.clear()
        self.world.records.clear()
        self.beginning.again()
        rows, people, self._said = self._first
        self.world.rows.clear()
        self.world.rows |= {file: list(lines) for file, lines in rows.items()}
        self.people = copy.deepcopy(people)
        self._unlanded.clear()
        self._made_by_others.clear()
        self.frozen = self.resent = 0

    @property
    def crm(self) -> Crm:
        crm: Crm = self.world.crm
        return crm

    # What people do

    def ask(self, name: str) -> None:
        """Let somebody ask for something, without a word about e-mails."""
        key = self.world.register(name, consent=None, at=NOON - timedelta(minutes=40))
        self.people.setdefault(name, Person()).key = key

    def say(self, name: str, word: str) -> None:
        """Let somebody give or withdraw consent; it counts once it has landed."""
        self._said += 1
        at = NOON - timedelta(minutes=30) + timedelta(seconds=self._said)
        self.world.say(f"{name}@example.test", word, at=at)
        self._unlanded.append((name, word, at))

    def land(self) -> None:
        """Let the files arrive as they stand now."""
        self.world.land()
        for name, word, at in self._unlanded:
            self.people[name].words.append(word)
            self.people[name].said_at = at
        self._unlanded.clear()

    def forget_landing(self) -> None:
        """Let nothing have landed: the files are there and not extracted yet."""
        shutil.rmtree(self.world.settings.paths.landing)

    def make(self, object_name: str, **values: Any) -> str:
        """Make a record as a CRM user does; return its Id."""
        (made,) = self.crm.control.apply(
            [{"op": "insert", "object": object_name, "record": values}]
        )
        self._made_by_others[object_name] += 1
        return made

    # Ticks

    def tick(self, timeouts: tuple[float, float] | None = None) -> LaneReport:
        """Run the lane once without real waits."""
        arguments = self.beginning.waits | {"client": self.beginning.client(timeouts)}
        with self._watching_consent():
            return run_lane(self.world.settings, self.world.clock, **arguments)

    def try_tick(self, timeouts: tuple[float, float] | None = None) -> str:
        """Tick and say how it went: its status, or `failed`, or `stopped` before it began."""
        try:
            return self.tick(timeouts).status
        except LaneFailedError:
            return "failed"
        except SalesforceError:
            return "stopped"

    def recover(self) -> None:
        """Tick until nothing is left to send, and push a night where only that helps."""
        for _ in range(MAX_TICKS):
            report = self.tick()
            if report.planned == report.resumed == 0:
                break
        else:
            raise AssertionError(f"something was left to send after {MAX_TICKS} ticks")
        if self.letters() or any(person.has_returned for person in self.people.values()):
            self.push_night()

    def push_night(self) -> PushReport:
        """Hand the next night over, with what the day brought, and push it."""
        self.hand_over()
        return self.push()

    def hand_over(self) -> None:
        """Hand the next night over, with what the day brought so far."""
        self.crm.rows.clear()
        self.world.people.clear()
        self.world.records.clear()
        for name, person in self.people.items():
            state = person.words[-1] if person.words else None
            names = [f"email:{name}@example.test"] + [f"registration:{name}"] * bool(person.key)
            self.world.know(name, *names, state=state, changed_at=person.said_at)
            records = self._records(person)
            person.is_read |= person.key in self.leads()
            for object_name, record in records:
                self.world.hold(name, record, object_name=object_name)
                if state is not None:
                    consent = {OPT_OUT: str(person.has_left).lower(), WORD: state}
                    model = f"sync_{object_name.lower()}_consent"
                    self.crm.want(model, salesforce_id=record, **consent)
            if person.key and person.consents and not records:
                self.world.hold(name, None, record_key=person.key)
                values = {"LastName": "Lee", "Company": "Individual"}
                self.crm.want("sync_lead_attributes", record_key=person.key, **values)
        # The org's day goes on: its count of calls only grows.
        self.crm.night += timedelta(days=1)
        self.world.hand_over(is_observed=False)

    def push(self) -> PushReport:
        """Push what was handed over."""
        with self._watching_consent():
            return run_push(
                self.world.settings,
                self.crm.night,
                self.world.clock,
                **self.beginning.waits,
            )

    @contextmanager
    def _watching_consent(self) -> Iterator[None]:
        """Check consent where bytes are frozen, and where a lead's are sent once more."""
        before = {name: max(len(one.words) - 1, 0) for name, one in self.people.items()}
        freezing, planning, sending = LaneOutbox.freeze, Outbox.plan, lane_tick.send
        fresh: set[int] = set()

        def freeze(outbox: LaneOutbox, connection: Any, rows: Any, **more: Any) -> Any:
            job = freezing(outbox, connection, rows, **more)
            if job.operation == "upsert":
                asked = {person.key for person in self.people.values() if person.consents}
                assert {row.record for row in rows} <= asked, "a lead went against consent"
                self.frozen += len(rows)
                fresh.add(job.id)
            return job

        def plan(outbox: Outbox, chunk: Any, gate: Any, **more: Any) -> Any:
            planned, going, held = planning(outbox, chunk, gate, **more)
            gone = [person for person in self.people.values() if person.has_left]
            names = {record for person in gone for _, record in self._records(person)}
            names |= {person.key for person in gone if person.key}
            for row in () if planned is None else going.rows.to_pylist():
                if names.isdisjoint((row["record"], row["record_key"])):
                    continue
                said = {name: row[name] for name in going.group.fields if row[name] is not None}
                assert said.items() <= EVERY_OPT_OUT.items(), "a row went against consent"
            return planned, going, held

        def send(client: Client, job: Any, rows: Any, rules: Any) -> Any:
            if job.operation == "upsert" and job.id not in fresh:
                asked = {
                    person.key
                    for name, person in self.people.items()
                    if "opted_in" in person.words[before.get(name, 0) :]
                }
                assert {row.record for row in rows} <= asked, "a lead went against consent"
                self.resent += len(rows)
            return sending(client, job, rows, rules)

        with (
            mock.patch.object(LaneOutbox, "freeze", freeze),
            mock.patch.object(Outbox, "plan", plan),
            mock.patch.object(lane_tick, "send", send),
        ):
            yield

    # What holds at the end

    def leads(self) -> dict[str, list[Mapping[str, str | None]]]:
        """Return the org's leads that have a key of ours, by that key."""
        found: dict[str, list[Mapping[str, str | None]]] = {}
        for lead in self.crm.stored("Lead"):
            if lead[KEY]:
                found.setdefault(str(lead[KEY]), []).append(lead)
        return found

    def letters(self) -> set[Record]:
        """Return (object, record) of the open dead letters that aren't settled by a contact."""
        found = list_dead_letters(Ledger.of(self.world.settings), ORG_ID)
        out = self._opted_out()
        moved = {one.record for one in self.people.values() if one.contact and one.contact in out}
        return {(letter.object, letter.record_key) for letter in found} - moved

    def require_truth(self) -> None:
        """Check that org, consent, ledger and counted calls agree.

        Everybody who consents has one lead, and nobody who never did; every opt-out is in the org
        and acknowledged; nothing is unfinished, and the ledger counts the push calls that the
        server counted. What isn't so is named in the dead letters.
        """
        ledger, letters, leads = Ledger.of(self.world.settings), self.letters(), self.leads()
        acknowledged = self._acknowledged(ledger)
        routed = self._routed(ledger)
        assert "sent" not in {row.state for row in _lane_leads(ledger)}
        out = self._opted_out()
        for name, person in self.people.items():
            made = leads.get(person.key or "", [])
            assert len(made) <= 1, f"{name} has {len(made)} leads"
            assert not made or "opted_in" in person.words, f"{name} has a lead and never agreed"
            if person.key and person.consents and ("Lead", person.key) not in letters:
                assert made or person.key in routed, f"{name} has no lead"
            for lead in () if person.is_read or person.key in routed else made:
                known = acknowledged.get(("Lead", str(lead["Id"])), {})
                assert known.get(KEY) == person.key, f"the lead of {name} isn't acknowledged"
            for record in self._records(person):
                if record in letters:
                    continue
                assert (record in out) == person.has_left, f"{name}: {record[0]} has it wrong"
                known = acknowledged.get(record, {})
                assert not person.has_left or known.get(OPT_OUT) == "true", f"{name} isn't known"
        made_by_us = sum(len(those) for those in leads.values())
        sizes = {name: len(self.crm.stored(name)) for name in ("Lead", "Contact")}
        created = Counter(one["object"] for one in self.changes if one["op"] == "create")
        assert sizes == created + self._made_by_others + Counter(Lead=made_by_us)
        assert LaneOutbox(ledger, ORG_ID, self.world.clock).unfinished() == []
        nightly = Outbox(ledger, ORG_ID, self.world.clock)
        assert (nightly.unfinished(), nightly.unfinished_records()) == ([], set())
        counters = self.crm.control.counters()
        assert count_push_calls(ledger) == counters.calls
        assert set(counters.by_client) <= {"touchproof"}

    def _records(self, person: Person) -> list[Record]:
        """Return the records that a person's word must reach."""
        made = [("Lead", str(lead["Id"])) for lead in self.leads().get(person.key or "", [])]
        routed = self._routed(Ledger.of(self.world.settings)).get(person.key or "")
        known = person.contact or person.record
        return [*made, *[one for one in (routed, known) if one]]

    def _opted_out(self) -> set[Record]:
        return {
            (name, str(record["Id"]))
            for name in ("Lead", "Contact")
            for record in self.crm.stored(name)
            if record[OPT_OUT] == "true"
        }

    def _acknowledged(self, ledger: Ledger) -> dict[Record, dict[str, str | None]]:
        rows = ledger.acknowledged(ORG_ID).to_pylist()
        return {(row["object"], row["record_key"]): json.loads(row["fields_json"]) for row in rows}

    def _routed(self, ledger: Ledger) -> dict[str, Record]:
        """Return the records to which leads were routed, by the leads' keys."""
        rows = [row for row in _lane_leads(ledger) if row.state == "routed"]
        return {row.source_key: (row.object, row.salesforce_id) for row in rows}


def _lane_leads(ledger: Ledger) -> Sequence[Any]:
    with ledger.reading() as connection:
        return connection.execute(schema.lane_leads.select()).all()


def _creation(object_name: str, name: str) -> dict[str, Any]:
    record = {"LastName": name} | ({"Company": "None"} if object_name == "Lead" else {})
    return {"op": "create", "object": object_name, "record": record}


def _conversion(lead: Record, contact: Record) -> dict[str, Any]:
    record = {"Id": lead[1], "IsConverted": "true", "ConvertedContactId": contact[1]}
    return {"op": "update", "object": "Lead", "record": record}
