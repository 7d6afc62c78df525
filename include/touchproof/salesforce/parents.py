"""Parents: the records that another one hangs on, and when that one is held back.

Belongs here: finding a parent's Id by any of its names, and the expressions that tell which records
lack one. Doesn't belong here: comparing values (compare.py), the order of objects and holding the
children of what failed (plan.py).

A parent is named by its Id or by our key. What a reference field names must be in Salesforce: the
field takes its Id. What a sync model names in `parent_object` and `parent_key` may also be made by
the same plan, before. A sync model may tell a record's account too: nobody waits for it, but
Salesforce locks it, so rows are sorted by it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb

from touchproof.salesforce.rules import KEY_FIELD, FieldRule

PARENT_COLUMNS = ("parent_object", "parent_key")
ACCOUNT_COLUMN = "account_id"
BETWEEN = ";"
HANGS_ON_NAMED = (
    f"exists (select 1 from (select unnest(string_split(r.parents, '{BETWEEN}')) as name) "  # noqa: S608
    "semi join named using (name))"
)
"""Tells of a row `r` that it hangs on one of the records in `named`, each as `Object name`."""


def find_parents(connection: duckdb.DuckDBPyConnection, objects: Collection[str]) -> None:
    """Make `parent_records`: the Id of each acknowledged record by each of its names.

    Args:
        connection: Has the view `acknowledged`.
        objects: What can be a parent.
    """
    connection.execute(
        f"""
        create or replace temp table parent_records as
        with named as (
            select object, salesforce_id as name, salesforce_id from acknowledged
            where salesforce_id is not null and list_contains($1, object)
            union all
            select object, json_extract_string(fields_json, '$."{KEY_FIELD}"'), salesforce_id
            from acknowledged
            where salesforce_id is not null and list_contains($1, object)
        )
        select object, name, min(salesforce_id) as salesforce_id
        from named
        where name is not null
        group by object, name
        """,  # noqa: S608
        [sorted(objects)],
    )
    connection.execute("create or replace temp table planned_records (object text, name text)")


@dataclass(frozen=True)
class ParentJoins:
    """Give the expressions by which one sync model, called `m`, finds its parents.

    Args:
        references: Its fields that name a parent.
        is_named: Whether it has the columns `PARENT_COLUMNS`.
        has_account: Whether it has the column `ACCOUNT_COLUMN`.
    """

    references: tuple[FieldRule, ...]
    is_named: bool
    has_account: bool = False

    @classmethod
    def of(cls, rules: Sequence[FieldRule], columns: Collection[str]) -> ParentJoins:
        """Return the joins of a model with these fields and columns."""
        return cls(
            tuple(rule for rule in rules if rule.refers_to),
            set(PARENT_COLUMNS) <= set(columns),
            ACCOUNT_COLUMN in columns,
        )

    @property
    def joins(self) -> str:
        found = [
            f"left join parent_records as parent_{n} on parent_{n}.object = '{rule.refers_to}' "
            f'and parent_{n}.name = m."{rule.field}"'
            for n, rule in enumerate(self.references)
        ]
        if self.is_named:
            found += [
                f"left join {table} as {table} on {table}.object = m.parent_object "
                f"and {table}.name = m.parent_key"
                for table in ("parent_records", "planned_records")
            ]
        return " ".join(found)

    @property
    def are_missing(self) -> str:
        """Return whether any parent isn't where it must be."""
        found = [
            f'(m."{rule.field}" is not null and parent_{n}.name is null)'
            for n, rule in enumerate(self.references)
        ]
        if self.is_named:
            found.append(
                "(m.parent_key is not null and parent_records.name is null "
                "and planned_records.name is null)"
            )
        return " or ".join(found) or "false"

    @property
    def names(self) -> str:
        """Return the parents as one text, null without any."""
        found = [
            f"'{rule.refers_to} ' || parent_{n}.salesforce_id"
            for n, rule in enumerate(self.references)
        ]
        if self.is_named:
            found.append("m.parent_object || ' ' || m.parent_key")
        if self.has_account:
            found.append(f"'Account ' || m.{ACCOUNT_COLUMN}")
        return f"nullif(concat_ws('{BETWEEN}', {', '.join(found)}), '')" if found else "null"

    def value(self, rule: FieldRule) -> str:
        """Return the value of a field: a parent's Id where it names one."""
        if rule in self.references:
            return f"parent_{self.references.index(rule)}.salesforce_id"
        return f'm."{rule.field}"::varchar'
