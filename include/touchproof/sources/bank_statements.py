"""Partner banks' answers: statements about claims and remittances, each format told by the YAML.

Belongs here: the sections `statements:` and `remittances:` of a bank's mapping, the reader that
follows them, and their common columns. Doesn't belong here: openings (banks.py), what an answer
does to a claim (skips/settlement.py).

A statement says what the bank thinks of a claim; money comes by remittances alone. A line names
our claim id, or the bank's own reference of the opening, or both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from touchproof.sources.definition import text_schema
from touchproof.sources.file_layouts import FileLayout

STATEMENTS, REMITTANCES = "statements", "remittances"
WORDS = ("accepted", "part_paid", "paid", "rejected", "clawed_back")
REASONS = (
    "existing_customer",
    "duplicate",
    "outside_window",
    "no_contact",
    "other_referrer",
    "terms",
    "other",
)
Word = Literal["accepted", "part_paid", "paid", "rejected", "clawed_back"]
Reason = Literal[
    "existing_customer",
    "duplicate",
    "outside_window",
    "no_contact",
    "other_referrer",
    "terms",
    "other",
    "",
]
STATEMENT_SCHEMA = text_schema(
    "statement_id",
    "line_number",
    "statement_date",
    "claim_id",
    "reference",
    "status",
    "amount",
    "currency",
    "reason_code",
)
REMITTANCE_SCHEMA = text_schema(
    "remittance_id",
    "line_number",
    "paid_date",
    "claim_id",
    "reference",
    "amount",
    "payment_amount",
    "currency",
)
ANY_OTHER = "*"


class AnswerMapping(BaseModel):
    """Map one kind of a bank's answers to the common columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    needed: ClassVar[frozenset[str]] = frozenset()
    optional: ClassVar[frozenset[str]] = frozenset({"claim_id", "reference", "line_number"})

    file_pattern: str = Field(description="regular expression with a group `date` (YYYYMMDD)")
    layout: FileLayout
    columns: dict[str, str] = Field(description="our column -> the file's column")
    date_format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            pattern = re.compile(self.file_pattern)
        except re.error as error:
            raise ValueError(f"file_pattern isn't a regular expression: {error.msg}") from error
        if "date" not in pattern.groupindex:
            raise ValueError("file_pattern needs the group (?P<date>\\d{8})")
        missing = sorted(self.needed - set(self.columns))
        unknown = sorted(set(self.columns) - self.needed - self.optional)
        if missing or unknown:
            raise ValueError(f"columns lacks or doesn't know: {', '.join([*missing, *unknown])}")
        if not {"claim_id", "reference"} & set(self.columns):
            raise ValueError("columns needs claim_id or reference, or both")
        absent = sorted(set(self.columns.values()) - set(self.layout.names))
        if absent:
            raise ValueError(f"columns names fields that the layout lacks: {', '.join(absent)}")
        return self


class StatementMapping(AnswerMapping):
    """Map a bank's statements; the content of `statements:`."""

    needed: ClassVar[frozenset[str]] = frozenset(
        {"statement_id", "statement_date", "status", "amount"}
    )
    optional: ClassVar[frozenset[str]] = AnswerMapping.optional | {"currency", "reason_code"}

    status_codes: Annotated[dict[str, Word], Field(min_length=1)]
    reason_codes: dict[str, Reason] = Field(
        default_factory=dict, description="their code -> ours; `*` stands for any other"
    )


class RemittanceMapping(AnswerMapping):
    """Map a bank's remittances; the content of `remittances:`."""

    needed: ClassVar[frozenset[str]] = frozenset({"remittance_id", "paid_date", "amount"})
    optional: ClassVar[frozenset[str]] = AnswerMapping.optional | {"currency", "payment_amount"}


class NumberFormat(BaseModel):
    """Say how a bank writes amounts, and in which currency; all its files follow it."""

    model_config = ConfigDict(frozen=True)
    currency: str
    decimal_mark: str
    thousands_mark: str
    implied_decimals: int


def read_answers(
    mapping: AnswerMapping, form: NumberFormat, schema: pa.Schema, path: Path, limit: int
) -> pa.Table:
    """Read one file of answers into the common columns.

    A value that the mapping can't convert lands as it was sent; the gate finds it there. Lines
    without a number of their own are numbered within their document.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    table = mapping.layout.read(path, limit)
    rows = table.num_rows
    columns: dict[str, list[str]] = {}
    for name in schema.names:
        theirs = mapping.columns.get(name)
        texts = [str(text).strip() for text in table.column(theirs).to_pylist()] if theirs else None
        if name == "currency":
            columns[name] = texts or [form.currency] * rows
        elif texts is None:
            columns[name] = [""] * rows
        else:
            columns[name] = [_converted(mapping, form, name, text) for text in texts]
    if "line_number" not in mapping.columns:
        columns["line_number"] = _numbered(columns[schema.names[0]])
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _converted(mapping: AnswerMapping, form: NumberFormat, name: str, text: str) -> str:
    if name in ("statement_date", "paid_date"):
        return date_text(mapping.date_format, text)
    if name in ("amount", "payment_amount"):
        return number_text(form, text)
    if isinstance(mapping, StatementMapping):
        if name == "status":
            return _code(mapping.status_codes, text)
        if name == "reason_code":
            return _code(mapping.reason_codes, text)
    return text


def date_text(read_format: str, text: str, write_format: str = "%Y-%m-%d") -> str:
    """Return a date as ISO writes it, or the text itself where it is none."""
    try:
        return datetime.strptime(text.strip(), read_format).strftime(write_format)
    except ValueError:
        return text


def number_text(form: NumberFormat, text: str) -> str:
    """Return a number with a point and no thousands marks, or the text itself."""
    plain = text.strip().replace("\u00a0", " ")
    if form.thousands_mark:
        plain = plain.replace(form.thousands_mark, "")
    plain = plain.replace(form.decimal_mark, ".")
    if form.implied_decimals and "." in plain:
        return text
    try:
        return f"{Decimal(plain).scaleb(-form.implied_decimals):f}" if plain else ""
    except InvalidOperation:
        return text


def _code(codes: Mapping[str, str], text: str) -> str:
    if text in codes or not text:
        return codes.get(text, "")
    return codes.get(ANY_OTHER, text)


def _numbered(documents: list[str]) -> list[str]:
    counts: dict[str, int] = {}
    numbers = []
    for document in documents:
        counts[document] = counts.get(document, 0) + 1
        numbers.append(str(counts[document]))
    return numbers
