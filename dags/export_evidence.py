"""Issue the banks' evidence packs.

Purpose: put the claims of each closed month to each bank: claims, trail, what has changed since
earlier packs, a workbook and a document, all hashed and signed.

Schedule: when a night is published. The first night that closes a month issues its packs; every
other one checks what was issued and finishes what a killed run left. On demand with `period`
(YYYY-MM, the newest month to issue), `bank`, and `adjust_now` (tell changes in a pack of their own
at once instead of with the next month).

Reads: handoff/<night>/evidence/ of the committed night, the ledger's claims, packs and runs, the
signing key of the connection `touchproof_evidence_key` (a pretend world has its own).

Writes: evidence/<bank_id>/<pack_number>/, evidence/public_keys/, the ledger's packs and run
`evidence`.

On failure: no half pack stays behind, and an issued pack never changes. The log names what stopped
it: a gate of the night, a missing key, a changed pack. Mend the cause and run this DAG again;
`touchproof evidence verify DIR` checks what is there.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from touchproof_airflow.assets import EXPORTED, PUBLISHED
from touchproof_airflow.defaults import dag_options
from touchproof_airflow.steps import current_param, run_recorded

PARAMS = {
    "period": Param(
        default=None,
        type=["null", "string"],
        pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
        description="The newest month to issue (YYYY-MM); empty: the last closed one.",
    ),
    "bank": Param(
        default=None, type=["null", "string"], description="Only this bank; empty: every bank."
    ),
    "adjust_now": Param(
        default=False, type="boolean", description="Tell changes in a pack of their own at once."
    ),
}


@task(task_id="export_packs", outlets=[EXPORTED])
def export_packs() -> dict[str, Any]:
    """Issue each bank's packs that are due."""
    from touchproof.evidence.export import export_packs as export

    return run_recorded(
        "evidence",
        lambda settings, night, clock: export(
            settings,
            night,
            clock,
            period=current_param("period"),
            bank=current_param("bank"),
            adjust_now=bool(current_param("adjust_now")),
        ),
        signs=True,
    )


with DAG(
    "export_evidence",
    schedule=[PUBLISHED],
    **dag_options(__doc__, "evidence", "banks", params=PARAMS),
):
    export_packs()
