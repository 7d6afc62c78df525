"""Comparing one object's desired records with its acknowledged ones, in an in-memory DuckDB.

Belongs here: finding each record's own acknowledgement, the cells that differ by ownership, and
the groups of rows that follow from consent and from what a record hangs on. Doesn't belong here:
the plan as a whole (plan.py), canonical forms (canonical.py).

A record may hang on others, its parents: those that its reference fields name, and one that its
sync model names in `parent_object` and `parent_key`. The first must be in Salesforce, the other
there or in the same plan; else the record is held back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from touchproof.errors import CheckFailedError
from touchproof.salesforce.canonical import CLEAR, clean_sql, form_sql
from touchproof.salesforce.parents import ACCOUNT_COLUMN, ParentJoins
from touchproof.salesforce.rules import INSERTED, KEY_FIELD, FieldRule, key_field
from touchproof.salesforce.tables import fetch_row, fetch_table

Operation = Literal["update", "upsert", "insert"]
Kind = Literal["consent", "creation", "values"]
KIND_ORDER: tuple[Kind, ...] = ("consent", "creation", "values")
_MAY_GO = "is_allowed and not is_orphan"


@dataclass(frozen=True)
class PlanGroup:
    """Hold the rows of one object that travel together: one operation, one kind.

    Args:
        rows: `record` (what the acknowledged row is found by), `record_key`, `salesforce_id`, then
            one text column a field: NULL leaves it alone, `#N/A` clears it. Where an object's
            records hang on others, the rows name them in `parents`, each as `Object name`. Sorted
            by parents, then by `record`: Salesforce locks a record's parents while it writes it.
        fields: The field columns; none of them is empty in every row.
        left_empty: Fields that a creation leaves empty where its row says nothing.
    """

    object: str
    operation: Operation
    kind: Kind
    fields: tuple[str, ...]
    rows: pa.Table
    left_empty: tuple[str, ...] = ()

    @property
    def key_field(self) -> str:
        """Return the field by which Salesforce finds the record."""
        return key_field(self.object, self.operation)

    @property
    def name(self) -> str:
        return f"{self.object} {self.operation} {self.kind}"


@dataclass(frozen=True)
class Held:
    """Count the records of one object that have something to say and may not.

    Args:
        creations: To be made, held back by consent.
        records: Of the CRM, held back by consent.
        children: Held back because a record that they hang on isn't there.
    """

    object: str
    creations: int
    records: int
    children: int = 0


class Comparison:
    """Compare one object's records in DuckDB; leaves the temporary table `compared`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        object_name: str,
        rules: Sequence[FieldRule],
        models: Sequence[str],
    ) -> None:
        self.connection = connection
        self.object = object_name
        self.rules = rules
        self.models = models
        self.is_gated = any(rule.is_consent for rule in rules)
        self.has_parents = any(rule.refers_to for rule in rules)

    def compare(self, desired: Mapping[str, pa.Table]) -> None:
        """Build `acknowledged_records`, `desired_<n>` and `compared`."""
        present = {
            model: [
                rule
                for rule in self.rules
                if rule.sync_model == model and rule.field in desired[model].column_names
            ]
            for model in self.models
        }
        self.rules = [rule for model in self.models for rule in present[model]]
        self.has_parents |= any(
            not {"parent_key", ACCOUNT_COLUMN}.isdisjoint(desired[model].column_names)
            for model in self.models
        )
        self._extract_acknowledged()
        for number, model in enumerate(self.models):
            self._read_desired(number, model, desired[model], present[model])
        self._join()

    def count(self, table: str, condition: str = "true") -> int:
        sql = f"select count(*) from {table} where {condition}"  # noqa: S608
        return int(fetch_row(self.connection, sql)[0])

    def groups(self) -> list[PlanGroup]:
        """Return the object's groups that have rows."""
        consent = [rule.field for rule in self.rules if rule.is_consent]
        others = [rule.field for rule in self.rules if not rule.is_consent]
        creation: Operation = "insert" if self.object in INSERTED else "upsert"
        found = [
            self._group("update", "consent", consent, "not is_new"),
            self._group(creation, "creation", consent + others, f"is_new and {_MAY_GO}"),
            self._group("update", "values", others, f"not is_new and {_MAY_GO}"),
        ]
        return [group for group in found if group is not None]

    def held(self) -> list[Held]:
        """Count the records that consent holds back, or that hang on a record that isn't there."""
        others = self._others_sent
        creations = self.count("compared", "is_new and not is_allowed")
        records = self.count("compared", f"not is_new and not is_allowed and {others}")
        children = self.count("compared", self._is_held_child)
        found = Held(self.object, creations, records, children)
        return [found] if creations or records or children else []

    def held_children(self) -> pa.Table:
        """Return `record` of what is held back because one that it hangs on isn't there."""
        sql = f"select record from compared where {self._is_held_child} order by record"  # noqa: S608
        return fetch_table(self.connection, sql)

    @property
    def _others_sent(self) -> str:
        return _any_sent([rule.field for rule in self.rules if not rule.is_consent])

    @property
    def _is_held_child(self) -> str:
        return f"is_allowed and is_orphan and (is_new or {self._others_sent})"

    def _extract_acknowledged(self) -> None:
        paths = ", ".join(f"'$.\"{rule.field}\"'" for rule in self.rules)
        columns = "".join(
            f", e[{n}] is not null as known_{n}, e[{n}] ->> '$' as value_{n}"
            for n, _ in enumerate(self.rules, start=1)
        )
        self.connection.execute(
            f"""
            create or replace temp table acknowledged_records as
            select source_key, salesforce_id, coalesce(salesforce_id, source_key) as record{columns}
            from (
                select
                    salesforce_id,
                    coalesce(
                        json_extract_string(fields_json, '$."{KEY_FIELD}"'),
                        case when salesforce_id is null then record_key end
                    ) as source_key,
                    json_extract(fields_json, [{paths}]::varchar[]) as e
                from acknowledged
                where object = $1
            )
            """,  # noqa: S608
            [self.object],
        )

    def _read_desired(
        self, number: int, model: str, table: pa.Table, rules: Sequence[FieldRule]
    ) -> None:
        self.connection.register("desired_model", table)
        parents = ParentJoins.of(rules, table.column_names)
        columns = "".join(f', {parents.value(rule)} as "{rule.field}"' for rule in rules)
        self.connection.execute(
            f"""
            create or replace temp table desired_{number} as
            select
                coalesce(m.salesforce_id, k.salesforce_id, m.record_key) as record,
                coalesce(m.salesforce_id, k.salesforce_id) as salesforce_id,
                m.record_key,
                m.may_market,
                {parents.are_missing} as is_orphan,
                {parents.names} as parents{columns}
            from desired_model as m
            left join acknowledged_records as k
                on m.salesforce_id is null and m.record_key = k.source_key
            {parents.joins}
            where m.is_creation or coalesce(m.salesforce_id, k.salesforce_id) is not null
            """  # noqa: S608
        )
        self.connection.unregister("desired_model")
        table_name = f"desired_{number}"
        nameless = self.count(table_name, "record is null")
        doubled = self.count(table_name) - nameless - self._distinct(table_name)
        if nameless or doubled:
            raise CheckFailedError(
                f"{nameless} records without a key and {doubled} records that come twice",
                where=f"sync model {model}",
                todo="Nothing was sent; correct the model so that it has one row per record.",
            )

    def _distinct(self, table: str) -> int:
        sql = f"select count(distinct record) from {table}"  # noqa: S608
        return int(fetch_row(self.connection, sql)[0])

    def _join(self) -> None:
        numbers = range(len(self.models))
        records = " union ".join(f"select record from desired_{n}" for n in numbers)  # noqa: S608
        joins = " ".join(
            f"left join desired_{n} on everything.record = desired_{n}.record" for n in numbers
        )
        first = {
            column: ", ".join(f"desired_{n}.{column}" for n in numbers)
            for column in ("salesforce_id", "record_key", "may_market", "is_orphan", "parents")
        }
        # One model's `false` outweighs another's `true`: consent is never averaged.
        may_market = f"list_bool_and([{first['may_market']}])"  # ignores nulls
        unknown = "false" if self.is_gated else "true"
        source = {model: number for number, model in enumerate(self.models)}
        cells = [
            _Cell(rule, n, f"desired_{source[rule.sync_model]}")
            for n, rule in enumerate(self.rules, start=1)
        ]
        self.connection.execute(
            f"""
            create or replace temp table compared as
            with joined as (
                select
                    everything.record,
                    coalesce({first["salesforce_id"]}, a.salesforce_id) as salesforce_id,
                    coalesce({first["record_key"]}, a.source_key) as record_key,
                    {may_market} as may_market,
                    coalesce(list_bool_or([{first["is_orphan"]}]), false) as is_orphan,
                    coalesce({first["parents"]}) as parents,
                    a.record is not null as is_acknowledged
                    {"".join(cell.joined for cell in cells)}
                from ({records}) as everything
                {joins}
                left join acknowledged_records as a on everything.record = a.record
            ),
            cleaned as (select *{"".join(cell.cleaned for cell in cells)} from joined),
            formed as (select *{"".join(cell.formed for cell in cells)} from cleaned)
            select
                record,
                record_key,
                salesforce_id,
                parents,
                is_orphan,
                salesforce_id is null as is_new,
                coalesce(may_market, not (salesforce_id is null) and {unknown}) as is_allowed
                {"".join(cell.sent for cell in cells)}
            from formed
            """  # noqa: S608
        )

    def _group(
        self, operation: Operation, kind: Kind, fields: list[str], condition: str
    ) -> PlanGroup | None:
        if not fields:
            return None
        where = f"{condition} and {_any_sent(fields)}"
        counts = ", ".join(f'count("{field}")' for field in fields)
        sql = f"select {counts} from compared where {where}"  # noqa: S608
        found = fetch_row(self.connection, sql)
        used = [field for field, count in zip(fields, found, strict=True) if count]
        if not used:
            return None
        shown = ["parents", *used] if self.has_parents else used
        order = "parents nulls last, record" if self.has_parents else "record"
        columns = ", ".join(f'"{field}"' for field in shown)
        rows = fetch_table(
            self.connection,
            f"select record, record_key, salesforce_id, {columns} from compared "  # noqa: S608
            f"where {where} order by {order}",
        )
        # Salesforce sets an unnamed checkbox by itself, so nothing is known about it then.
        texts = [rule.field for rule in self.rules if rule.type != "boolean"]
        left_empty = tuple(texts) if kind == "creation" else ()
        return PlanGroup(self.object, operation, kind, tuple(used), rows, left_empty)


