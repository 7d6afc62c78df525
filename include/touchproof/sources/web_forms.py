"""Web forms: what people send us over the website, one gzipped CSV a day.

Belongs here: the columns and reader of the forms that no plug-in of the CRM takes. Doesn't belong
here: what a submission means.
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

_COLUMNS = (
    "submission_id",
    "submitted_at",
    "form_name",
    "email",
    "phone",
    "first_name",
    "last_name",
    "postal_code",
    "country",
    "lead_source",
    "lead_comment",
    "web_client_id",
    "marketing_consent",
)


def _read(columns: tuple[str, ...], path: Path, limit: int) -> pa.Table:
    return read_delimited(read_unpacked(path, limit), columns)


SUBMISSIONS = EntityDefinition(
    "web_forms",
    "submissions",
    text_schema(*_COLUMNS),
    key=("submission_id",),
    file_pattern=re.compile(r"submissions_(?P<date>\d{8})\.csv(\.gz)?"),
    reader=partial(_read, _COLUMNS),
)

SOURCE = SourceDefinition("web_forms", SourceKind.FILES, (SUBMISSIONS,), title="The web forms")
