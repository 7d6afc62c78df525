"""What every fit found for each channel: its share with its interval, and its removal effect."""

from touchproof.attribution.fits_shares import fit_channels


def model(dbt, session):
    dbt.config(materialized="table")
    return fit_channels(dbt.ref("int_model_fits_applied").to_arrow_table())
