"""The app: registrations, the product ledger and consents, one gzipped CSV a day each.

Belongs here: their columns and reader. Doesn't belong here: what an opening or an accrual means.
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


def _read(columns: tuple[str, ...], path: Path, limit: int) -> pa.Table:
    return read_delimited(read_unpacked(path, limit), columns)


def _entity(entity: str, key: str, *columns: str) -> EntityDefinition:
    return EntityDefinition(
        "app",
        entity,
        text_schema(*columns),
        key=(key,),
        file_pattern=re.compile(rf"{entity}_(?P<date>\d{{8}})\.csv(\.gz)?"),
        reader=partial(_read, columns),
    )


REGISTRATIONS = _entity(
    "registrations",
    "registration_id",
    "registration_id",
    "app_user_id",
    "registered_at",
    "email",
    "phone",
    "first_name",
    "last_name",
    "birth_date",
    "postal_code",
    "country",
    "lead_source",
    "lead_comment",
    "install_id",
    "web_client_id",
)
PRODUCTS = _entity(
    "products",
    "ledger_entry_id",
    "ledger_entry_id",
    "entry_type",
    "account_id",
    "app_user_id",
    "product_line",
    "bank_id",
    "occurred_at",
    "booked_date",
    "amount",
    "currency",
    "application_started_at",
)
CONSENTS = _entity(
    "consents",
    "consent_event_id",
    "consent_event_id",
    "app_user_id",
    "email",
    "channel",
    "state",
    "changed_at",
    "source",
)

SOURCE = SourceDefinition(
    "app", SourceKind.FILES, (REGISTRATIONS, PRODUCTS, CONSENTS), title="The app"
)
