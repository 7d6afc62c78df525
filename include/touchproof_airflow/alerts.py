"""Alerts: a failed task tells by e-mail what failed, where, and what to do.

Belongs here: the text of an alert, and Airflow's callbacks that send it through the connection
`touchproof_alerts` to `TOUCHPROOF_ALERT_EMAILS`. Doesn't belong here: which tasks have which
callback (defaults.py, the DAGs), the errors' own words (touchproof.errors).

Airflow's own alert e-mail quotes any exception, and so may quote data; this one quotes only errors
that are ours, and those name no values.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from touchproof.errors import TouchproofError
from touchproof.settings import Settings

CONNECTION = "touchproof_alerts"
FIRST_RED_TICK_TOLD = 3
_ON_FAILURE = re.compile(r"^On failure:\s*(.+?)(?:\n\s*\n|\Z)", re.S | re.M)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """Hold an alert's subject and its lines, as (label, text)."""

    subject: str
    lines: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """Return the alert as plain text."""
        return "\n".join(f"{label}: {text}" for label, text in self.lines)

    @property
    def page(self) -> str:
        """Return the alert as HTML."""
        rows = (f"<p><b>{html.escape(a)}</b><br>{html.escape(b)}</p>" for a, b in self.lines)
        return "\n".join(rows)


def alert_of(
    *, world: str, dag_id: str, task_id: str, night: str, error: object, page: str | None
) -> Alert:
    """Put a failure into words.

    Args:
        world: The world's name.
        dag_id: The DAG.
        task_id: The task that failed.
        night: The night it worked on, or what stands for it.
        error: What it raised; anything but our own errors is named by its type alone.
        page: The DAG's page, whose paragraph "On failure" is for the reader of the alert.
    """
    what, where, todo = _words(error)
    place = f"task {task_id} of {dag_id}" + (f"; {where}" if where else "")
    lines = [("What failed", what), ("Where", place), ("What to do", todo)]
    found = _ON_FAILURE.search(page or "")
    if found:
        lines.append((f"If {dag_id} fails", " ".join(found[1].split())))
    return Alert(f"[touchproof {world}] {dag_id} failed, night {night}", tuple(lines))


def alert_failure(context: Mapping[str, Any]) -> None:
    """Send the alert of a task that failed; Airflow's `on_failure_callback`."""
    settings = Settings()
    instance = context["ti"]
    dag = context.get("dag") or instance.task.dag
    alert = alert_of(
        world=settings.world,
        dag_id=instance.dag_id,
        task_id=instance.task_id,
        night=_night(context, settings),
        error=context.get("exception"),
        page=dag.doc_md,
    )
    send(alert, settings)


def alert_when_repeated(step: str) -> Callable[[Mapping[str, Any]], None]:
    """Return a callback for a step that runs all day: one red run needs nobody, many do.

    It tells of the third red run in a row, and again whenever their number has doubled.

    Args:
        step: The step's name in the ledger.
    """

    def callback(context: Mapping[str, Any]) -> None:
        from touchproof.ledger.store import Ledger

        if is_told(Ledger.of(Settings()).failures_in_a_row(step)):
            alert_failure(context)

    return callback


def alert_waiting(step: str) -> None:
    """Send what a step of the current task waits for: it is no failure, but may need a person.

    A mail that can't be sent stands in the log and fails nothing.

    Args:
        step: The step's name in the ledger, whose newest record has the reason.
    """
    from airflow.sdk import get_current_context

    from touchproof.ledger.store import Ledger

    context: Mapping[str, Any] = dict(get_current_context())
    settings, instance = Settings(), context["ti"]
    reasons = [
        str(run.report.get("waiting_reason"))
        for run in Ledger.of(settings).runs(step=step)
        if run.status == "waiting"
    ]
    place = f"task {instance.task_id} of {instance.dag_id}"
    lines = (("What waits", reasons[-1] if reasons else step), ("Where", place))
    night = _night(context, settings)
    subject = f"[touchproof {settings.world}] {instance.dag_id} waits, night {night}"
    try:
        send(Alert(subject, lines), settings)
    except Exception:
        logger.exception("The alert couldn't be sent")


def is_told(failures: int) -> bool:
    """Tell whether an alert is due after so many failures in a row: 3, 6, 12, 24 and so on."""
    times, rest = divmod(failures, FIRST_RED_TICK_TOLD)
    return rest == 0 and times > 0 and times & (times - 1) == 0


def send(alert: Alert, settings: Settings) -> None:
    """Send an alert to whom the settings name, and write it to the log in any case."""
    logger.error("%s\n%s", alert.subject, alert.text)
    if not settings.alert_emails:
        logger.warning("Nobody is told: TOUCHPROOF_ALERT_EMAILS is empty")
        return
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=CONNECTION) as hook:
        hook.send_email_smtp(
            to=settings.alert_emails, subject=alert.subject, html_content=alert.page
        )


def _words(error: object) -> tuple[str, str, str]:
    """Return what failed, where and what to do, without a value from the data."""
    from airflow.sdk.exceptions import AirflowFailException

    if isinstance(error, TouchproofError):
        return error.what, error.where, error.todo or "Read the task's log."
    if isinstance(error, AirflowFailException):  # raised by our own DAGs alone
        return str(error), "", "Do what it says."
    if error is None:
        return "The task was ended from outside", "", "Read its log: its process may have died."
    name = type(error).__name__
    return f"{name} (its message stays in the log)", "", "Read the task's log."


def _night(context: Mapping[str, Any], settings: Settings) -> str:
    from touchproof_airflow.nights import night_of_run

    try:
        return night_of_run(context, settings).isoformat()
    except (TouchproofError, KeyError):
        return "not known"
