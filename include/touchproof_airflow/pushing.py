"""The nightly push as a task that frees its process while Salesforce works.

Belongs here: the operator, and how long it sits and waits. Doesn't belong here: what a push does
and keeps of itself when it is left (touchproof.salesforce), its slot and its limits (the DAG).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from touchproof.errors import PausedError
from touchproof_airflow.alerts import alert_waiting
from touchproof_airflow.environment import is_one_process
from touchproof_airflow.steps import run_recorded

STEP = "push:nightly"
LONGEST_SLEEP = 60.0
"""Seconds of a wait that the task sleeps. Leaving costs a new process, a login and reading the
night again, some ten seconds of one core: for less than a minute it isn't worth it."""


class PushNightly(BaseOperator):
    """Plan the night's push and perform it; deferred while a job takes long.

    Everything that a push goes on with is in the ledger, so nothing is handed to the trigger.
    """

    def execute(self, context: Any) -> dict[str, Any]:
        """Push until it is over, or until a wait is too long."""
        return self._push()

    def go_on(self, context: Any, event: Any = None) -> dict[str, Any]:
        """Push on when the wait is over."""
        return self._push()

    def _push(self) -> dict[str, Any]:
        from touchproof.salesforce.push import run_push

        # With one process alone nobody waits for it, and a deferred task would only be waited for.
        longest = None if is_one_process() else LONGEST_SLEEP
        try:
            done = run_recorded(
                STEP,
                lambda settings, night, clock: run_push(
                    settings, night, clock, longest_sleep=longest
                ),
            )
        except PausedError as pause:
            seconds = pause.seconds
        else:
            if done["status"] == "waiting":
                alert_waiting(STEP)
            return done
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=seconds)), method_name="go_on")
