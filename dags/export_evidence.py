"""Export the banks' evidence packs.

Purpose: write, for each bank, the files that prove its claims: claims, trail and a manifest of
hashes.

Schedule: when a night is published.

Reads: handoff/<night>/evidence/ of the committed night, the ledger's claims and packs.

Writes: evidence/<bank_id>/<pack_number>/, the ledger's packs and run `evidence`.

On failure: no half pack stays behind, and an issued pack never changes. Read the log, mend the
cause and run this DAG again; `touchproof evidence verify DIR` checks what is there.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from touchproof_airflow.assets import EXPORTED, PUBLISHED
from touchproof_airflow.defaults import dag_options
from touchproof_airflow.steps import run_recorded


@task(task_id="export_packs", outlets=[EXPORTED])
def export_packs() -> dict[str, Any]:
    """Write each bank's pack, unless nothing changed since its last one."""
    from touchproof.evidence.export import export_packs as export

    return run_recorded("evidence", export)


with DAG("export_evidence", schedule=[PUBLISHED], **dag_options(__doc__, "evidence", "banks")):
    export_packs()
