"""Land the partner banks' account openings and their answers to our claims.

Purpose: read each consortium bank's openings, statements and remittances, map each file by the
bank's YAML to one shape and write it to the landing zone as an immutable batch.

Schedule: every night at 01:00 business time.

Reads: the drops of each bank (openings, statements, remittances; its YAML names the files).

Writes: landing/bank_<name>/, quarantine/bank_<name>/, the ledger's runs `extract:bank_<name>`.

On failure: that bank's `verdict` turns red; the other banks and the build go on, and the bank is
called stale. A changed header or format is quarantined, not failed: see `touchproof quarantine
list`. Run this DAG again once the file is there.
"""

from __future__ import annotations

from airflow.sdk import DAG

from touchproof_airflow.assets import SOURCES
from touchproof_airflow.defaults import business_cron, dag_options
from touchproof_airflow.extracts import extract_source

with DAG("extract_banks", schedule=business_cron("0 1 * * *"), **dag_options(__doc__, "extract")):
    for source in SOURCES:
        if source.startswith("bank_"):
            extract_source(source)
