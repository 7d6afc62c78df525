"""The code that a night was built by, as one table of its handoff.

Belongs here: listing the dbt project's files with their hashes, and the one hash over all of them
that an evidence pack names. Doesn't belong here: dbt's own manifest, whose checksums depend on its
version and which isn't kept with a night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from touchproof.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
SCHEMA = pa.schema([("path", pa.string()), ("sha256", pa.string()), ("text", pa.string())])
_FOLDERS = ("models", "macros", "seeds")
_SUFFIXES = (".sql", ".py", ".csv", ".yml")


def code_table(project: Path = DBT_PROJECT) -> pa.Table:
    """Return path, sha256 and text of each file that decides what dbt builds, by path.

    Models, macros, seeds and their properties count, and `dbt_project.yml`; tests don't. Line
    ends count as LF, so that a checkout on another system is the same code. Only the text of SQL
    is kept; seeds may be large.
    """
    files = [
        path
        for folder in _FOLDERS
        for path in (project / folder).rglob("*")
        if path.suffix in _SUFFIXES and path.is_file()
    ]
    rows = []
    for path in [project / "dbt_project.yml", *files]:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        rows.append(
            {
                "path": path.relative_to(project).as_posix(),
                "sha256": hashlib.sha256(content).hexdigest(),
                "text": content.decode() if path.suffix == ".sql" else None,
            }
        )
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["path"])), SCHEMA)


def code_sha256(files: Iterable[tuple[str, str]]) -> str:
    """Return the hash over (path, sha256) of the files, in the order of their paths.

    It is what `sha256sum $(find models macros seeds … | sort) | sha256sum` gives.
    """
    lines = [f"{sha256}  {path}\n" for path, sha256 in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
