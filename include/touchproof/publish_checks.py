"""The last look at the built marts before they are shown: gate 2's own checks.

Belongs here: cheap, set-based checks in SQL of what a reader relies on (marts there, cents exact,
no personal data). Doesn't belong here: dbt's tests, which ran before and are the larger half of
gate 2, and what happens after a failure (publish.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from touchproof.row_hash import columns_of, quote, tables_of

if TYPE_CHECKING:
    import duckdb

MARTS_SCHEMA = "marts"
CORE_MARTS = (
    "dim_persons",
    "dim_campaigns",
    "fct_touchpoints",
    "fct_conversions",
    "fct_attribution",
    "mart_campaign_performance",
    "mart_channel_performance",
    "fct_skip_referrals",
    "mart_commission_evidence",
)
_EMAIL_LIKE = r"[^\s@/<>]+@[^\s@/<>]+\.[A-Za-z]{2,}"


@dataclass(frozen=True)
class Check:
    """Say what was checked, how many rows or tables break the rule, and whether none does."""

    name: str
    failures: int

    @property
    def passed(self) -> bool:
        return self.failures == 0


def check_marts(connection: duckdb.DuckDBPyConnection) -> tuple[Check, ...]:
    """Run every check on the open warehouse; the sum checks need the marts to be there."""
    present = set(tables_of(connection, MARTS_SCHEMA))
    missing = Check("core marts that are missing", len(set(CORE_MARTS) - present))
    if not missing.passed:
        return (missing,)
    return (missing, *_sum_checks(connection), *_privacy_checks(connection, sorted(present)))


def attribution_models(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the models whose weights and cents fct_attribution holds, in contract order."""
    names = [name for name, _ in columns_of(connection, MARTS_SCHEMA, "fct_attribution")]
    return tuple(
        name.removesuffix("_weight")
        for name in names
        if name.endswith("_weight") and f"{name.removesuffix('_weight')}_revenue_cents" in names
    )


def _sum_checks(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    models = attribution_models(connection)
    if not models:
        return [Check("attribution models that are missing", 1)]
    sums = ", ".join(
        f"sum({model}_revenue_cents)::hugeint as {model}_cents,"
        f" sum({model}_weight) as {model}_sum, count({model}_weight) as {model}_rows"
        for model in models
    )
    found = ", ".join(
        f"count(*) filter (where coalesce({model}_rows, 0) > 0"
        f" and {model}_cents is distinct from revenue_cents::hugeint),"
        f" count(*) filter (where coalesce({model}_rows, 0) > 0 and {model}_sum <> 1)"
        for model in models
    )
    row = connection.execute(
        f"with credited as (select conversion_id, count(*) as credit_rows, {sums}"  # noqa: S608  (names from the catalogue)
        f" from marts.fct_attribution group by conversion_id)"
        f" select count(*) filter (where credit_rows is null), {found}"
        f" from marts.fct_conversions left join credited using (conversion_id)"
    ).fetchone()
    assert row is not None  # noqa: S101  (an aggregate always answers)
    checks = [Check("conversions without a row in fct_attribution", int(row[0]))]
    for number, model in enumerate(models):
        cents, weights = row[1 + 2 * number], row[2 + 2 * number]
        checks.append(Check(f"conversions whose {model} cents miss their revenue", int(cents)))
        checks.append(Check(f"conversions whose {model} weights don't sum to 1", int(weights)))
    return checks


def _privacy_checks(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> list[Check]:
    """Search every text, and every list of texts, for what looks like an e-mail address."""
    checks = []
    for table in tables:
        texts = [
            f"{quote(name)}::varchar"
            for name, kind in columns_of(connection, MARTS_SCHEMA, table)
            if kind.startswith("VARCHAR")
        ]
        if not texts:
            continue
        found = " or ".join(
            f"(contains({text}, '@') and regexp_matches({text}, '{_EMAIL_LIKE}'))" for text in texts
        )
        row = connection.execute(
            f"select count(*) from {MARTS_SCHEMA}.{quote(table)} where {found}"  # noqa: S608  (names from the catalogue)
        ).fetchone()
        assert row is not None  # noqa: S101  (an aggregate always answers)
        checks.append(Check(f"rows of {table} with text like an e-mail address", int(row[0])))
    return checks
