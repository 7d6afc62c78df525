"""What the org holds without a client: seeds and its own users' changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.control import Control

LEAD = "00Q5g0000AAAAABAA1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a seed of one lead with an invalid e-mail, as real orgs have them."""
    row = {
        "Id": LEAD,
        "LastName": "Doe",
        "Email": "ann at example",
        "HasOptedOutOfEmail": True,
        "Touchproof_Score__c": 4.0,
        "SystemModstamp": "2026-05-01T10:00:00.000Z",
        "IsConverted": None,
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "Lead.parquet")
    return tmp_path


def test_a_seed_is_taken_as_it_is_and_once(api, control: Control, folder: Path) -> None:
    first = control.seed(folder)
    api.call("PATCH", f"sobjects/Lead/{LEAD}", json={"Email": "ann@example.org", "Company": "A"})
    second = control.seed(folder)

    assert (first, second) == ({"Lead": 1}, {})
    lead = api.record("Lead", LEAD)
    assert (lead["Email"], lead["HasOptedOutOfEmail"], lead["IsConverted"]) == (
        "ann@example.org",
        True,
        False,
    )
    assert lead["Touchproof_Score__c"] == 4.0


def test_a_seed_keeps_its_stamps_and_writes_come_after_them(api, control, folder) -> None:
    control.set_clock(control.clock().replace(month=4))
    control.seed(folder)
    seeded = api.record("Lead", LEAD)["SystemModstamp"]
    later = api.record("Lead", api.create("Lead", LastName="Roe", Company="A"))["SystemModstamp"]

    assert (seeded, later) == ("2026-05-01T10:00:00.000+0000", "2026-05-01T10:00:00.001+0000")


@pytest.mark.parametrize("name", ["Lead", "Nothing"])
def test_a_seed_that_doesnt_fit_the_schema_is_refused_whole(
    api, control: Control, folder: Path, name: str
) -> None:
    pq.write_table(pa.table({"Colour": ["red"]}), folder / f"{name}.parquet")

    with pytest.raises(BadInputError):
        control.seed(folder)

    assert api.query("SELECT Id FROM Lead") == []


def test_changes_of_a_day_are_applied_in_order_and_once(api, control: Control) -> None:
    stamp = "2026-06-28T15:00:00.000Z"
    record = {"Id": LEAD, "LastName": "Doe", "Company": "A", "CreatedDate": stamp}
    changes = [
        {"op": "create", "object": "Lead", "record": record | {"SystemModstamp": stamp}},
        {"op": "update", "object": "Lead", "record": {"Id": LEAD, "IsConverted": True}},
    ]

    first = control.apply(changes, key="2026-06-28")
    second = control.apply([*changes, changes[0]], key="2026-06-28")

    assert (first, second) == ((LEAD, LEAD), ())
    lead = api.record("Lead", LEAD)
    assert (lead["IsConverted"], lead["CreatedDate"]) == (True, "2026-06-28T15:00:00.000+0000")


def test_a_change_with_an_old_stamp_never_takes_a_record_back_in_time(api, control) -> None:
    lead = api.create("Lead", LastName="Doe", Company="A")
    before = api.record("Lead", lead)["SystemModstamp"]
    change = {"Id": lead, "FirstName": "Ann", "SystemModstamp": "2026-01-01T00:00:00.000Z"}

    control.apply([{"op": "update", "object": "Lead", "record": change}])

    after = api.record("Lead", lead)
    assert after["FirstName"] == "Ann"
    assert after["SystemModstamp"] > before


def test_a_change_that_is_made_late_is_stamped_late(api, control: Control) -> None:
    record = {"Id": LEAD, "LastName": "Doe", "Company": "A"}
    stamp = (control.clock() - timedelta(days=2)).isoformat()
    change = {"op": "create", "object": "Lead", "record": record | {"SystemModstamp": stamp}}

    control.apply([change])

    seen = datetime.fromisoformat(api.record("Lead", LEAD)["SystemModstamp"])
    assert seen >= control.clock()


def test_a_change_that_cannot_be_applied_leaves_none_of_its_set(api, control: Control) -> None:
    good = {"op": "create", "object": "Lead", "record": {"LastName": "Doe", "Company": "A"}}
    bad = {"op": "update", "object": "Lead", "record": {"Id": "00Q000000000001AAA"}}

    with pytest.raises(BadInputError, match="change 2"):
        control.apply([good, bad], key="day")

    assert api.query("SELECT Id FROM Lead") == []
    assert len(control.apply([good], key="day")) == 1
