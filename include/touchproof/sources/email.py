"""E-mail events in the shape of SendGrid's Event Webhook: one JSON array a day.

Belongs here: its columns, all text, and its reader. Doesn't belong here: deduplication by
`sg_event_id` (staging: the webhook sends at least once) and which opens a machine made.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from touchproof.shape import shape_of
from touchproof.sources.definition import (
    EntityDefinition,
    SourceDefinition,
    SourceKind,
    text_schema,
)
from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.unpack import read_unpacked

_FIELDS = {
    "event_id": "sg_event_id",
    "email": "email",
    "occurred_at_unix": "timestamp",
    "event": "event",
    "message_id": "sg_message_id",
    "campaign_code": "campaign_code",
    "list_id": "list_id",
    "recipient_id": "recipient_id",
    "url": "url",
    "reason": "reason",
    "type": "type",
    "status": "status",
    "response": "response",
    "category": "category",
    "is_machine_open": "sg_machine_open",
}
_REQUIRED = ("sg_event_id", "email", "timestamp", "event")
_SCHEMA = text_schema(*_FIELDS)


def _read(path: Path, limit: int) -> pa.Table:
    content = read_unpacked(path, limit)
    if b"\0" in content:
        raise StructuralFaultError("nul_bytes")
    try:
        events = json.loads(content)
    except UnicodeDecodeError as error:
        raise StructuralFaultError("wrong_encoding") from UnicodeError(error.reason)
    except (ValueError, RecursionError):
        # The parser's own message may quote the text.
        raise StructuralFaultError("damaged_json") from None
    if not isinstance(events, list):
        raise StructuralFaultError("wrong_type", shape=shape_of(events))
    if not events:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    for number, event in enumerate(events, start=1):
        if not isinstance(event, dict):
            raise StructuralFaultError("wrong_type", row=number, rows_in=len(events))
    for field in _REQUIRED:
        if not any(field in event for event in events):
            raise StructuralFaultError("wrong_header", column=field, rows_in=len(events))
    return pa.table(
        {
            column: pa.array([_text(event.get(field)) for event in events], pa.string())
            for column, field in _FIELDS.items()
        },
        schema=_SCHEMA,
    )


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "|".join(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


EVENTS = EntityDefinition(
    "email",
    "events",
    _SCHEMA,
    key=("event_id",),
    file_pattern=re.compile(r"events_(?P<date>\d{8})\.json(\.gz)?"),
    reader=_read,
)

SOURCE = SourceDefinition("email", SourceKind.FILES, (EVENTS,), title="E-mail events")
