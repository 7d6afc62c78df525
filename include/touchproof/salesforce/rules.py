"""Field rules: who owns each Salesforce field, read from the seed `salesforce_fields`.

Belongs here: the typed seed and its checks. Doesn't belong here: applying the rules (plan.py,
observe.py) and the seed itself (dbt_project/seeds).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from touchproof.errors import ConfigurationError
from touchproof.salesforce.canonical import FIELD_TYPES

KEY_FIELD = "Touchproof_Key__c"
"""External id of records that we create: the key of their source record."""

INSERTED = {"CampaignMemberStatus": "CampaignId"}
"""Objects without external ids: made by insert, and the field that tells new ones apart."""

OWNERS = ("touchproof", "crm", "fill_if_empty")
DRIFTS = ("overwrite", "keep")
_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SEED = "seed salesforce_fields"


@dataclass(frozen=True)
class FieldRule:
    """Say who owns one field and what happens when Salesforce holds another value.

    Args:
        owner: `touchproof` overwrites, `crm` is never written, `fill_if_empty` writes only where
            Salesforce is known to hold nothing.
        on_drift: `overwrite` sends our value again after someone changed it; `keep` leaves
            theirs until our own value changes.
        refers_to: Object of the record that the field names, empty for a field of its own. The
            sync model names the record by its Id or by our key; the plan puts its Id there.
    """

    object: str
    field: str
    owner: str
    on_drift: str
    is_consent: bool
    sync_model: str
    type: str
    refers_to: str = ""


def read_field_rules(seed: pa.Table) -> tuple[FieldRule, ...]:
    """Read the seed in a fixed order.

    Args:
        seed: One row per object and field, with the columns of `FieldRule`.

    Raises:
        ConfigurationError: For a value that the seed may not have, or a field named twice.
    """
    rules = [
        FieldRule(
            object=str(row["object"]),
            field=str(row["field"]),
            owner=str(row["owner"]),
            on_drift=str(row["on_drift"]),
            is_consent=str(row["is_consent"]).strip().lower() in ("true", "t", "1"),
            sync_model=str(row["sync_model"]),
            type=str(row["type"]),
            refers_to=str(row.get("refers_to") or ""),
        )
        for row in seed.to_pylist()
    ]
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        name = f"{rule.object}.{rule.field}"
        _require(bool(_API_NAME.fullmatch(rule.object)), "an object's API name", name)
        _require(bool(_API_NAME.fullmatch(rule.field)), "a field's API name", name)
        _require(rule.owner in OWNERS, f"an owner of {', '.join(OWNERS)}", name)
        _require(rule.on_drift in DRIFTS, f"on_drift of {', '.join(DRIFTS)}", name)
        _require(bool(_API_NAME.fullmatch(rule.refers_to or "none")), "an object or none", name)
        _require(rule.type in FIELD_TYPES, f"a type of {', '.join(FIELD_TYPES)}", name)
        _require((rule.object, rule.field) not in seen, "one row a field", name)
        seen.add((rule.object, rule.field))
    return tuple(sorted(rules, key=lambda rule: (rule.object, rule.field)))


def key_field(object_name: str, operation: str) -> str:
    """Return the field by which a job's rows and results are told apart."""
    if operation == "update":
        return "Id"
    return INSERTED[object_name] if operation == "insert" else KEY_FIELD


def written_fields(rules: Sequence[FieldRule], object_name: str) -> tuple[FieldRule, ...]:
    """Return the fields of one object that we may write, in a fixed order.

    The external id isn't among them: it is the key of a creation, never a value of its own.
    """
    return tuple(
        rule
        for rule in rules
        if rule.object == object_name and rule.owner != "crm" and rule.field != KEY_FIELD
    )


def _require(holds: bool, what: str, name: str) -> None:
    if not holds:
        raise ConfigurationError(
            f"The field rules need {what} for {name}", where=_SEED, todo="Correct the seed."
        )
