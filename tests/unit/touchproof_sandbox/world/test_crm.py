"""Rule: the CRM's seed and later changes are records that Salesforce would hold and accept."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from touchproof_sandbox.world import generate, generate_days
from touchproof_sandbox.world.crm_records import OBJECTS, PREFIXES, new_record, schema_of
from touchproof_sandbox.world.randomness import salesforce_id


def seed_of(world: Path, name: str) -> list[dict[str, Any]]:
    """Return the seed's records of one object."""
    return pq.read_table(world / "salesforce" / "seed" / f"{name}.parquet").to_pylist()


def test_an_18_character_id_ends_in_the_checksum_of_its_capitals() -> None:
    assert salesforce_id("001", 1) == "0015g0000000001AAA"
    assert salesforce_id("00Q", 1)[15:] == "EAA"  # the Q is the third sign: 4 = E
    assert len({salesforce_id("003", number) for number in range(5000)}) == 5000


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_seed_files_have_every_field_and_unique_ids(small_world: Path, name: str) -> None:
    path = small_world / "salesforce" / "seed" / f"{name}.parquet"
    assert pq.read_schema(path).equals(schema_of(name))
    ids = [record["Id"] for record in seed_of(small_world, name)]
    assert ids
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 18 and i.startswith(PREFIXES[name]) for i in ids)


def test_every_lead_and_contact_has_what_salesforce_requires(small_world: Path) -> None:
    leads, contacts = seed_of(small_world, "Lead"), seed_of(small_world, "Contact")
    assert all(lead["LastName"] and lead["Company"] for lead in leads)
    assert all(contact["LastName"] for contact in contacts)
    for record in (*leads, *contacts):
        assert record["Email"].strip() == record["Email"]
        assert record["Touchproof_Key__c"] is None


def test_references_between_records_are_whole(small_world: Path) -> None:
    ids = {name: {record["Id"] for record in seed_of(small_world, name)} for name in OBJECTS}
    assert all(c["AccountId"] in ids["Account"] for c in seed_of(small_world, "Contact"))
    for lead in seed_of(small_world, "Lead"):
        assert lead["IsConverted"] == (lead["ConvertedContactId"] is not None)
        if lead["IsConverted"]:
            assert lead["ConvertedContactId"] in ids["Contact"]
    for deal in seed_of(small_world, "Opportunity"):
        assert deal["ContactId__c"] in ids["Contact"]
        assert deal["CampaignId"] is None or deal["CampaignId"] in ids["Campaign"]
    for member in seed_of(small_world, "CampaignMember"):
        assert member["LeadId"] in ids["Lead"]
        assert member["CampaignId"] in ids["Campaign"]


def test_leads_show_the_mess_of_a_real_crm(small_world: Path) -> None:
    leads = seed_of(small_world, "Lead")
    emails = Counter(lead["Email"].lower() for lead in leads)
    assert max(emails.values()) > 1, "there are duplicate leads"
    tv = [lead for lead in leads if lead["Description"]]
    assert tv
    assert all(lead["LeadSource"] is None for lead in tv)
    assert any(lead["FirstName"] is None for lead in leads)


def test_seed_plus_changes_equals_a_later_seed(tmp_path: Path) -> None:
    generate(tmp_path / "early", 300, 10, 4)
    generate(tmp_path / "late", 300, 14, 4)
    generate_days(tmp_path / "early", 300, 4, date(2026, 3, 11), date(2026, 3, 14))
    state = {
        (name, record["Id"]): record
        for name in OBJECTS
        for record in seed_of(tmp_path / "early", name)
    }
    files = sorted((tmp_path / "early" / "salesforce" / "changes").iterdir())
    assert [path.name for path in files] == [f"2026-03-{day}.json" for day in (11, 12, 13, 14)]
    changes = [change for path in files for change in json.loads(path.read_bytes())]
    assert changes
    for change in changes:
        key = (change["object"], change["record"]["Id"])
        assert (key in state) == (change["op"] == "update")
        state.setdefault(key, {}).update(change["record"])
    late = {
        (name, record["Id"]): record
        for name in OBJECTS
        for record in seed_of(tmp_path / "late", name)
    }
    assert state == late


def test_changes_of_the_first_nights_are_in_the_seed_only(small_world: Path) -> None:
    assert not (small_world / "salesforce" / "changes").exists()


def test_a_record_with_an_unknown_field_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        new_record("Lead", Surname="x")
