"""The part of SOQL that the loopback server understands.

Belongs here: parsing `SELECT fields FROM Object [WHERE comparison AND …] [ORDER BY …] [LIMIT n]`
(and `SELECT COUNT()`), checking names, and turning it into SQL over storage. Comparisons are
=, !=, <, <=, >, >= and IN, against texts, numbers, dates, datetimes, booleans and null. Anything
else is refused as MALFORMED_QUERY rather than guessed. Doesn't belong here: jobs and paging.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.schema import OBJECTS, Field, SObject
from touchproof_sandbox.salesforce.storage import Storage, format_moment

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<mark><=|>=|!=|<>|[=<>(),])
    )""",
    re.X,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Query:
    """A parsed query.

    Args:
        sobject: Object that is read.
        fields: API names in the order of the select list; empty for COUNT().
        where: SQL condition with `?` marks.
        values: What the marks stand for.
        order: SQL of the ORDER BY.
        limit: Most rows, or None.
    """

    sobject: SObject
    fields: tuple[str, ...]
    where: str
    values: tuple[str | float, ...]
    order: str
    limit: int | None

    def rows(self, storage: Storage, *, include_deleted: bool) -> Iterator[list[str | None]]:
        """Yield the values of the selected fields, row by row."""
        columns = ", ".join(f'"{name}"' for name in self.fields)
        statement = f"select {columns} {self._from(include_deleted)}"
        if self.order:
            statement += f" order by {self.order}"
        if self.limit is not None:
            statement += f" limit {self.limit}"
        for row in storage.db.execute(statement, self.values):
            yield list(row)

    def count(self, storage: Storage, *, include_deleted: bool) -> int:
        """Count the rows that match."""
        statement = f"select count(*) {self._from(include_deleted)}"
        return int(storage.db.execute(statement, self.values).fetchone()[0])

    def _from(self, include_deleted: bool) -> str:
        conditions = [self.where] if self.where else []
        if not include_deleted:
            conditions.append("\"IsDeleted\" = 'false'")
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f'from "{self.sobject.name}"{where}'


def parse(soql: str) -> Query:
    """Parse a query.

    Raises:
        ApiError: 400 MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD.
    """
    return _Parser(soql).query()


class _Parser:
    def __init__(self, soql: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        position = 0
        text = soql.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                raise _malformed(f"unexpected token at {position}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()

    def query(self) -> Query:
        self._word("select")
        names = [self._take("name")]
        is_count = names[0].lower() == "count" and self._accept("(")
        if is_count:
            self._mark(")")
        while not is_count and self._accept(","):
            names.append(self._take("name"))
        self._word("from")
        sobject = self._object(self._take("name"))
        where: list[str] = []
        values: list[str | float] = []
        if self._is_word("where"):
            where.append(self._condition(sobject, values))
            while self._is_word("and"):
                where.append(self._condition(sobject, values))
        order = self._order(sobject)
        limit = int(self._take("number")) if self._is_word("limit") else None
        if self._next < len(self._tokens):
            raise _malformed(f"unexpected token: '{self._tokens[self._next][1]}'")
        fields = () if is_count else tuple(_field(sobject, name).name for name in names)
        return Query(sobject, fields, " and ".join(where), tuple(values), order, limit)

    def _object(self, name: str) -> SObject:
        for sobject in OBJECTS.values():
            if sobject.name.lower() == name.lower():
                return sobject
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")

    def _order(self, sobject: SObject) -> str:
        if not self._is_word("order"):
            return ""
        self._word("by")
        terms = []
        while True:
            field = _field(sobject, self._take("name"))
            direction = "desc" if self._is_word("desc") else "asc"
            if direction == "asc":
                self._is_word("asc")
            terms.append(f"{_column(field)} {direction} nulls first")
            if not self._accept(","):
                return ", ".join(terms)

    def _condition(self, sobject: SObject, values: list[str | float]) -> str:
        field = _field(sobject, self._take("name"))
        if self._is_word("in"):
            self._mark("(")
            values.append(self._literal(field))
            marks = ["?"]
            while self._accept(","):
                values.append(self._literal(field))
                marks.append("?")
            self._mark(")")
            return f"{_column(field)} in ({', '.join(marks)})"
        operator = self._take("mark")
        if operator not in {"=", "!=", "<>", "<", "<=", ">", ">="}:
            raise _malformed(f"unexpected token: '{operator}'")
        if self._is_word("null"):
            if operator not in {"=", "!=", "<>"}:
                raise _malformed("null can't be ordered")
            return f"{_column(field)} is {'' if operator == '=' else 'not '}null"
        values.append(self._literal(field))
        if operator in {"!=", "<>"}:
            return f"{_column(field)} is not ?"
        return f"{_column(field)} {operator} ?"

    def _literal(self, field: Field) -> str | float:
        kind, text = self._token()
        wanted = {
            "boolean": {"name"},
            "double": {"number"},
            "currency": {"number"},
            "date": {"date"},
            "datetime": {"moment"},
        }.get(field.type, {"text"})
        if kind not in wanted:
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"value of filter criterion for field '{field.name}' must be of type {field.type}",
            )
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])
        if kind == "moment":
            return format_moment(datetime.fromisoformat(text))
        return float(text) if kind == "number" else text.lower()

    # Tokens

    def _token(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise _malformed("unexpected end of query")
        self._next += 1
        return self._tokens[self._next - 1]

    def _take(self, kind: str) -> str:
        found, text = self._token()
        if found != kind:
            raise _malformed(f"unexpected token: '{text}'")
        return text

    def _accept(self, mark: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("mark", mark):
            self._next += 1
            return True
        return False

    def _mark(self, mark: str) -> None:
        if not self._accept(mark):
            raise _malformed(f"expecting '{mark}'")

    def _is_word(self, word: str) -> bool:
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind == "name" and text.lower() == word:
                self._next += 1
                return True
        return False

    def _word(self, word: str) -> None:
        if not self._is_word(word):
            raise _malformed(f"expecting {word.upper()}")


def _field(sobject: SObject, name: str) -> Field:
    field = sobject.by_lower_name.get(name.lower())
    if field is None:
        raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on entity '{sobject.name}'.")
    return field


def _column(field: Field) -> str:
    if field.type in {"double", "currency"}:
        return f'cast("{field.name}" as real)'
    return f'"{field.name}"'


def _malformed(message: str) -> ApiError:
    return ApiError(400, "MALFORMED_QUERY", message)
