"""The org's model of customers: leads and contacts, or person accounts.

Belongs here: what the setting `org_model` changes of a push. Doesn't belong here: the models that
say what is wanted (dbt_project/models/sync), which are the same for both.

In an org of person accounts a customer is an account, whose contact lies behind it: contact fields
are written to the account, as `Person…` where Salesforce has named them and as `…__pc` where we
have. A contact whose account has other contacts too, or that has none, is no person account and
stays a contact. Lookups to contacts hold: a person account's contact has an Id of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from touchproof.salesforce.parents import ACCOUNT_COLUMN
from touchproof.salesforce.rules import FieldRule
from touchproof.salesforce.tables import Rows, scratch
from touchproof.settings import OrgModel

CONTACT, ACCOUNT = "Contact", "Account"
_SUFFIX = "__person_accounts"


def person_field(field: str) -> str:
    """Return a contact field's name on a person account."""
    return f"{field.removesuffix('__c')}__pc" if field.endswith("__c") else f"Person{field}"


def rules_of(rules: Sequence[FieldRule], org_model: OrgModel) -> tuple[FieldRule, ...]:
    """Return the field rules of an org: contacts' rules hold for person accounts too."""
    if org_model == "lead_contact":
        return tuple(rules)
    # A lookup takes the contact's Id as it stands: the ledger knows the account instead.
    kept = [replace(rule, refers_to="") if rule.refers_to == CONTACT else rule for rule in rules]
    moved = [
        replace(
            rule,
            object=ACCOUNT,
            field=person_field(rule.field),
            sync_model=rule.sync_model + _SUFFIX,
        )
        for rule in rules
        if rule.object == CONTACT
    ]
    return (*kept, *moved)


def desired_of(
    desired: Mapping[str, Rows],
    observed: Rows,
    rules: Sequence[FieldRule],
    org_model: OrgModel,
    folder: Path,
) -> tuple[dict[str, Rows], Rows]:
    """Return what is wanted and what was read, as an org of this model has it.

    Args:
        desired: Sync models by name; those of contacts have `account_id`.
        observed: What the extract read, with `account_id`.
        rules: The seed, as it stands.
        org_model: The setting.
        folder: For what has to be rewritten.
    """
    if org_model == "lead_contact":
        return dict(desired), observed
    fields = {rule.field for rule in rules if rule.object == CONTACT}
    models = {rule.sync_model for rule in rules if rule.object == CONTACT}
    found = dict(desired)
    with scratch(folder) as connection:
        for model in sorted(models & set(desired)):
            rows = desired[model]
            columns = ", ".join(
                f'"{name}" as "{person_field(name) if name in fields else name}"'
                for name in rows.column_names
                if name not in ("object", "salesforce_id")
            )
            found[model] = Rows.query(
                folder / f"{model}.parquet",
                connection,
                f"select * exclude (is_person) from ({_split(rows.sql)}) where not is_person",  # noqa: S608
            )
            found[model + _SUFFIX] = Rows.query(
                folder / f"{model}{_SUFFIX}.parquet",
                connection,
                f"select '{ACCOUNT}' as object, {ACCOUNT_COLUMN} as salesforce_id, {columns}"  # noqa: S608
                f" from ({_split(rows.sql)}) where is_person",
            )
        read = _observed(connection, observed, sorted(fields), folder)
    return found, read


def records_of(table: str, org_model: OrgModel) -> str:
    """Return a query of a table of records, in which a person account stands for its contact."""
    if org_model == "lead_contact":
        return f"select * from {table}"  # noqa: S608  a table of ours
    split = _split(table, f"object = '{CONTACT}'")
    return (
        f"select * replace (case when is_person then '{ACCOUNT}' else object end as object, "  # noqa: S608
        f"case when is_person then {ACCOUNT_COLUMN} else salesforce_id end as salesforce_id) "
        f"from ({split})"
    )


def _observed(
    connection: duckdb.DuckDBPyConnection, observed: Rows, fields: Sequence[str], folder: Path
) -> Rows:
    pairs = ", ".join(
        f"""'{person_field(name)}', fields_json ->> '$."{name}"'""" for name in fields
    )
    return Rows.query(
        folder / "observed__person_accounts.parquet",
        connection,
        f"""
        select * exclude (is_person) replace (
            case when is_person then json_object({pairs})::varchar else fields_json end
                as fields_json
        )
        from ({records_of(observed.sql, "person_accounts")})
        """,  # noqa: S608  fields of the seed
    )


def _split(table: str, condition: str = "true") -> str:
    """Return a query that tells of each row whether its account is a person's."""
    return (
        f"select *, coalesce({condition} and {ACCOUNT_COLUMN} is not null and count(*) over ("  # noqa: S608
        f"partition by object, {ACCOUNT_COLUMN}) = 1, false) as is_person from {table}"
    )
