"""Salesforce as a source: six objects by Bulk 2.0 query, and what its API was used for.

Belongs here: which fields land, which window a night's query covers, and the extract. Doesn't
belong here: the client (salesforce/), the log of API calls (salesforce_usage.py).

A night's query asks for `SystemModstamp >= <window start>` without an upper bound: an edit between
two queries of one night could otherwise fall between two windows. The window starts where the
last landed one ended, at midnight UTC, so that neighbouring windows overlap and staging takes each
record's newest version. A night that is repeated asks for the same window again, and what it finds
supersedes the batch; the versions that the batch held before stay in it, since Salesforce shows a
record's present alone, and an opt-out that the CRM's users gave may be an older version by then.
Deleted records come with IsDeleted true, merged ones with MasterRecordId too.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from touchproof.clock import Clock
from touchproof.errors import SourceUnavailableError
from touchproof.landing import Landing, PartTable, Window
from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.client import Client, CsvPage, connection_from_settings
from touchproof.settings import Settings
from touchproof.sources.definition import (
    EntityDefinition,
    ExtractReport,
    SourceDefinition,
    SourceKind,
    text_schema,
)
from touchproof.sources.salesforce_usage import USAGE_ENTITIES, land_allowance, land_usage

logger = logging.getLogger(__name__)

FIRST_DAY = date(1970, 1, 1)
OBJECTS = {
    "leads": "Lead",
    "contacts": "Contact",
    "accounts": "Account",
    "opportunities": "Opportunity",
    "campaigns": "Campaign",
    "campaign_members": "CampaignMember",
}
"""The Salesforce object of each entity."""
_VERSION = ["Id", "SystemModstamp"]
"""What tells one version of a record from another."""

FIELDS: dict[str, tuple[str, ...]] = {
    "leads": (
        "Id",
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Company",
        "LeadSource",
        "Description",
        "Status",
        "IsConverted",
        "ConvertedContactId",
        "HasOptedOutOfEmail",
        "DoNotCall",
        "Country",
        "PostalCode",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
        "MasterRecordId",
        "Touchproof_Key__c",
        "Touchproof_Stage__c",
        "Touchproof_Score__c",
        "Touchproof_Source__c",
        "Touchproof_Email_Consent__c",
    ),
    "contacts": (
        "Id",
        "AccountId",
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Birthdate",
        "MailingPostalCode",
        "HasOptedOutOfEmail",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
        "MasterRecordId",
        "Touchproof_Key__c",
        "Touchproof_Stage__c",
        "Touchproof_Score__c",
        "Touchproof_Source__c",
        "Touchproof_Email_Consent__c",
        "App_User_Id__c",
    ),
    "accounts": (
        "Id",
        "Name",
        "Type",
        "BillingCountry",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
        "MasterRecordId",
    ),
    "opportunities": (
        "Id",
        "AccountId",
        "ContactId__c",
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "CampaignId",
        "App_Account_Id__c",
        "Touchproof_First_Channel__c",
        "Touchproof_First_Campaign__c",
        "Touchproof_Last_Channel__c",
        "Touchproof_Last_Campaign__c",
        "Touchproof_Model__c",
        "Touchproof_Model_Channel__c",
        "Touchproof_Model_Campaign__c",
        "Touchproof_Model_Share__c",
        "Touchproof_Revenue__c",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
    "campaigns": (
        "Id",
        "Name",
        "Campaign_Code__c",
        "Type",
        "Status",
        "StartDate",
        "EndDate",
        "BudgetedCost",
        "Touchproof_Spend__c",
        "Touchproof_Revenue__c",
        "Touchproof_Conversions__c",
        "Touchproof_ROI__c",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
    "campaign_members": (
        "Id",
        "CampaignId",
        "LeadId",
        "ContactId",
        "Status",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
}


class _Org(Protocol):
    """What the extract needs of a client."""

    def query_csv(self, soql: str, *, include_deleted: bool = False) -> Iterator[CsvPage]: ...


def extract(
    night: date, settings: Settings, clock: Clock, from_: date | None, to: date | None
) -> ExtractReport:
    """Land what changed in Salesforce since the last landed window, then its logs of API calls.

    All objects are read before the first is landed: an org that stops answering in between
    leaves no night half landed. A log that can't be had is told and fails nothing.

    Args:
        night: The night; its window ends with the day after.
        settings: Settings of the world, with the org to ask.
        clock: Tells the moment of landing.
        from_: First day to ask for instead of the end of the last landed window.
        to: Not used: a query with an upper bound would miss what changes while it runs.

    Raises:
        SourceUnavailableError: If Salesforce doesn't answer or refuses us; nothing is landed.
        ConfigurationError: If no org is configured.
    """
    landing = Landing(settings.paths.landing)
    client = Client(connection_from_settings(settings), purpose="extraction")
    windows = {
        entity.entity: window_of(night, landing.newest(SOURCE.name, entity.entity), from_)
        for entity in _OBJECT_ENTITIES
    }
    try:
        tables = {
            name: _with_earlier_versions(_read(client, name, window), landing, name, window)
            for name, window in windows.items()
        }
    except SalesforceCallError as error:
        raise SourceUnavailableError(
            f"Salesforce can't be read: {error.what}", where=error.where, todo=error.todo
        ) from error
    batches = rows = 0
    for name, table in tables.items():
        batch, is_new = landing.write(
            SOURCE.name,
            name,
            windows[name],
            [PartTable(OBJECTS[name], table)],
            content_sha256=_content_of(table),
            landed_at=clock(),
        )
        if is_new:
            batches += 1
            rows += batch.manifest.rows
    usage = land_usage(client, landing, night, clock, from_)
    allowance_batches = land_allowance(client.counter.last_limit, landing, night, clock)
    batches += usage.batches + allowance_batches
    rows += usage.rows + allowance_batches
    calls = client.counter.extraction_calls
    logger.info(
        "extract salesforce night %s: %s batches, %s rows, %s calls", night, batches, rows, calls
    )
    return ExtractReport(
        source=SOURCE.name,
        night=night,
        status="fresh",
        batches=batches,
        rows=rows,
        quarantined_files=0,
        files=len(tables) + usage.batches,
        calls=calls,
        left_out=usage.left_out,
    )


def window_of(night: date, landed: Iterable[Window], from_: date | None = None) -> Window:
    """Return the window that a night's query covers.

    Args:
        night: The night.
        landed: Windows of the entity that are landed.
        from_: First day, if it is given rather than derived.
    """
    end = night + timedelta(days=1)
    if from_ is not None:
        return Window(min(from_, night), end)
    known = list(landed)
    same_night = [window for window in known if window.end == end]
    if same_night:
        return min(same_night)
    return Window(max((window.end for window in known if window.end < end), default=FIRST_DAY), end)


def _read(client: _Org, entity: str, window: Window) -> pa.Table:
    """Return the entity's changed records, ordered by Id; all columns text, empty as NULL."""
    fields = FIELDS[entity]
    soql = (
        f"SELECT {', '.join(fields)} FROM {OBJECTS[entity]}"  # noqa: S608  names of ours
        f" WHERE SystemModstamp >= {window.start.isoformat()}T00:00:00Z"
    )
    pages = [_parse(page, entity) for page in client.query_csv(soql, include_deleted=True)]
    table = pa.concat_tables([text_schema(*fields).empty_table(), *pages])
    return table.take(pc.sort_indices(table, sort_keys=[("Id", "ascending")]))


