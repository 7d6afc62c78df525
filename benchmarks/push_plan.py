"""Claim: 1.5 million records of 15 fields are planned in under 10 s, pushed in under 600 MB.

Planned is a whole dry run, from the handoff's files and the ledger to the plan and its cost, where
every record is known and 2 % have another stage. Beside it the same where every record has another
stage, and a first push, whose records are all to be made; that one is then pushed to the loopback
server, which gives them Ids. The records are leads of two sync models: 3 fields of consent, 8 that
we own and 4 that are only filled if empty.

The baseline is a comparison row by row: each record's acknowledged JSON as a dictionary, each field
against it, without canonical forms, owners, consent, parents or a hash. It reads a fifteenth of the
records, and its time and memory are scaled. Each part runs in a process of its own.

`benchmarks/push_plan.py 100000` makes it smaller.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests/unit/touchproof/salesforce"))

RECORDS, SAMPLED_SHARE = 1_500_000, 15
NIGHT = date(2026, 6, 28)
NOW = datetime(2026, 6, 29, 2, tzinfo=UTC)
KNOWN, CHANGED, NEW = "2 % changed", "every record changed", "first push"
NAIVE, PUSH = "row by row", "push of the first push"
CONSENT, ATTRIBUTES = "sync_lead_consent", "sync_lead_attributes"
FIELDS = (
    ("HasOptedOutOfEmail", "touchproof", CONSENT, "boolean"),
    ("DoNotCall", "touchproof", CONSENT, "boolean"),
    ("Touchproof_Email_Consent__c", "touchproof", CONSENT, "text"),
    ("Touchproof_Stage__c", "touchproof", ATTRIBUTES, "text"),
    ("Touchproof_Score__c", "touchproof", ATTRIBUTES, "number"),
    ("Touchproof_Source__c", "touchproof", ATTRIBUTES, "text"),
    ("LeadSource", "touchproof", ATTRIBUTES, "text"),
    ("Status", "touchproof", ATTRIBUTES, "text"),
    ("Country", "touchproof", ATTRIBUTES, "text"),
    ("PostalCode", "touchproof", ATTRIBUTES, "text"),
    ("Description", "touchproof", ATTRIBUTES, "text"),
    ("FirstName", "fill_if_empty", ATTRIBUTES, "text"),
    ("LastName", "fill_if_empty", ATTRIBUTES, "text"),
    ("Company", "fill_if_empty", ATTRIBUTES, "text"),
    ("Email", "fill_if_empty", ATTRIBUTES, "text"),
)
LEADS = """
create table leads as
select
    '00Q5e' || lpad(number::varchar, 10, '0') || 'EAA' as id,
    'app:' || number as key,
    case when number % 9 = 0 then 'true' else 'false' end as "HasOptedOutOfEmail",
    'false' as "DoNotCall",
    case when number % 9 = 0 then 'opted_out' else 'opted_in' end as "Touchproof_Email_Consent__c",
    ['registered', 'engaged', 'customer'][1 + number % 3] as "Touchproof_Stage__c",
    case when number % 4 > 0 then (number % 997 / 4)::decimal(9, 2)::double::varchar end
        as "Touchproof_Score__c",
    'Channel ' || number % 12 as "Touchproof_Source__c",
    ['Web', 'App', 'Event'][1 + number % 3] as "LeadSource",
    'Open' as "Status",
    'United States' as "Country",
    lpad((number % 99991)::varchar, 5, '0') as "PostalCode",
    case when number % 2 = 0 then 'Campaign of the spring ' || number % 300 end as "Description",
    'First' || number % 5000 as "FirstName",
    'Last' || number % 90000 as "LastName",
    'None' as "Company",
    'person' || number || '@mail.example' as "Email"
