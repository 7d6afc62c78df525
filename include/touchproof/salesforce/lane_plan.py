"""Planning the lane of new leads: which opt-outs and which leads go now, and nothing else.

Belongs here: the pure plan: who is one person, what that person allows, which records lack the
opt-out, which lead is missing. Doesn't belong here: reading any of it (lane_landed.py,
lane_known.py, lane_outbox.py), calls (lane.py).

Opt-outs come first and always. A lead is made once a person, only where the person's word about
e-mails, of all that landed and was handed over, is an opt-in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from touchproof.ledger.records import FieldValues
from touchproof.salesforce.lane_known import Known, KnownRecord
from touchproof.salesforce.lane_landed import ConsentWord, EmailState, Landed, LandedRequest
from touchproof.salesforce.org_model import ACCOUNT, person_field
from touchproof.salesforce.rules import FieldRule, written_fields

LEAD = "Lead"
OPT_OUT: Mapping[str, str] = {
    "HasOptedOutOfEmail": "true",
    "Touchproof_Email_Consent__c": "opted_out",
}
PERSON_OPT_OUT = {person_field(name): value for name, value in OPT_OUT.items()}
EVERY_OPT_OUT: Mapping[str, str] = {**OPT_OUT, **PERSON_OPT_OUT}
OPT_IN: Mapping[str, str] = {
    "HasOptedOutOfEmail": "false",
    "Touchproof_Email_Consent__c": "opted_in",
}


@dataclass(frozen=True)
class OptOut:
    """Name one record that doesn't know yet that its person opted out."""

    object: str
    salesforce_id: str


@dataclass(frozen=True)
class LedgerView:
    """Hold what the ledger says about landed people.

    Args:
        acknowledged: Values of records by (object, Id).
        record_of: Record that a source key stands for, as (object, Id), where it is known.
        sent: Source keys that the lane has sent before and that didn't end in a refusal.
        busy: (object, record) of unfinished outbox rows of any lane.
        refused: (object, record) of open dead letters that sending again wouldn't close.
        suppressed: Pseudonyms that the ledger suppresses.
    """

    acknowledged: Mapping[tuple[str, str], FieldValues] = field(default_factory=dict)
    record_of: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sent: frozenset[str] = frozenset()
    busy: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()
    suppressed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LanePlan:
    """Hold what a tick sends.

    Args:
        opt_outs: Records to opt out, by object and Id.
        creations: Leads to make, oldest request first.
        missing: Leads that consent allows and the CRM lacks, those that can't go now among them.
        held: Leads that consent holds back.
        waiting: Records that another push has in its outbox just now.
        refused: Records that Salesforce refused before and would refuse again.
    """

    opt_outs: tuple[OptOut, ...] = ()
    creations: tuple[LandedRequest, ...] = ()
    missing: tuple[LandedRequest, ...] = ()
    held: int = 0
    waiting: int = 0
    refused: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.opt_outs and not self.creations


@dataclass(frozen=True)
class LanePerson:
    """Hold one person of the landed rows: everything that names it, was said and is known."""

    identifiers: frozenset[str]
    requests: tuple[LandedRequest, ...]
    state: EmailState
    records: tuple[KnownRecord, ...]

    @property
    def source_keys(self) -> frozenset[str]:
        """Return the keys under which a record of this person may stand in the CRM."""
        landed = {request.source_key for request in self.requests}
        return frozenset(
            landed | {record.record_key for record in self.records if record.record_key}
        )


def people_of(landed: Landed, known: Known, suppressed: frozenset[str]) -> tuple[LanePerson, ...]:
    """Group landed rows into people, with what was said of them; and suppressed ones we know.

    Two rows are one person's if they share an identifier that may link, or if the handoff says
    that their identifiers are one person's.
    """
    groups = _Groups()
    for request in landed.requests:
        groups.join(_nodes(request.source_key, request.identifiers, known))
    for word in landed.words:
        groups.join(_nodes(None, (word.identifier,), known))
    for name in sorted(suppressed & known.person_of.keys()):
        groups.join(_nodes(None, (name,), known))
    requests: dict[str, list[LandedRequest]] = {}
    for request in landed.requests:
        requests.setdefault(groups.of(f"request {request.source_key}"), []).append(request)
    words = _latest(landed.words)
    return tuple(
        _person(members, requests.get(root, ()), words, known, suppressed)
        for root, members in sorted(groups.members().items())
    )


def plan_lane(
    landed: Landed, known: Known, view: LedgerView, writable: Mapping[str, frozenset[str]]
) -> LanePlan:
    """Find the opt-outs and leads that go now.

    Args:
        landed: Everything that landed since the handoff's night.
        known: What the handoff says of these people.
        view: What the ledger says of them.
        writable: Fields that we may write, by object.
    """
    opt_outs: set[OptOut] = set()
    creations: list[LandedRequest] = []
    missing: list[LandedRequest] = []
    held = waiting = refused = 0
    for person in people_of(landed, known, view.suppressed):
        if person.state == "opted_out":
            for record in records_of(person, view):
                opt_out = allowed(opt_out_of(record[0]), writable.get(record[0], frozenset()))
                if not lacks(opt_out, view.acknowledged.get(record)):
                    continue
                if record in view.busy:
                    waiting += 1
                elif record in view.refused:
                    refused += 1
                else:
                    opt_outs.add(OptOut(*record))
        first = _missing_lead(person, view)
        if first is None:
            continue
        if person.state == "opted_in":
            missing.append(first)
        if any((LEAD, key) in view.busy for key in person.source_keys):
            waiting += 1
        elif any((LEAD, key) in view.refused for key in person.source_keys):
            refused += 1
        elif person.state != "opted_in":
            held += 1
        else:
            creations.append(first)
    return LanePlan(
        opt_outs=tuple(sorted(opt_outs, key=lambda one: (one.object, one.salesforce_id))),
        creations=tuple(sorted(creations, key=_order)),
        missing=tuple(sorted(missing, key=_order)),
        held=held,
        waiting=waiting,
        refused=refused,
    )


