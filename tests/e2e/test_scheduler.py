"""A night under Airflow's real scheduler with LocalExecutor, read while it runs."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from scheduled import AFTERWARDS, EXTRACTS, Api, make_world, scheduled_runs, second_night

from touchproof.handoff import committed_handoff
from touchproof.ledger.store import Ledger
from touchproof.query import query
from touchproof.settings import Settings
from touchproof_airflow import pretend
from touchproof_airflow.ui import AirflowServer
from touchproof_sandbox.salesforce import lifecycle

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
NIGHT_SECONDS = 900.0
READ_PAUSE = 0.2  # as an eager dashboard; the night's own processes need the cores
# One night's marts: revenue, what one model credits, and who lives in both.
SUMS = """
select
    (select sum(revenue_cents) from fct_conversions),
    (select sum(last_touch_revenue_cents) from fct_attribution),
    (select count(*) from fct_conversions as c anti join dim_persons as p using (person_id))
"""


@dataclass
class Readers:
    """Read the published file and the handoff again and again, and keep what was wrong."""

    settings: Settings
    stopping: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)

    def analyst(self) -> None:
        while not self.stopping.wait(READ_PAUSE):
            try:
                with query(self.settings, SUMS) as result:
                    revenue, credited, strangers = next(result.rows)
                if revenue != credited or strangers:
                    self.problems.append(f"half a night: {revenue} {credited} {strangers}")
                self.reads["query"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a reader failed
                self.problems.append(f"query: {error!r}")

    def lane(self) -> None:
        while not self.stopping.wait(READ_PAUSE):
            try:
                handoff = committed_handoff(self.settings)
                assert handoff is not None
                for name, sha256 in handoff.hashes.items():
                    content = (handoff.path / name).read_bytes()
                    if hashlib.sha256(content).hexdigest() != sha256:
                        self.problems.append(f"half a handoff: {name}")
                self.reads["handoff"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a reader failed
                self.problems.append(f"handoff: {error!r}")

    def __enter__(self) -> Readers:
        self._threads = [threading.Thread(target=t) for t in (self.analyst, self.lane)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Return a world whose second night is due."""
    settings = make_world(tmp_path_factory.mktemp("scheduled"))
    yield settings
    lifecycle.stop(settings.paths.salesforce_server)


@pytest.fixture(scope="module")
def scheduled(world: Settings) -> Iterator[tuple[Api, Readers]]:
    """Let the scheduler run the night that is due, with readers beside it."""
    server = AirflowServer(world)
    readers = Readers(world)
    try:
        server.start()
        api = Api.of(server)
        with readers:
            for dag_id in (*EXTRACTS, "build_warehouse", *AFTERWARDS):
                api.unpause(dag_id)
            wait_for(api, AFTERWARDS)
        yield api, readers
    finally:
        readers.stopping.set()
        server.stop()


def wait_for(api: Api, dag_ids: tuple[str, ...]) -> None:
    deadline = time.monotonic() + NIGHT_SECONDS
    while time.monotonic() < deadline:
        states = [run["state"] for d in dag_ids for run in scheduled_runs(api, d)]
        if len(states) >= len(dag_ids) and set(states) <= {"success", "failed"}:
            return
        time.sleep(2)
    raise AssertionError("the night didn't end in time")


def test_the_scheduler_runs_the_night_from_its_assets(
    world: Settings, scheduled: tuple[Api, Readers]
) -> None:
    api, _ = scheduled
    for dag_id in (*EXTRACTS, "build_warehouse", *AFTERWARDS):
        runs = scheduled_runs(api, dag_id)
        assert [run["state"] for run in runs] == ["success"], dag_id
    build = scheduled_runs(api, "build_warehouse")[0]
    assert build["run_type"] == "asset_triggered"
    nights = [published.night for published in Ledger.of(world).published_nights()]
    assert nights == [pretend.first_night(world), second_night(world)]
    steps = {run.step: run.status for run in Ledger.of(world).runs(second_night(world))}
    assert steps["build"] == steps["publish"] == steps["push:nightly"] == "ok"


def test_every_model_is_a_task_of_its_own(scheduled: tuple[Api, Readers]) -> None:
    api, _ = scheduled
    run_id = scheduled_runs(api, "build_warehouse")[0]["dag_run_id"]
    tasks = api.tasks("build_warehouse", run_id)
    watched = [task for task in tasks if task["task_id"].startswith("transform.")]
    assert len(watched) > 50
    assert {task["state"] for task in watched} <= {"success", "skipped"}
    producer = next(t for t in watched if t["task_id"] == "transform.dbt_producer_watcher")
    assert producer["pool"] == "warehouse_writer" and producer["state"] == "success"


def test_readers_never_fail_and_never_see_half_a_night(scheduled: tuple[Api, Readers]) -> None:
    _, readers = scheduled
    assert readers.problems == []
    assert readers.reads["query"] > 20 and readers.reads["handoff"] > 20
