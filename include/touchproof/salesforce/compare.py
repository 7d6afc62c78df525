"""Comparing one object's desired records with its acknowledged ones, from file to file.

Belongs here: finding each record's own acknowledgement, and the groups of rows that follow from
what differs, from consent and from what a record hangs on. Doesn't belong here: the plan as a whole
(plan.py), what a cell says (cells.py).

Most records are as they were. A first pass dismisses those by one hash of a record's values on
each side, so that cells are compared, and held anywhere, for the others alone.

A record may hang on others, its parents: those that its reference fields name, and one that its
sync model names in `parent_object` and `parent_key`. The first must be in Salesforce, the other
there or in the same plan; else the record is held back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from touchproof.errors import CheckFailedError
from touchproof.salesforce.cells import Cell, Mark
from touchproof.salesforce.parents import ACCOUNT_COLUMN, ParentJoins
from touchproof.salesforce.rules import INSERTED, KEY_FIELD, FieldRule, key_field
from touchproof.salesforce.tables import Rows, fetch_row

Operation = Literal["update", "upsert", "insert"]
Kind = Literal["consent", "creation", "values"]
KIND_ORDER: tuple[Kind, ...] = ("consent", "creation", "values")
_JOINED_ROWS = 500_000
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
        is_late: Whether its records hang on others that the same push made before.
    """

    object: str
    operation: Operation
    kind: Kind
    fields: tuple[str, ...]
    rows: Rows
    left_empty: tuple[str, ...] = ()
    is_late: bool = False

    @property
    def key_field(self) -> str:
        """Return the field by which Salesforce finds the record."""
        return key_field(self.object, self.operation)

    @property
    def name(self) -> str:
        return f"{self.object} {self.operation} {self.kind}" + (" late" if self.is_late else "")

    @property
    def records(self) -> set[tuple[str, str]]:
        """Return (object, record) of its rows, in memory; for a few of them."""
        return {(self.object, str(record)) for record in self.rows.column("record").to_pylist()}


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
    """Compare one object's records.

    Args:
        connection: Has the view `acknowledged` and what `find_parents` makes.
        folder: For the files of the groups.
        object_name: The object.
        rules: Its fields that we may write.
        models: Its sync models.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        object_name: str,
        rules: Sequence[FieldRule],
        models: Sequence[str],
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.object = object_name
        self.rules = rules
        self.models = models
        self.is_gated = any(rule.is_consent for rule in rules)
        self.has_parents = any(rule.refers_to for rule in rules)

    def compare(self, desired: Mapping[str, Rows]) -> None:
        """Find the records that aren't as acknowledged, and compare them cell by cell."""
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
        self._mark_acknowledged(present)
        for number, model in enumerate(self.models):
            self._mark_desired(number, model, desired[model], present[model])
        wanted = [self._wanted(desired[model], present[model]) for model in self.models]
        # A row of two sides' cells is wide, so not all of them are joined at once.
        parts = [self._join(part, wanted) for part in range(self._open())]
        self.compared = " union all ".join(f"select * from {rows.sql}" for rows in parts)  # noqa: S608
        self._count()

    def groups(self) -> list[PlanGroup]:
        """Return the object's groups that have rows."""
        found = [self._group(*one) for one in self._kinds()]
        return [group for group in found if group is not None]

    def held(self) -> list[Held]:
        """Count the records that consent holds back, or that hang on a record that isn't there."""
        found = Held(self.object, *(self.counts[f"held_{n}"] for n in range(3)))
        return [found] if found.creations or found.records or found.children else []

    def held_children(self) -> Rows:
        """Return `record` of what is held back because one that it hangs on isn't there."""
        return Rows.query(
            self.folder / f"{self.object}-held-children.parquet",
            self.connection,
            f"select record from ({self.compared}) where {self._is_held_child} order by record",  # noqa: S608
        )

    @property
    def acknowledged_records(self) -> int:
        """Return how many records of the object are acknowledged."""
        return int(fetch_row(self.connection, "select count(*) from acknowledged_records")[0])

    def _kinds(self) -> list[tuple[Operation, Kind, list[str], str]]:
        """Return each group's operation, kind, fields, and which records it may take."""
        consent = [rule.field for rule in self.rules if rule.is_consent]
        others = [rule.field for rule in self.rules if not rule.is_consent]
        creation: Operation = "insert" if self.object in INSERTED else "upsert"
        return [
            ("update", "consent", consent, "not is_new"),
            (creation, "creation", consent + others, f"is_new and {_MAY_GO}"),
            ("update", "values", others, f"not is_new and {_MAY_GO}"),
        ]

    @property
    def _others_sent(self) -> str:
        return _any_sent([rule.field for rule in self.rules if not rule.is_consent])

    @property
    def _is_held_child(self) -> str:
        return f"is_allowed and is_orphan and (is_new or {self._others_sent})"

    def _mark_acknowledged(self, present: Mapping[str, Sequence[FieldRule]]) -> None:
        """Make `acknowledged_records`: names, and for each model what `Mark` says of its values.

        A text that JSON has as it is in both is the same text in both.
        """
        number = {rule.field: n for n, rule in enumerate(self.rules, start=1)}
        marks = "".join(
            f", {Mark(rules).acknowledged(number)} as values_{n}"
            f", {Mark(rules).emptiness(number)} as empty_{n}"
            for n, rules in enumerate(present.values())
        )
        self.connection.execute(
            f"""
            create or replace temp table acknowledged_records as
            select record, source_key, salesforce_id is not null as has_id{marks}
            from ({self._extracted(len(self.rules) + 1)})
            """  # noqa: S608
        )

    def _extracted(self, key: int, condition: str = "true") -> str:
        """Return a query of the acknowledged records with their values `e`, each as JSON.

        Args:
            key: Where in `e` the record's key comes, after the fields.
            condition: Which of them.
        """
        names = (*(rule.field for rule in self.rules), KEY_FIELD)
        paths = ", ".join(f"'$.\"{name}\"'" for name in names)
        return f"""
            select
                record_key as record,
                coalesce(
                    e[{key}] ->> '$', case when salesforce_id is null then record_key end
                ) as source_key,
                salesforce_id,
                e
            from (
                select salesforce_id, record_key, json_extract(fields_json, [{paths}]) as e
                from acknowledged
                where object = '{self.object}' and {condition}
            )
        """  # noqa: S608

    def _wanted(self, rows: Rows, rules: Sequence[FieldRule]) -> str:
        """Return a query of a sync model's rows, each with its record, parents and values."""
        parents = ParentJoins.of(rules, rows.column_names)
        columns = "".join(f', {parents.value(rule)} as "{rule.field}"' for rule in rules)
        return f"""
            select
                coalesce(m.salesforce_id, k.salesforce_id, m.record_key) as record,
                coalesce(m.salesforce_id, k.salesforce_id) as salesforce_id,
                m.record_key,
                m.may_market,
                {parents.are_missing} as is_orphan,
                {parents.names} as parents{columns}
            from {rows.sql} as m
            left join (
                select source_key, case when has_id then record end as salesforce_id
                from acknowledged_records
                where source_key in (
                    select record_key from {rows.sql} where salesforce_id is null
                )
            ) as k
                on m.salesforce_id is null and m.record_key = k.source_key
            {parents.joins}
            where m.is_creation or coalesce(m.salesforce_id, k.salesforce_id) is not null
        """  # noqa: S608

    def _mark_desired(
        self, number: int, model: str, rows: Rows, rules: Sequence[FieldRule]
    ) -> None:
        """Make `desired_<n>`: the records that a model names, and which are as acknowledged."""
        mark = Mark(rules)
        self.connection.execute(
            f"""
            create or replace temp table desired_{number} as
            select
                w.record,
                a.has_id
                and w.wanted = a.values_{number}
                and w.wishes & a.empty_{number} = 0 as is_same
            from (
                select record, {mark.desired} as wanted, {mark.wishes} as wishes
                from ({self._wanted(rows, rules)})
            ) as w
            left join acknowledged_records as a on w.record = a.record
            """  # noqa: S608
        )
        named, distinct, nameless = fetch_row(
            self.connection,
            "select count(record), count(distinct record), count(*) filter (record is null) "  # noqa: S608
            f"from desired_{number}",
        )
        if nameless or named > distinct:
            raise CheckFailedError(
                f"{nameless} records without a key and {named - distinct} records that come twice",
                where=f"sync model {model}",
                todo="Nothing was sent; correct the model so that it has one row per record.",
            )

    def _open(self) -> int:
        """Make `open_records`: those that may have something to say; return how many parts."""
        named = " union ".join(
            f"select record from desired_{n} where not coalesce(is_same, false)"  # noqa: S608
            for n, _ in enumerate(self.models)
        )
        self.connection.execute(f"create or replace temp table open_records as {named}")
        (count,) = fetch_row(self.connection, "select count(*) from open_records")
        return max(math.ceil(int(count) / _JOINED_ROWS), 1)

    def _join(self, part: int, wanted: Sequence[str]) -> Rows:
        """Write one part of the open records, with what each of their cells would say."""
        self.connection.execute(
            "create or replace temp table open_part as select record from open_records "
            "order by record limit $1 offset $2",
            [_JOINED_ROWS, part * _JOINED_ROWS],
        )
        numbers = range(len(wanted))
        joins = " ".join(
            f"left join (select * from ({sql}) where record in (select record from open_part)) "  # noqa: S608
            f"as wanted_{n} on everything.record = wanted_{n}.record"
            for n, sql in enumerate(wanted)
        )
        first = {
            column: ", ".join(f"wanted_{n}.{column}" for n in numbers)
            for column in ("salesforce_id", "record_key", "may_market", "is_orphan", "parents")
        }
        # One model's `false` outweighs another's `true`: consent is never averaged.
        may_market = f"list_bool_and([{first['may_market']}])"  # ignores nulls
        unknown = "false" if self.is_gated else "true"
        source = {model: number for number, model in enumerate(self.models)}
        cells = [
            Cell(rule, n, f"wanted_{source[rule.sync_model]}")
            for n, rule in enumerate(self.rules, start=1)
        ]
        is_open = "record_key in (select record from open_part)"
        known = self._extracted(len(cells) + 1, is_open)
        values = "".join(
            f", e[{n}] is not null as known_{n}, e[{n}] ->> '$' as value_{n}"
            for n, _ in enumerate(cells, start=1)
        )
        self.connection.execute("set preserve_insertion_order = false")  # it costs memory
        compared = Rows.query(
            self.folder / f"{self.object}-compared-{part}.parquet",
            self.connection,
            f"""
            with known as (
                select record, source_key, salesforce_id{values}
                from ({known})
            ),
            joined as (
                select
                    everything.record,
                    coalesce({first["salesforce_id"]}, a.salesforce_id) as salesforce_id,
                    coalesce({first["record_key"]}, a.source_key) as record_key,
                    {may_market} as may_market,
                    coalesce(list_bool_or([{first["is_orphan"]}]), false) as is_orphan,
                    coalesce({first["parents"]}) as parents,
                    a.record is not null as is_acknowledged
                    {"".join(cell.joined for cell in cells)}
                from open_part as everything
                {joins}
                left join known as a on everything.record = a.record
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
            """,  # noqa: S608
        )
        self.connection.execute("reset preserve_insertion_order")
        return compared

    def _count(self) -> None:
        """Count what is held, and the cells of each group, in one look at `compared`."""
        wanted = {
            "held_0": "count(*) filter (is_new and not is_allowed)",
            "held_1": f"count(*) filter (not is_new and not is_allowed and {self._others_sent})",
            "held_2": f"count(*) filter ({self._is_held_child})",
        }
        for _, kind, fields, condition in self._kinds():
            for field in fields:
                wanted[f"{kind} {field}"] = f'count("{field}") filter ({condition})'
        found = fetch_row(
            self.connection,
            f"select {', '.join(wanted.values())} from ({self.compared})",  # noqa: S608
        )
        self.counts = {name: int(count) for name, count in zip(wanted, found, strict=True)}

    def _group(
        self, operation: Operation, kind: Kind, fields: list[str], condition: str
    ) -> PlanGroup | None:
        used = [field for field in fields if self.counts[f"{kind} {field}"]]
        if not used:
            return None
        shown = ["parents", *used] if self.has_parents else used
        order = "parents nulls last, record" if self.has_parents else "record"
        columns = ", ".join(f'"{field}"' for field in shown)
        rows = Rows.query(
            self.folder / f"{self.object}-{kind}.parquet",
            self.connection,
            f"select record, record_key, salesforce_id, {columns} from ({self.compared}) "  # noqa: S608
            f"where {condition} and {_any_sent(used)} order by {order}",
        )
        # Salesforce sets an unnamed checkbox by itself, so nothing is known about it then.
        texts = [rule.field for rule in self.rules if rule.type != "boolean"]
        left_empty = tuple(texts) if kind == "creation" else ()
        return PlanGroup(self.object, operation, kind, tuple(used), rows, left_empty)


def _any_sent(fields: Sequence[str]) -> str:
    if not fields:
        return "false"
    return "(" + " or ".join(f'"{field}" is not null' for field in fields) + ")"
