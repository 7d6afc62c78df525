"""Reading: SOQL, REST query pages, Bulk 2.0 query results."""

from __future__ import annotations

import csv
import io

import pytest


@pytest.fixture
def leads(api) -> list[str]:
    """Make 25 leads; number 7 has a line end in its company."""
    rows = [f'app:{i},L{i:02},"Acme{chr(10) if i == 7 else ""}",{i}' for i in range(25)]
    header = "Touchproof_Key__c,LastName,Company,Touchproof_Score__c\n"
    done = api.ingest("Lead", "upsert", header + "\n".join(rows) + "\n", "Touchproof_Key__c")
    return [row["sf__Id"] for row in done.successful]


def bulk_query(api, soql: str, operation: str = "query") -> str:
    answer = api.call("POST", "jobs/query", json={"operation": operation, "query": soql})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "UploadComplete"
    return str(answer.json()["id"])


def pages(api, job: str, size: int) -> list[list[list[str]]]:
    found, locator = [], ""
    while locator != "null":
        answer = api.call(
            "GET", f"jobs/query/{job}/results", params={"maxRecords": size, "locator": locator}
        )
        rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
        assert int(answer.headers["Sforce-NumberOfRecords"]) == len(rows) - 1
        found.append(rows)
        locator = answer.headers["Sforce-Locator"]
    return found


def test_a_bulk_query_comes_in_pages_each_with_its_header(api, leads) -> None:
    job = bulk_query(api, "SELECT LastName, Company FROM Lead ORDER BY LastName")

    answer = api.call("GET", f"jobs/query/{job}").json()
    found = pages(api, job, 10)

    assert (answer["state"], answer["numberRecordsProcessed"]) == ("JobComplete", 25)
    assert [len(page) - 1 for page in found] == [10, 10, 5]
    assert all(page[0] == ["LastName", "Company"] for page in found)
    names = [row[0] for page in found for row in page[1:]]
    assert names == [f"L{i:02}" for i in range(25)]
    assert found[0][8] == ["L07", "Acme\n"]


def test_a_bulk_query_without_rows_has_one_page_with_a_header(api) -> None:
    assert pages(api, bulk_query(api, "SELECT Id FROM Lead"), 10) == [[["Id"]]]


def test_deleted_records_come_only_when_asked_for(api, leads) -> None:
    api.ingest("Lead", "delete", f"Id\n{leads[0]}\n")
    soql = "SELECT Id, IsDeleted FROM Lead"

    live = pages(api, bulk_query(api, soql), 100)[0][1:]
    every = pages(api, bulk_query(api, soql, "queryAll"), 100)[0][1:]

    assert (len(live), len(every)) == (24, 25)
    assert [leads[0], "true"] in every


def test_a_bulk_query_shows_the_moment_at_which_it_ran(api, leads) -> None:
    job = bulk_query(api, "SELECT Id FROM Lead")
    api.create("Lead", LastName="Late", Company="Acme")

    assert len(pages(api, job, 100)[0]) - 1 == 25


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("SystemModstamp >= 2026-06-29T02:00:00Z", 25),
        ("SystemModstamp >= 2026-06-29T04:00:00.000+02:00", 25),
        ("SystemModstamp > 2026-06-29T02:00:00.000Z", 0),
        ("CreatedDate < 2026-06-29T02:00:00Z", 0),
        ("LastName = 'L03'", 1),
        ("LastName = 'L03' AND Touchproof_Score__c = 4", 0),
        ("Touchproof_Score__c >= 10 and Touchproof_Score__c < 12", 2),
        ("IsConverted = false", 25),
        ("FirstName = null", 25),
        ("FirstName != null", 0),
        ("LastName != 'L03'", 24),
        ("LastName IN ('L03', 'L04', 'none')", 2),
        ("LastName = 'it\\'s'", 0),
    ],
)
def test_a_condition_selects_its_records(api, leads, where: str, expected: int) -> None:
    answer = api.call("GET", "query", params={"q": f"SELECT COUNT() FROM Lead WHERE {where}"})

    assert answer.json()["totalSize"] == expected


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Colour FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE LastName = 3", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp >= '2026-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = 'a' OR Id = 'b'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DROP TABLE Lead", "MALFORMED_QUERY"),
        ("SELECT FROM Lead", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_isnt_understood_is_refused_rather_than_guessed(api, soql: str, code: str) -> None:
    rest = api.call("GET", "query", params={"q": soql})
    bulk = api.call("POST", "jobs/query", json={"operation": "query", "query": soql})

    for answer in (rest, bulk):
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_rest_query_comes_in_pages_of_2000_with_typed_values(api) -> None:
    rows = "".join(f"L{i},Acme,{i}\n" for i in range(4001))
    api.ingest("Lead", "insert", "LastName,Company,Touchproof_Score__c\n" + rows)

    answer = api.call(
        "GET", "query", params={"q": "SELECT Id, Touchproof_Score__c, DoNotCall FROM Lead"}
    ).json()
    sizes, ids = [], set()
    while True:
        sizes.append(len(answer["records"]))
        ids |= {record["Id"] for record in answer["records"]}
        if answer["done"]:
            break
        answer = api.http.get(api.server.url + answer["nextRecordsUrl"], timeout=30).json()

    assert sizes == [2000, 2000, 1]
    assert len(ids) == answer["totalSize"] == 4001
    record = answer["records"][0]
    assert (record["DoNotCall"], type(record["Touchproof_Score__c"])) == (False, float)
