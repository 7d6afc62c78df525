"""Gate 1: faulty rows are set aside, everything else passes, and the counts add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof import quarantine
from touchproof.errors import GateFailedError
from touchproof.landing import Batch, Landing, PartTable, Window
from touchproof.quality.gate import GateReport, run_gate
from touchproof.quality.verdict import Verdict, read_verdict
from touchproof.settings import Settings
from touchproof.sources.definition import text_schema

DAY = "2026-03-01"
NEXT = "2026-03-02"
NIGHT = date(2026, 3, 1)
Drops = Any
Event = Callable[..., dict[str, Any]]


def gate(drops: Drops, night: date = NIGHT) -> GateReport:
    return run_gate(drops.settings, night, drops.clock)


def verdict(drops: Drops, source: str = "media", entity: str = "spend") -> Verdict:
    [batch] = Landing(drops.settings.paths.landing).newest(source, entity).values()
    judged = read_verdict(batch)
    assert judged is not None
    return judged[0]


def products(drops: Drops, *rows: str, good: int = 200) -> None:
    """Let a product file arrive: good accruals, then the given rows."""
    fine = [
        f"g{number},accrual,a{number},u1,savings,,2026-03-01T10:00:00Z,2026-03-01,1.50,USD,"
        for number in range(good)
    ]
    drops.table(DAY, "app", "products", "products_20260301.csv.gz", [*fine, *rows])
    drops.extract("app", DAY)


def test_good_rows_are_accepted_whole(drops: Drops, event: Event) -> None:
    drops.spend(DAY)
    drops.emails(DAY, [event(number) for number in range(5)])
    drops.extract("media", DAY)
    drops.extract("email", DAY)
    report = gate(drops)
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (8, 8, 0)
    assert [(line.source, line.rules) for line in report.entities] == [
        ("email", {}),
        ("media", {}),
    ]
    assert verdict(drops).status == "accepted"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("x,accrual,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,-1.00,USD,", "negative accrual"),
        ("x,claw_back,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,1.00,USD,", "positive claw"),
        ("x,accrual,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "accrual without"),
        ("x,accrual,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,one,USD,", "not a number"),
        ("x,accrual,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,1e3,USD,", "not plain"),
        ("x,opening,a,u,savings,,2026-03-09T10:00:00Z,2026-03-01,,USD,", "future moment"),
        ("x,opening,a,u,savings,,2026-03-01T10:00:00Z,2026-03-09,,USD,", "future date"),
        ("x,opening,a,u,savings,,2026-02-30T10:00:00Z,2026-03-01,,USD,", "impossible date"),
        ("x,opening,a,u,savings,,March 1,2026-03-01,,USD,", "not a date"),
        ("x,opening,a,u,gold,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "unknown product"),
        ("x,opening,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,XYZ,", "unknown currency"),
        ("x,gift,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "unknown entry type"),
        (",opening,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "no key"),
        (" ,opening,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "blank key"),
        ("g7,opening,a,u,savings,,2026-03-01T10:00:00Z,2026-03-01,,USD,", "key twice"),
    ],
    ids=lambda value: value if " " in value and "," not in value else "",
)
def test_a_value_fault_sets_one_row_aside_and_the_others_pass(
    drops: Drops, row: str, rule: str
) -> None:
    products(drops, row)
    report = gate(drops)
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (201, 200, 1), rule
    [excluded] = verdict(drops, "app", "products").excluded_rows
    assert (excluded.file, excluded.row) == ("products_20260301.csv.gz", 201)
    entry = quarantine.show(drops.settings, excluded.entry)
    assert (entry.reason.kind, entry.reason.rows) == ("value", (201,))
    assert entry.payload is not None
    [kept] = pq.read_table(entry.payload).to_pylist()
    assert kept["_row"] == 201


@pytest.mark.parametrize(
    "row",
    [
        "x,opening,a,u,purchase,,2026-03-01T10:00:00Z,2026-03-01,,USD,2026-02-28T10:00:00Z",
        "x,claw_back,a,u,loan,,2026-03-01T10:00:00Z,2026-03-01,-1.00,CAD,",
        "x,claw_back,a,u,loan,,2026-03-01T10:00:00Z,2026-03-01,0,CAD,",
        "x,opening,a,u,transfer,maple,2026-03-01 10:00:00,2026-03-01,,CAD,",
        "x,opening,a,u,savings,,2026-03-02T23:00:00Z,2026-03-02,,USD,",
    ],
)
def test_unusual_but_right_rows_pass(drops: Drops, row: str) -> None:
    products(drops, row)
    assert gate(drops).rows_quarantined == 0


def test_the_future_begins_when_the_business_day_after_the_night_ends(drops: Drops) -> None:
    late = "{},opening,a,u,savings,,{},2026-03-01,,USD,"
    # New York's 2 March ends at 05:00 UTC of 3 March (winter time).
    products(
        drops, late.format("x", "2026-03-03T04:59:59Z"), late.format("y", "2026-03-03T05:00:00Z")
    )
    assert [row.row for row in verdict_after_gate(drops).excluded_rows] == [202]


def verdict_after_gate(drops: Drops) -> Verdict:
    gate(drops)
    return verdict(drops, "app", "products")


def test_a_negative_cost_is_set_aside(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-0.01")
    drops.extract("media", DAY)
    report = gate(drops)
    assert report.rows_quarantined == 1
    assert report.entities[0].rules == {"cost_not_negative": 1}


def test_an_address_that_has_not_the_shape_of_one_is_set_aside(drops: Drops, event: Event) -> None:
    events = [event(number) for number in range(150)]
    events[2]["email"] = " spaced@example.test "
    events[3]["email"] = "not an address"
    drops.emails(DAY, events)
    drops.extract("email", DAY)
    gate(drops)
    [excluded] = verdict(drops, "email", "events").excluded_rows
    assert (excluded.row, excluded.rule) == (4, "email_email")
    assert quarantine.show(drops.settings, excluded.entry).reason.shape == "aaa aa aaaaaaa"


def test_an_event_that_comes_twice_is_no_fault_where_a_source_sends_at_least_once(
    drops: Drops, event: Event
) -> None:
    drops.emails(DAY, [event(), event()])
    drops.extract("email", DAY)
    assert gate(drops).rows_quarantined == 0


def test_exactly_one_percent_sets_rows_aside_and_more_refuses_the_file(drops: Drops) -> None:
    drops.spend(DAY, rows=100, cost="-1")
    drops.spend(DAY, rows=99, file_platform="meta_ads", cost="-1")
    drops.spend(DAY, rows=5, file_platform="tv_agency")
    drops.extract("media", DAY)
    report = gate(drops)
    found = verdict(drops)
    assert found.status == "partly"
    assert [(row.file, row.row) for row in found.excluded_rows] == [
        ("spend_google_ads_20260301.csv", 100)
    ]
    assert [(file.file, file.rows) for file in found.excluded_files] == [
        ("spend_meta_ads_20260301.csv", 99)
    ]
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (204, 104, 100)
    assert report.files_quarantined == 1


def test_a_file_of_faulty_rows_only_refuses_the_batch(drops: Drops) -> None:
    drops.spend(DAY, rows=1, cost="-1")
    drops.extract("media", DAY)
    gate(drops)
    assert verdict(drops).status == "refused"


def test_a_row_that_breaks_several_rules_is_counted_by_each_and_quarantined_once(
    drops: Drops,
) -> None:
    drops.spend(DAY, rows=150, cost="-1", currency="XYZ", clicks="-3")
    drops.extract("media", DAY)
    report = gate(drops)
    assert report.rows_quarantined == 1
    assert set(report.entities[0].rules) == {
        "clicks_whole_number",
        "cost_not_negative",
        "currency_one_of",
    }
    assert len(quarantine.list_entries(drops.settings)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"produit": "OR"},
        {"date_ouverture": "2026-03-01x"},
        {"date_ouverture": "01.04.2026"},
        {"client_existant": "X"},
        {"reference": ""},
        {"solde": "douze"},
    ],
    ids=str,
)
def test_a_bank_s_faulty_row_is_set_aside(drops: Drops, change: dict[str, str]) -> None:
    row = {
        "reference": "M",
        "produit": "PRET",
        "date_ouverture": "01.03.2026",
        "courriel": "é@example.test",
        "prenom": "Zoé",
        "nom": "",
        "date_naissance": "01.01.1990",
        "code_postal": "",
        "jeton": "",
        "client_existant": "",
        "solde": "1,00",
        "telephone": "",
    }
    rows = [";".join((row | {"reference": f"M{number}"}).values()) for number in range(120)]
    rows.append(";".join((row | change).values()))
    drops.table(DAY, "bank_maple", "maple", "ouvertures_20260301.txt", rows)
    drops.extract("bank_maple", DAY)
    report = gate(drops)
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (121, 120, 1)


def test_structurally_refused_files_are_counted_with_the_rows_that_could_be(drops: Drops) -> None:
    original = drops.spend(DAY, rows=4)
    drops.put(DAY, "media", "spend_copy_20260301.csv", original.read_bytes())
    drops.put(DAY, "media", "spend_broken_20260301.csv", "date,pla")
    drops.extract("media", DAY)
    [line] = gate(drops).entities
    assert (line.rows_in, line.rows_loaded, line.rows_quarantined) == (8, 4, 4)
    assert line.files_quarantined == 2
    assert line.rules == {"duplicate_file": 1, "wrong_header": 1}


def test_a_repeated_night_reports_the_same_and_writes_no_second_verdict(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-1")
    drops.extract("media", DAY)
    first = gate(drops)
    path = drops.settings.paths.gate / "2026-03-01.json"
    content = path.read_bytes()
    assert gate(drops) == first
    assert path.read_bytes() == content
    assert json.loads(content)["rows_quarantined"] == 1
    assert asdict(first)["entities"][0]["entity"] == "spend"


def test_each_night_reports_what_it_judged_itself(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    first = gate(drops)
    drops.spend(NEXT, rows=5, arrives=NEXT)
    drops.extract("media", NEXT)
    second = gate(drops, date(2026, 3, 2))
    assert (first.rows_in, second.rows_in) == (3, 5)
    assert gate(drops) == first
    quiet = gate(drops, date(2026, 3, 3))
    assert (quiet.rows_in, quiet.entities) == (0, ())


def test_a_superseded_batch_of_the_same_night_is_not_counted_twice(drops: Drops) -> None:
    drops.spend(DAY, rows=3)
    drops.extract("media", DAY)
    gate(drops)
    drops.spend(DAY, rows=7)
    drops.extract("media", DAY)
    assert gate(drops).rows_in == 7


def test_a_gate_killed_before_its_verdict_finds_the_same_again(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-1")
    drops.extract("media", DAY)
    first = gate(drops)
    [batch] = Landing(drops.settings.paths.landing).newest("media", "spend").values()
    (batch.path / "_verdict.json").unlink()
    assert gate(drops) == first
    assert len(quarantine.list_entries(drops.settings)) == 1


@pytest.mark.parametrize("rows", [150, 20], ids=["a row", "a file"])
def test_released_rows_pass_with_the_next_gate(drops: Drops, rows: int) -> None:
    drops.spend(DAY, rows=rows, cost="-1")
    drops.extract("media", DAY)
    gate(drops)
    [entry] = quarantine.list_entries(drops.settings)
    quarantine.release(drops.settings, entry.id, drops.clock, by="ops")
    report = gate(drops)
    assert (report.rows_loaded, report.rows_quarantined) == (rows, 0)
    assert verdict(drops).released == (entry.id,)


def test_discarded_rows_stay_out(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-1")
    drops.extract("media", DAY)
    gate(drops)
    [entry] = quarantine.list_entries(drops.settings)
    quarantine.discard(drops.settings, entry.id, drops.clock, by="ops")
    assert gate(drops).rows_quarantined == 1


def test_a_gate_with_nothing_landed_at_all_fails_the_night(drops: Drops) -> None:
    with pytest.raises(GateFailedError, match="Nothing has landed"):
        gate(drops)


def test_reasons_verdicts_and_logs_name_no_value(
    drops: Drops, event: Event, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    events = [event(number) for number in range(150)]
    events[0]["email"] = "canary person without an at"
    drops.emails(DAY, events)
    drops.extract("email", DAY)
    gate(drops)
    written = [
        path.read_text()
        for folder in (drops.settings.paths.quarantine, drops.settings.paths.landing)
        for path in folder.rglob("*.json")
    ]
    assert len(written) >= 3
    assert not any("canary" in text for text in written)
    assert "canary" not in caplog.text
    assert "canary" not in "".join(capfd.readouterr())


def land_salesforce(settings: Settings, rows: list[dict[str, str]]) -> Batch:
    schema = text_schema("Id", "SystemModstamp")
    window = Window(date(1970, 1, 1), NIGHT + timedelta(days=1))
    batch, _ = Landing(settings.paths.landing).write(
        "salesforce",
        "leads",
        window,
        [PartTable("leads-1", pa.Table.from_pylist(rows, schema=schema))],
        content_sha256="ab" * 32,
        landed_at=datetime(2026, 3, 2, 2, tzinfo=UTC),
    )
    return batch


def test_salesforce_records_are_judged_by_id_and_modification(drops: Drops) -> None:
    rows = [{"Id": f"00Q{n}", "SystemModstamp": "2026-03-01T10:00:00.000Z"} for n in range(200)]
    rows += [{"Id": "", "SystemModstamp": "2026-03-01T10:00:00.000Z"}]
    rows += [{"Id": "00Qx", "SystemModstamp": "2027-03-01T10:00:00.000+0000"}]
    batch = land_salesforce(drops.settings, rows)
    gate(drops)
    judged = read_verdict(batch)
    assert judged is not None
    assert [row.row for row in judged[0].excluded_rows] == [201, 202]


def test_a_batch_without_rows_is_accepted(drops: Drops) -> None:
    batch = land_salesforce(drops.settings, [])
    assert gate(drops).rows_in == 0
    judged = read_verdict(batch)
    assert judged is not None
    assert judged[0].status == "accepted"
