"""Claim: at most 8 push calls a job of 10,000 changed records, 1 call per 200 new leads.

Counted by the loopback server, not by us: the nightly push of 10,000 changed leads, polls and
result files included, the server taking 20 s for the job (login and `/limits` a night apart); the
same with refused rows, which cost one result file more; a quiet night (claim: at most 3 calls); a
tick of the lane with 1,000 new leads, and an idle one (claim: none). The baselines beside it are
simple-salesforce's own `bulk2.upsert` of the same rows, which polls every 5 s and leaves the result
files to its caller, and one call a record, of which a few hundred are made and the rest computed.

`benchmarks/push_cost.py 4` lets the server take another number of seconds.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests/unit/touchproof/salesforce"))

from lane_world import LaneWorld
from small_crm import Crm

from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.push import PushFailedError, run_push
from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control

RECORDS, NEW_LEADS, SINGLY, REFUSED = 10_000, 1_000, 300, 50
MODEL = "sync_lead_attributes"


@dataclass(frozen=True)
class Spent:
    """Say what something cost, as the server counted it."""

    what: str
    calls: int
    tokens: int
    seconds: float
    records: int
    by_kind: dict[str, int]

    @property
    def of_jobs(self) -> int:
        """Return the calls without `/limits`, which a night makes once."""
        return self.calls - self.by_kind.get("limits", 0)


class Meter:
    """Count what happens in one org."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.found: list[Spent] = []

    @contextmanager
    def counting(self, what: str, records: int) -> Iterator[None]:
        """Count the calls of the block."""
        self.control.reset_counters()
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        told = self.control.counters()
        one = Spent(what, told.calls, told.token_requests, seconds, records, dict(told.by_kind))
        self.found.append(one)


def push(crm: Crm) -> None:
    """Push as the nightly task does, with real waits; refused rows are dead letters."""
    try:
        run_push(crm.settings, crm.night, crm.clock)
    except PushFailedError as error:
        if not error.report.refused:
            raise


def nights(crm: Crm, meter: Meter, seconds: float) -> None:
    """Push a night of changes, a quiet one, and one with refusals."""
    changes = [
        {"op": "insert", "object": "Lead", "record": {"LastName": f"Lead {n}", "Company": "None"}}
        for n in range(RECORDS)
    ]
    ids = crm.control.apply(changes)
    for n, lead in enumerate(ids):
        row = {"salesforce_id": lead, "Touchproof_Stage__c": "engaged"}
        crm.rows.setdefault(MODEL, []).append({**row, "Touchproof_Score__c": str(n)})
    crm.publish()
    crm.control.settings(processing_seconds=seconds)
    with meter.counting("nightly push", RECORDS):
        push(crm)
    crm.control.settings(processing_seconds=0)
    crm.next_night()
    crm.publish()
    with meter.counting("quiet night", 0):
        push(crm)
    crm.next_night()
    for n, row in enumerate(crm.rows[MODEL]):
        row["Touchproof_Stage__c"] = "customer"
        if n < REFUSED:
            crm.control.refuse("Lead", "Id", row["salesforce_id"], "STRING_TOO_LONG")
    crm.publish()
    crm.control.settings(processing_seconds=seconds)
    with meter.counting("with refused rows", RECORDS):
        push(crm)
    crm.control.settings(processing_seconds=0)
    crm.control.stop_refusing()


def lane(crm: Crm, meter: Meter) -> None:
    """Run a tick with new leads and an idle one."""
    world = LaneWorld(crm)
    world.hand_over()
    for number in range(NEW_LEADS):
        world.register(f"r{number}")
    with meter.counting("lane, new leads", NEW_LEADS):
        assert world.tick().created == NEW_LEADS
    with meter.counting("lane, idle tick", 0):
        world.tick()


def baselines(crm: Crm, meter: Meter, seconds: float) -> None:
    """Send as many rows by the client library itself, and some of them one by one."""
    client = Client(connection_from_settings(crm.settings))
    client.login()
    library = _library(client)
    rows = [
        {"Touchproof_Key__c": f"app:b{n}", "LastName": f"Lead {n}", "Company": "None"}
        for n in range(RECORDS)
    ]
    crm.control.settings(processing_seconds=seconds)
    with meter.counting("bulk2.upsert", RECORDS):
        library.bulk2.Lead.upsert(records=rows, external_id_field="Touchproof_Key__c", wait=5)
    crm.control.settings(processing_seconds=0)
    with meter.counting("one call a record", SINGLY):
        for n in range(SINGLY):
            library.Lead.upsert(f"Touchproof_Key__c/app:b{n}", {"Touchproof_Stage__c": "engaged"})


def _library(client: Client) -> Any:
    """Return simple-salesforce's own client on the session that knows the loopback server."""
    import simple_salesforce

    login = client._transport.login
    return simple_salesforce.Salesforce(
        session=client._session, session_id=login.token, instance=login.host, version="64.0"
    )


def main(seconds: float) -> None:
    """Print a row for each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = folder / "server"
        info = lifecycle.start(server)
        try:
            meter = Meter(Control(info.url))
            nights(_crm(folder / "night", server), meter, seconds)
            lane(_crm(folder / "lane", server), meter)
            baselines(_crm(folder / "baseline", server), meter, seconds)
        finally:
            lifecycle.stop(server)
    _print(meter.found, seconds)


def _crm(data_dir: Path, server: Path) -> Crm:
    settings = Settings(
        data_dir=data_dir, world="bench", max_changed_share=1.0, max_refused_share=1.0
    )
    link = settings.paths.salesforce_server
    link.parent.mkdir(parents=True)
    link.symlink_to(server)
    info = lifecycle.find(server)
    assert info is not None
    crm = Crm(settings, Control(info.url))
    crm.control.wipe()
    crm.control.limits(max=100_000)
    crm.control.set_clock(crm.clock())
    return crm


def _print(found: list[Spent], seconds: float) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, peak memory {memory:.0f} MB;"
        f" a job takes the server {seconds:g} s; `calls` without /limits"
    )
    header = ("", "records", "calls", "/limits", "logins", "per 10,000", "seconds")
    print("{:<18}{:>9}{:>7}{:>9}{:>8}{:>12}{:>9}  by kind".format(*header))
    for one in found:
        scaled = f"{one.of_jobs * 10_000 / one.records:,.0f}" if one.records else "-"
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(one.by_kind.items()))
        print(
            f"{one.what:<18}{one.records:>9,}{one.of_jobs:>7}{one.by_kind.get('limits', 0):>9}"
            f"{one.tokens:>8}{scaled:>12}{one.seconds:>9.1f}  {kinds}"
        )
    ours = found[0].of_jobs
    library = next(one for one in found if one.what == "bulk2.upsert").calls
    singly = next(one for one in found if one.what == "one call a record")
    each = singly.calls * RECORDS // singly.records
    print(
        f"bulk2.upsert makes {library / ours:.1f} times our calls and reads no result file; one"
        f" call a record makes {each / ours:,.0f} times our calls"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 20.0)
