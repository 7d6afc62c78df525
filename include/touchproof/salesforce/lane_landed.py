"""What landed for the lane of new leads: who asks for something, and who said what about e-mails.

Belongs here: reading the newest batches of registrations, web forms and consents into typed values,
with a lead's values as the nightly push makes it. Doesn't belong here: which of them Salesforce has
already (lane_known.py), what follows from it (lane_plan.py).

The rule of a new lead's values stands twice, here and in the model `int_leads_missing`, because the
lane never opens the warehouse; a test compares both. Rows are judged as the gate judges them:
a batch without a verdict by the same conditions, since whatever the gate would refuse tonight may
not become a lead today.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from touchproof.landing import Batch, Landing
from touchproof.ledger.records import FieldValues
from touchproof.pseudonym import pseudonym_macro
from touchproof.quality.frames import future_limit
from touchproof.quality.suites import EMAIL_PATTERN
from touchproof.quality.verdict import Verdict, read_verdict
from touchproof.salesforce.canonical import canonical_sql
from touchproof.settings import Settings
from touchproof.sources.app import CONSENTS, REGISTRATIONS
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.web_forms import SUBMISSIONS
from touchproof.warehouse import connect_memory

EmailState = Literal["opted_in", "opted_out", "unknown"]
_ENTITIES = (REGISTRATIONS, CONSENTS, SUBMISSIONS)


@dataclass(frozen=True)
class LandedRequest:
    """Hold one registration or web form: a lead, if its person has none.

    Args:
        source_key: Touchproof_Key__c of the lead, `app:<registration>` or `web:<submission>`.
        identifiers: Pseudonyms of all that names its person.
        fields: Values by API name; None where nothing was said.
        requested_at: When the person sent it.
        landed_at: When the batch landed that it was read from.
    """

    source_key: str
    identifiers: tuple[str, ...]
    fields: FieldValues
    requested_at: datetime
    landed_at: datetime


@dataclass(frozen=True)
class ConsentWord:
    """Hold what was said about e-mails for one identifier, by its pseudonym."""

    identifier: str
    state: EmailState
    changed_at: datetime


@dataclass(frozen=True)
class Landed:
    """Hold everything that landed since a night; `batches` name what it was read from."""

    requests: tuple[LandedRequest, ...] = ()
    words: tuple[ConsentWord, ...] = ()
    batches: tuple[str, ...] = ()

    @property
    def identifiers(self) -> frozenset[str]:
        return frozenset(
            [name for request in self.requests for name in request.identifiers]
            + [word.identifier for word in self.words]
        )


def newest_batches(settings: Settings, since: date) -> tuple[Batch, ...]:
    """Return the newest batch of each window that begins on a day or later, unless refused."""
    landing = Landing(settings.paths.landing)
    return tuple(
        batch
        for entity in _ENTITIES
        for window, batch in landing.newest(entity.source, entity.entity, since).items()
        if not _is_refused(batch)
    )


def read_landed(settings: Settings, batches: Sequence[Batch], spellings: Path) -> Landed:
    """Read batches into requests and words.

    Args:
        settings: The world; its key makes the pseudonyms.
        batches: From `newest_batches`.
        spellings: The handoff's seed `source_spellings`.
    """
    with connect_memory() as connection:
        connection.execute(pseudonym_macro(settings.require_pseudonym_key()))
        for entity in _ENTITIES:
            of_entity = [one for one in batches if _is_of(one, entity)]
            _read_rows(connection, entity, of_entity, settings.business_timezone)
        requests = connection.execute(_REQUESTS, [str(spellings)]).fetchall()
        words = connection.execute(_WORDS).fetchall()
    return Landed(
        requests=tuple(_request(*row) for row in requests),
        words=tuple(ConsentWord(name, state, _utc(at)) for name, state, at in words),
        batches=tuple(str(batch.path) for batch in batches),
    )


def _is_of(batch: Batch, entity: EntityDefinition) -> bool:
    return (batch.manifest.source, batch.manifest.entity) == (entity.source, entity.entity)


def _verdict(batch: Batch) -> Verdict | None:
    judged = read_verdict(batch)
    return None if judged is None else judged[0]


def _is_refused(batch: Batch) -> bool:
    verdict = _verdict(batch)
    return verdict is not None and verdict.status == "refused"


def _read_rows(
    connection: duckdb.DuckDBPyConnection,
    entity: EntityDefinition,
    batches: Iterable[Batch],
    business_timezone: str,
) -> None:
    """Make the table `<entity>` of all rows that the gate didn't leave out."""
    columns = ", ".join(f'"{name}" varchar' for name in entity.schema.names)
    connection.execute(
        f"create temp table {entity.entity} ({columns}, _file varchar, _row bigint,"
        " _window_end date, _landed_at timestamp, _future_at timestamp)"
    )
    names = ", ".join(f'"{name}"' for name in entity.schema.names)
    for batch in batches:
        verdict = _verdict(batch)
        left_out = () if verdict is None else verdict.excluded_rows
        gone = () if verdict is None else verdict.excluded_files
        landed_at = datetime.fromisoformat(batch.manifest.landed_at).astimezone(UTC)
        future_at = datetime.fromtimestamp(future_limit(batch.window.start, business_timezone), UTC)
        for part in batch.manifest.parts:
            if any(file.part == part.name for file in gone):
                continue
            connection.execute(
                f"insert into {entity.entity} select {names}, _file, _row, $2, $3, $4"  # noqa: S608
                " from read_parquet($1, hive_partitioning = false)"
                " where not list_contains($5::bigint[], _row)",
                [
                    str(batch.path / part.name),
                    batch.window.end,
                    landed_at.replace(tzinfo=None),
                    future_at.replace(tzinfo=None),
                    [row.row for row in left_out if row.part == part.name],
                ],
            )


