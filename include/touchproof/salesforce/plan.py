"""Planning a push: what differs from what Salesforce confirmed, and nothing else.

Belongs here: the plan as a whole, pure: which objects in which order, its hash, and the limit on
changes. Doesn't belong here: the comparison of one object (compare.py), the ledger (outbox.py),
any call (perform.py), the cost (budget.py).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from touchproof.errors import ConfigurationError
from touchproof.salesforce.acknowledged import Acknowledged
from touchproof.salesforce.compare import KIND_ORDER, Comparison, Held, PlanGroup
from touchproof.salesforce.parents import (
    ACCOUNT_COLUMN,
    HANGS_ON_NAMED,
    PARENT_COLUMNS,
    find_parents,
)
from touchproof.salesforce.rules import KEY_FIELD, FieldRule, written_fields
from touchproof.salesforce.tables import Rows, fetch_row, names_table, scratch

BOOKKEEPING = frozenset(
    {
        "object",
        "record_key",
        "salesforce_id",
        "operation",
        "is_creation",
        "person_id",
        "may_market",
        KEY_FIELD,
        ACCOUNT_COLUMN,
        *PARENT_COLUMNS,
    }
)
"""Columns of a sync model that aren't Salesforce fields."""

OBJECT_ORDER = (
    "Account",
    "Contact",
    "Lead",
    "Campaign",
    "Opportunity",
    "CampaignMemberStatus",
    "CampaignMember",
)
"""Parents before children; an object not named here comes after them, by name."""


@dataclass(frozen=True)
class PlanLimits:
    """Hold what a plan may do without being asked.

    Args:
        max_changed_share: Largest share of the acknowledged records whose values may change.
        confirm: Hash of the plan that a person confirmed, or a beginning of 8 digits or more.
        is_confirmed: True where any plan is confirmed in advance.
    """

    max_changed_share: float = 0.20
    confirm: str | None = None
    is_confirmed: bool = False


@dataclass(frozen=True)
class PushPlan:
    """Hold everything that one push would send, consent first.

    `held_children` has, by object, the column `record` of those whose parents aren't there.
    """

    groups: tuple[PlanGroup, ...]
    held: tuple[Held, ...]
    known_records: int
    changed_records: int
    plan_hash: str
    waiting_reason: str | None
    held_children: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def changed_share(self) -> float:
        """Return the share of the acknowledged records whose values would change."""
        return self.changed_records / self.known_records if self.known_records else 0.0

    @property
    def rows(self) -> int:
        return sum(group.rows.num_rows for group in self.groups)

    @property
    def sendable(self) -> tuple[PlanGroup, ...]:
        """Return what may go now: all of it, or consent alone while the plan waits."""
        if self.waiting_reason is None:
            return self.groups
        return tuple(group for group in self.groups if group.kind == "consent")


def plan_push(
    desired: Mapping[str, Rows],
    acknowledged: Acknowledged,
    rules: Sequence[FieldRule],
    limits: PlanLimits,
    folder: Path,
) -> PushPlan:
    """Compare desired records with acknowledged ones, field by field.

    Args:
        desired: Sync models by name, one row per Salesforce record each.
        acknowledged: A field missing in `fields_json` is unknown, a null there is known to be
            empty.
        rules: The seed `salesforce_fields`.
        limits: What may go unasked.
        folder: For the files of the plan's rows.

    Returns:
        The plan; the same input in any order gives the same plan and hash.

    Raises:
        ConfigurationError: If a sync model has a column that the seed doesn't name.
        CheckFailedError: If a sync model has a record twice, or one without any key.
    """
    models = _models_by_object(desired, rules)
    groups: list[PlanGroup] = []
    held: list[Held] = []
    held_children: dict[str, Rows] = {}
    known = changed = 0
    files = Path(tempfile.mkdtemp(prefix="plan-", dir=folder))
    with scratch(files) as connection:
        connection.execute(f"create temp view acknowledged as {acknowledged.sql}")
        find_parents(connection, _parent_objects(desired, models, rules))
        for object_name in sorted(models, key=_object_rank):
            written = written_fields(rules, object_name)
            comparison = Comparison(connection, files, object_name, written, models[object_name])
            comparison.compare(desired)
            found = comparison.groups()
            _note_planned(connection, found)
            groups += found
            held_back = comparison.held()
            held += held_back
            if any(one.children for one in held_back):
                held_children[object_name] = comparison.held_children()
            known += comparison.acknowledged_records
            changed += sum(group.rows.num_rows for group in found if group.kind == "values")
        groups.sort(key=lambda group: (KIND_ORDER.index(group.kind), _object_rank(group.object)))
        plan_hash = _hash(connection, groups)
    share = changed / known if known else 0.0
    return PushPlan(
        groups=tuple(groups),
        held=tuple(held),
        known_records=known,
        changed_records=changed,
        plan_hash=plan_hash,
        waiting_reason=_waiting_reason(plan_hash, share, limits),
        held_children=held_children,
    )


