"""Rule: the planted truth is complete, agrees with the drops and isn't among them."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from touchproof.sources.banks import read_openings
from touchproof_sandbox.world.bank_formats import bank_mappings
from touchproof_sandbox.world.campaigns import CAMPAIGNS


def truth(world: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a truth table."""
    return pq.read_table(world / "truth" / f"{name}.parquet").to_pylist()


def reported(world: Path) -> set[tuple[str, str]]:
    """Return bank and reference of every opening in the banks' files."""
    found = set()
    for path in world.glob("drops/*/bank_*/*"):
        source = path.parts[-2]
        table = read_openings(bank_mappings()[source], path, 10**7)
        found |= {(source, str(one)) for one in table.column("reference").to_pylist()}
    return found


def app_rows(world: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one kind of app file."""
    return [
        row
        for path in sorted(world.glob(f"drops/*/app/{name}_*.csv.gz"))
        for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    ]


def test_every_identifier_belongs_to_one_person(small_world: Path) -> None:
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in truth(small_world, "people"):
        owners[row["identifier_type"], row["identifier"]].add(row["true_person"])
    assert {len(people) for people in owners.values()} == {1}
    kinds = {kind for kind, _ in owners}
    assert kinds == {
        "cookie", "install", "app_user", "email", "recipient", "phone", "registration",
        "submission", "lead", "contact",
    }  # fmt: skip


def test_every_identifier_of_the_drops_is_in_the_truth(small_world: Path) -> None:
    known = {(row["identifier_type"], row["identifier"]) for row in truth(small_world, "people")}
    for path in small_world.glob("drops/*/ga4/*.parquet"):
        table = pq.read_table(path, columns=["user_pseudo_id", "platform"]).to_pylist()
        for row in table:
            if row["user_pseudo_id"]:
                kind = "cookie" if row["platform"] == "WEB" else "install"
                assert (kind, row["user_pseudo_id"]) in known
    for row in app_rows(small_world, "registrations"):
        assert ("app_user", row["app_user_id"]) in known
        assert ("email", row["email"].strip().lower()) in known
    owners = {
        (row["identifier_type"], row["identifier"]): row["true_person"]
        for row in truth(small_world, "people")
    }
    for path in small_world.glob("drops/*/web_forms/*.csv.gz"):
        for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())):
            owner = owners["submission", row["submission_id"]]
            assert owners["email", row["email"].strip().lower()] == owner
            if row["web_client_id"]:
                assert owners["cookie", row["web_client_id"]] == owner


def test_people_with_several_devices_and_addresses_exist(small_world: Path) -> None:
    counts: Counter[tuple[str, str]] = Counter(
        (row["true_person"], row["identifier_type"]) for row in truth(small_world, "people")
    )
    assert max(n for (_, kind), n in counts.items() if kind == "cookie") == 3
    assert max(n for (_, kind), n in counts.items() if kind == "email") == 2
    assert max(n for (_, kind), n in counts.items() if kind == "lead") > 1


def test_causes_of_each_conversion_sum_to_one(small_world: Path) -> None:
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for row in truth(small_world, "causes"):
        assert row["share"] >= 0
        sums[row["conversion_kind"], row["conversion"]] += row["share"]
    assert all(total == pytest.approx(1, abs=1e-6) for total in sums.values())
    codes = {row["campaign_code"] for row in truth(small_world, "causes")}
    assert codes <= {campaign.code for campaign in CAMPAIGNS} | {"baseline"}


def test_every_conversion_of_the_drops_has_its_causes(small_world: Path) -> None:
    caused = {(row["conversion_kind"], row["conversion"]) for row in truth(small_world, "causes")}
    opened = {
        row["account_id"]
        for row in app_rows(small_world, "products")
        if row["entry_type"] == "opening"
    }
    registered = {row["registration_id"] for row in app_rows(small_world, "registrations")}
    assert {name for kind, name in caused if kind == "app_opening"} == opened
    assert {name for kind, name in caused if kind == "registration"} == registered
    own = {
        f"{row['bank_id']}:{row['reference']}"
        for row in truth(small_world, "skips")
        if row["why"] != "sold_through_app"
    }
    assert {name for kind, name in caused if kind == "bank_opening"} == own


def test_every_reported_opening_has_its_truth_and_the_reverse(small_world: Path) -> None:
    skips = truth(small_world, "skips")
    assert {(row["bank_id"], row["reference"]) for row in skips} == reported(small_world)
    assert len(skips) == len(reported(small_world))


def test_a_skip_was_contacted_before_it_opened_and_within_the_window(small_world: Path) -> None:
    rows = truth(small_world, "skips")
    assert {"contacted_first", "existing_customer", "never_contacted", "sold_through_app"} <= {
        row["why"] for row in rows
    }
    for row in rows:
        assert row["is_skip"] == (row["why"] == "contacted_first")
        if row["is_skip"]:
            assert row["first_contact_at"] < row["opened_at"]
            assert row["opened_at"] - row["last_contact_at"] <= timedelta(days=90)
        if row["why"] in {"never_contacted", "opened_before_contact"}:
            assert row["first_contact_at"] is None


def test_a_person_is_no_skip_at_a_bank_whose_customer_the_person_is(small_world: Path) -> None:
    seen: set[tuple[str, str]] = set()
    rows = sorted(truth(small_world, "skips"), key=lambda row: row["opened_at"])
    for row in rows:
        key = (row["bank_id"], row["true_person"])
        assert not (row["is_skip"] and key in seen)
        seen.add(key)
