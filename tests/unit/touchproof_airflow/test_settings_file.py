"""airflow_settings.yaml, in the Astro CLI's format."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchproof.errors import ConfigurationError
from touchproof_airflow.settings_file import read_settings_file


def test_entries_without_a_name_are_the_astro_cli_s_placeholders(tmp_path: Path) -> None:
    file = tmp_path / "airflow_settings.yaml"
    file.write_text(
        "airflow:\n"
        "  connections:\n    - conn_id:\n      conn_type:\n"
        "  pools:\n    - pool_name: one\n      pool_slot: 1\n    - pool_name:\n"
        "  variables:\n"
    )
    objects = read_settings_file(file)
    assert (len(objects.connections), len(objects.pools), len(objects.variables)) == (0, 1, 0)


@pytest.mark.parametrize("content", ["", "airflow:\n", "pools: []\n", "airflow: [1]\n", "{"])
def test_another_format_is_refused_with_what_it_needs(tmp_path: Path, content: str) -> None:
    file = tmp_path / "airflow_settings.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="connections, pools and variables"):
        read_settings_file(file)


def test_the_project_s_file_holds_no_secret() -> None:
    objects = read_settings_file()
    for connection in objects.connections:
        assert not connection.get("conn_password") and not connection.get("conn_extra")
