"""Claim: openings are matched to the right person, automatically with precision 0.995 or better.

Four ordinary and four hostile worlds. The thresholds were set on the first seed and are those of
the seed bank_match_settings; the other three are scored by them. An opening is automatic where its
best candidate reaches the bank's automatic threshold, no guard holds and nobody else is nearly as
likely; else it waits in the queue, or is unmatched. Recall counts skips that are identifiable: the
planted truth says that we contacted the person first and hold something that leads to the person.
The baseline is what exact keys alone match (tiers 1 to 3) in the same worlds.

Usage: skip_matching_against_truth.py [PEOPLE DAYS]
"""

from __future__ import annotations

import io
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import duckdb
from scipy.stats import beta

from touchproof.settings import Settings
from touchproof.transform import compiled_sql
from touchproof_sandbox.matching_world import MODELS, fill, match, prepare_database

SEEDS = (101, 202, 303, 404)
PEOPLE, DAYS = 20_000, 120
METHODS = ("referral_token", "email", "phone", "name_birth_postcode", "probabilistic")
JUDGED = """
create or replace table judged as
select
    truths.bank_id || ':' || truths.reference as opening,
    truths.true_person,
    truths.is_skip and truths.is_identifiable as is_wanted,
    best.match_method,
    best.match_tier,
    best.match_probability,
    best.match_guard,
    best.times_likelier,
    settings.automatic_threshold,
    case
        when best.person_id is null then 'unmatched'
        when
            best.match_probability >= settings.automatic_threshold
            and best.match_guard is null
            and coalesce(best.times_likelier, 999999) >= settings.min_times_likelier
            then 'automatic'
        else 'review'
    end as outcome,
    best.person_id = truths.true_person as is_right,
    exists (
        select 1 from intermediate.int_skip_candidates_matched as candidates
        where
            candidates.bank_opening_id
            = replace(truths.bank_id, 'bank_', '') || ':' || truths.reference
            and candidates.person_id = truths.true_person
    ) as is_among_candidates
from truths
left join intermediate.int_skip_candidates_matched as best
    on
        best.bank_opening_id = replace(truths.bank_id, 'bank_', '') || ':' || truths.reference
        and best.candidate_rank = 1
inner join seeds.bank_match_settings as settings
    on replace(truths.bank_id, 'bank_', '') = settings.bank_id
"""


@dataclass(frozen=True)
class Score:
    """Count what became of the openings of one or more worlds."""

    openings: int
    automatic: int
    right: int
    wanted: int
    wanted_found: int
    wanted_reviewed: int
    queue: int
    exact_automatic: int
    exact_found: int
    by_method: dict[str, tuple[int, int, int]]

    def __add__(self, other: Score) -> Score:
        names = set(self.by_method) | set(other.by_method)
        none = (0, 0, 0)
        return Score(
            *(getattr(self, name) + getattr(other, name) for name in _COUNTS),
            {
                name: tuple(  # type: ignore[misc]
                    map(
                        sum,
                        zip(
                            self.by_method.get(name, none),
                            other.by_method.get(name, none),
                            strict=True,
                        ),
                    )
                )
                for name in names
            },
        )

    @property
    def precision(self) -> float:
        return self.right / self.automatic

    @property
    def lower_bound(self) -> float:
        """Return the lower 95 % bound of the precision (Clopper and Pearson, two-sided)."""
        return float(beta.ppf(0.025, self.right, self.automatic - self.right + 1))


_COUNTS = ("openings", "automatic", "right", "wanted", "wanted_found", "wanted_reviewed", "queue",
           "exact_automatic", "exact_found")  # fmt: skip


def score(connection: duckdb.DuckDBPyConnection) -> Score:
    """Count the table `judged`."""
    counts = connection.execute(
        """
        select
            count(*),
            count(*) filter (outcome = 'automatic'),
            count(*) filter (outcome = 'automatic' and is_right),
            count(*) filter (is_wanted),
            count(*) filter (is_wanted and outcome = 'automatic' and is_right),
            count(*) filter (
                is_wanted and (outcome = 'automatic' and is_right
                or outcome = 'review' and is_among_candidates)
            ),
            count(*) filter (outcome = 'review'),
            count(*) filter (is_wanted and match_tier < 4 and outcome = 'automatic'),
            count(*) filter (is_wanted and match_tier < 4 and outcome = 'automatic' and is_right)
        from judged
        """
    ).fetchall()[0]
    by_method = connection.execute(
        """
        select
            match_method,
            count(*) filter (outcome = 'automatic'),
            count(*) filter (outcome = 'automatic' and is_right),
            count(*) filter (is_wanted and outcome = 'automatic' and is_right)
        from judged where match_method is not null group by match_method
        """
    ).fetchall()
    return Score(*counts, {name: tuple(rest) for name, *rest in by_method})


def judge(
    seed: int,
    people: int,
    days: int,
    sql: dict[str, str],
    *,
    is_hostile: bool,
    keep: Path | None = None,
) -> Score:
    """Make one world, match its openings and score them."""
    with tempfile.TemporaryDirectory() as name:
        path = (keep or Path(name)) / "touchproof.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            prepare_database(connection)
            truths = fill(connection, seed, people, days, is_hostile=is_hostile)
            connection.register("truths_given", truths)
            connection.execute("create table truths as select * from truths_given")
            match(connection, sql)
            connection.execute(JUDGED)
            return score(connection)


def report(label: str, one: Score) -> None:
    """Print one line."""
    print(
        f"{label:<22}{one.openings:>9,}{one.automatic:>10,}{one.precision:>11.4f}"
        f"{one.lower_bound:>9.4f}{one.wanted:>8,}{one.wanted_found / one.wanted:>8.3f}"
        f"{one.wanted_reviewed / one.wanted:>13.3f}{one.queue / one.openings:>8.1%}"
        f"{one.exact_found / one.wanted:>13.3f}"
    )


def main(people: int, days: int) -> None:
    """Print one line a world, and by method for the scored ones together."""
    with tempfile.TemporaryDirectory() as name, redirect_stdout(io.StringIO()):
        sql = compiled_sql(Settings(data_dir=Path(name), world="bench"), MODELS)
    print(f"{people:,} people, {days} days; thresholds set on seed {SEEDS[0]}")
    print(f"{'world':<22}{'openings':>9}{'automatic':>10}{'precision':>11}{'95 % >=':>9}"
          f"{'skips':>8}{'recall':>8}{'with review':>13}{'queue':>8}{'tiers 1-3':>13}")  # fmt: skip
    for is_hostile in (False, True):
        kind = "hostile" if is_hostile else "ordinary"
        scored = []
        for seed in SEEDS:
            one = judge(seed, people, days, sql, is_hostile=is_hostile)
            report(f"{kind} {seed}", one)
            if seed != SEEDS[0]:
                scored.append(one)
        total = scored[0] + scored[1] + scored[2]
        report(f"{kind}, scored three", total)
        for method in METHODS:
            automatic, right, found = total.by_method.get(method, (0, 0, 0))
            print(
                f"  {method:<20}{'':>9}{automatic:>10,}{right / max(automatic, 1):>11.4f}"
                f"{'':>9}{found:>8,}{found / total.wanted:>8.3f}"
            )


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:3]) if sys.argv[2:] else (PEOPLE, DAYS))
