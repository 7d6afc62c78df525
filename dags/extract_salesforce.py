"""Land Salesforce's leads, contacts, accounts, opportunities and campaigns, and its API logs.

Purpose: read what changed in the CRM since the last landed window by Bulk API 2.0 query and write
it to the landing zone as an immutable batch; then the daily logs of API calls that aren't landed.

Schedule: every night at 01:00 business time.

Reads: the Salesforce org of the connection `touchproof_salesforce`.

Writes: landing/salesforce/, quarantine/salesforce/ for unreadable files, the ledger's run
`extract:salesforce`.

On failure: `verdict` turns red and the build goes on with what landed before, calling the source
stale. Read the log of `extract`, mend the source or its connection and run this DAG again; a
window that landed already isn't written twice.
"""

from __future__ import annotations

from airflow.sdk import DAG

from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.extracts import extract_source

with DAG(
    "extract_salesforce",
    schedule=business_cron("0 1 * * *"),
    **dag_options(__doc__, "extract", "salesforce"),
):
    extract_source("salesforce")
