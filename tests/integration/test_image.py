"""The image's steps that need no Docker, run on a copy of the project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
BIN = Path(sys.executable).parent


def instructions(keyword: str) -> list[str]:
    return re.findall(rf"^{keyword} +(.+)$", DOCKERFILE, re.M)


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what git knows, less what .dockerignore leaves out, into an empty folder."""
    home = tmp_path_factory.mktemp("image") / "airflow"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    ignored = ("tests/", "benchmarks/", "data/")
    for name in listed.stdout.decode().splitlines():
        if not name.startswith(ignored) and (ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, home / name)
    return home


def environment(home: Path) -> dict[str, str]:
    settings = dict(
        pair.split("=", 1) for line in instructions("ENV") for pair in shlex.split(line)
    )
    resolved = {
        name: value.replace("${AIRFLOW_HOME}", str(home)) for name, value in settings.items()
    }
    return (
        {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "AIRFLOW_HOME": str(home)}
        | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        | resolved
    )


@pytest.mark.long
def test_every_run_step_succeeds_in_the_image_layout(project_copy: Path) -> None:
    steps = instructions("RUN")
    assert len(steps) >= 2
    for step in steps:
        done = subprocess.run(
            ["sh", "-ec", step],
            cwd=project_copy,
            env=environment(project_copy),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (step, done.stdout[-2000:], done.stderr[-2000:])
    assert list((project_copy / "dbt_project").rglob("manifest.json"))


@pytest.mark.long
def test_every_dag_loads_in_the_image_layout(project_copy: Path) -> None:
    code = (
        "from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag(dag_folder='dags')\n"
        "assert not bag.import_errors, bag.import_errors\n"
        "print(len(bag.dags))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project_copy,
        env=environment(project_copy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1]) >= 8


def test_the_image_lists_no_airflow_and_says_so() -> None:
    content = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"^apache-airflow", content, re.M)
    assert "Airflow comes with the image" in content.splitlines()[1]


def test_the_image_runs_without_root_and_holds_no_secret() -> None:
    assert "astrocrpublic.azurecr.io/runtime:3.3-2" in DOCKERFILE
    assert not re.search(r"^USER +(root|0)\b", DOCKERFILE, re.M)
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|PSEUDONYM_KEY) *=", DOCKERFILE)
