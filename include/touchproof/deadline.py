"""The deadline by which a night must be published.

Belongs here: deciding whether a night made it, and the sentence that says what to do if it
didn't. Doesn't belong here: when the check runs and who is alerted (dags/).
"""

from __future__ import annotations

from datetime import date

from touchproof.errors import CheckFailedError
from touchproof.ledger.records import RunRecord
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

_ADVICE = {
    "extract": "Look at the red extract DAG; the build doesn't wait for a source that stays away, "
    "so see whether another extract still runs.",
    "gate": "See `touchproof quarantine list`, then start build_warehouse for the night.",
    "load": "Read the log of `load`, then start build_warehouse for the night.",
    "build": "Read the log of the failed model, mend it and start a new run of build_warehouse.",
    "publish": "A check on the marts failed; its log names it. Mend it and start build_warehouse.",
}


def require_published(settings: Settings, night: date) -> str:
    """Return a sentence that the night is published, or fail with what to do.

    Raises:
        CheckFailedError: If the night isn't committed.
    """
    ledger = Ledger.of(settings)
    committed = {published.night for published in ledger.published_nights()}
    if night in committed:
        return f"night {night.isoformat()} is published"
    runs = ledger.runs(night)
    newest = max(committed, default=None)
    since = f"readers still see {newest.isoformat()}" if newest else "nothing is published yet"
    raise CheckFailedError(
        f"Night {night.isoformat()} isn't published at the deadline of "
        f"{settings.publish_deadline}; {since}",
        where=_standing(runs),
        todo=_advice(runs),
    )


def _standing(runs: list[RunRecord]) -> str:
    if not runs:
        return "no step of the night has run"
    done = [run.step for run in runs if run.status == "ok"]
    failed = [run.step for run in runs if run.status == "failed"]
    last = f"last step that succeeded: {done[-1]}" if done else "no step succeeded"
    return f"{last}; failed: {', '.join(failed)}" if failed else last


def _advice(runs: list[RunRecord]) -> str:
    for run in reversed(runs):
        kind = run.step.split(":")[0]
        if run.status == "failed" and kind in _ADVICE:
            return _ADVICE[kind]
    if not runs:
        return "See that the scheduler runs and the extract DAGs aren't paused, then start them."
    return "See in Airflow which step of build_warehouse still runs or waits for the warehouse."
