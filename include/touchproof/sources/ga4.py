"""GA4's BigQuery export: one file a day, Parquet or newline-delimited JSON.

Belongs here: the export's nested schema as it lands, and its two readers. Doesn't belong here:
sessions, parameters as columns, deduplication (staging and intermediate models).

The schema is the published one of the export, less what nothing reads. A file may have more
columns (Google adds some now and then; they are left out) or lack optional ones (they land as
null), but a required column that is missing, or a type that doesn't convert, is a fault.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof.sources.conform import conform, read_json_lines
from touchproof.sources.definition import (
    EntityDefinition,
    SourceDefinition,
    SourceKind,
    typed_schema,
)
from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.unpack import read_unpacked

_TEXT, _INTEGER, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def _texts(*names: str) -> pa.StructType:
    return pa.struct([(name, _TEXT) for name in names])


_PARAMETERS = pa.list_(
    pa.struct(
        [
            ("key", _TEXT),
            (
                "value",
                pa.struct(
                    [
                        ("string_value", _TEXT),
                        ("int_value", _INTEGER),
                        ("float_value", _NUMBER),
                        ("double_value", _NUMBER),
                    ]
                ),
            ),
        ]
    )
)

SCHEMA = typed_schema(
    {
        "event_date": _TEXT,
        "event_timestamp": _INTEGER,
        "event_name": _TEXT,
        "event_params": _PARAMETERS,
        "event_previous_timestamp": _INTEGER,
        "event_value_in_usd": _NUMBER,
        "user_id": _TEXT,
        "user_pseudo_id": _TEXT,
        "is_active_user": _FLAG,
        "privacy_info": _texts("analytics_storage", "ads_storage", "uses_transient_token"),
        "user_first_touch_timestamp": _INTEGER,
        "device": pa.struct(
            [
                ("category", _TEXT),
                ("mobile_brand_name", _TEXT),
                ("mobile_model_name", _TEXT),
                ("operating_system", _TEXT),
                ("operating_system_version", _TEXT),
                ("language", _TEXT),
                ("web_info", _texts("browser", "browser_version", "hostname")),
            ]
        ),
        "geo": _texts("continent", "country", "region", "city", "metro"),
        "traffic_source": _texts("name", "medium", "source"),
        "stream_id": _TEXT,
        "platform": _TEXT,
        "collected_traffic_source": _texts(
            "manual_campaign_id",
            "manual_campaign_name",
            "manual_source",
            "manual_medium",
            "manual_term",
            "manual_content",
            "manual_creative_format",
            "manual_marketing_tactic",
            "manual_source_platform",
            "gclid",
            "dclid",
            "srsltid",
        ),
        "session_traffic_source_last_click": pa.struct(
            [
                (
                    "manual_campaign",
                    _texts(
                        "campaign_id",
                        "campaign_name",
                        "source",
                        "medium",
                        "term",
                        "content",
                        "source_platform",
                        "creative_format",
                        "marketing_tactic",
                    ),
                ),
                (
                    "google_ads_campaign",
                    _texts(
                        "customer_id",
                        "account_name",
                        "campaign_id",
                        "campaign_name",
                        "ad_group_id",
                        "ad_group_name",
                    ),
                ),
                (
                    "cross_channel_campaign",
                    _texts(
                        "campaign_id",
                        "campaign_name",
                        "source",
                        "medium",
                        "source_platform",
                        "default_channel_group",
                        "primary_channel_group",
                    ),
                ),
            ]
        ),
        "ecommerce": pa.struct(
            [
                ("transaction_id", _TEXT),
                ("purchase_revenue", _NUMBER),
                ("purchase_revenue_in_usd", _NUMBER),
                ("total_item_quantity", _INTEGER),
            ]
        ),
        "items": pa.list_(
            pa.struct(
                [
                    ("item_id", _TEXT),
                    ("item_name", _TEXT),
                    ("item_category", _TEXT),
                    ("price", _NUMBER),
                    ("quantity", _INTEGER),
                ]
            )
        ),
        "batch_event_index": _INTEGER,
        "batch_page_id": _INTEGER,
        "batch_ordering_id": _INTEGER,
    }
)
REQUIRED = ("event_date", "event_timestamp", "event_name", "event_params")
"""Not `user_pseudo_id`: it is null without consent, and JSON leaves null fields out."""


def _read(path: Path, limit: int) -> pa.Table:
    table = _read_parquet(path, limit) if path.suffix == ".parquet" else _read_json(path, limit)
    if table.num_rows == 0:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    return conform(table, SCHEMA, REQUIRED)


def _read_parquet(path: Path, limit: int) -> pa.Table:
    if path.stat().st_size == 0:
        raise StructuralFaultError("empty_file", rows_in=0)
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > limit:
                raise StructuralFaultError("too_large_unpacked")
            wanted = [name for name in file.schema_arrow.names if name in SCHEMA.names]
            return file.read(columns=wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise StructuralFaultError("damaged_parquet") from None


def _read_json(path: Path, limit: int) -> pa.Table:
    return read_json_lines(read_unpacked(path, limit), SCHEMA)


EVENTS = EntityDefinition(
    "ga4",
    "events",
    SCHEMA,
    key=(
        "user_pseudo_id",
        "event_timestamp",
        "event_name",
        "batch_page_id",
        "batch_ordering_id",
        "batch_event_index",
    ),
    file_pattern=re.compile(r"events_(?P<date>\d{8})\.(parquet|(nd)?jsonl?(\.gz)?)"),
    reader=_read,
)

SOURCE = SourceDefinition("ga4", SourceKind.FILES, (EVENTS,), title="GA4 export")
