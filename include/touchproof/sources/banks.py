"""Partner banks: files of directly opened products, each bank's format told by a YAML.

Belongs here: the mapping's own rules, the reader that follows a mapping, and the sources built
from `banks/*.yml`. Adding a bank is one YAML and no code. Doesn't belong here: the banks' answers
to claims (bank_statements.py), who of the customers is ours (skips/).

A value that the mapping can't convert lands as it was sent; the gate finds it there (a date that
isn't one, an unknown product line), so that one bad row doesn't cost the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from touchproof.errors import ConfigurationError
from touchproof.sources.bank_statements import (
    REMITTANCE_SCHEMA,
    REMITTANCES,
    STATEMENT_SCHEMA,
    STATEMENTS,
    NumberFormat,
    RemittanceMapping,
    StatementMapping,
    date_text,
    number_text,
    read_answers,
)
from touchproof.sources.definition import (
    EntityDefinition,
    SourceDefinition,
    SourceKind,
    text_schema,
)
from touchproof.sources.file_layouts import FileLayout

MAPPINGS_FOLDER = Path(__file__).parent / "banks"
SCHEMA = text_schema(
    "reference",
    "product_line",
    "opened_at",
    "is_date_only",
    "email",
    "first_name",
    "last_name",
    "birth_date",
    "postal_code",
    "referral_token",
    "existing_customer",
    "balance",
    "currency",
    "phone",
    "email_hash",
    "phone_hash",
    "hash_key_id",
    "matched_row_id",
    "control_total",
)
_MAPPED = frozenset(SCHEMA.names) - {"is_date_only", "currency", "control_total"}
_PERSONAL = frozenset({"email", "first_name", "last_name", "birth_date", "postal_code", "phone"})
_OPTIONAL = _PERSONAL | {"email_hash", "phone_hash", "hash_key_id", "matched_row_id"}
"""A bank that sends hashes, or matches blindly on its own side, leaves the others out."""
ProductLine = Literal["savings", "checking", "loan", "transfer"]
Convert = Callable[[str], str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenedAt(_Strict):
    """Say how the file writes the moment of opening."""

    format: str = Field(description="strptime format, e.g. %d.%m.%Y")
    is_date_only: bool
    timezone: Literal["UTC"] = "UTC"


class BankMapping(_Strict):
    """Map one bank's file to the common columns; the content of one YAML."""

    bank_id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,30}$")]
    bank_name: str
    file_pattern: str = Field(description="regular expression with a group `date` (YYYYMMDD)")
    layout: FileLayout
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: Literal["", ".", ",", " ", "'"] = ""
    implied_decimals: Annotated[int, Field(ge=0, le=6)] = Field(
        0, description="digits after a decimal mark that isn't written"
    )
    columns: dict[str, str] = Field(description="our column -> the file's column")
    opened_at: OpenedAt
    birth_date_format: str = "%Y-%m-%d"
    product_codes: Annotated[dict[str, ProductLine], Field(min_length=1)]
    existing_customer_codes: dict[str, Literal["yes", "no", ""]]
    statements: StatementMapping | None = None
    remittances: RemittanceMapping | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            pattern = re.compile(self.file_pattern)
        except re.error as error:
            raise ValueError(f"file_pattern isn't a regular expression: {error.msg}") from error
        if "date" not in pattern.groupindex:
            raise ValueError("file_pattern needs the group (?P<date>\\d{8})")
        wrong = sorted((set(self.columns) ^ _MAPPED) - (_OPTIONAL - set(self.columns)))
        if wrong:
            raise ValueError(f"columns must map exactly ours; wrong or missing: {', '.join(wrong)}")
        absent = sorted(set(self.columns.values()) - set(self.layout.names))
        if absent:
            raise ValueError(f"columns names fields that the layout lacks: {', '.join(absent)}")
        if self.thousands_mark == self.decimal_mark:
            raise ValueError("thousands_mark and decimal_mark are the same")
        return self

    @property
    def source(self) -> str:
        """Name the source system of this bank."""
        return f"bank_{self.bank_id}"

    @property
    def number_format(self) -> NumberFormat:
        """Return how this bank writes amounts."""
        return NumberFormat(
            currency=self.currency,
            decimal_mark=self.decimal_mark,
            thousands_mark=self.thousands_mark,
            implied_decimals=self.implied_decimals,
        )


