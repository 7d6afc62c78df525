"""The preflight: what in the org would refuse our records, told before the first of them goes.

Belongs here: the pure judgement of describes, rules, sharing and storage by the field rules and by
what a night wants to send. Doesn't belong here: asking the org and keeping the result
(preflight_run.py), what a refused row means (error_actions.py).

A finding that stops means that rows would be refused for certain. One to look at may be harmless:
only the org's administrator can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from touchproof.salesforce.rules import INSERTED, KEY_FIELD, FieldRule
from touchproof.salesforce.storage import kilobytes_of, megabytes
from touchproof.salesforce.tables import Rows

Level = Literal["stop", "look"]
_TYPES: Mapping[str, frozenset[str]] = {
    "text": frozenset(
        {"string", "textarea", "email", "phone", "url", "picklist", "combobox", "reference"}
    ),
    "number": frozenset({"double", "currency", "percent", "int", "long"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
}
"""The types of Salesforce that take a value of each type of the seed."""
_CLOSED_SHARING = frozenset({"Private", "Read"})
_SHOWN_VALUES = 5
_DEPLOY = "Deploy salesforce_metadata/."
_RIGHTS = "Give the integration user the permission set Touchproof_Push."


@dataclass(frozen=True)
class Finding:
    """Name one thing that is in the way, and who does what about it."""

    level: Level
    object: str
    field: str
    what: str
    todo: str


@dataclass(frozen=True)
class Asked:
    """Hold what the org answered.

    Args:
        describes: Describe of each object, None where there is none.
        validation_rules: Active rules by object, as (name, field that shows the error); None where
            they can't be read.
        sharing: Sharing model by object; None where it can't be read.
        storage_megabytes: Data storage that is left; None where the org doesn't tell.
    """

    describes: Mapping[str, Mapping[str, Any] | None]
    validation_rules: Mapping[str, Sequence[tuple[str, str]]] | None
    sharing: Mapping[str, str] | None
    storage_megabytes: int | None


@dataclass(frozen=True)
class ObjectWish:
    """Hold what a night wants of one object.

    Args:
        rules: Its fields that we write.
        tables: Its sync models' rows.
        creates: Whether records are made.
        edits: Whether records of others are changed.
    """

    object: str
    rules: tuple[FieldRule, ...]
    tables: tuple[Rows, ...]
    creates: bool
    edits: bool
    filled: frozenset[str] = field(default_factory=frozenset)

    def longest(self, name: str) -> int:
        """Return the length of a field's longest value."""
        lengths = [length for (length,) in self._ask(name, f'max(length("{name}"))')]
        return max((int(length) for length in lengths if length is not None), default=0)

    def values(self, name: str) -> set[str]:
        """Return a field's distinct values."""
        found = (value for (values,) in self._ask(name, f'list(distinct "{name}")')
                 for value in values or ())  # fmt: skip
        return {str(value) for value in found if value is not None}

    def _ask(self, name: str, aggregate: str) -> Iterator[tuple[Any, ...]]:
        for rows in self.tables:
            if name in rows.column_names:
                yield rows.aggregate(aggregate)


def wishes(desired: Mapping[str, Rows], rules: Sequence[FieldRule]) -> tuple[ObjectWish, ...]:
    """Say of each object what the sync models want of it, in a fixed order."""
    found = []
    for name in sorted({rule.object for rule in rules if rule.sync_model in desired}):
        own = tuple(rule for rule in rules if rule.object == name)
        models = sorted({rule.sync_model for rule in own} & set(desired))
        tables = tuple(desired[model] for model in models)
        told = [one.aggregate("bool_or(is_creation), bool_and(is_creation)") for one in tables]
        has_key = any(rule.field == KEY_FIELD and rule.owner != "crm" for rule in own)
        written = tuple(rule for rule in own if rule.owner != "crm" and rule.field != KEY_FIELD)
        found.append(
            ObjectWish(
                object=name,
                rules=written,
                tables=tables,
                creates=has_key or name in INSERTED or any(makes for makes, _ in told),
                edits=any(makes_all is False for _, makes_all in told),
                filled=frozenset(
                    {rule.field for rule in written} | {INSERTED.get(name, KEY_FIELD)}
                ),
            )
        )
    return tuple(found)


def judge(
    wanted: Sequence[ObjectWish], asked: Asked, new_records: Mapping[str, int]
) -> tuple[Finding, ...]:
    """Return everything that is in the way, what stops first.

    Args:
        wanted: What the night wants.
        asked: What the org answered.
        new_records: How many records of each object it wants to make.
    """
    found: list[Finding] = []
    for wish in wanted:
        describe = asked.describes.get(wish.object)
        if describe is None:
            found.append(
                Finding("stop", wish.object, "", "isn't there, or we can't see it", _DEPLOY)
            )
            continue
        found += _object_findings(wish, describe)
        found += _set_up_findings(wish, asked)
    found += _storage_findings(asked, new_records)
    for what, answer in (("validation rules", asked.validation_rules), ("sharing", asked.sharing)):
        if answer is None:
            todo = "Give the permission set Touchproof_Setup_Check for as long as this takes."
            found.append(Finding("look", "", "", f"the org's {what} can't be read", todo))
    return tuple(sorted(found, key=lambda one: one.level != "stop"))


