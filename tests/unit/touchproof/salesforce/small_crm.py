"""A CRM on the loopback server and a committed handoff, as small as a test needs them."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from touchproof.durable import sha256_of
from touchproof.handoff import CONTENT, VERSIONS, HandoffFile, version_name
from touchproof.ledger.store import Ledger
from touchproof.salesforce.acknowledged import Acknowledged
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.plan import PlanLimits, PushPlan, plan_push
from touchproof.salesforce.preflight import fields_sha256
from touchproof.salesforce.preflight_run import STEP, has_passed
from touchproof.salesforce.rules import FieldRule, read_field_rules
from touchproof.salesforce.tables import Rows
from touchproof.settings import Settings
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.schema import ORG_ID

FIRST_NIGHT = date(2026, 6, 28)
_FOLDER = tempfile.TemporaryDirectory(prefix="small-crm-")
_NUMBERS = itertools.count()
_ROW_GROUP = 122_880  # of files that DuckDB writes, as publish does

RULES = [
    ("Lead", "HasOptedOutOfEmail", "touchproof", "overwrite", True, "sync_lead_consent", "boolean"),
    (
        "Lead",
        "Touchproof_Email_Consent__c",
        "touchproof",
        "overwrite",
        True,
        "sync_lead_consent",
        "text",
    ),
    (
        "Lead",
        "Touchproof_Stage__c",
        "touchproof",
        "overwrite",
        False,
        "sync_lead_attributes",
        "text",
    ),
    (
        "Lead",
        "Touchproof_Score__c",
        "touchproof",
        "overwrite",
        False,
        "sync_lead_attributes",
        "number",
    ),
    ("Lead", "Touchproof_Source__c", "touchproof", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "FirstName", "fill_if_empty", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "LastName", "fill_if_empty", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "Company", "fill_if_empty", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "Email", "fill_if_empty", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "LeadSource", "fill_if_empty", "keep", False, "sync_lead_attributes", "text"),
    ("Lead", "Phone", "crm", "keep", False, "sync_lead_attributes", "text"),
    (
        "Contact",
        "HasOptedOutOfEmail",
        "touchproof",
        "overwrite",
        True,
        "sync_contact_consent",
        "boolean",
    ),
    (
        "Contact",
        "Touchproof_Email_Consent__c",
        "touchproof",
        "overwrite",
        True,
        "sync_contact_consent",
        "text",
    ),
    (
        "Contact",
        "Touchproof_Stage__c",
        "touchproof",
        "overwrite",
        False,
        "sync_contact_attributes",
        "text",
    ),
    (
        "Campaign",
        "Touchproof_Spend__c",
        "touchproof",
        "overwrite",
        False,
        "sync_campaign_performance",
        "number",
    ),
    *(
        ("CampaignMemberStatus", name, "fill_if_empty", "keep", False, "sync_statuses", type_)
        for name, type_ in (("Label", "text"), ("HasResponded", "boolean"))
    ),
    *(
        ("CampaignMember", name, "fill_if_empty", "keep", False, "sync_members", "text")
        for name in ("CampaignId", "LeadId", "ContactId", "Status")
    ),
    *(
        ("Touchproof_Profile__c", name, "touchproof", "overwrite", False, "sync_profiles", "text")
        for name in ("Lead__c", "Contact__c", "First_Touch_Channel__c")
    ),
]
RULE_COLUMNS = ("object", "field", "owner", "on_drift", "is_consent", "sync_model", "type")
REFERENCES = {
    "Lead__c": "Lead",
    "Contact__c": "Contact",
    "CampaignId": "Campaign",
    "LeadId": "Lead",
    "ContactId": "Contact",
}
EXTRACTED = ("Lead", "Contact", "Campaign")
"""Objects that publish reads; what we alone make isn't extracted."""
MODELS = {
    "sync_lead_consent": ("Lead", ("HasOptedOutOfEmail", "Touchproof_Email_Consent__c")),
    "sync_lead_attributes": (
        "Lead",
        (
            "Touchproof_Stage__c",
            "Touchproof_Score__c",
            "Touchproof_Source__c",
            "FirstName",
            "LastName",
            "Company",
        ),
    ),
    "sync_contact_consent": ("Contact", ("HasOptedOutOfEmail", "Touchproof_Email_Consent__c")),
    "sync_contact_attributes": ("Contact", ("Touchproof_Stage__c",)),
    "sync_campaign_performance": ("Campaign", ("Touchproof_Spend__c",)),
    "sync_statuses": ("CampaignMemberStatus", ("Label", "HasResponded")),
    "sync_members": (
        "CampaignMember",
        ("parent_object", "parent_key", "CampaignId", "LeadId", "ContactId", "Status"),
    ),
    "sync_profiles": (
        "Touchproof_Profile__c",
        ("Lead__c", "Contact__c", "First_Touch_Channel__c"),
    ),
}


