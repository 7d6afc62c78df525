"""The DAGs, parsed once, with an Airflow home of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from touchproof.settings import Settings
from touchproof_airflow.environment import airflow_environment

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"

if "airflow" not in sys.modules:
    # Airflow reads its environment when it is imported, which a fixture can't come before.
    _home = Settings(data_dir=Path(tempfile.mkdtemp(prefix="touchproof-dags-")), world="parsed")
    os.environ.update(airflow_environment(_home))


@pytest.fixture(scope="session")
def bag() -> Any:
    """Return the DagBag of dags/, models drawn from an up-to-date manifest."""
    from airflow.dag_processing.dagbag import DagBag

    from touchproof_airflow.manifest import ensure_manifest

    ensure_manifest(Settings(world="parsed"))
    return DagBag(dag_folder=str(DAGS))
