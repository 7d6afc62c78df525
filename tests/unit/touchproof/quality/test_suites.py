"""Every gated entity has rules that its landed columns can answer."""

from __future__ import annotations

import pytest

from touchproof.quality.suites import WHAT_TO_DO, Check, suite_of
from touchproof.sources.definition import EntityDefinition, SourceKind
from touchproof.sources.registry import SOURCES, entities


@pytest.mark.parametrize("entity", entities(), ids=lambda entity: entity.raw_table)
def test_a_suite_asks_only_for_landed_columns_and_requires_the_key(
    entity: EntityDefinition,
) -> None:
    rules = suite_of(entity.source, entity.entity)
    if SOURCES[entity.source].kind is SourceKind.LEDGER:
        assert rules is None
        return
    assert rules
    assert {column for rule in rules for column in rule.columns} <= set(entity.schema.names)
    assert len({rule.name for rule in rules}) == len(rules)
    required = {rule.column for rule in rules if rule.check is Check.REQUIRED}
    # user_pseudo_id is null without consent, and an ad group or batch field may be absent.
    optional = {"user_pseudo_id", "ad_group"} | {n for n in entity.key if n.startswith("batch_")}
    assert set(entity.key) - optional <= required


def test_every_check_says_what_to_do() -> None:
    assert set(WHAT_TO_DO) == set(Check)
