"""An Airflow home of our own, before anything imports Airflow."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from touchproof.settings import Settings
from touchproof_airflow.environment import airflow_environment

if "airflow" not in sys.modules:
    _home = Settings(data_dir=Path(tempfile.mkdtemp(prefix="touchproof-unit-")), world="parsed")
    os.environ.update(airflow_environment(_home))
