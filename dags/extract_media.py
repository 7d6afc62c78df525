"""Land media spend.

Purpose: read each platform's daily spend, impressions and clicks and write it to the landing zone
as an immutable batch.

Schedule: every night at 01:00 business time.

Reads: the drops of the media platforms (spend_<platform>_YYYYMMDD.csv).

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
