"""Which night `make run` works on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from touchproof_airflow.planning import RunState, plan_night, read_states, write_state

FIRST = date(2026, 6, 28)
NEXT = FIRST + timedelta(days=1)


def state(night: date, *, is_finished: bool = True, is_quiet: bool = False) -> RunState:
    finished = "2026-06-29T05:10:00+00:00" if is_finished else None
    return RunState(night.isoformat(), is_quiet, "2026-06-29T05:00:00+00:00", finished)


def test_a_new_world_starts_with_its_first_night() -> None:
    plan = plan_night([], [], first_night=FIRST)
    assert (plan.night, plan.build_night, plan.is_quiet) == (FIRST, FIRST, False)


def test_the_next_night_follows_the_last_finished_one() -> None:
    plan = plan_night([state(FIRST)], [FIRST], first_night=FIRST, is_quiet=True)
    assert (plan.night, plan.build_night, plan.is_quiet) == (NEXT, NEXT, True)


def test_an_unfinished_night_comes_first_and_stays_as_quiet_as_it_was() -> None:
    states = [state(FIRST), state(NEXT, is_finished=False, is_quiet=True)]
    plan = plan_night(states, [FIRST], first_night=FIRST, is_quiet=False)
    assert (plan.night, plan.is_quiet) == (NEXT, True)


def test_an_unfinished_night_comes_first_even_if_it_is_published() -> None:
    states = [state(FIRST), state(NEXT, is_finished=False)]
    assert plan_night(states, [FIRST, NEXT], first_night=FIRST).night == NEXT


def test_a_night_that_only_the_ledger_knows_isn_t_run_again() -> None:
    assert plan_night([], [FIRST], first_night=FIRST).night == NEXT


def test_an_older_night_is_extracted_again_and_built_as_of_the_last_published_one() -> None:
    states = [state(FIRST), state(NEXT)]
    plan = plan_night(states, [FIRST, NEXT], first_night=FIRST, asked=FIRST)
    assert (plan.night, plan.build_night) == (FIRST, NEXT)


def test_a_repeated_quiet_night_stays_quiet() -> None:
    states = [state(FIRST), state(NEXT, is_quiet=True)]
    plan = plan_night(states, [FIRST, NEXT], first_night=FIRST, asked=NEXT)
    assert (plan.night, plan.build_night, plan.is_quiet) == (NEXT, NEXT, True)


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    later = state(NEXT, is_finished=False).with_dag("extract_ga4", "success", 1.26)
    write_state(tmp_path, later)
    write_state(tmp_path, state(FIRST))
    assert read_states(tmp_path) == [state(FIRST), later]
    assert read_states(tmp_path)[1].dags == (("extract_ga4", "success", 1.3),)
