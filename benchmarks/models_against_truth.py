"""Claim: what each attribution model gets wrong, by channel, against what truly caused a sale.

Reads a pretend world's planted causes beside its published marts. A conversion's true shares are
what each campaign added to its chance at the margin; the rest is the baseline, which no campaign
caused. The baseline of the errors is `last_touch` in the same run.

Usage: models_against_truth.py [WORLD_FOLDER], such as data/demo; without one it makes a world of
20,000 people and 120 days and runs its first night.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from touchproof.settings import Settings
from touchproof.warehouse import connect_published
from touchproof_sandbox.salesforce import lifecycle

NOBODY = "(nobody: baseline)"
UNCAUSED = ("Direct", "Organic Search", "Referral", "unattributed")
"""Channels that no campaign of ours pays for or sends."""

CREDITS = """
    with truths as (
        select
            'cv_' || md5('app:' || causes.conversion) as conversion_id,
            coalesce(campaigns.channel, ?) as channel,
            sum(causes.share) as share
        from read_parquet(?) as causes
        left join marts.dim_campaigns as campaigns
            on causes.campaign_code = campaigns.campaign_id
        where causes.conversion_kind = 'app_opening'
        group by all
    ),
    judged as (
        select distinct conversion_id
        from truths
        inner join marts.fct_conversions using (conversion_id)
    ),
    credits as (
        select
            case
                when list_contains(?, attribution.channel) then ? else attribution.channel
            end as channel,
            {sums}
        from marts.fct_attribution as attribution
        inner join judged using (conversion_id)
        group by all
    ),
    true_sums as (
        select channel, sum(share) as truly_caused
        from truths
        inner join judged using (conversion_id)
        group by channel
    )
    select
        coalesce(true_sums.channel, credits.channel) as channel,
        coalesce(true_sums.truly_caused, 0) as truly_caused,
        {columns}
    from true_sums
    full join credits using (channel)
    order by truly_caused desc, channel
"""


def models_of(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the models that the published file has, in the order of their columns."""
    described = connection.execute("describe marts.fct_attribution").fetchall()
    names = [name for name, *_ in described]
    return [name.removesuffix("_weight") for name in names if name.endswith("_weight")]


def compare(world: Path) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """Return the models and, by channel, the truth and each model's conversions."""
    connection = connect_published(world / "published" / "touchproof.duckdb")
    try:
        models = models_of(connection)
        sums = ", ".join(f"sum({model}_weight)::double as {model}" for model in models)
        columns = ", ".join(f"coalesce(credits.{model}, 0) as {model}" for model in models)
        causes = str(world / "sandbox" / "truth" / "causes.parquet")
        rows = connection.execute(
            CREDITS.format(sums=sums, columns=columns), [NOBODY, causes, list(UNCAUSED), NOBODY]
        ).fetchall()
    finally:
        connection.close()
    return models, [(row[0], [float(value) for value in row[1:]]) for row in rows]


def report(models: list[str], rows: list[tuple[str, list[float]]]) -> None:
    """Print conversions by channel, then each model's error over the campaigns' channels."""
    width = max(len(channel) for channel, _ in rows) + 2
    heads = ["truly caused", *(model.replace("_", " ") for model in models)]
    print(f"{'channel':<{width}}" + "".join(f"{head:>16}" for head in heads))
    for channel, numbers in rows:
        print(f"{channel:<{width}}" + "".join(f"{number:>16,.1f}" for number in numbers))
    campaigns = [numbers for channel, numbers in rows if channel != NOBODY]
    caused = sum(numbers[0] for numbers in campaigns)
    credited = [sum(numbers[at] for numbers in campaigns) for at in range(1, len(models) + 1)]
    errors, mixes = [], []
    for at, total in enumerate(credited, start=1):
        errors.append(sum(abs(numbers[at] - numbers[0]) for numbers in campaigns) / caused)
        shifts = (abs(numbers[at] / total - numbers[0] / caused) for numbers in campaigns)
        mixes.append(sum(shifts) / 2)
    base = errors[models.index("last_touch")]
    lines = {
        "credited to campaigns": [f"{total / caused:.2f}x" for total in credited],
        "error by channel": [f"{error:.0%}" for error in errors],
        "ratio to last touch": [f"{error / base:.2f}" for error in errors],
        "credit in the wrong channel": [f"{mix:.0%}" for mix in mixes],
    }
    print()
    for label, texts in lines.items():
        print(f"{label:<{width + 16}}" + "".join(f"{text:>16}" for text in texts))


def main() -> None:
    """Compare the models of one world with its truth."""
    if len(sys.argv) > 1:
        report(*compare(Path(sys.argv[1])))
        return
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), world="bench")
        environment = os.environ | {"TOUCHPROOF_DATA_DIR": name, "TOUCHPROOF_WORLD": "bench"}
        try:
            subprocess.run(
                [sys.executable, "-m", "touchproof_airflow", "run"],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print("20,000 people, 120 days")
            report(*compare(settings.paths.root))
        finally:
            lifecycle.stop(settings.paths.salesforce_server)


if __name__ == "__main__":
    main()
