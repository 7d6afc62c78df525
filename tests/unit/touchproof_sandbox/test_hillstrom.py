"""Rule: the experiment's groups, visits, purchases and spend reach the drops unchanged."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.hillstrom import convert, effect, groups

HEADER = (
    "recency,history_segment,history,mens,womens,zip_code,newbie,channel,"
    "segment,visit,conversion,spend"
)
SPENDS = ("29.99", "499.0", "0.29", "113.5")


def row(number: int) -> str:
    """Return one made-up line in the published form."""
    segment = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")[number % 3]
    visit = int(number % 2 == 0 or number % 5 == 0)
    bought = int(number % 5 == 0)
    spend = SPENDS[number % 4] if bought else "0"
    return f'10,"2) $100 - $200",142.44,1,0,Surburban,0,Phone,{segment},{visit},{bought},{spend}'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a file of 300 customers."""
    path = tmp_path / "hillstrom.csv"
    path.write_text("\n".join([HEADER, *(row(number) for number in range(300))]) + "\n")
    return path


def app_rows(out: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one kind of app file."""
    return [
        line
        for path in sorted(out.glob(f"drops/*/app/{name}_*.csv.gz"))
        for line in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    ]


def events_of(out: Path) -> list[dict[str, object]]:
    """Return all GA4 events."""
    return [
        event
        for path in sorted(out.glob("drops/*/ga4/*.parquet"))
        for event in pq.read_table(path).to_pylist()
    ]


def test_the_totals_are_the_files_own(data: Path, tmp_path: Path) -> None:
    with data.open() as file:
        rows = list(csv.DictReader(file))
    report = convert(data, tmp_path / "out")
    assert report.customers == 300
    assert report.groups == groups(data)
    for group in report.groups:
        own = [line for line in rows if line["segment"] == group.segment]
        assert group.people == len(own)
        assert group.visits == sum(int(line["visit"]) for line in own)
        assert group.conversions == sum(int(line["conversion"]) for line in own)
        assert Decimal(group.spend_cents) / 100 == sum(Decimal(line["spend"]) for line in own)


def test_the_drops_hold_each_visit_and_purchase_once(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(data, out)
    visitors = Counter(e["user_id"] for e in events_of(out) if e["event_name"] == "session_start")
    assert set(visitors.values()) == {1}
    assert len(visitors) == sum(group.visits for group in report.groups)
    products = app_rows(out, "products")
    accruals = [line for line in products if line["entry_type"] == "accrual"]
    assert len(accruals) == sum(group.conversions for group in report.groups)
    cents = sum(Decimal(line["amount"]) * 100 for line in accruals)
    assert cents == sum(group.spend_cents for group in report.groups)
    assert {line["product_line"] for line in products} == {"purchase"}
    assert len(app_rows(out, "registrations")) == 300


def test_mails_go_to_the_treated_groups_only(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(data, out)
    (path,) = out.glob("drops/*/email/*.json.gz")
    sends = [e for e in json.loads(gzip.decompress(path.read_bytes())) if e["event"] == "processed"]
    customers = pq.read_table(out / "truth" / "groups.parquet").to_pylist()
    treated = {f"rcp_h{c['customer']:06d}": c["campaign_code"] for c in customers}
    assert {e["recipient_id"]: e["campaign_code"] for e in sends} == {
        recipient: code for recipient, code in treated.items() if code
    }


def test_a_customer_is_registered_then_mailed_then_visits_then_buys(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    convert(data, out)
    registered = {
        line["app_user_id"]: line["registered_at"] for line in app_rows(out, "registrations")
    }
    visited = {str(e["user_id"]): int(str(e["event_timestamp"])) // 10**6 for e in events_of(out)}
    (path,) = out.glob("drops/*/email/*.json.gz")
    for event in json.loads(gzip.decompress(path.read_bytes())):
        user = "u_" + event["recipient_id"].removeprefix("rcp_")
        assert event["timestamp"] < visited.get(user, 2**40)
    for line in app_rows(out, "products"):
        assert registered[line["app_user_id"]] < line["application_started_at"]
        assert line["application_started_at"] < line["occurred_at"] < "2008-04-03"
        assert line["booked_date"] == line["occurred_at"][:10]
    assert max(registered.values()) < "2008-03-20"


def test_the_same_file_and_seed_give_the_same_bytes(data: Path, tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        convert(data, tmp_path / name, seed)
        files = sorted(p for p in (tmp_path / name / "drops").rglob("*") if p.is_file())
        hashes.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_crm_holds_the_two_mailings_and_nothing_else(data: Path, tmp_path: Path) -> None:
    convert(data, tmp_path / "out")
    for path in (tmp_path / "out" / "salesforce" / "seed").iterdir():
        records = pq.read_table(path).to_pylist()
        codes = {record.get("Campaign_Code__c") for record in records}
        assert codes == (
            {"hillstrom_mens", "hillstrom_womens"} if path.stem == "Campaign" else set()
        )


def test_the_effect_is_welchs_difference_of_means(data: Path) -> None:
    found = {(e.campaign_code, e.metric): e for e in effect(data)}
    assert len(found) == 6
    with data.open() as file:
        rows = list(csv.DictReader(file))

    def cents(segment: str) -> list[float]:
        return [float(line["spend"]) * 100 for line in rows if line["segment"] == segment]

    def mean_and_variance(values: list[float]) -> tuple[float, float]:
        mean = math.fsum(values) / len(values)
        return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)

    treated, control = cents("Mens E-Mail"), cents("No E-Mail")
    (mean, variance), (base, base_variance) = mean_and_variance(treated), mean_and_variance(control)
    error = math.sqrt(variance / len(treated) + base_variance / len(control))
    result = found["hillstrom_mens", "revenue_cents"]
    assert result.per_person == pytest.approx(mean - base)
    assert result.standard_error == pytest.approx(error)
    assert result.total == pytest.approx((mean - base) * len(treated))
    assert result.high - result.low == pytest.approx(2 * 1.959964 * error * len(treated), rel=1e-6)
    assert result.low < result.total < result.high
    assert asdict(result)["people"] == len(treated)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("10,x,1,1,0,S,0,Phone,Children,0,0,0", "no known segment"),
        ("10,x,1,1,0,S,0,Phone,No E-Mail,2,0,0", "no 0 or 1"),
        ("10,x,1,1,0,S,0,Phone,No E-Mail,1,1,1.999", "no cents"),
        ("10,x,1,1,0,S,0,Phone,No E-Mail,1,1,dear", "no cents"),
    ],
)
def test_a_foreign_row_is_named_by_its_line(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{HEADER}\n{row(1)}\n{line}\n")
    with pytest.raises(BadInputError, match=fault) as error:
        convert(path, tmp_path / "out")
    assert "line 3" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_missing_or_another_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="doesn't exist"):
        groups(tmp_path / "nothing.csv")
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInputError, match="lacks the columns"):
        groups(path)
    path.write_text(HEADER + "\n")
    with pytest.raises(BadInputError, match="no rows"):
        groups(path)