def load_mapping(path: Path) -> BankMapping:
    """Read and check one bank's YAML.

    Raises:
        ConfigurationError: With one sentence that names the file, the field and the fault.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path.name}, line {mark.line + 1}" if mark else path.name
        raise ConfigurationError(
            "The bank's mapping isn't YAML", where=place, todo="Correct that line."
        ) from error
    try:
        return BankMapping.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the mapping"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"The bank's mapping is wrong at {field}: {reason}",
            where=path.name,
            todo="Correct it; sources/banks/northlake.yml is an example.",
        ) from error


def read_openings(mapping: BankMapping, path: Path, limit: int) -> pa.Table:
    """Read one bank file into the common columns.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    table = mapping.layout.read(path, limit)
    moment = "%Y-%m-%d" if mapping.opened_at.is_date_only else "%Y-%m-%dT%H:%M:%SZ"
    converters: dict[str, Convert] = {
        "opened_at": partial(date_text, mapping.opened_at.format, write_format=moment),
        "birth_date": partial(date_text, mapping.birth_date_format),
        "product_line": partial(_code, mapping.product_codes),
        "existing_customer": partial(_code, mapping.existing_customer_codes),
        "balance": partial(number_text, mapping.number_format),
    }
    constants = {
        "is_date_only": "true" if mapping.opened_at.is_date_only else "false",
        "currency": mapping.currency,
        "control_total": str(table.num_rows) if mapping.layout.has_control_total else "",
    }
    columns: dict[str, list[str]] = {
        name: [text] * table.num_rows for name, text in constants.items()
    }
    for name in _OPTIONAL - set(mapping.columns):
        columns[name] = [""] * table.num_rows
    for name, theirs in mapping.columns.items():
        texts = [str(text) for text in table.column(theirs).to_pylist()]
        convert = converters.get(name)
        columns[name] = [convert(text) for text in texts] if convert else texts
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def _code(codes: Mapping[str, str], text: str) -> str:
    return codes.get(text.strip(), text)


def _source(mapping: BankMapping) -> SourceDefinition:
    openings = EntityDefinition(
        mapping.source,
        "openings",
        SCHEMA,
        key=("reference",),
        file_pattern=re.compile(mapping.file_pattern),
        reader=partial(read_openings, mapping),
    )
    answers = [
        EntityDefinition(
            mapping.source,
            name,
            schema,
            key=(schema.names[0], "line_number"),
            file_pattern=re.compile(section.file_pattern),
            reader=partial(read_answers, section, mapping.number_format, schema),
        )
        for name, section, schema in (
            (STATEMENTS, mapping.statements, STATEMENT_SCHEMA),
            (REMITTANCES, mapping.remittances, REMITTANCE_SCHEMA),
        )
        if section is not None
    ]
    return SourceDefinition(
        mapping.source,
        SourceKind.FILES,
        (openings, *answers),
        title=mapping.bank_name,
    )


def bank_sources(folder: Path = MAPPINGS_FOLDER) -> tuple[SourceDefinition, ...]:
    """Return one source a mapping, in the order of the files' names.

    Raises:
        ConfigurationError: If a mapping is wrong or two share a bank_id.
    """
    mappings = [load_mapping(path) for path in sorted(folder.glob("*.yml"))]
    names = [mapping.bank_id for mapping in mappings]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"Two mappings have the bank_id {name}",
                where=folder.name,
                todo="Give each bank its own.",
            )
    return tuple(_source(mapping) for mapping in mappings)