from range({records}) as numbers(number)
"""


def make(folder: Path, case: str, records: int) -> None:
    """Commit the handoff of a case, and acknowledge what is known in it."""
    import duckdb
    from small_crm import commit_handoff

    from touchproof.ledger.store import Ledger
    from touchproof.salesforce.preflight import fields_sha256
    from touchproof.salesforce.preflight_run import STEP
    from touchproof.salesforce.rules import read_field_rules
    from touchproof_sandbox.salesforce.schema import ORG_ID

    settings = settings_of(folder, case)
    with duckdb.connect() as connection:
        connection.execute(LEADS.format(records=records))
        seed = connection.sql(
            " union all ".join(
                f"select 'Lead' as object, '{field}' as field, '{owner}' as owner,"
                f" 'overwrite' as on_drift, {str(model == CONSENT).lower()} as is_consent,"
                f" '{model}' as sync_model, '{type_}' as type, '' as refers_to"
                for field, owner, model, type_ in FIELDS
            )
        ).to_arrow_table()
        tables = {"salesforce_fields": seed}
        for model in (CONSENT, ATTRIBUTES):
            names = ", ".join(f'"{field}"' for field, _, one, _ in FIELDS if one == model)
            tables[model] = connection.sql(
                f"select 'Lead' as object, {'key' if case == NEW else 'null'} as record_key,"
                f" {'null::varchar' if case == NEW else 'id'} as salesforce_id,"
                f" {str(case == NEW).lower()} as is_creation, true as may_market, {names}"
                f' from (select * replace ({stage(case)} as "Touchproof_Stage__c") from leads)'
            ).to_arrow_table()
        commit_handoff(settings, NIGHT, tables)
        ledger = Ledger.of(settings)
        ledger.require_org(ORG_ID)
        fields = fields_sha256(read_field_rules(seed))
        passed = {"org_id": ORG_ID, "fields_sha256": fields}
        ledger.record_run(NIGHT, STEP, "ok", passed, NOW)
        if case == KNOWN:
            acknowledge(connection, settings.paths.ledger, ORG_ID)


def stage(case: str) -> str:
    """Return what a case wants of the stage."""
    other = "'was ' || \"Touchproof_Stage__c\""
    share = {KNOWN: "hash(id) % 50 = 0", CHANGED: "true", NEW: "false"}[case]
    return f'case when {share} then {other} else "Touchproof_Stage__c" end'


def acknowledge(connection: Any, ledger: Path, org_id: str) -> None:
    """Write every lead into the ledger, as the baseline of an extract does."""
    names = sorted([*(field for field, *_ in FIELDS), "Touchproof_Key__c"])
    pairs = ", ".join(f"'{n}', " + ("key" if n == "Touchproof_Key__c" else f'"{n}"') for n in names)
    found = connection.execute(f"select id, json_object({pairs})::varchar from leads")
    moment = "2026-06-28 02:00:00.000000"
    with sqlite3.connect(ledger) as database:
        while rows := found.fetchmany(50_000):
            database.executemany(
                "insert into acknowledged values (?, 'Lead', ?, ?, ?, 'baseline', null, ?)",
                [(org_id, record, record, fields, moment) for record, fields in rows],
            )
    database.close()


def settings_of(folder: Path, case: str) -> Any:
    """Return the settings of a case's world: what is known is the same in two of them."""
    from touchproof.settings import Settings

    world = "new" if case == NEW else "known"
    return Settings(
        data_dir=folder,
        world=world,
        max_changed_share=1.0,
        max_refused_share=1.0,
        salesforce_rows_per_second=20_000,  # the loopback server's pace
    )


def plan(folder: Path, case: str) -> dict[str, Any]:
    """Plan a case without a call."""
    from touchproof.salesforce.push import run_push

    report = run_push(settings_of(folder, case), NIGHT, lambda: NOW, dry_run=True)
    return {"planned": report.planned}


def push(folder: Path) -> dict[str, Any]:
    """Push the records of a first push."""
    from touchproof.salesforce.push import run_push

    report = run_push(settings_of(folder, NEW), NIGHT, lambda: NOW)
    return {"planned": report.pushed}


