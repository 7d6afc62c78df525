"""All sources, by name.

Belongs here: the one list that extract, gate, load and the DAGs walk through. Doesn't belong here:
any source's columns (its own module) or how files are found (extract.py).
"""

from __future__ import annotations

from types import MappingProxyType

from touchproof.errors import BadInputError
from touchproof.sources import app, email, ga4, ledger, media, salesforce, web_forms
from touchproof.sources.banks import bank_sources
from touchproof.sources.definition import (
    EntityDefinition,
    ExtractReport,
    SourceDefinition,
    SourceKind,
)

__all__ = [
    "SOURCES",
    "EntityDefinition",
    "ExtractReport",
    "SourceDefinition",
    "SourceKind",
    "entities",
    "source_named",
]

SOURCES: MappingProxyType[str, SourceDefinition] = MappingProxyType(
    {
        source.name: source
        for source in (
            salesforce.SOURCE,
            ga4.SOURCE,
            email.SOURCE,
            media.SOURCE,
            app.SOURCE,
            web_forms.SOURCE,
            *bank_sources(),
            ledger.SOURCE,
        )
    }
)
"""Every source by name; the ledger is landed by ledger/snapshot.py, not extracted."""


def entities() -> tuple[EntityDefinition, ...]:
    """Return every entity of every source; each has a raw table."""
    return tuple(entity for source in SOURCES.values() for entity in source.entities)


def source_named(name: str) -> SourceDefinition:
    """Return one extractable source.

    Raises:
        BadInputError: If there is none of that name.
    """
    source = SOURCES.get(name)
    if source is None or source.kind is SourceKind.LEDGER:
        known = [key for key, value in SOURCES.items() if value.kind is not SourceKind.LEDGER]
        raise BadInputError(
            f"There is no source named {name!r}", todo=f"Choose one of {', '.join(known)}."
        )
    return source
