"""Land the website's forms.

Purpose: read what people sent us over the website's own forms and write it to the landing zone as
an immutable batch.

Schedule: every night at 01:00 business time. The lane of new leads reads it by day too.

Reads: the drops of the website (submissions).

Writes: landing/web_forms/, quarantine/web_forms/ for unreadable files, the ledger's run
`extract:web_forms`.

On failure: `verdict` turns red and the build goes on with what landed before, calling the source
stale. Read the log of `extract`, mend the source or its connection and run this DAG again; a
window that landed already isn't written twice.
"""

from __future__ import annotations

from airflow.sdk import DAG

from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.extracts import extract_source

with DAG(
    "extract_web_forms",
    schedule=business_cron("0 1 * * *"),
    **dag_options(__doc__, "extract", "web_forms"),
):
    extract_source("web_forms")
