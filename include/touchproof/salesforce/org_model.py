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

import duckdb
import pyarrow as pa

from touchproof.salesforce.parents import ACCOUNT_COLUMN
from touchproof.salesforce.rules import FieldRule
from touchproof.salesforce.tables import fetch_table
from touchproof.settings import OrgModel
from touchproof.warehouse import connect_memory

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
    desired: Mapping[str, pa.Table],
    observed: pa.Table,
    rules: Sequence[FieldRule],
    org_model: OrgModel,
) -> tuple[dict[str, pa.Table], pa.Table]:
    """Return what is wanted and what was read, as an org of this model has it.

    Args:
        desired: Sync models by name; those of contacts have `account_id`.
        observed: What the extract read, with `account_id`.
        rules: The seed, as it stands.
        org_model: The setting.
    """
    if org_model == "lead_contact":
        return dict(desired), observed
    fields = {rule.field for rule in rules if rule.object == CONTACT}
    models = {rule.sync_model for rule in rules if rule.object == CONTACT}
    found = dict(desired)
    with connect_memory() as connection:
        for model in sorted(models & set(desired)):
            connection.register("wanted", desired[model])
            names = {name: person_field(name) for name in desired[model].column_names
                     if name in fields}  # fmt: skip
            columns = ", ".join(
                f'"{name}" as "{names.get(name, name)}"'
                for name in desired[model].column_names
                if name not in ("object", "salesforce_id")
            )
            found[model] = fetch_table(
                connection,
                f"select * from ({_split('wanted')}) where not is_person",  # noqa: S608
            ).drop_columns(["is_person"])
            found[model + _SUFFIX] = fetch_table(
                connection,
                f"select '{ACCOUNT}' as object, {ACCOUNT_COLUMN} as salesforce_id, {columns}"  # noqa: S608
                f" from ({_split('wanted')}) where is_person",
            )
            connection.unregister("wanted")
        read = _observed(connection, observed, sorted(fields))
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
    connection: duckdb.DuckDBPyConnection, observed: pa.Table, fields: Sequence[str]
) -> pa.Table:
    connection.register("observed", observed)
    pairs = ", ".join(
        f"""'{person_field(name)}', fields_json ->> '$."{name}"'""" for name in fields
    )
    read = fetch_table(
        connection,
        f"""
        select * replace (
            case when is_person then json_object({pairs})::varchar else fields_json end
                as fields_json
        )
        from ({records_of("observed", "person_accounts")})
        """,  # noqa: S608  fields of the seed
    )
    return read.drop_columns(["is_person"])


def _split(table: str, condition: str = "true") -> str:
    """Return a query that tells of each row whether its account is a person's."""
    return (
        f"select *, coalesce({condition} and {ACCOUNT_COLUMN} is not null and count(*) over ("  # noqa: S608
        f"partition by object, {ACCOUNT_COLUMN}) = 1, false) as is_person from {table}"
    )
