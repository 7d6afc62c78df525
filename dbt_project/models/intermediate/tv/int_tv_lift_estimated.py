"""Estimate what every television spot brought in visits, with an interval."""

from touchproof.attribution.tv_lift import TvSettings, estimate_lift


def model(dbt, session):
    dbt.config(materialized="table")
    visits = dbt.ref("int_tv_visits_counted").project("minute_at, country, visit_count")
    spots = (
        dbt.ref("stg_media__spots")
        .filter("country is not null and station is not null and aired_at is not null")
        .project("spot_id, country, station, aired_at")
    )
    settings = dbt.ref("int_tv_settings_listed").to_arrow_table()
    lift = estimate_lift(
        visits.to_arrow_table(), spots.to_arrow_table(), TvSettings.from_rows(settings)
    )
    return lift.with_nested_minutes()
