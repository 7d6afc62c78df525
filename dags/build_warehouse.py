"""Build and publish the warehouse of a night.

Purpose: check what landed, let the banks' answers move the claims, load it all, build every dbt
model, and publish marts and handoff.

Schedule: when every source has announced its night, fresh or stale.

Reads: landing/ and its verdicts, the ledger (persons, claims, cents, suppressions, model fits).

Writes: gate/, quarantine/, the ledger's claims and their cents, warehouse/touchproof.duckdb,
handoff/<night>/, published/, the ledger's `published_nights` and runs, ledger/backups/.

On failure: what was published before stays and readers notice nothing. `gate`, `load` and
`publish` name the file, rule or check; `reconcile_claims` goes on behind the last file that it
applied; a red model is read in its own task. Mend the cause and start a new run of this DAG for
the same night; a failed build is never repeated by clearing tasks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, chain, task

from touchproof_airflow import pools
from touchproof_airflow.assets import LANDED, PUBLISHED
from touchproof_airflow.cosmos import require_build, transform_group
from touchproof_airflow.defaults import dag_options
from touchproof_airflow.steps import run_recorded


@task(task_id="gate", execution_timeout=timedelta(hours=1))
def gate() -> dict[str, Any]:
    """Judge the values of the landed batches."""
    from touchproof.quality.gate import run_gate

    return run_recorded("gate", run_gate)


@task(task_id="reconcile_claims")
def reconcile_claims() -> dict[str, Any]:
    """Apply the banks' statements and remittances to the claims; let late ones expire."""
    from touchproof.skips.reconcile import reconcile

    return run_recorded("reconcile", reconcile)


@task(task_id="land_ledger")
def land_ledger() -> dict[str, Any]:
    """Land the ledger's persons, claims, cents, decisions and fits as a source of this build."""
    from touchproof.ledger.snapshot import land_ledger as land

    return run_recorded(
        "land_ledger",
        lambda *arguments: {
            batch.manifest.entity: batch.manifest.rows for batch in land(*arguments)
        },
    )


@task(task_id="load", pool=pools.WAREHOUSE_WRITER, execution_timeout=timedelta(hours=2))
def load() -> dict[str, Any]:
    """Replace each changed window in the raw tables by its newest batch."""
    from touchproof.load import load_batches

    return run_recorded("load", load_batches)


@task(task_id="publish", pool=pools.WAREHOUSE_WRITER, outlets=[PUBLISHED], retries=0)
def publish(*, outlet_events: Any = None) -> dict[str, Any]:
    """Check the marts, hand them over and commit the night."""
    from touchproof.publish import publish as publish_night

    done = run_recorded("publish", publish_night)
    outlet_events[PUBLISHED].extra = {"night": done["night"]}
    return done


@task(task_id="backup_ledger")
def backup_ledger() -> dict[str, Any]:
    """Copy the ledger while it is in use; the last 14 copies are kept."""
    from touchproof.ledger.backup import backup

    return run_recorded("backup", backup)


with DAG("build_warehouse", schedule=list(LANDED.values()), **dag_options(__doc__, "warehouse")):
    chain(
        gate(),
        reconcile_claims(),
        land_ledger(),
        load(),
        transform_group(),
        require_build(),
        publish(),
        backup_ledger(),
    )