def rules_seed(objects: Collection[str] | None = None) -> pa.Table:
    """Return the field rules of these tests as the seed's table, of some objects or of all."""
    rows = [row for row in RULES if objects is None or row[0] in objects]
    return pa.Table.from_pylist(
        [
            {**dict(zip(RULE_COLUMNS, row, strict=True)), "refers_to": REFERENCES.get(row[1])}
            for row in rows
        ]
    )


def model_table(model: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a sync model with these rows; what a row doesn't say has its usual value."""
    object_name, fields = MODELS[model]
    usual = {
        "object": object_name,
        "record_key": None,
        "salesforce_id": None,
        "person_id": "per_1",
        "may_market": True,
    }
    columns = [
        *((name, pa.string()) for name in ("object", "record_key", "salesforce_id", "operation")),
        ("is_creation", pa.bool_()),
        ("person_id", pa.string()),
        ("account_id", pa.string()),
        ("may_market", pa.bool_()),
        *((name, pa.string()) for name in fields),
    ]
    full = [
        {
            **usual,
            "is_creation": row.get("salesforce_id") is None,
            "operation": "update" if row.get("salesforce_id") else "upsert",
            **row,
        }
        for row in rows
    ]
    return pa.Table.from_pylist(full, pa.schema(columns))


def kept(table: pa.Table) -> Rows:
    """Return a table's rows in a file, as a push has them."""
    path = Path(_FOLDER.name) / f"{next(_NUMBERS)}.parquet"
    pq.write_table(table, path)
    return Rows.of(path)


def planned(
    desired: Mapping[str, pa.Table],
    acknowledged: pa.Table,
    rules: Sequence[FieldRule],
    limits: PlanLimits,
) -> PushPlan:
    """Plan what these tables want."""
    rows = {model: kept(table) for model, table in desired.items()}
    known = Acknowledged(kept(acknowledged))
    return plan_push(rows, known, rules, limits, Path(_FOLDER.name))


def acknowledged_table(records: Mapping[tuple[str, str], Mapping[str, Any]]) -> pa.Table:
    """Return acknowledged values by (object, Id)."""
    rows = [
        {"object": name, "record_key": key, "salesforce_id": key, "fields_json": json.dumps(fields)}
        for (name, key), fields in records.items()
    ]
    names = ("object", "record_key", "salesforce_id", "fields_json")
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))


