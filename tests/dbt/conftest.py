"""Fixtures of the dbt tests: one tiny world, built once a session."""

from __future__ import annotations

import pytest
from dbt_built import Built, planted_settings
from dbt_planted import NIGHT

from touchproof.transform import build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the tiny world once, with every data test and unit test."""
    settings = planted_settings(tmp_path_factory.mktemp("built"))
    return Built(settings, build(settings, NIGHT, with_unit_tests=True))
