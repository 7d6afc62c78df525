"""The code that a night is built by: the dbt project's files and their hashes.

Belongs here: listing them, as a table of the handoff too, and the one hash over all of them that an
evidence pack names, or over those from which models are compiled. Doesn't belong here: dbt's own
manifest, whose checksums depend on its version and which isn't kept with a night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import pyarrow as pa

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
_FOLDERS = ("models", "macros", "seeds")
_SUFFIXES = (".sql", ".py", ".csv", ".yml")


def compiled_sha256(project: Path = DBT_PROJECT) -> str:
    """Return the hash over the code from which models are compiled: where it changes, any row may.

    Seeds and descriptions aren't in it: a changed seed shows in the rows that it changes, a changed
    contract in the table's columns.
    """
    files = [
        (path.relative_to(project).as_posix(), _sha256(path))
        for path in _files(project)
        if path.suffix in (".sql", ".py") or path.name == "dbt_project.yml"
    ]
    return code_sha256(files)


def code_table(project: Path = DBT_PROJECT) -> pa.Table:
    """Return path, sha256 and text of each file that decides what dbt builds, by path.

    Models, macros, seeds and their properties count, and `dbt_project.yml`; tests don't. Line
    ends count as LF, so that a checkout on another system is the same code. Only the text of SQL
    is kept; seeds may be large.
    """
    import pyarrow as pa  # DAGs read this module while they are parsed

    schema = pa.schema([("path", pa.string()), ("sha256", pa.string()), ("text", pa.string())])
    rows = [
        {
            "path": path.relative_to(project).as_posix(),
            "sha256": _sha256(path),
            "text": _content(path).decode() if path.suffix == ".sql" else None,
        }
        for path in _files(project)
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["path"])), schema)


def code_sha256(files: Iterable[tuple[str, str]]) -> str:
    """Return the hash over (path, sha256) of the files, in the order of their paths.

    It is what `sha256sum $(find models macros seeds … | sort) | sha256sum` gives.
    """
    lines = [f"{sha256}  {path}\n" for path, sha256 in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(project: Path) -> list[Path]:
    found = [
        path
        for folder in _FOLDERS
        for path in (project / folder).rglob("*")
        if path.suffix in _SUFFIXES and path.is_file()
    ]
    return [project / "dbt_project.yml", *found]


def _content(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()
