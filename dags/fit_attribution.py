"""Fit the data-driven attribution models again.

Purpose: let Markov and Shapley learn from all published journeys, so that next month's conversions
are credited by what is known now.

Schedule: on the first of every month at 06:30 business time.

Reads: published/touchproof.duckdb (fct_journeys, mart_closed_months), the ledger's fits and closed
months.

Writes: the ledger's `model_fits` and run `fit`. The next night applies them; nothing that was
published changes.

On failure: last month's fits stay in use and no night waits. Read the log and run this DAG again;
a month is fitted once, however often it runs. `touchproof attribution fit` does the same by hand.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.steps import run_recorded


@task(task_id="fit_models", execution_timeout=timedelta(hours=2))
def fit_models() -> dict[str, Any]:
    """Train both models on the published journeys and put the fits into the ledger."""
    from touchproof.attribution.fits_made import fit_of_the_month

    return run_recorded("fit", fit_of_the_month)


with DAG(
    "fit_attribution",
    schedule=business_cron("30 6 1 * *"),
    **dag_options(__doc__, "attribution"),
):
    fit_models()