def _with_earlier_versions(
    table: pa.Table, landing: Landing, entity: str, window: Window
) -> pa.Table:
    """Add the versions of records that the window's newest batch holds and `table` doesn't."""
    batches = landing.of_window(SOURCE.name, entity, window)
    if not batches:
        return table
    fields = list(FIELDS[entity])
    earlier = pa.concat_tables(
        [table.slice(0, 0), *map(pq.read_table, batches[-1].part_paths)],
        promote_options="default",  # a batch of an earlier release lacks fields
    ).select(fields)
    gone = earlier.join(table.select(_VERSION), keys=_VERSION, join_type="left anti")
    merged = pa.concat_tables([table, gone.select(fields)])
    return merged.take(
        pc.sort_indices(merged, sort_keys=[(name, "ascending") for name in _VERSION])
    )


def _parse(page: CsvPage, entity: str) -> pa.Table:
    fields = FIELDS[entity]
    try:
        table = pa_csv.read_csv(
            io.BytesIO(page.content),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=max(len(page.content), 1)
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=text_schema(*fields),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        raise _unreadable(entity) from None
    if tuple(table.column_names) != fields or table.num_rows != page.rows:
        raise _unreadable(entity)
    return table


def _unreadable(entity: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        "Salesforce answered a query with other columns or rows than it told",
        where=f"salesforce, {OBJECTS[entity]}",
        todo="Run the extract again; if it stays, compare the answer with the object's fields.",
    )


def _content_of(table: pa.Table) -> str:
    """Return the digest of the ordered records as CSV."""
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink)
    return hashlib.sha256(sink.getbuffer()).hexdigest()


_OBJECT_ENTITIES = tuple(
    EntityDefinition("salesforce", entity, text_schema(*fields), key=("Id",))
    for entity, fields in FIELDS.items()
)
SOURCE = SourceDefinition(
    "salesforce",
    SourceKind.SERVICE,
    (*_OBJECT_ENTITIES, *USAGE_ENTITIES),
    extract=extract,
    title="Salesforce",
)