def opt_out_of(object_name: str) -> Mapping[str, str]:
    """Return what an opt-out says to a record of an object."""
    return PERSON_OPT_OUT if object_name == ACCOUNT else OPT_OUT


def is_opt_out(values: Mapping[str, Any]) -> bool:
    """Tell whether a row says that its person wants no e-mails."""
    return any(values.get(name) == value for name, value in EVERY_OPT_OUT.items())


def writable_opt_out(object_name: str, rules: Sequence[FieldRule]) -> FieldValues:
    """Return what of an opt-out we may write to records of an object; empty if nothing."""
    writable = {rule.field for rule in written_fields(rules, object_name)}
    return allowed(opt_out_of(object_name), writable)


def allowed(values: FieldValues, writable: Collection[str]) -> FieldValues:
    """Keep the values of fields that we may write."""
    return {name: value for name, value in values.items() if name in writable}


def _order(request: LandedRequest) -> tuple[object, ...]:
    return (request.requested_at, request.source_key)


def _nodes(source_key: str | None, identifiers: Iterable[str], known: Known) -> list[str]:
    linking = [name for name in identifiers if name not in known.shared]
    persons = [f"person {known.person_of[name]}" for name in linking if name in known.person_of]
    own = [] if source_key is None else [f"request {source_key}"]
    # A shared identifier is somebody of its own: what was said for it is said of nobody else.
    return [*own, *linking, *persons] or list(identifiers)


def _person(
    members: Sequence[str],
    requests: Sequence[LandedRequest],
    words: Mapping[str, ConsentWord],
    known: Known,
    suppressed: frozenset[str],
) -> LanePerson:
    persons = [name.removeprefix("person ") for name in members if name.startswith("person ")]
    named = {name for name in members if " " not in name}
    named |= {name for person in persons for name in known.identifiers.get(person, ())}
    said = _latest(
        [words[name] for name in named if name in words]
        + [word for person in persons for word in known.words.get(person, ())]
    )
    states = {word.state for word in said.values()}
    is_suppressed = bool(named & suppressed) or any(one in known.suppressed for one in persons)
    state: EmailState = "unknown"
    if is_suppressed or "opted_out" in states:
        state = "opted_out"  # by whichever identifier, for the whole person
    elif states:
        state = "opted_in"
    records = tuple(record for one in persons for record in known.records.get(one, ()))
    return LanePerson(frozenset(named), tuple(sorted(requests, key=_order)), state, records)


def _latest(words: Iterable[ConsentWord]) -> dict[str, ConsentWord]:
    """Return the latest word of each identifier; at the same moment an opt-out counts."""
    latest: dict[str, ConsentWord] = {}
    for word in words:
        before = latest.get(word.identifier)
        if before is None or _weight(word) > _weight(before):
            latest[word.identifier] = word
    return latest


def _weight(word: ConsentWord) -> tuple[object, ...]:
    return (word.changed_at, word.state == "opted_out")


def records_of(person: LanePerson, view: LedgerView) -> set[tuple[str, str]]:
    """Return the records that the person's opt-out must reach."""
    held = {
        (record.object, record.salesforce_id): record.is_writable
        for record in person.records
        if record.salesforce_id is not None
    }
    made = {view.record_of[key]: True for key in person.source_keys if key in view.record_of}
    return {record for record, is_writable in {**made, **held}.items() if is_writable}


def lacks(wanted: FieldValues, values: FieldValues | None) -> bool:
    """Tell whether a record, as it is acknowledged, lacks some of the values."""
    return any(values is None or values.get(name) != value for name, value in wanted.items())


def _missing_lead(person: LanePerson, view: LedgerView) -> LandedRequest | None:
    """Return the request that makes the person's lead, None if there is or will be a record."""
    if not person.requests or person.records:
        return None
    if any(key in view.sent or key in view.record_of for key in person.source_keys):
        return None
    return person.requests[0]


class _Groups:
    """Join names that belong together (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the name that stands for a name's group."""
        root = name
        while self._parent.setdefault(root, root) != root:
            root = self._parent[root]
        while self._parent[name] != root:
            self._parent[name], name = root, self._parent[name]
        return root

    def join(self, names: Sequence[str]) -> None:
        """Put names into one group."""
        roots = sorted({self.of(name) for name in names})
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def members(self) -> dict[str, list[str]]:
        """Return all names by group."""
        found: dict[str, list[str]] = {}
        for name in self._parent:
            found.setdefault(self.of(name), []).append(name)
        return found
