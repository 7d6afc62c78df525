"""Each channel's share of conversions and revenue by every model, with bootstrap intervals."""

from touchproof.attribution.fits_intervals import IntervalSettings, channel_intervals


def model(dbt, session):
    dbt.config(materialized="table")
    return channel_intervals(
        dbt.ref("int_journeys_listed").to_arrow_table(),
        dbt.ref("int_person_credits_summed").to_arrow_table(),
        dbt.ref("int_model_fits_applied").to_arrow_table(),
        IntervalSettings.from_rows(dbt.ref("int_bootstrap_settings_listed").to_arrow_table()),
    )
