"""Rule: a day's bytes depend on the seed and the number of people, and on nothing else."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.world import generate, generate_days, read_world

PEOPLE = 150


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder by its relative name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, PEOPLE, 9, 5)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    generate(tmp_path / "one", PEOPLE, 2, 5)
    generate(tmp_path / "two", PEOPLE, 2, 6)
    one, two = digests(tmp_path / "one" / "drops"), digests(tmp_path / "two" / "drops")
    changed = [name for name in one if "ga4" in name and one[name] != two.get(name)]
    assert len(changed) == len([name for name in one if "ga4" in name])


def test_the_drops_of_a_day_do_not_depend_on_how_many_days_are_made(tmp_path: Path) -> None:
    generate(tmp_path / "five", PEOPLE, 5, 5)
    generate(tmp_path / "nine", PEOPLE, 9, 5)
    five, nine = digests(tmp_path / "five" / "drops"), digests(tmp_path / "nine" / "drops")
    assert five
    assert five == {name: nine[name] for name in nine if name[:10] <= "2026-03-05"}


def test_later_days_added_alone_equal_days_made_at_once(tmp_path: Path) -> None:
    generate(tmp_path / "at_once", PEOPLE, 9, 5)
    generate(tmp_path / "added", PEOPLE, 5, 5)
    generate_days(tmp_path / "added", PEOPLE, 5, date(2026, 3, 8), date(2026, 3, 9))
    generate_days(tmp_path / "added", PEOPLE, 5, date(2026, 3, 6), date(2026, 3, 7))
    assert digests(tmp_path / "at_once" / "drops") == digests(tmp_path / "added" / "drops")
    assert read_world(tmp_path / "added")["days_generated"] == 9


def test_adding_a_day_twice_changes_nothing(tmp_path: Path) -> None:
    generate(tmp_path, PEOPLE, 3, 5)
    generate_days(tmp_path, PEOPLE, 5, date(2026, 3, 4), date(2026, 3, 4))
    once = digests(tmp_path)
    generate_days(tmp_path, PEOPLE, 5, date(2026, 3, 4), date(2026, 3, 4))
    assert digests(tmp_path) == once


def test_a_repeated_early_day_keeps_the_truth_of_later_days(tmp_path: Path) -> None:
    generate(tmp_path, PEOPLE, 8, 5)
    before = digests(tmp_path)
    generate_days(tmp_path, PEOPLE, 5, date(2026, 3, 2), date(2026, 3, 2))
    assert digests(tmp_path) == before


def test_another_world_is_never_written_over(tmp_path: Path) -> None:
    generate(tmp_path, PEOPLE, 1, 5)
    with pytest.raises(BadInputError, match="Another world"):
        generate(tmp_path, PEOPLE, 1, 6)
    with pytest.raises(BadInputError, match="first night differs"):
        generate(tmp_path, PEOPLE, 2, 5)
    with pytest.raises(BadInputError, match="Another world"):
        generate_days(tmp_path, PEOPLE + 1, 5, date(2026, 3, 2), date(2026, 3, 2))


def test_days_cannot_be_added_to_nothing_or_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no pretend world"):
        generate_days(tmp_path, PEOPLE, 5, date(2026, 3, 2), date(2026, 3, 2))
    generate(tmp_path, PEOPLE, 1, 5)
    with pytest.raises(BadInputError, match="can't be made"):
        generate_days(tmp_path, PEOPLE, 5, date(2026, 2, 27), date(2026, 3, 2))


@pytest.mark.parametrize(("customers", "days", "seed"), [(0, 3, 1), (10, 0, 1), (10, 3, -1)])
def test_impossible_worlds_are_refused(
    tmp_path: Path, customers: int, days: int, seed: int
) -> None:
    with pytest.raises(BadInputError):
        generate(tmp_path, customers, days, seed)


def test_a_world_of_one_person_can_be_made(tmp_path: Path) -> None:
    report = generate(tmp_path, 1, 3, 5)
    assert report.days == 3
    assert (tmp_path / "truth" / "people.parquet").exists()


def test_world_file_says_what_later_nights_need(small_world: Path) -> None:
    content = json.loads((small_world / "world.json").read_bytes())
    assert content["kind"] == "pretend"
    assert content["first_night"] == "2026-04-09"
    assert content["days_generated"] == 40
