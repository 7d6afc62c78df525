"""Member statuses: which a campaign has already, asked before one is made.

Belongs here: the one look at the org before statuses are made. Doesn't belong here: which are
wanted (the sync model), sending them (perform.py).

A status can't have our key, so it is made by insert, and a second insert is refused. Nothing else
reads them from the org; a look costs one call, on those nights only in which a campaign gets its
first member of ours. Where the look is refused the insert is tried all the same: a status that is
there becomes a dead letter, and nothing else waits for it.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.client import Client
from touchproof.salesforce.moves import query_in
from touchproof.salesforce.observe import Observation
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.plan import PushPlan
from touchproof.salesforce.rules import KEY_FIELD
from touchproof.salesforce.tables import Rows, fresh_path

logger = logging.getLogger(__name__)

OBJECT = "CampaignMemberStatus"


def learn_statuses(
    client: Client, outbox: Outbox, plan: PushPlan, at: datetime, folder: Path
) -> int:
    """Acknowledge the statuses that a plan would make and the org has; return how many.

    Args:
        client: Client of the org.
        outbox: Keeps what was read.
        plan: What would be sent.
        at: Moment of the look.
        folder: For the file of what was read.

    Raises:
        SalesforceCallError: If the query isn't answered.
    """
    wanted = {
        (row["record"], row["Label"])
        for group in plan.groups
        if group.object == OBJECT and group.kind == "creation"
        for row in group.rows.to_pylist()
    }
    if not wanted:
        return 0
    labels = {label for _, label in wanted}
    columns = ("Id", "CampaignId", "Label", "HasResponded")
    try:
        asked = list(query_in(client, OBJECT, "Label", labels, columns))
    except SalesforceCallError as error:
        if not error.is_denied:
            raise
        logger.warning("Salesforce doesn't show the statuses of campaigns: %s", error.code)
        return 0
    found = [row for row in asked if (row["CampaignId"], row["Label"]) in wanted]
    rows = [
        {
            "object": OBJECT,
            "salesforce_id": row["Id"],
            "fields_json": json.dumps(
                {
                    KEY_FIELD: row["CampaignId"],
                    "Label": row["Label"],
                    "HasResponded": "true" if row["HasResponded"] else "false",
                }
            ),
            "extracted_at": at,
            "is_known": False,
        }
        for row in found
    ]
    if rows:
        read = pa.Table.from_pylist(rows)
        path = fresh_path(folder / "statuses.parquet")
        observation = Observation(Rows.write(path, [read], read.schema), len(rows), 0)
        outbox.acknowledge_observation(observation, is_baseline=False)
    return len(rows)
