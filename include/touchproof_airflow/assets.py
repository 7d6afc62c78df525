"""The assets that tie the DAGs together: one for each source's landing, and `published`.

Belongs here: asset names and which sources there are. Doesn't belong here: who emits or waits for
them (dags/), or what lies behind them (touchproof).
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import Asset

import touchproof

# By their names alone: reading the mappings would cost every parse of a DAG.
_BANK_MAPPINGS = Path(touchproof.__file__).parent / "sources" / "banks"

SOURCES = (
    *("salesforce", "ga4", "email", "media", "app", "web_forms"),
    *(f"bank_{mapping.stem}" for mapping in sorted(_BANK_MAPPINGS.glob("*.yml"))),
)

LANDED: dict[str, Asset] = {
    source: Asset(name=f"landed_{source}", uri=f"x-touchproof://landing/{source}")
    for source in SOURCES
}
PUBLISHED = Asset(name="published", uri="x-touchproof://published/touchproof")
PUSHED = Asset(name="pushed_salesforce", uri="x-touchproof://pushed/salesforce")
EXPORTED = Asset(name="exported_evidence", uri="x-touchproof://evidence/packs")
