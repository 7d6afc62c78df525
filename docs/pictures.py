"""Draw the pictures of docs/analysts.md from a pretend world: `make pictures`.

Belongs here: what the pictures show and how they look. Doesn't belong here: any figure that isn't
in the published file or, for the minutes around television spots, in the warehouse.

Usage: pictures.py WORLD_FOLDER, such as data/demo after `make run`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from touchproof.warehouse import connect_published

IMAGES = Path(__file__).parent / "images"
INK, GREY, ACCENT, SECOND = "#1f2933", "#9aa5b1", "#0b6e99", "#c05621"
MODELS = {
    "last_touch": GREY,
    "linear": SECOND,
    "position_based": "#7b8794",
    "markov": ACCENT,
    "shapley": "#2f855a",
}
STYLE = {
    "svg.hashsalt": "touchproof",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

INTERVALS = """
    select channel, model, conversion_share, conversion_share_lower, conversion_share_upper
    from marts.mart_channel_intervals
    where channel not in ('Direct', 'unattributed')
"""
AROUND_SPOTS = """
    with spots as (
        select spot_id, country, aired_at
        from marts.mart_tv_spots
        where is_significant
    ),
    minutes as (
        select unnest(range(-20, 31)) as minute
    )
    select
        minutes.minute,
        coalesce(sum(visits.visit_count), 0) / (select count(*) from spots) as visits
    from spots
    cross join minutes
    left join warehouse.intermediate.int_tv_visits_counted as visits
        on
            visits.country = spots.country
            and visits.minute_at
            = date_trunc('minute', spots.aired_at) + to_minutes(minutes.minute::bigint)
    group by minutes.minute
    order by minutes.minute
"""
BASELINE = """
    select sum(baseline_visits) / sum(window_minutes) as a_minute, any_value(window_minutes)
    from marts.mart_tv_spots
    where is_significant
"""
COHORTS = """
    with cohorts as (
        select *, max(months_since) over (partition by cohort_month) as age
        from marts.mart_campaign_cohorts
        where model = 'linear' and adjusts_month is null
    )
    select
        channel,
        months_since,
        sum(cumulative_revenue_reporting_cents) / sum(spend_reporting_cents) as payback
    from cohorts
    -- The same cohorts at each month: those that are at least two months old.
    where spend_cents > 0 and channel <> 'unallocated' and age >= 2 and months_since <= 2
    group by channel, months_since
    order by channel, months_since
"""


def compare_channels(connection: duckdb.DuckDBPyConnection) -> Any:
    """Draw each channel's share of conversions by five models, with 95 % intervals."""
    rows = [row for row in connection.execute(INTERVALS).fetchall() if row[1] in MODELS]
    size: dict[str, float] = {}
    for channel, _, share, *_ in rows:
        size[channel] = size.get(channel, 0.0) + float(share)
    channels = sorted(size, key=lambda name: size[name])
    figure, axes = plt.subplots(figsize=(8.6, 0.62 * len(channels) + 1.2))
    for number, (model, colour) in enumerate(MODELS.items()):
        found = {
            row[0]: [100 * float(value) for value in row[2:]] for row in rows if row[1] == model
        }
        for at, channel in enumerate(channels):
            if channel not in found:
                continue
            share, lower, upper = found[channel]
            height = at + 0.3 - 0.15 * number
            axes.plot([lower, upper], [height, height], color=colour, linewidth=2, alpha=0.45)
            axes.plot(share, height, "o", color=colour, markersize=5)
    for model, colour in MODELS.items():
        axes.plot([], [], "o-", color=colour, label=model.replace("_", " "))
    axes.set_yticks(range(len(channels)), channels)
    axes.set_xlabel("share of all conversions, % (bar: 95 % interval over people)")
    axes.set_xlim(left=0)
    axes.grid(axis="x", color="#e4e7eb")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="lower right")
    return figure


def show_lift(connection: duckdb.DuckDBPyConnection) -> Any:
    """Draw the mean visits by minute around the spots with a lift, beside their baseline."""
    rows = connection.execute(AROUND_SPOTS).fetchall()
    baseline, window = connection.execute(BASELINE).fetchall()[0]
    figure, axes = plt.subplots(figsize=(8.6, 3.6))
    minutes = [int(row[0]) for row in rows]
    visits = [float(row[1]) for row in rows]
    inside = [0 <= minute < int(window) for minute in minutes]
    colours = [ACCENT if within else GREY for within in inside]
    axes.bar(minutes, visits, width=0.8, color=colours)
    axes.axhline(float(baseline), color=SECOND, linewidth=1.5)
    axes.plot([], [], color=SECOND, label="baseline: visits without the spot")
    axes.legend(frameon=False, loc="upper right")
    axes.set_xlabel("minutes since the spot began (blue: its window)")
    axes.set_ylabel("visits a minute, mean")
    return figure


def show_payback(connection: duckdb.DuckDBPyConnection) -> Any:
    """Draw what each channel's spend has earned back, by months since it was spent."""
    rows = connection.execute(COHORTS).fetchall()
    figure, axes = plt.subplots(figsize=(8.6, 3.8))
    channels = sorted({row[0] for row in rows})
    for number, channel in enumerate(channels):
        points = [(int(row[1]), float(row[2])) for row in rows if row[0] == channel]
        colour = plt.get_cmap("tab10")(number % 10)
        axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=4, label=channel)
    axes.axhline(1, color=INK, linewidth=1, linestyle="--")
    axes.annotate("paid back", (2, 1), xytext=(-52, -13), textcoords="offset points")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_xlabel("months since the month of the touch (linear model)")
    axes.set_ylabel("revenue per unit spent")
    axes.set_ylim(bottom=0)
    last = max(int(row[1]) for row in rows)
    axes.set_xticks(range(last + 1))
    axes.set_xlim(-0.1, last + 0.1)
    return figure


PICTURES = {
    "channel_models": compare_channels,
    "tv_lift": show_lift,
    "cohort_payback": show_payback,
}


def main() -> None:
    """Write docs/images/<picture>.svg."""
    world = Path(sys.argv[1])
    connection = connect_published(world / "published" / "touchproof.duckdb")
    warehouse = world / "warehouse" / "touchproof.duckdb"
    connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
    IMAGES.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in PICTURES.items():
            figure = draw(connection)
            figure.savefig(
                IMAGES / f"{name}.svg",
                bbox_inches="tight",
                metadata={"Date": None, "Creator": None},
            )
            plt.close(figure)
            print(IMAGES.name, f"{name}.svg")


if __name__ == "__main__":
    main()