@dataclass
class Crm:
    """A running org, the world that pushes to it, and the sync rows that its handoff will have.

    `others` are further tables of the handoff, by name.
    """

    settings: Settings
    control: Control
    night: date = FIRST_NIGHT
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: dict[str, pa.Table] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Show 02:00 UTC after the night, in which everything of that night happens."""
        return datetime(self.night.year, self.night.month, self.night.day, 2, tzinfo=UTC) + (
            timedelta(days=1)
        )

    def lead(self, **values: Any) -> str:
        """Make a lead as a CRM user does; return its Id."""
        record = {"LastName": "Muster", "Company": "None", **values}
        (made,) = self.control.apply([{"op": "insert", "object": "Lead", "record": record}])
        return made

    def contact(self, **values: Any) -> str:
        """Make a contact as a CRM user does; return its Id."""
        record = {"LastName": "Muster", **values}
        (made,) = self.control.apply([{"op": "insert", "object": "Contact", "record": record}])
        return made

    def campaign(self, **values: Any) -> str:
        """Make a campaign; return its Id."""
        record = {"Name": "Spring", **values}
        (made,) = self.control.apply([{"op": "insert", "object": "Campaign", "record": record}])
        return made

    def change(self, object_name: str, record_id: str, **values: Any) -> None:
        """Change a record as a CRM user does."""
        record = {"Id": record_id, **values}
        self.control.apply([{"op": "update", "object": object_name, "record": record}])

    def want(self, model: str, **row: Any) -> None:
        """Add a row to a sync model, or replace the one of the same record."""
        rows = self.rows.setdefault(model, [])
        names = ("salesforce_id", "record_key")
        rows[:] = [r for r in rows if any(r.get(name) != row.get(name) for name in names)]
        rows.append(row)

    def records(self, object_name: str = "Lead") -> dict[str, dict[str, Any]]:
        """Return the org's records by Id, read as an extract reads them."""
        client = Client(connection_from_settings(self.settings), purpose="extraction")
        fields = sorted(
            {rule[1] for rule in RULES if rule[0] == object_name}
            | ({"Touchproof_Key__c"} if object_name != "Campaign" else set())
            | ({"AccountId"} if object_name == "Contact" else set())
        )
        text = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(["Id", *fields], pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        )
        soql = f"SELECT Id, {', '.join(fields)} FROM {object_name}"
        pages = [
            pa_csv.read_csv(
                io.BytesIO(page.content),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=text,
            )
            for page in client.query_csv(soql)
        ]
        return {row["Id"]: row for page in pages for row in page.to_pylist()}

    def stored(self, object_name: str) -> list[Mapping[str, str | None]]:
        """Return the org's live records as the server has them, without a call."""
        return self.ask_server(f"select * from \"{object_name}\" where IsDeleted = 'false'")

    def ask_server(self, query: str) -> list[Mapping[str, Any]]:
        """Return the rows of a query of the server's own state."""
        path = self.settings.paths.salesforce_server.resolve() / "state.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def publish(self, *, is_observed: bool = True, is_checked: bool = True) -> None:
        """Extract the org, or do without, and commit this night's handoff.

        Args:
            is_observed: Whether the org was extracted.
            is_checked: Whether a preflight for these fields was passed, so that the next push makes
                its own calls alone.
        """
        observed = [
            {
                "object": name,
                "salesforce_id": record_id,
                "record_key": record.pop("Touchproof_Key__c", None),
                "account_id": record.pop("AccountId", None),
                "fields_json": json.dumps({k: v for k, v in record.items() if k != "Id"}),
                "extracted_at": self.clock().replace(tzinfo=None) - timedelta(minutes=30),
            }
            for name in sorted({MODELS[model][0] for model in self.rows if is_observed})
            if name in EXTRACTED
            for record_id, record in self.records(name).items()
        ]
        columns = ("object", "salesforce_id", "record_key", "account_id", "fields_json")
        shape = pa.schema([(name, pa.string()) for name in columns]).append(
            pa.field("extracted_at", pa.timestamp("us"))
        )
        tables = {model: model_table(model, rows) for model, rows in self.rows.items()}
        tables["sync_salesforce_observed"] = pa.Table.from_pylist(observed, shape)
        objects = {MODELS[model][0] for model in self.rows}
        tables["salesforce_fields"] = rules_seed(objects)
        tables |= self.others
        commit_handoff(self.settings, self.night, tables)
        if is_checked:
            fields = fields_sha256(read_field_rules(tables["salesforce_fields"]))
            passed = {"org_id": ORG_ID, "fields_sha256": fields}
            ledger = Ledger.of(self.settings)
            if not has_passed(ledger, ORG_ID, fields):
                ledger.record_run(self.night, STEP, "ok", passed, self.clock())

    def next_night(self) -> None:
        """Go on to the next night and set the org's clock to it."""
        self.night += timedelta(days=1)
        self.control.set_clock(self.clock())


def commit_handoff(settings: Settings, night: date, tables: Mapping[str, pa.Table]) -> Path:
    """Write a handoff as publish does and commit it in the ledger."""
    versions = settings.paths.handoff(night).parent / VERSIONS
    temporary = versions / "being-written"
    (temporary / "sync").mkdir(parents=True)
    files = []
    for name, table in tables.items():
        path = temporary / "sync" / f"{name}.parquet"
        pq.write_table(table, path, row_group_size=_ROW_GROUP)
        files.append(HandoffFile(f"sync/{name}.parquet", table.num_rows, sha256_of(path)))
    hashes = {file.name: file.sha256 for file in files}
    version = version_name(night, hashes)
    content = {
        "night": night.isoformat(),
        "version": version,
        "files": [asdict(file) for file in files],
    }
    (temporary / CONTENT).write_text(json.dumps(content))
    shutil.rmtree(versions / version, ignore_errors=True)
    temporary.rename(versions / version)
    Ledger.of(settings).commit_night(
        night,
        published_at=datetime(2026, 6, 29, 2, tzinfo=UTC),
        published_sha256="0" * 64,
        handoff_hashes=hashes,
        mart_hashes={},
        ledger_batch={},
    )
    return versions / version