def hold_children(
    group: PlanGroup, failed: Collection[tuple[str, str]]
) -> tuple[PlanGroup, frozenset[tuple[str, str]]]:
    """Take the children that failed parents were to have out of a group.

    A record that is there already hangs on its parents and is free.

    Args:
        group: What would go next.
        failed: (object, record) of what was refused or isn't over, by Id or by key.

    Returns:
        The group without them, and (object, record) of each that is held.
    """
    if not failed or group.kind != "creation" or "parents" not in group.rows.column_names:
        return group, frozenset()
    names = names_table({f"{name} {record}" for name, record in failed})
    held = group.rows.where(HANGS_ON_NAMED, named=names).column("record").to_pylist()
    if not held:
        return group, frozenset()
    rows = group.rows.where(f"not ({HANGS_ON_NAMED})", named=names)
    return replace(group, rows=rows), frozenset((group.object, str(record)) for record in held)


def late_children(first: PushPlan, second: PushPlan) -> PushPlan:
    """Return the first plan and, behind it, the children of what it made.

    Args:
        first: Holds children back because their parents aren't there.
        second: Their objects, planned anew on what is acknowledged with the parents.

    Returns:
        The first plan's groups, then late ones; what is still held is what the second one holds.
    """
    late = [
        replace(group, rows=rows, is_late=True)
        for group in second.groups
        if group.kind != "consent" and (children := first.held_children.get(group.object))
        if (rows := group.rows.where(f"record in (select record from {children.sql})")).num_rows  # noqa: S608
    ]
    others = [held for held in first.held if held.object not in first.held_children]
    return replace(
        first,
        groups=(*first.groups, *late),
        held=(*others, *second.held),
        held_children=second.held_children,
    )


def _note_planned(connection: duckdb.DuckDBPyConnection, groups: Sequence[PlanGroup]) -> None:
    """Add what the plan makes to `planned_records`."""
    for group in groups:
        if group.kind == "creation":
            made = f"select '{group.object}', record_key from {group.rows.sql}"  # noqa: S608
            connection.execute(f"insert into planned_records {made}")


def _object_rank(object_name: str) -> tuple[int, str]:
    try:
        return OBJECT_ORDER.index(object_name), object_name
    except ValueError:
        return len(OBJECT_ORDER), object_name


def _models_by_object(
    desired: Mapping[str, Rows], rules: Sequence[FieldRule]
) -> dict[str, list[str]]:
    """Name the sync models of each object and refuse columns without an owner."""
    models: dict[str, list[str]] = {}
    for name in sorted(desired):
        objects = sorted({rule.object for rule in rules if rule.sync_model == name})
        if len(objects) != 1:
            raise ConfigurationError(
                f"The sync model {name} has fields of {len(objects)} objects",
                where="seed salesforce_fields",
                todo="Give each sync model exactly one Salesforce object.",
            )
        named = {rule.field for rule in rules if rule.sync_model == name}
        unnamed = set(desired[name].column_names) - BOOKKEEPING - named
        if unnamed:
            raise ConfigurationError(
                f"Nobody owns the fields {', '.join(sorted(unnamed))}",
                where=f"sync model {name}",
                todo="Name them in the seed salesforce_fields.",
            )
        models.setdefault(objects[0], []).append(name)
    return models


def _parent_objects(
    desired: Mapping[str, Rows],
    models: Mapping[str, Sequence[str]],
    rules: Sequence[FieldRule],
) -> set[str]:
    """Name the objects that records of this plan hang on."""
    named = {rule.refers_to for rule in rules if rule.object in models and rule.refers_to}
    for rows in desired.values():
        if "parent_object" in rows.column_names:
            (found,) = rows.aggregate("list(distinct parent_object)")
            named |= {name for name in found or () if name is not None}
    return named


def _hash(connection: duckdb.DuckDBPyConnection, groups: Sequence[PlanGroup]) -> str:
    """Hash what would wait; consent goes anyway, so it leaves the hash alone."""
    content: list[tuple[str, list[str], int, str]] = []
    for group in groups:
        if group.kind == "consent":
            continue
        cells = ", ".join(f'"{name}"' for name in ("record", *group.fields))
        (digest,) = fetch_row(
            connection,
            f"select bit_xor(md5_number(to_json([{cells}])::varchar))::varchar "  # noqa: S608
            f"from {group.rows.sql}",
        )
        content.append((group.name, list(group.fields), group.rows.num_rows, str(digest)))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _waiting_reason(plan_hash: str, share: float, limits: PlanLimits) -> str | None:
    if share <= limits.max_changed_share or limits.is_confirmed:
        return None
    if limits.confirm and len(limits.confirm) >= 8 and plan_hash.startswith(limits.confirm):
        return None
    return (
        f"The plan changes {share:.1%} of the known records, more than "
        f"{limits.max_changed_share:.1%}. Look at it with --dry-run, then confirm it with "
        f"--confirm-plan {plan_hash}."
    )
