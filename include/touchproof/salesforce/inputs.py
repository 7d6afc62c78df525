"""What a push reads: the sync part of a committed handoff.

Belongs here: finding those files. Doesn't belong here: anything else that
could be read; the push never opens the warehouse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa

from touchproof.errors import BadInputError
from touchproof.handoff import Handoff, committed_handoff
from touchproof.salesforce.observe import OBSERVED_COLUMNS
from touchproof.salesforce.org_model import desired_of, rules_of
from touchproof.salesforce.parents import ACCOUNT_COLUMN
from touchproof.salesforce.reserve import HourlyUse
from touchproof.salesforce.rules import FieldRule, read_field_rules
from touchproof.salesforce.tables import Rows
from touchproof.settings import Settings

OBSERVED_MODEL = "sync_salesforce_observed"
MERGED_MODEL = "sync_records_merged"
RULES_SEED = "salesforce_fields"
PEOPLE_MODEL = "sync_people_known"
RECORDS_MODEL = "sync_records_known"
HOURLY_USE_MODEL = "sync_salesforce_hourly_use"
SPELLINGS_SEED = "source_spellings"
LANE_FILES = frozenset({PEOPLE_MODEL, RECORDS_MODEL, SPELLINGS_SEED})
"""What the lane of new leads reads of the same handoff; no wish of the nightly push."""

_OBSERVED = pa.schema(
    [(name, pa.string()) for name in (*OBSERVED_COLUMNS[:-1], ACCOUNT_COLUMN)]
).append(pa.field("extracted_at", pa.timestamp("us")))


@dataclass(frozen=True)
class PushInputs:
    """Hold one committed night's wishes, observations, field rules and what others will call.

    `merged` names, by object and Id, the last master of each record that was merged.
    """

    handoff: Handoff
    desired: Mapping[str, Rows]
    observed: Rows
    rules: tuple[FieldRule, ...]
    hourly_use: HourlyUse = HourlyUse()  # noqa: RUF009  it is frozen and empty
    merged: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def night(self) -> date:
        return self.handoff.night

    def of_objects(self, objects: Collection[str] | None) -> Mapping[str, Rows]:
        """Return the wishes for these objects; all for None."""
        if objects is None:
            return self.desired
        models = {rule.sync_model for rule in self.rules if rule.object in objects}
        return {model: rows for model, rows in self.desired.items() if model in models}


def read_inputs(settings: Settings, folder: Path) -> PushInputs:
    """Read the newest committed handoff.

    Args:
        settings: The world's settings.
        folder: For what has to be rewritten.

    Raises:
        BadInputError: If no night was published yet.
    """
    handoff = committed_handoff(settings)
    if handoff is None:
        raise BadInputError(
            "Nothing has been published yet", where="handoff", todo="Run a night first."
        )
    files = {
        path.stem: Rows.of(path)
        for path in sorted(handoff.path.glob("sync/*.parquet"))
        if path.stem not in LANE_FILES
    }
    seed = files.pop(RULES_SEED, None)
    if seed is None:
        raise BadInputError(
            "The handoff has no field rules",
            where=f"night {handoff.night.isoformat()}, {RULES_SEED}",
            todo="Publish the night again.",
        )
    observed = files.pop(OBSERVED_MODEL, None) or Rows.write(
        folder / "nothing-observed.parquet", (), _OBSERVED
    )
    use = files.pop(HOURLY_USE_MODEL, None)
    hourly_use = HourlyUse() if use is None else HourlyUse.from_table(use.to_table())
    merged = {
        (str(row["object"]), str(row["salesforce_id"])): str(row["master_id"])
        for row in (files.pop(MERGED_MODEL).to_pylist() if MERGED_MODEL in files else [])
    }
    rules = read_field_rules(seed.to_table())
    desired, observed = desired_of(files, observed, rules, settings.org_model, folder)
    own_rules = rules_of(rules, settings.org_model)
    return PushInputs(handoff, desired, observed, own_rules, hourly_use, merged)
