"""Claim: 90 % of spots' true visits lie in the intervals of their lifts, which are unbiased in sum.

Reads a pretend world's planted truth of television beside its published marts. The baseline is what
a fixed window gives without any model of ordinary visits: all direct, organic and branded-search
visits within ten minutes after a spot, each counted for every spot before it.

Usage: tv_lift.py [WORLD_FOLDER], such as data/demo; without one it makes a world of 20,000 people
and 60 days and runs its first night.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from touchproof.settings import Settings
from touchproof.warehouse import connect_published
from touchproof_sandbox.salesforce import lifecycle

SPOTS = """
    select
        spots.station,
        spots.daypart,
        case when spots.overlapping_spots = 0 then 'alone' else 'overlapping' end as company,
        truths.visits_caused,
        spots.lift_visits::double as lift,
        spots.lift_visits_lower::double as lower,
        spots.lift_visits_upper::double as upper,
        spots.observed_visits,
        spots.is_significant,
        spots.credited_visits::double as credited
    from marts.mart_tv_spots as spots
    inner join read_parquet(?) as truths using (spot_id)
    where spots.is_measured
    order by spots.spot_id
"""

TOUCHES = """
    select
        coalesce(sum(touch_weight), 0)::double,
        count(*)
    from marts.fct_touchpoints
    where interaction = 'inferred'
"""


@dataclass(frozen=True)
class Spot:
    """Hold one measured spot beside the truth."""

    station: str
    daypart: str
    company: str
    brought: int
    lift: float
    lower: float
    upper: float
    observed: int
    is_significant: bool
    credited: float

    @property
    def is_held(self) -> bool:
        """Whether the true visits lie in the interval."""
        return self.lower <= self.brought <= self.upper


def read(world: Path) -> tuple[list[Spot], float, int]:
    """Return the measured spots, and sum of weights and count of inferred touches."""
    connection = connect_published(world / "published" / "touchproof.duckdb")
    try:
        truth = str(world / "sandbox" / "truth" / "tv_spots.parquet")
        spots = [Spot(*row) for row in connection.execute(SPOTS, [truth]).fetchall()]
        weight, count = connection.execute(TOUCHES).fetchall()[0]
    finally:
        connection.close()
    return spots, float(weight), int(count)


def line(label: str, spots: list[Spot]) -> str:
    """Return one row of the report."""
    brought, lift = sum(spot.brought for spot in spots), sum(spot.lift for spot in spots)
    held = sum(spot.is_held for spot in spots) / len(spots)
    width = sum(spot.upper - spot.lower for spot in spots) / len(spots)
    error = f"{(lift - brought) / brought:+.1%}" if brought else "-"
    fixed = f"{sum(spot.observed for spot in spots) / brought:.2f}x" if brought else "-"
    found = sum(spot.is_significant for spot in spots)
    return (
        f"{label:<22}{len(spots):>7,}{held:>9.1%}{width:>8.1f}{brought:>9,}{lift:>10,.1f}"
        f"{error:>9}{fixed:>14}{found:>13,}"
    )


def report(spots: list[Spot], weight: float, touches: int) -> None:
    """Print coverage and sums of all spots, and by what they have in common."""
    print(
        f"{'spots':<22}{'count':>7}{'held':>9}{'width':>8}{'brought':>9}{'lift':>10}{'error':>9}"
        f"{'fixed window':>14}{'significant':>13}"
    )
    print(line("all", spots))
    for name in ("company", "daypart", "station"):
        print()
        for value in sorted({getattr(spot, name) for spot in spots}):
            print(line(value, [spot for spot in spots if getattr(spot, name) == value]))
    significant = [spot for spot in spots if spot.is_significant]
    print(
        f"\n{len(significant):,} significant spots: lift"
        f" {sum(spot.lift for spot in significant):,.1f}, credited"
        f" {sum(spot.credited for spot in significant):,.1f}, brought"
        f" {sum(spot.brought for spot in significant):,}; {touches:,} inferred touches carry"
        f" {weight:,.1f} visits of persons"
    )


def main() -> None:
    """Compare the lifts of one world with its truth."""
    if len(sys.argv) > 1:
        report(*read(Path(sys.argv[1])))
        return
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), world="bench")
        environment = os.environ | {"TOUCHPROOF_DATA_DIR": name, "TOUCHPROOF_WORLD": "bench"}
        try:
            subprocess.run(
                [sys.executable, "-m", "touchproof_airflow", "run", "--days", "60"],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print("20,000 people, 60 days")
            report(*read(settings.paths.root))
        finally:
            lifecycle.stop(settings.paths.salesforce_server)


if __name__ == "__main__":
    main()
