"""What `make run` ends with: the library's summary, the experiment's table, what to do next.

Belongs here: putting them together for one run. Doesn't belong here: the tables of every night
(touchproof.summary), the experiment's figures (touchproof_sandbox.hillstrom).
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from touchproof.night_report import collect_night
from touchproof.settings import Settings
from touchproof.summary import print_night, print_places
from touchproof_airflow.experiment import print_experiment
from touchproof_airflow.planning import NightPlan, RunState
from touchproof_airflow.pretend import experiment_file


def print_summary(settings: Settings, plan: NightPlan, state: RunState, console: Console) -> None:
    """Print the summary of the run that has just ended."""
    report = collect_night(settings, plan.build_night)
    print_night(report, console)
    data = experiment_file(settings)
    if data.exists() and settings.paths.published.exists():
        print_experiment(settings, data, console)
    print_places(report, console)
    console.print("\n[bold]What next[/bold]")
    for line in _next_steps(settings, state):
        console.print(f"  {line}")
    console.print()


def _command() -> str:
    """Return our command as it can be typed here, wherever it was installed."""
    command = Path(sys.executable).with_name("touchproof")
    if command.is_relative_to(Path.cwd()):
        return str(command.relative_to(Path.cwd()))
    return str(command)


def _next_steps(settings: Settings, state: RunState) -> list[str]:
    world = "" if settings.world == "demo" else f" WORLD={settings.world}"
    failed = [dag for dag, how, _ in state.dags if how == "failed"]
    steps = []
    if failed:
        steps.append(f"make run{world:<20} again, once {', '.join(failed)} can work")
    else:
        steps.append(
            f"make run{world:<20} the next night; QUIET=1 for one in which nothing changes"
        )
    steps.append(f"make ui{world:<21} the same DAGs and this page in Airflow")
    query = "select * from mart_channel_performance where date_basis = 'conversion'"
    steps.append(f'{_command()} sql "{query}"')
    return steps
