"""The nested schema of GA4's BigQuery export, as Parquet files carry it.

Belongs here: the Arrow types, as the public documentation lists them. Doesn't belong here: the
events themselves (ga4.py).
"""

from __future__ import annotations

import pyarrow as pa


def _texts(*names: str) -> pa.StructType:
    return pa.struct([(name, pa.string()) for name in names])


VALUE = pa.struct(
    [
        ("string_value", pa.string()),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("double_value", pa.float64()),
    ]
)
PARAM = pa.struct([("key", pa.string()), ("value", VALUE)])
PARAMS = pa.list_(PARAM)
USER_PROPERTIES = pa.list_(
    pa.struct(
        [
            ("key", pa.string()),
            (
                "value",
                pa.struct([*VALUE, pa.field("set_timestamp_micros", pa.int64())]),
            ),
        ]
    )
)
PRIVACY = _texts("analytics_storage", "ads_storage", "uses_transient_token")
WEB_INFO = _texts("browser", "browser_version", "hostname")
DEVICE = pa.struct(
    [
        ("category", pa.string()),
        ("mobile_brand_name", pa.string()),
        ("mobile_model_name", pa.string()),
        ("operating_system", pa.string()),
        ("operating_system_version", pa.string()),
        ("language", pa.string()),
        ("is_limited_ad_tracking", pa.string()),
        ("time_zone_offset_seconds", pa.int64()),
        ("web_info", WEB_INFO),
    ]
)
GEO = _texts("city", "country", "continent", "region", "sub_continent", "metro")
APP_INFO = _texts("id", "version", "install_store", "firebase_app_id", "install_source")
TRAFFIC_SOURCE = _texts("name", "medium", "source")
COLLECTED = _texts(
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
)
MANUAL_CAMPAIGN = _texts(
    "campaign_id",
    "campaign_name",
    "source",
    "medium",
    "term",
    "content",
    "source_platform",
    "creative_format",
    "marketing_tactic",
)
GOOGLE_ADS_CAMPAIGN = _texts(
    "customer_id", "account_name", "campaign_id", "campaign_name", "ad_group_id", "ad_group_name"
)
CROSS_CHANNEL = _texts(
    "campaign_id",
    "campaign_name",
    "source",
    "medium",
    "source_platform",
    "default_channel_group",
    "primary_channel_group",
)
SESSION_SOURCE = pa.struct(
    [
        ("manual_campaign", MANUAL_CAMPAIGN),
        ("google_ads_campaign", GOOGLE_ADS_CAMPAIGN),
        ("cross_channel_campaign", CROSS_CHANNEL),
    ]
)
ECOMMERCE = pa.struct(
    [
        ("total_item_quantity", pa.int64()),
        ("purchase_revenue_in_usd", pa.float64()),
        ("purchase_revenue", pa.float64()),
        ("unique_items", pa.int64()),
        ("transaction_id", pa.string()),
    ]
)
ITEMS = pa.list_(
    pa.struct(
        [
            ("item_id", pa.string()),
            ("item_name", pa.string()),
            ("item_category", pa.string()),
            ("price", pa.float64()),
            ("quantity", pa.int64()),
        ]
    )
)
_FIELDS: list[tuple[str, pa.DataType]] = [
    ("event_date", pa.string()),
    ("event_timestamp", pa.int64()),
    ("event_name", pa.string()),
    ("event_params", PARAMS),
    ("event_previous_timestamp", pa.int64()),
    ("event_value_in_usd", pa.float64()),
    ("event_bundle_sequence_id", pa.int64()),
    ("event_server_timestamp_offset", pa.int64()),
    ("user_id", pa.string()),
    ("user_pseudo_id", pa.string()),
    ("privacy_info", PRIVACY),
    ("user_properties", USER_PROPERTIES),
    ("user_first_touch_timestamp", pa.int64()),
    ("device", DEVICE),
    ("geo", GEO),
    ("app_info", APP_INFO),
    ("traffic_source", TRAFFIC_SOURCE),
    ("stream_id", pa.string()),
    ("platform", pa.string()),
    ("ecommerce", ECOMMERCE),
    ("items", ITEMS),
    ("collected_traffic_source", COLLECTED),
    ("is_active_user", pa.bool_()),
    ("batch_event_index", pa.int64()),
    ("batch_page_id", pa.int64()),
    ("batch_ordering_id", pa.int64()),
    ("session_traffic_source_last_click", SESSION_SOURCE),
]
EVENTS = pa.schema(_FIELDS)
