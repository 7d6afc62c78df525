"""Media: what advertising cost, when spots ran, and what platforms say of themselves.

Belongs here: the columns and readers of the media files, each a CSV a sender and day. Doesn't
belong here: campaigns' names and channels (staging and seeds), how costs are spread (intermediate).

Spend is what was billed. Spots, program costs and list purchases say what a bill was for; a list
is only known by its purchase. Claims and installs are the platforms' own counts, in sums that
name nobody: they stand beside ours and are never added to them.
"""

from __future__ import annotations

import re
from functools import partial
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

_SENDER = r"_(?P<part>[a-z0-9_]+)"


def _read(columns: tuple[str, ...], path: Path, limit: int) -> pa.Table:
    return read_delimited(read_unpacked(path, limit), columns)


def _entity(
    entity: str, key: tuple[str, ...], *columns: str, has_sender: bool = True
) -> EntityDefinition:
    """Describe one kind of file; `has_sender` says that its name tells who sent it."""
    sender = _SENDER if has_sender else ""
    return EntityDefinition(
        "media",
        entity,
        text_schema(*columns),
        key=key,
        file_pattern=re.compile(rf"{entity}{sender}_(?P<date>\d{{8}})\.csv(\.gz)?"),
        reader=partial(_read, columns),
    )


SPEND = _entity(
    "spend",
    ("date", "platform", "campaign_code", "ad_group"),
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
SPOTS = _entity(
    "spots",
    ("spot_id",),
    "spot_id",
    "station",
    "country",
    "campaign_code",
    "aired_local",
    "time_zone",
    "length_seconds",
    "daypart",
    "program",
    "cost",
    "currency",
)
PROGRAM_COSTS = _entity(
    "program_costs",
    ("program_cost_id",),
    "program_cost_id",
    "campaign_code",
    "period_month",
    "cost",
    "currency",
    "note",
    has_sender=False,
)
LIST_PURCHASES = _entity(
    "list_purchases",
    ("list_purchase_id",),
    "list_purchase_id",
    "list_id",
    "campaign_code",
    "vendor",
    "purchased_on",
    "address_count",
    "planned_sends",
    "price",
    "currency",
    has_sender=False,
)
PLATFORM_CLAIMS = _entity(
    "platform_claims",
    ("date", "platform", "campaign_code", "window_days"),
    "date",
    "platform",
    "campaign_code",
    "claimed_conversions",
    "claimed_value",
    "currency",
    "window_days",
)
APP_INSTALLS = _entity(
    "app_installs",
    ("date", "platform", "campaign_code"),
    "date",
    "platform",
    "campaign_code",
    "installs",
)

SOURCE = SourceDefinition(
    "media",
    SourceKind.FILES,
    (SPEND, SPOTS, PROGRAM_COSTS, LIST_PURCHASES, PLATFORM_CLAIMS, APP_INSTALLS),
    title="Media",
)