def _request(
    source_key: str,
    identifiers: list[str],
    names: dict[str, Any],
    requested_at: datetime,
    landed_at: datetime,
) -> LandedRequest:
    return LandedRequest(
        source_key, tuple(identifiers), dict(names), _utc(requested_at), _utc(landed_at)
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _clean(column: str) -> str:
    return f"nullif(trim({column}), '')"


_EMAIL = "nullif(lower(trim(email)), '')"
_IS_EMAIL = f"({_EMAIL} is null or regexp_matches({_EMAIL}, '{EMAIL_PATTERN}'))"


def _current(key: str) -> str:
    """Keep the newest version of a record, as staging does."""
    return (
        f"qualify row_number() over (partition by {key}"
        " order by _window_end desc, _landed_at desc, _file desc, _row desc) = 1"
    )


def _pseudonyms(**columns: str) -> str:
    pairs = (f"pseudonym('{kind.rstrip('_')}:' || {column})" for kind, column in columns.items())
    return f"list_filter([{', '.join(pairs)}], lambda one: one is not null)"


def _fields(**columns: str) -> str:
    pairs = (f"'{name}': {canonical_sql(column, 'text')}" for name, column in columns.items())
    return f"{{{', '.join(pairs)}}}"


_VALUES = _fields(
    FirstName=_clean("first_name"),
    LastName=f"coalesce({_clean('last_name')}, 'Unknown')",
    Email=_EMAIL,
    Company="'Individual'",
    LeadSource="coalesce(spellings.lead_source, default_lead_source)",
)
_REQUESTS = f"""
    with registered as (
        select
            'app:' || registration_id as source_key,
            'App' as default_lead_source,
            try_cast({_clean("registered_at")} as timestamp) as requested_at,
            {
    _pseudonyms(
        registration="registration_id",
        app_user=_clean("app_user_id"),
        email=_EMAIL,
        cookie=_clean("web_client_id"),
        cookie_=_clean("install_id"),
    )
} as identifiers,
            first_name, last_name, email, lead_source, _landed_at, _future_at
        from registrations
        where {_clean("registration_id")} is not null and {_clean("app_user_id")} is not null
        {_current("registration_id")}
    ),
    formed as (
        select
            'web:' || submission_id as source_key,
            'Web' as default_lead_source,
            try_cast({_clean("submitted_at")} as timestamp) as requested_at,
            {
    _pseudonyms(
        submission="submission_id",
        email=_EMAIL,
        cookie=_clean("web_client_id"),
    )
} as identifiers,
            first_name, last_name, email, lead_source, _landed_at, _future_at
        from submissions
        where {_clean("submission_id")} is not null
        {_current("submission_id")}
    ),
    requests as (select * from registered union all select * from formed)
    select source_key, identifiers, {_VALUES} as fields, requested_at, _landed_at
    from requests
    left join read_parquet($1) as spellings on lower({_clean("requests.lead_source")}) = spelling
    where requested_at < _future_at and {_IS_EMAIL}
    order by requested_at, source_key
"""  # noqa: S608
_WORDS = f"""
    with said as (
        -- An event never changes once it was sent: its first copy counts.
        select
            coalesce('email:' || {_EMAIL}, 'app_user:' || {_clean("app_user_id")}) as identifier,
            lower({_clean("channel")}) as channel,
            lower({_clean("state")}) as state,
            try_cast({_clean("changed_at")} as timestamp) as changed_at,
            _future_at
        from consents
        where {_clean("consent_event_id")} is not null and {_IS_EMAIL}
        qualify row_number() over (
            partition by consent_event_id order by _window_end, _landed_at, _file, _row
        ) = 1
    ),
    ticked as (
        select
            'email:' || {_EMAIL} as identifier,
            'email' as channel,
            'opted_in' as state,
            try_cast({_clean("submitted_at")} as timestamp) as changed_at,
            _future_at
        from submissions
        where try_cast({_clean("marketing_consent")} as boolean) and {_IS_EMAIL}
        {_current("submission_id")}
    )
    select pseudonym(identifier), state, changed_at
    from (select * from said union all select * from ticked)
    where
        channel = 'email' and state in ('opted_in', 'opted_out')
        and identifier is not null and changed_at < _future_at
    order by 3, 2, 1
"""  # noqa: S608
