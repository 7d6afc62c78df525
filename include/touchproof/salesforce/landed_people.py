"""Landed people: who they are, what they said and what the ledger says of them, as of now.

Belongs here: reading all of it through one connection of the ledger, and again only what changed.
Doesn't belong here: the readings themselves (lane_landed.py, lane_known.py, lane_view.py), what
follows for the lane (lane_plan.py) and for the nightly push (consent_gate.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
from sqlalchemy import Connection

from touchproof.errors import BadInputError, SalesforceError
from touchproof.handoff import Handoff
from touchproof.salesforce.inputs import SPELLINGS_SEED
from touchproof.salesforce.lane_known import Known, lane_file, read_known, require_lane_files
from touchproof.salesforce.lane_landed import Landed, newest_batches, read_landed
from touchproof.salesforce.lane_plan import (
    LEAD,
    LanePerson,
    LanePlan,
    LedgerView,
    people_of,
    plan_lane,
    records_of,
)
from touchproof.salesforce.lane_view import read_view, suppressed_identifiers
from touchproof.salesforce.moves import Record
from touchproof.settings import Settings


@dataclass
class LandedPeople:
    """Read the people of landed rows, and those whom the ledger suppresses.

    Args:
        settings: The world's settings.
        handoff: The committed one since whose night rows count.
    """

    settings: Settings
    handoff: Handoff
    _landed: Landed = field(default_factory=Landed)
    _known: Known = field(default_factory=Known)
    _named: frozenset[str] = frozenset()

    def view(self, connection: Connection, org_id: str) -> LedgerView:
        """Return what the ledger says of them, as the connection sees it.

        Raises:
            BadInputError: If somebody is named and the handoff doesn't tell whom it knows.
        """
        batches = newest_batches(self.settings, self.handoff.night)
        if tuple(str(batch.path) for batch in batches) != self._landed.batches:
            spellings = lane_file(self.handoff, SPELLINGS_SEED)
            require_lane_files(self.handoff)
            self._landed = read_landed(self.settings, batches, spellings)
        suppressed = suppressed_identifiers(connection)
        named = self._landed.identifiers | suppressed
        if named != self._named:
            require_lane_files(self.handoff)
            self._known = read_known(self.handoff, named, self.settings.org_model)
            self._named = named
        return read_view(connection, org_id, self._landed, self._known, suppressed)

    def people(self, view: LedgerView) -> tuple[LanePerson, ...]:
        """Return the people, given what the ledger says."""
        return people_of(self._landed, self._known, view.suppressed)

    def plan(self, view: LedgerView, writable: Mapping[str, frozenset[str]]) -> LanePlan:
        """Return what the lane sends, given what the ledger says."""
        return plan_lane(self._landed, self._known, view, writable)

    def leaving(self, connection: Connection, org_id: str) -> frozenset[Record]:
        """Return the records of everybody who left: (object, Id), and leads by their keys too.

        Raises:
            SalesforceError: If it can't be read: then nothing may go that consent gates.
        """
        try:
            view = self.view(connection, org_id)
        except (duckdb.Error, OSError, BadInputError) as error:
            raise SalesforceError(
                f"What people have said since the handoff can't be read: {type(error).__name__}",
                where=f"night {self.handoff.night.isoformat()}",
                todo="Extract app and web_forms again, or publish the night again.",
            ) from error
        gone = [person for person in self.people(view) if person.state == "opted_out"]
        keys = {(LEAD, key) for person in gone for key in person.source_keys}
        return frozenset(keys.union(*(records_of(person, view) for person in gone)))
