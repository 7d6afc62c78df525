"""A day of faults: each is named, nothing is lost, the rest of the night goes on."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
from bad_day import CANARIES, REFUSAL, BadDay
from nights import Seen, World
from pypdf import PdfReader

pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def quarantined(nights: dict[str, Seen], bad_day: BadDay) -> dict[str, str]:
    """Return rule by file name, of what the bad day left in quarantine."""
    night = bad_day.day.isoformat()
    entries = [entry for entry in nights["bad"].status["quarantine"] if entry["night"] == night]
    return {Path(entry["file"]).name: entry["rule"] for entry in entries}


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("products_{}.csv.gz", id="truncated gzip"),
        pytest.param("spend_google_ads_{}.csv", id="wrong header"),
        pytest.param("spend_meta_ads_{}.csv", id="negative amount"),
        pytest.param("registrations_{}.csv.gz", id="future date"),
        pytest.param("consents_{}.csv.gz", id="duplicate file"),
        pytest.param("openings_{}.csv.gz", id="empty file"),
    ],
)
def test_each_fault_is_quarantined_and_shown(
    quarantined: dict[str, str], nights: dict[str, Seen], bad_day: BadDay, pattern: str
) -> None:
    name = pattern.format(bad_day.day.strftime("%Y%m%d"))
    assert quarantined.get(name), quarantined
    assert name in nights["bad"].printed


def test_the_night_goes_on_around_the_faults(nights: dict[str, Seen], bad_day: BadDay) -> None:
    assert nights["bad"].status["published"]["night"] == bad_day.day.isoformat()
    for source in nights["bad"].status["sources"]:
        assert source["rows_in"] == source["rows_loaded"] + source["rows_quarantined"], source
    media = next(s for s in nights["bad"].status["sources"] if s["source"] == "media")
    assert media["rows_loaded"] > 0
    assert media["rows_quarantined"] > 0


def test_a_refused_row_is_named_and_comes_again_with_the_next_push(
    nights: dict[str, Seen], bad_day: BadDay
) -> None:
    assert nights["bad"].push["refused"] == 1
    assert bad_day.refused_campaign in nights["bad"].printed
    assert REFUSAL in nights["bad"].printed
    assert nights["repeated"].push["refused"] == 0
    # The refused campaign alone: the bad night made no lead, on which something would hang now.
    assert nights["repeated"].push["pushed"] == 1
    assert nights["repeated"].push["dead"] == 0


def test_an_opt_out_made_today_is_in_salesforce_tonight(
    nights: dict[str, Seen], demo: World, bad_day: BadDay
) -> None:
    from touchproof.salesforce.client import Client, connection_from_settings

    client = Client(connection_from_settings(demo.settings), purpose="extraction")
    found = client.query(
        f"SELECT HasOptedOutOfEmail FROM Lead WHERE Id = '{bad_day.opted_out_lead}'"
    )
    assert [bool(lead["HasOptedOutOfEmail"]) for lead in found] == [True]


def _readable(path: Path) -> bytes:
    """Return a file's bytes, those of packed formats as what a reader would see."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content)
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return content + b"".join(book.read(name) for name in book.namelist())
    if path.suffix == ".pdf":
        return content + "".join(page.extract_text() for page in PdfReader(path).pages).encode()
    return content


def test_no_canary_is_outside_the_layers_of_personal_data(
    nights: dict[str, Seen], demo: World
) -> None:
    paths = demo.settings.paths
    searched = 0
    for folder in (
        paths.published.parent,
        paths.airflow_home,
        paths.evidence,
        paths.runs,
        paths.gate,
    ):
        for path in folder.rglob("*"):
            if path.is_file():
                searched += 1
                content = _readable(path)
                for canary, value in CANARIES.items():
                    assert value.encode() not in content, (canary, path)
    for seen in nights.values():
        for canary, value in CANARIES.items():
            assert value not in seen.printed, canary
    assert searched > 20


def test_the_canaries_did_land(demo: World, bad_day: BadDay) -> None:
    """Guard the search above: it would also pass if nothing had been planted."""
    import pyarrow.parquet as pq

    paths = demo.settings.paths
    held = ""
    for path in [*paths.landing.rglob("*.parquet"), *paths.quarantine.rglob("rows.parquet")]:
        held += str(pq.read_table(path).to_pydict()) if str(bad_day.day) in str(path) else ""
    for path in paths.quarantine.rglob("original*"):
        held += path.read_bytes().decode(errors="ignore")
    found = {canary for canary, value in CANARIES.items() if value in held}
    assert {"good e-mail", "good cookie"} <= found, found
    assert found & {"bad name", "bad e-mail", "bad phone"}, found
