"""Fit what one more unit of spend brings, by campaign and attribution model."""

from touchproof.attribution.marginal import MarginalSettings, fit_marginal_returns


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = dbt.ref("int_campaign_weeks_summed").to_arrow_table()
    settings = dbt.ref("int_budget_settings_chosen").to_arrow_table()
    return fit_marginal_returns(weeks, MarginalSettings.from_rows(settings))
