"""Claim: the first night of 20,000 people and 120 days takes under 4 minutes on 2 cores.

Runs `make run`'s night in an empty folder, prints what it took by phase, and the second and a
quiet night beside it. The baseline of the ratios is the first night of the same run.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle


def night(folder: Path, *flags: str) -> float:
    """Run one night; return its wall seconds."""
    environment = os.environ | {"TOUCHPROOF_DATA_DIR": str(folder), "TOUCHPROOF_WORLD": "bench"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "touchproof_airflow", "run", *flags],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def main() -> None:
    """Print one row a night."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder, world="bench")
        try:
            seconds = [night(folder), night(folder), night(folder, "--quiet")]
            runs = sorted(settings.paths.runs.glob("????-??-??.json"))
            print(f"{os.cpu_count()} cores; 20,000 people, 120 days")
            print(f"{'night':<8} {'seconds':>8} {'ratio':>6} {'build':>8}")
            for label, path, took in zip(("first", "second", "quiet"), runs, seconds, strict=True):
                dags = {dag: spent for dag, _, spent in json.loads(path.read_bytes())["dags"]}
                ratio = took / seconds[0]
                print(f"{label:<8} {took:>8.0f} {ratio:>6.2f} {dags['build_warehouse']:>8.0f}")
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"peak memory of the largest process: {peak:,.0f} MB")
        finally:
            lifecycle.stop(settings.paths.salesforce_server)


if __name__ == "__main__":
    main()
