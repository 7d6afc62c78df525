"""The part of each channel in a conversion of each set of channels, by the fit that credits it."""

from touchproof.attribution.fits_shares import data_driven_shares


def model(dbt, session):
    dbt.config(materialized="table")
    return data_driven_shares(
        dbt.ref("int_channel_sets_listed").to_arrow_table(),
        dbt.ref("int_model_fits_applied").to_arrow_table(),
    )
