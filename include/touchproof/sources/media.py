"""Media spend: one CSV a platform and day.

Belongs here: the spend file's columns and its reader. Doesn't belong here: campaigns' names and
channels (staging and seeds).
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from touchproof.sources.definition import (
    EntityDefinition,
    SourceDefinition,
    SourceKind,
    text_schema,
)
from touchproof.sources.delimited import read_delimited
from touchproof.sources.unpack import read_unpacked

_SCHEMA = text_schema(
    "date",
    "platform",
    "campaign_code",
    "campaign_name",
    "ad_group",
    "impressions",
    "clicks",
    "cost",
    "currency",
)


def _read(path: Path, limit: int) -> pa.Table:
    return read_delimited(read_unpacked(path, limit), _SCHEMA.names)


SPEND = EntityDefinition(
    "media",
    "spend",
    _SCHEMA,
    key=("date", "platform", "campaign_code", "ad_group"),
    file_pattern=re.compile(r"spend_(?P<part>[a-z0-9_]+)_(?P<date>\d{8})\.csv(\.gz)?"),
    reader=_read,
)

SOURCE = SourceDefinition("media", SourceKind.FILES, (SPEND,), title="Media spend")
