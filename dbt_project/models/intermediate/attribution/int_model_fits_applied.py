"""The fits that this build applies: the ledger's, and a first one of a model that has none."""

from touchproof.attribution.fits import fits_applied


def model(dbt, session):
    dbt.config(materialized="table")
    settings = dbt.ref("int_bootstrap_settings_listed").fetchall()[0]
    return fits_applied(
        dbt.ref("stg_ledger__model_fits").to_arrow_table(),
        dbt.ref("int_journeys_listed").to_arrow_table(),
        business_timezone=settings[0],
    )
