"""Land media: spend, TV spots, program costs, list purchases, platforms' claims and installs.

Purpose: read what media cost and what platforms and agencies say of themselves, and write it to
the landing zone as immutable batches.

Schedule: every night at 01:00 business time.

Reads: the drops of platforms and agencies (spend, platform_claims, app_installs, spots, each
`<kind>_<sender>_YYYYMMDD.csv`) and our own (program_costs, list_purchases: `<kind>_YYYYMMDD.csv`).

Writes: landing/media/, quarantine/media/ for unreadable files, the ledger's run `extract:media`.

On failure: `verdict` turns red and the build goes on with what landed before, calling the source
stale. Read the log of `extract`, mend the source or its connection and run this DAG again; a
window that landed already isn't written twice.
"""

from __future__ import annotations

from airflow.sdk import DAG

from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.extracts import extract_source

with DAG(
    "extract_media", schedule=business_cron("0 1 * * *"), **dag_options(__doc__, "extract", "media")
):
    extract_source("media")
