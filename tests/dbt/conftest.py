"""Fixtures of the dbt tests: the project is parsed once a session, and one tiny world is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dbt.cli.main
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_built import Built, planted_settings
from dbt_planted import NIGHT

from touchproof.settings import Settings
from touchproof.transform import build, parse


@pytest.fixture(scope="session", autouse=True)
def _parsed_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every build begin from one parse of the project, which takes half of a small build."""
    folder = tmp_path_factory.mktemp("parsed")
    path = parse(Settings(data_dir=folder, world="tiny"), folder / "target")
    parsed = path.with_name("partial_parse.msgpack").read_bytes()

    class FromParsed(dbtRunner):
        def invoke(self, args: list[str], **options: Any) -> dbtRunnerResult:
            if args[0] == "build":
                self.manifest = Manifest.from_msgpack(parsed)  # a run changes its own
                self.manifest.build_flat_graph()
            return super().invoke(args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt.cli.main, "dbtRunner", FromParsed)
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the tiny world once, with every data test and unit test."""
    settings = planted_settings(tmp_path_factory.mktemp("built"))
    return Built(settings, build(settings, NIGHT, with_unit_tests=True))
