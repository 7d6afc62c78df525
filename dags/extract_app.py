"""Land the app's registrations, product ledger and consents.

Purpose: read registrations, product ledger entries and consent changes of the app and write it to
the landing zone as an immutable batch.

Schedule: every night at 01:00 business time.

Reads: the drops of the app's back end (registrations, products, consents).

Writes: landing/app/, quarantine/app/ for unreadable files, the ledger's run `extract:app`.

On failure: `verdict` turns red and the build goes on with what landed before, calling the source
stale. Read the log of `extract`, mend the source or its connection and run this DAG again; a
window that landed already isn't written twice.
"""

from __future__ import annotations

from airflow.sdk import DAG

from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.extracts import extract_source

with DAG(
    "extract_app", schedule=business_cron("0 1 * * *"), **dag_options(__doc__, "extract", "app")
):
    extract_source("app")
