"""Push the night's differences to Salesforce.

Purpose: make the CRM true this morning with as few calls as possible: opt-outs and new leads
first, then only the fields whose value differs from what Salesforce acknowledged.

Schedule: when a night is published. While Salesforce works on a job for more than a minute the task
is deferred: it takes no process, and goes on as the same push. `make run` sits and waits.

Reads: handoff/<night>/sync/ of the committed night, the ledger's acknowledged values.

Writes: Salesforce (the org of the connection `touchproof_salesforce`), the ledger's outbox,
acknowledged values, dead letters and run `push:nightly`; `paused:nightly` while it is deferred.

On failure: nothing is lost, since what was to be sent stands in the outbox. Refused records are
listed by `touchproof push dead-letters` and come again the next night; a plan that waits for
consent is confirmed by `touchproof push --confirm-plan HASH`. Objects that wait for allowance or
storage go with a later push; what waits sends an alert, and fails this DAG after too many nights.
Where the org isn't ready for the first push or for a new field, nothing was sent: `touchproof push
preflight` lists what to mend. Run this DAG again when Salesforce answers; nothing is sent twice.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from touchproof_airflow import pools
from touchproof_airflow.assets import PUBLISHED, PUSHED
from touchproof_airflow.defaults import dag_options
from touchproof_airflow.pushing import PushNightly

with DAG("push_salesforce", schedule=[PUBLISHED], **dag_options(__doc__, "salesforce", "push")):
    PushNightly(
        task_id="push_nightly",
        pool=pools.SALESFORCE_NIGHTLY,
        outlets=[PUSHED],
        execution_timeout=timedelta(hours=3),  # from one pause to the next
    )
