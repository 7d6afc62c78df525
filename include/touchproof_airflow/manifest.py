"""The dbt manifest from which the DAGs draw the models.

Belongs here: knowing whether it is up to date, and making it. Doesn't belong here: parsing itself
(touchproof.transform) or drawing (cosmos.py).
"""

from __future__ import annotations

from pathlib import Path

from touchproof.dbt_code import DBT_PROJECT
from touchproof.settings import Settings

MANIFEST = DBT_PROJECT / "target" / "manifest.json"
_SOURCES = ("models", "seeds", "macros", "tests")


def is_current(manifest: Path = MANIFEST, project: Path = DBT_PROJECT) -> bool:
    """Tell whether the manifest is newer than every file that it is made from."""
    if not manifest.exists():
        return False
    made = manifest.stat().st_mtime
    folders = [project / name for name in _SOURCES if (project / name).exists()]
    # A folder is newer too when a file in it was removed.
    files = [project / "dbt_project.yml", *folders]
    files += [path for folder in folders for path in folder.rglob("*")]
    return all(path.stat().st_mtime <= made for path in files)


def ensure_manifest(settings: Settings) -> Path:
    """Return the manifest, making it anew if the dbt project has changed since."""
    if is_current():
        return MANIFEST
    from touchproof.transform import parse

    return parse(settings)
