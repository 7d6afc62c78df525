"""Every source is declared once and completely."""

from __future__ import annotations

import pytest

from touchproof.errors import BadInputError
from touchproof.sources.definition import SourceKind
from touchproof.sources.registry import SOURCES, entities, source_named


def test_the_sources_of_the_design_are_there() -> None:
    assert set(SOURCES) == {
        "salesforce",
        "ga4",
        "email",
        "media",
        "app",
        "web_forms",
        "bank_aurore",
        "bank_harbor",
        "bank_laurent",
        "bank_maple",
        "bank_northlake",
        "bank_summit",
        "ledger",
    }


def test_every_entity_has_a_key_of_its_own_columns_and_a_table_of_its_own() -> None:
    declared = entities()
    assert len({entity.raw_table for entity in declared}) == len(declared)
    for entity in declared:
        assert entity.key, entity
        assert set(entity.key) <= set(entity.schema.names), entity
        assert SOURCES[entity.source].name == entity.source


def test_every_file_source_knows_its_files_and_every_service_its_extract() -> None:
    for source in SOURCES.values():
        if source.kind is SourceKind.FILES:
            assert all(entity.reader and entity.file_pattern for entity in source.entities)
        if source.kind is SourceKind.SERVICE:
            assert source.extract is not None


@pytest.mark.parametrize("name", ["ledger", "newspaper"])
def test_a_source_that_cannot_be_extracted_is_refused_with_the_names_of_those_that_can(
    name: str,
) -> None:
    with pytest.raises(BadInputError, match="bank_maple"):
        source_named(name)
