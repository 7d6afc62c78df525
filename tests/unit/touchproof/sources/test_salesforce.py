"""The extraction of the CRM: windows, superseding, what lands, and an org that doesn't answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from crm_world import FIRST_WINDOW, NIGHT, Crm

from touchproof.errors import ConfigurationError, SourceUnavailableError
from touchproof.landing import Window
from touchproof.settings import Settings
from touchproof.sources.extract import extract
from touchproof.sources.salesforce import FIELDS, FIRST_DAY, OBJECTS, SOURCE, window_of
from touchproof_sandbox.salesforce.schema import OBJECTS as ORG_OBJECTS


def test_every_landed_field_is_one_of_the_org() -> None:
    for entity, fields in FIELDS.items():
        assert set(fields) <= set(ORG_OBJECTS[OBJECTS[entity]].by_name)


def test_records_land_as_text_with_empty_as_null_and_values_untouched(crm: Crm) -> None:
    lead = crm.lead(LastName=' Åse "x",\r\ny', DoNotCall=True, Touchproof_Score__c="85")

    crm.extract()

    (row,) = crm.leads()
    assert tuple(row) == (*FIELDS["leads"], "_file", "_row")
    assert (row["Id"], row["LastName"], row["FirstName"]) == (lead, ' Åse "x",\r\ny', None)
    assert (row["DoNotCall"], row["Touchproof_Score__c"]) == ("true", "85.0")
    assert (row["_file"], row["_row"]) == ("Lead", 1)


def test_an_empty_org_still_commits_every_entity_so_that_the_window_moves_on(crm: Crm) -> None:
    report = crm.extract()
    crm.extract(NIGHT + timedelta(days=1))

    # The seventh batch is the allowance that the answers told.
    assert (report.status, report.batches, report.rows) == ("fresh", 7, 1)
    for entity in OBJECTS:
        assert list(crm.batches(entity)) == [
            FIRST_WINDOW,
            Window(date(2026, 6, 29), date(2026, 6, 30)),
        ]


def test_the_next_night_asks_for_what_changed_since_the_last_window(crm: Crm) -> None:
    crm.lead(Touchproof_Key__c="app:old")
    crm.extract()
    crm.control.set_clock(datetime(2026, 6, 29, 9, tzinfo=UTC))
    crm.lead(Touchproof_Key__c="app:new")

    crm.extract(NIGHT + timedelta(days=1))

    rows = crm.leads(Window(date(2026, 6, 29), date(2026, 6, 30)))
    assert [row["Touchproof_Key__c"] for row in rows] == ["app:new"]


def test_an_edit_after_midnight_lands_tonight_and_again_tomorrow(crm: Crm) -> None:
    crm.control.set_clock(datetime(2026, 6, 29, 1, tzinfo=UTC))
    crm.lead(Touchproof_Key__c="app:1")

    crm.extract()
    crm.extract(NIGHT + timedelta(days=1))

    for window in crm.batches():
        assert [row["Touchproof_Key__c"] for row in crm.leads(window)] == ["app:1"]


def test_the_same_night_again_asks_for_the_same_window_and_supersedes_what_changed(
    crm: Crm,
) -> None:
    lead = crm.lead()
    crm.extract()
    same = crm.extract()
    crm.change("update", lead, FirstName="Ann")
    changed = crm.extract()

    assert (same.batches, same.rows) == (0, 0)
    assert (changed.batches, changed.rows) == (1, 2)
    batch = crm.batches()[FIRST_WINDOW]
    assert batch.manifest.sequence == 2
    assert batch.manifest.supersedes is not None
    assert crm.leads()[-1]["FirstName"] == "Ann"


def test_a_repeated_night_keeps_the_version_in_which_the_crm_opted_somebody_out(crm: Crm) -> None:
    lead = crm.lead(HasOptedOutOfEmail="true")
    crm.extract()
    crm.change("update", lead, Touchproof_Email_Consent__c="opted_out")  # our push of the night
    crm.extract()
    again = crm.extract()

    versions = [(row["Id"], row["Touchproof_Email_Consent__c"]) for row in crm.leads()]
    assert versions == [(lead, None), (lead, "opted_out")]
    assert (again.batches, again.rows) == (0, 0)


def test_the_content_doesnt_depend_on_the_order_of_the_answer(crm: Crm) -> None:
    first, second = crm.lead(), crm.lead()
    crm.extract()
    names = [row["Id"] for row in crm.leads()]
    for lead in (second, first):  # what is written last is answered last
        crm.change("update", lead, SystemModstamp="2026-06-28T13:00:00.000Z", LastName="Roe")
    crm.extract()
    again = [row["Id"] for row in crm.leads() if row["LastName"] == "Roe"]

    assert names == again == sorted([first, second])


def test_deleted_records_land_as_deleted(crm: Crm) -> None:
    lead = crm.lead()
    crm.change("delete", lead)

    crm.extract()

    assert [(row["Id"], row["IsDeleted"]) for row in crm.leads()] == [(lead, "true")]


def test_a_given_first_day_asks_again_for_more(crm: Crm) -> None:
    crm.lead(Touchproof_Key__c="app:1")
    crm.extract()
    tomorrow = NIGHT + timedelta(days=1)

    crm.extract(tomorrow, from_=date(2026, 6, 1))

    rows = crm.leads(Window(date(2026, 6, 1), date(2026, 6, 30)))
    assert [row["Touchproof_Key__c"] for row in rows] == ["app:1"]


def test_the_calls_of_the_extraction_are_told_and_agree_with_the_org(crm: Crm) -> None:
    report = crm.extract()

    assert report.calls == crm.control.counters().calls == 19
    assert crm.control.counters().by_kind == {"bulk_query": 18, "query": 1}


def test_an_org_that_doesnt_answer_lands_nothing_and_says_so(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("touchproof.salesforce.transport._FIRST_WAIT_SECONDS", 0.0)
    away = crm.settings.model_copy(update={"salesforce_loopback_url": "http://127.0.0.1:9"})

    with pytest.raises(SourceUnavailableError, match="Salesforce didn't answer"):
        extract("salesforce", NIGHT, away, lambda: datetime(2026, 6, 29, 2, tzinfo=UTC))

    assert crm.batches() == {}


def test_an_org_that_refuses_in_the_middle_leaves_no_night_half_landed(crm: Crm) -> None:
    crm.control.limits(max=10)

    with pytest.raises(SourceUnavailableError, match="REQUEST_LIMIT_EXCEEDED"):
        crm.extract()

    assert all(crm.batches(entity.entity) == {} for entity in SOURCE.entities)


def test_a_world_without_an_org_says_what_to_set(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="sandbox serve"):
        extract("salesforce", NIGHT, settings, lambda: datetime(2026, 6, 29, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("landed", "expected"),
    [
        ([], FIRST_WINDOW),
        ([FIRST_WINDOW], FIRST_WINDOW),
        (
            [Window(FIRST_DAY, date(2026, 6, 27))],
            Window(date(2026, 6, 27), date(2026, 6, 29)),
        ),
        (
            [Window(FIRST_DAY, date(2026, 6, 27)), Window(date(2026, 6, 27), date(2026, 7, 2))],
            Window(date(2026, 6, 27), date(2026, 6, 29)),
        ),
        (
            [FIRST_WINDOW, Window(date(2026, 6, 1), date(2026, 6, 29))],
            FIRST_WINDOW,
        ),
    ],
)
def test_a_window_starts_where_the_last_one_ended_and_stays_on_repetition(
    landed: list[Window], expected: Window
) -> None:
    assert window_of(NIGHT, landed) == expected