def fields_sha256(rules: Sequence[FieldRule]) -> str:
    """Return what a passed preflight is for: the fields that are written, with owner and type."""
    named = sorted(f"{r.object}.{r.field} {r.owner} {r.type} {r.refers_to}" for r in rules)
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def _object_findings(wish: ObjectWish, describe: Mapping[str, Any]) -> Iterator[Finding]:
    for is_needed, right, verb in (
        (wish.creates, "createable", "make"),
        (bool(wish.rules), "updateable", "change"),
    ):
        if is_needed and not describe.get(right, True):
            yield Finding("stop", wish.object, "", f"we may not {verb} records", _RIGHTS)
    known = {str(one["name"]): one for one in describe["fields"]}
    if wish.creates and wish.object not in INSERTED:
        yield from _key_findings(wish.object, known.get(KEY_FIELD))
    for rule in wish.rules:
        yield from _field_findings(wish, rule, known.get(rule.field))
    if not wish.creates:
        return
    for name, told in sorted(known.items()):
        is_required = not told["nillable"] and not told["defaultedOnCreate"] and told["createable"]
        if is_required and name not in wish.filled:
            what = "is required, and we have nothing for it"
            todo = "Make it optional, give it a default, or add it to the sync model and the seed."
            yield Finding("stop", wish.object, name, what, todo)


def _key_findings(object_name: str, told: Mapping[str, Any] | None) -> Iterator[Finding]:
    if told is None:
        yield Finding("stop", object_name, KEY_FIELD, "isn't there, or we can't see it", _DEPLOY)
        return
    if not (told["externalId"] and told["unique"]):
        what = "isn't a unique external id"
        yield Finding("stop", object_name, KEY_FIELD, what, _DEPLOY)
    if not told["createable"]:
        yield Finding("stop", object_name, KEY_FIELD, "we may not write it", _RIGHTS)


def _field_findings(
    wish: ObjectWish, rule: FieldRule, told: Mapping[str, Any] | None
) -> Iterator[Finding]:
    place = (wish.object, rule.field)
    if told is None:
        yield Finding("stop", *place, "isn't there, or we can't see it", f"{_DEPLOY} {_RIGHTS}")
        return
    if told["type"] not in _TYPES[rule.type]:
        what = f"is a {told['type']}, and we write a {rule.type}"
        yield Finding("stop", *place, what, "Correct the field, or its type in the seed.")
        return
    if rule.refers_to and rule.refers_to not in told["referenceTo"]:
        yield Finding("stop", *place, f"doesn't refer to {rule.refers_to}", _DEPLOY)
    may_change = told["updateable"] or (rule.owner == "fill_if_empty" and wish.creates)
    if not may_change or (wish.creates and not told["createable"]):
        yield Finding("stop", *place, "we may not write it", _RIGHTS)
    if told["length"] and (longest := wish.longest(rule.field)) > told["length"]:
        what = f"takes {told['length']} characters, our longest value has {longest}"
        yield Finding("stop", *place, what, "Make the field longer.")
    if told.get("restrictedPicklist"):
        allowed = {str(one["value"]) for one in told["picklistValues"] if one["active"]}
        missing = sorted(wish.values(rule.field) - allowed)
        if missing:
            shown = ", ".join(missing[:_SHOWN_VALUES]) + (
                " and more" if len(missing) > _SHOWN_VALUES else ""
            )
            what = f"is a restricted picklist without {len(missing)} of our values: {shown}"
            yield Finding("stop", *place, what, "Add the values, or take the restriction off.")


def _set_up_findings(wish: ObjectWish, asked: Asked) -> Iterator[Finding]:
    for name, shown_at in (asked.validation_rules or {}).get(wish.object, ()):
        what = f"the validation rule {name} may refuse records"
        todo = "See that it lets the integration user through, with empty fields too."
        yield Finding("look", wish.object, shown_at, what, todo)
    model = (asked.sharing or {}).get(wish.object)
    if wish.edits and model in _CLOSED_SHARING:
        what = f"records are shared as {model}: we change only what is shared with us"
        todo = "Share them with the integration user for editing."
        yield Finding("look", wish.object, "", what, todo)


def _storage_findings(asked: Asked, new_records: Mapping[str, int]) -> Iterator[Finding]:
    needed = megabytes(sum(kilobytes_of(name, count) for name, count in new_records.items()))
    if asked.storage_megabytes is not None and needed > asked.storage_megabytes:
        what = (
            f"{sum(new_records.values())} new records need about {needed} MB of data storage, "
            f"{asked.storage_megabytes} are left"
        )
        yield Finding("stop", "", "", what, "Make room or buy storage before the first push.")