def compare_row_by_row(folder: Path, records: int) -> dict[str, Any]:
    """Compare some of the records field by field in Python."""
    import pyarrow.parquet as pq

    from touchproof.handoff import committed_handoff

    settings = settings_of(folder, KNOWN)
    handoff = committed_handoff(settings)
    assert handoff is not None
    count = records // SAMPLED_SHARE
    known = {}
    with sqlite3.connect(settings.paths.ledger) as database:
        query = "select record_key, fields_json from acknowledged limit ?"
        for record, fields_json in database.execute(query, [count]):
            known[record] = json.loads(fields_json)
    changed = {}
    for model in (CONSENT, ATTRIBUTES):
        names = [field for field, _, one, _ in FIELDS if one == model]
        file = pq.ParquetFile(handoff.path / "sync" / f"{model}.parquet")
        seen = 0
        for batch in file.iter_batches(10_000):
            for row in batch.slice(0, count - seen).to_pylist():
                fields = known[row["salesforce_id"]]
                differing = {name: row[name] for name in names if fields.get(name) != row[name]}
                if differing:
                    changed.setdefault(row["salesforce_id"], {}).update(differing)
            seen += batch.num_rows
            if seen >= count:
                break
    return {"planned": len(changed)}


def work(what: str, folder: Path, records: int) -> dict[str, Any]:
    """Do one part in this process and say what it took."""
    import touchproof.salesforce.push  # noqa: F401  imports aren't what is measured

    imported = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    if what == NAIVE:
        found = compare_row_by_row(folder, records)
    else:
        found = push(folder) if what == PUSH else plan(folder, what)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = used.ru_utime + used.ru_stime - imported.ru_utime - imported.ru_stime
    return {
        **found,
        "seconds": seconds,
        "processor": processor,
        "imported": imported.ru_maxrss / 1024,
        "megabytes": used.ru_maxrss / 1024,
    }


def child(*arguments: object) -> dict[str, Any]:
    """Run a part in a process of its own; this one stays small, or its size would count there."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main(records: int) -> None:
    """Print a row for each part."""
    with tempfile.TemporaryDirectory(prefix="push-plan-") as name:
        folder = Path(name)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {records:,} records")
        header = ("", "records", "seconds", "processor s", "peak MB", "ratio")
        print("{:<24}{:>10}{:>10}{:>13}{:>10}{:>8}".format(*header), flush=True)
        child("make", folder, KNOWN, records)
        naive = child("work", folder, NAIVE, records)
        imported = naive["imported"]
        naive["megabytes"] = imported + (naive["megabytes"] - imported) * SAMPLED_SHARE
        for figure in ("planned", "seconds", "processor"):
            naive[figure] *= SAMPLED_SHARE
        show(f"{NAIVE}, scaled", naive, naive)
        show(KNOWN, child("work", folder, KNOWN, records), naive)
        child("make", folder, CHANGED, records)
        show(CHANGED, child("work", folder, CHANGED, records), naive)
        child("make", folder, NEW, records)
        show(NEW, child("work", folder, NEW, records), naive)
        child("serve", folder)
        try:
            show(PUSH, child("work", folder, PUSH, records), None)
        finally:
            child("stop", folder)


def serve(folder: Path) -> None:
    """Start the loopback server for the world of the first push."""
    from touchproof_sandbox.salesforce import lifecycle
    from touchproof_sandbox.salesforce.control import Control

    info = lifecycle.start(folder / "server")
    link = settings_of(folder, NEW).paths.salesforce_server
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder / "server")
    Control(info.url).limits(max=100_000)


def show(what: str, told: dict[str, Any], naive: dict[str, Any] | None) -> None:
    """Print one part; the ratio is the baseline's processor time to it."""
    ratio = f"{naive['processor'] / told['processor']:.1f}" if naive else "-"
    print(
        f"{what:<24}{told['planned']:>10,}{told['seconds']:>10.1f}{told['processor']:>13.1f}"
        f"{told['megabytes']:>10,.0f}{ratio:>8}   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    action, *rest = sys.argv[1:] or [str(RECORDS)]
    if action == "make":
        make(Path(rest[0]), rest[1], int(rest[2]))
        print("{}")
    elif action == "work":
        print(json.dumps(work(rest[1], Path(rest[0]), int(rest[2]))))
    elif action == "serve":
        serve(Path(rest[0]))
        print("{}")
    elif action == "stop":
        from touchproof_sandbox.salesforce import lifecycle

        lifecycle.stop(Path(rest[0]) / "server")
        print("{}")
    else:
        main(int(action))
