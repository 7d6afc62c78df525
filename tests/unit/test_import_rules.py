"""The design's import rules: who may import, call or read whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
LIBRARY = INCLUDE / "touchproof"
DAGS = ROOT / "dags"
MODELS = ROOT / "dbt_project" / "models"
HEAVY = {"pandas", "great_expectations", "splink", "scipy", "duckdb", "pyarrow"}


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path, *, module_level_only: bool = False) -> set[str]:
    """Return the dotted names that a file imports."""
    found: set[str] = set()
    for node in _nodes(ast.parse(path.read_text()), module_level_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _nodes(tree: ast.AST, module_level_only: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if module_level_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if module_level_only and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child):
            continue
        yield child
        yield from _nodes(child, module_level_only)


def importers(folder: Path, package: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in python_files(folder)
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


def test_the_library_and_the_dags_are_there() -> None:
    assert len(python_files(LIBRARY)) > 20
    assert len(python_files(DAGS)) >= 8
    assert len(list(MODELS.rglob("*.sql"))) > 30


@pytest.mark.parametrize("package", ["airflow", "cosmos", "touchproof_airflow"])
def test_the_library_imports_no_orchestrator(package: str) -> None:
    assert importers(LIBRARY, package) == set()


def test_only_the_command_line_imports_the_pretend_world() -> None:
    assert importers(LIBRARY, "touchproof_sandbox") <= {"include/touchproof/cli_sandbox.py"}
    for path in python_files(LIBRARY):
        names = imports(path, module_level_only=True)
        assert not any(name.startswith("touchproof_sandbox") for name in names), path


def test_the_loopback_server_stands_alone() -> None:
    server = INCLUDE / "touchproof_sandbox" / "salesforce"
    assert server.is_dir()
    offenders = {
        (path.name, name)
        for path in python_files(server)
        for name in imports(path)
        if name.startswith("touchproof_sandbox.")
        and not name.startswith("touchproof_sandbox.salesforce")
    }
    assert offenders == set()


def test_only_the_client_imports_simple_salesforce() -> None:
    assert importers(INCLUDE, "simple_salesforce") == {"include/touchproof/salesforce/client.py"}


def test_dags_import_the_library_and_never_another_dag() -> None:
    siblings = {path.stem for path in python_files(DAGS)}
    allowed = {"touchproof", "touchproof_airflow", "airflow", "__future__", "datetime", "typing"}
    for path in python_files(DAGS):
        roots = {name.split(".")[0] for name in imports(path)}
        assert roots <= allowed, path
        assert not roots & siblings, path


def test_parsing_a_dag_loads_nothing_heavy() -> None:
    """Follow module-level imports from each DAG through our own packages."""
    seen: set[Path] = set()
    queue = python_files(DAGS)
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        names = imports(path, module_level_only=True)
        assert not {name.split(".")[0] for name in names} & HEAVY, path.relative_to(ROOT)
        queue += [module for name in names if (module := _our_module(name)) is not None]
    assert len(seen) > len(python_files(DAGS))


def _our_module(name: str) -> Path | None:
    if name.split(".")[0] not in {"touchproof", "touchproof_airflow"}:
        return None
    base = INCLUDE.joinpath(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def test_duckdb_is_opened_in_one_place() -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in python_files(INCLUDE)
        if re.search(r"duckdb\.connect\(", path.read_text())
    }
    at_the_bank = {"include/touchproof/skips/blind_match.py"}  # one file, without our library
    assert callers == {"include/touchproof/warehouse.py"} | at_the_bank


def test_only_the_edges_read_the_clock() -> None:
    pattern = re.compile(r"datetime\.now\(|date\.today\(|datetime\.utcnow\(|time\.time\(\)")
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in python_files(LIBRARY)
        if pattern.search(path.read_text())
    }
    assert readers == {"include/touchproof/clock.py"}


def test_marts_read_no_source_and_staging_joins_nothing() -> None:
    for path in (MODELS / "marts").rglob("*.sql"):
        assert "source(" not in path.read_text(), path
    staging = list((MODELS / "staging").rglob("*.sql"))
    assert staging
    for path in staging:
        assert not re.search(r"\bjoin\b", _without_comments(path.read_text()), re.I), path


def test_sync_models_are_read_by_publish_alone() -> None:
    for path in MODELS.rglob("*.sql"):
        assert not re.search(r"ref\(\s*['\"]sync_", path.read_text()), path


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|\{#.*?#\}", "", sql, flags=re.S)