def _any_sent(fields: Sequence[str]) -> str:
    if not fields:
        return "false"
    return "(" + " or ".join(f'"{field}" is not null' for field in fields) + ")"


@dataclass(frozen=True)
class _Cell:
    """Give the expressions of one field, stage by stage.

    Most texts are equal as they stand. Only for the others are the canonical forms made, which
    would be most of the planning's time; DuckDB evaluates a branch of `case` for its own rows only.
    """

    rule: FieldRule
    number: int
    desired: str

    @property
    def joined(self) -> str:
        """Return what was asked, what is known, and whether both are the same text."""
        n, wanted = self.number, f'{self.desired}."{self.rule.field}"'
        known = f"coalesce(a.known_{n}, false)"
        return (
            f", {self.desired}.record is not null as is_asked_{n}, {known} as is_known_{n}"
            f", {known} and {wanted} is not distinct from a.value_{n} as is_same_{n}"
            f", {wanted} as raw_wanted_{n}, a.value_{n} as raw_value_{n}"
        )

    @property
    def cleaned(self) -> str:
        return "".join(
            f", case when not is_same_{self.number} then {clean_sql(f'raw_{side}_{self.number}')} "
            f"end as clean_{side}_{self.number}"
            for side in ("wanted", "value")
        )

    @property
    def formed(self) -> str:
        return "".join(
            f", case when not is_same_{self.number} then "
            + form_sql(f"clean_{side}_{self.number}", self.rule.type)
            + f" end as {side}_{self.number}"
            for side in ("wanted", "value")
        )

    @property
    def sent(self) -> str:
        """Return what goes into the cell: NULL leaves the field alone."""
        wanted, value = f"wanted_{self.number}", f"value_{self.number}"
        if self.rule.owner == "fill_if_empty":
            differs = f"is_known_{self.number} and {value} is null and {wanted} is not null"
        elif self.rule.type == "boolean":
            # A checkbox can't be cleared, so an unknown wish leaves it as it is.
            differs = f"{wanted} is not null and {value} is distinct from {wanted}"
        else:
            differs = f"not is_known_{self.number} or {value} is distinct from {wanted}"
        # A record that isn't in Salesforce yet gets what there is; nothing is cleared there.
        return (
            f", case when is_same_{self.number} or not is_asked_{self.number} then null "
            f"when salesforce_id is null and not is_acknowledged then {wanted} "
            f"when {differs} then coalesce({wanted}, '{CLEAR}') end as \"{self.rule.field}\""
        )
