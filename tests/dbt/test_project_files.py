"""Rules of the project's files: sources, descriptions, contracts, layers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from touchproof.dbt_code import DBT_PROJECT
from touchproof.sources.registry import entities

MODELS = sorted(
    path for path in (DBT_PROJECT / "models").rglob("*") if path.suffix in (".sql", ".py")
)
SQL_MODELS = [path for path in MODELS if path.suffix == ".sql"]


def _entries(kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(DBT_PROJECT.rglob("*.yml")):
        content = yaml.safe_load(path.read_text()) if path.name.startswith("_") else {}
        for entry in content.get(kind, ()):
            yield path, entry


def test_sources_declare_the_columns_that_load_creates() -> None:
    declared = {
        table["name"]: [column["name"] for column in table["columns"]]
        for _, source in _entries("sources")
        for table in source["tables"]
    }
    assert declared == {entity.raw_table: entity.raw_schema.names for entity in entities()}


def test_every_model_and_seed_says_its_grain() -> None:
    names = {path.stem for path in MODELS} | {
        p.stem for p in (DBT_PROJECT / "seeds").rglob("*.csv")
    }
    described = {}
    for kind in ("models", "seeds"):
        for _, entry in _entries(kind):
            described[entry["name"]] = entry["description"]
    assert set(described) == names
    without = [
        name for name, text in described.items() if not re.search(r"One row per .+\.$", text)
    ]
    assert without == []


def test_every_sync_model_has_an_exposure_that_says_who_reads_it() -> None:
    synced = {path.stem for path in (DBT_PROJECT / "models" / "sync").glob("*.sql")}
    assert all(name.startswith("sync_") for name in synced)
    exposed = {
        name
        for _, exposure in _entries("exposures")
        for ref in exposure["depends_on"]
        for name in re.findall(r"ref\('(\w+)'\)", ref)
    }
    assert synced - exposed == set()


def test_every_mart_has_typed_columns_and_a_tested_key() -> None:
    marts = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}
    seen = set()
    for path, entry in _entries("models"):
        if "marts" not in path.parts:
            continue
        seen.add(entry["name"])
        assert all(column.get("data_type") for column in entry["columns"]), entry["name"]
        keyed = [test["keyed"] for test in entry["data_tests"] if "keyed" in test]
        assert len(keyed) == 1 and keyed[0]["arguments"]["keys"], entry["name"]
    assert seen == marts


@pytest.mark.parametrize("path", SQL_MODELS, ids=lambda path: path.stem)
def test_a_model_reads_only_what_its_layer_may(path: Path) -> None:
    # A line that only waits for a model reads nothing of it.
    text = re.sub(r"(?m)^-- depends_on: .*$", "", path.read_text())
    layer = path.relative_to(DBT_PROJECT / "models").parts[0]
    refs = set(re.findall(r"ref\('(\w+)'\)", text))
    if layer == "staging":
        assert refs == set()
        assert not re.search(r"\bjoin\b", text)
    else:
        assert "source(" not in text
        assert "raw_rows(" not in text
    if layer == "intermediate":
        assert not {name for name in refs if name.startswith(("fct_", "dim_", "mart_", "sync_"))}
    if layer == "marts":
        assert not {name for name in refs if name.startswith("sync_")}


def _refs(path: Path) -> set[str]:
    """Return what a model reads, by way of the macros of paths too."""
    text = re.sub(r"(?m)^-- depends_on: .*$", "", path.read_text())
    if "paths_of(" in text:
        text += (DBT_PROJECT / "macros" / "paths.sql").read_text()
    return set(re.findall(r"ref\('(\w+)'\)", text))


def test_what_increments_are_computed_from_is_in_the_fingerprint() -> None:
    """Every way from an incremental model up to its sources leads through a fingerprinted input."""
    paths = {path.stem: path for path in SQL_MODELS}
    fingerprinted = _refs(paths["int_persons_fingerprinted"]) | {"int_persons_dirty"}
    # Journeys that led to nothing have no conversion: what is dealt out leaves them aside.
    fingerprinted.add("int_journeys_not_converted")
    todo = [name for name in paths if "materialized='incremental'" in paths[name].read_text()]
    assert len(todo) >= 3
    waited_for = set(
        re.findall(r"depends_on: .*ref\('(\w+)'\)", paths["int_persons_applied"].read_text())
    )
    assert waited_for == {*todo, "int_persons_dirty"}
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen or name in fingerprinted:
            continue
        seen.add(name)
        refs = _refs(paths[name]) if name in paths else set()
        assert refs, f"{name} isn't part of int_persons_fingerprinted"
        todo += refs


@pytest.mark.parametrize("path", SQL_MODELS, ids=lambda path: path.stem)
def test_no_model_asks_the_clock(path: Path) -> None:
    text = path.read_text().lower()
    for word in ("now()", "current_timestamp", "current_date", "random()"):
        assert word not in text
