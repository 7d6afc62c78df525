"""The names of the Airflow pools; `airflow_settings.yaml` says how many slots each has.

Belongs here: names. Doesn't belong here: safety. The warehouse is guarded by its operating-system
lock; a pool only queues, so that a waiting task doesn't occupy a worker.
"""

from __future__ import annotations

DEFAULT = "default_pool"  # Airflow's own, of tasks that name no other
SOURCES = "sources"
WAREHOUSE_WRITER = "warehouse_writer"
SALESFORCE_NIGHTLY = "salesforce_nightly"
SALESFORCE_NEW_LEADS = "salesforce_new_leads"

ALL = (DEFAULT, SOURCES, WAREHOUSE_WRITER, SALESFORCE_NIGHTLY, SALESFORCE_NEW_LEADS)
