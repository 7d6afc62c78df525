"""Whom the lane of new leads knows without the warehouse: the handoff's people and their records.

Belongs here: looking landed pseudonyms up in one committed handoff, and nobody else's. Doesn't
belong here: what landed (lane_landed.py), what the ledger knows (lane_outbox.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from touchproof.errors import BadInputError
from touchproof.handoff import Handoff
from touchproof.salesforce.inputs import (
    OBSERVED_MODEL,
    PEOPLE_MODEL,
    RECORDS_MODEL,
    RULES_SEED,
    SPELLINGS_SEED,
)
from touchproof.salesforce.lane_landed import ConsentWord
from touchproof.salesforce.org_model import records_of
from touchproof.settings import OrgModel
from touchproof.warehouse import connect_memory

_NEEDED = (PEOPLE_MODEL, RECORDS_MODEL, RULES_SEED, SPELLINGS_SEED)


@dataclass(frozen=True)
class KnownRecord:
    """Name one record of a person; without an Id it is a lead that the nightly push makes."""

    object: str
    salesforce_id: str | None
    record_key: str | None
    is_writable: bool = True


@dataclass(frozen=True)
class Known:
    """Hold what the handoff says of the people whom landed rows name.

    Args:
        person_of: Person by pseudonym; shared identifiers name nobody.
        shared: Pseudonyms with more links than their rule allows.
        words: The latest word of each identifier of these people.
        suppressed: People whom the ledger suppressed when the handoff was made.
        records: Records by person.
    """

    person_of: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    words: Mapping[str, tuple[ConsentWord, ...]] = field(default_factory=dict)
    suppressed: frozenset[str] = frozenset()
    records: Mapping[str, tuple[KnownRecord, ...]] = field(default_factory=dict)
    identifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def lane_file(handoff: Handoff, name: str) -> Path:
    """Return one of the handoff's files that the lane reads."""
    return handoff.path / "sync" / f"{name}.parquet"


def require_lane_files(handoff: Handoff) -> None:
    """Refuse a handoff of a time before the lane.

    Raises:
        BadInputError: If one of the lane's files isn't in it.
    """
    missing = [name for name in _NEEDED if not lane_file(handoff, name).exists()]
    if missing:
        raise BadInputError(
            f"The handoff has no {missing[0]}",
            where=f"night {handoff.night.isoformat()}",
            todo="Publish the night again.",
        )


def read_known(
    handoff: Handoff, identifiers: Collection[str], org_model: OrgModel = "lead_contact"
) -> Known:
    """Look pseudonyms up in a handoff.

    Args:
        handoff: A committed one.
        identifiers: Pseudonyms of landed rows.
        org_model: The setting; a person account stands for its contact.
    """
    if not identifiers:
        return Known()
    people = str(lane_file(handoff, PEOPLE_MODEL))
    records = str(lane_file(handoff, RECORDS_MODEL))
    with connect_memory() as connection:
        connection.register("landed", pa.table({"identifier_hmac": sorted(identifiers)}))
        connection.execute(
            "create temp table met as select identifier_hmac, person_id, is_shared"
            " from read_parquet($1) semi join landed using (identifier_hmac)",
            [people],
        )
        connection.execute(
            "create temp table persons as select distinct person_id from met where not is_shared"
        )
        met = connection.execute("select * from met").fetchall()
        of_people = connection.execute(
            "select identifier_hmac, person_id, email_state, email_state_changed_at, is_suppressed"
            " from read_parquet($1) semi join persons using (person_id) order by identifier_hmac",
            [people],
        ).fetchall()
        held = connection.execute(
            "select person_id, object, salesforce_id, record_key, is_writable"  # noqa: S608
            f" from ({records_of('read_parquet($1)', org_model)}) semi join persons"
            " using (person_id) order by object, salesforce_id, record_key",
            [records],
        ).fetchall()
    words: dict[str, list[ConsentWord]] = {}
    names: dict[str, list[str]] = {}
    for name, person, state, changed_at, _ in of_people:
        names.setdefault(person, []).append(name)
        if state is not None:
            word = ConsentWord(name, state, changed_at.replace(tzinfo=UTC))
            words.setdefault(person, []).append(word)
    found: dict[str, list[KnownRecord]] = {}
    for person, *record in held:
        found.setdefault(person, []).append(KnownRecord(*record))
    return Known(
        person_of={name: person for name, person, is_shared in met if not is_shared},
        shared=frozenset(name for name, _, is_shared in met if is_shared),
        words={person: tuple(said) for person, said in words.items()},
        suppressed=frozenset(person for _, person, _, _, suppressed in of_people if suppressed),
        records={person: tuple(those) for person, those in found.items()},
        identifiers={person: tuple(those) for person, those in names.items()},
    )


def newest_reading(handoff: Handoff) -> datetime | None:
    """Return the moment of the newest record that the handoff's night read from Salesforce."""
    path = lane_file(handoff, OBSERVED_MODEL)
    if not path.exists():
        return None
    with connect_memory() as connection:
        ((found,),) = connection.execute(
            "select max(extracted_at) from read_parquet($1)", [str(path)]
        ).fetchall()
    return None if found is None else found.replace(tzinfo=UTC)
