"""The dbt manifest is made anew when the project has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from touchproof_airflow.manifest import is_current


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("models", "seeds", "macros", "tests", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: x\n")
    (tmp_path / "models" / "a.sql").write_text("select 1\n")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1_000, 1_000))
    manifest = tmp_path / "target" / "manifest.json"
    manifest.write_text("{}")
    os.utime(manifest, (2_000, 2_000))
    return tmp_path


def test_a_manifest_newer_than_the_project_is_used(project: Path) -> None:
    assert is_current(project / "target" / "manifest.json", project)


@pytest.mark.parametrize("name", ["models/a.sql", "dbt_project.yml", "models", "seeds"])
def test_a_changed_file_or_folder_makes_it_stale(project: Path, name: str) -> None:
    os.utime(project / name, (3_000, 3_000))
    assert not is_current(project / "target" / "manifest.json", project)


def test_a_missing_manifest_isn_t_current(project: Path) -> None:
    assert not is_current(project / "nowhere.json", project)
