"""Every attribution model on one path table.

Belongs here: what `touchproof attribute-paths` computes, and its result as rows. Doesn't belong
here: reading the file (path_files.py), the models, the command line (cli_attribution.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from touchproof.attribution import markov, shapley
from touchproof.attribution.credits import MODELS, Credits
from touchproof.attribution.paths import PathTable
from touchproof.attribution.rule_models import RuleSettings, rule_credits
from touchproof.query import QueryResult

SIGNIFICANT_DIGITS = 10


@dataclass(frozen=True)
class PathSettings:
    """Hold what the models leave open.

    Args:
        rules: Of the rule models.
        order: How many touches the Markov chain remembers, 1 to 3.
        keep_repeats: Whether consecutive touches of one channel stay several.
        seed: Of Shapley's sampling, where sets are too large to be exact.
    """

    rules: RuleSettings = field(default_factory=RuleSettings)
    order: int = 1
    keep_repeats: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class PathAttribution:
    """Hold the result: one entry a model of `MODELS`, None where it can't be said."""

    channels: tuple[str, ...]
    credits: tuple[Credits | None, ...]
    largest_shapley_error: float


def attribute_paths(paths: PathTable, settings: PathSettings | None = None) -> PathAttribution:
    """Credit every channel by every model; each model's totals are the table's.

    Raises:
        ValueError: If the order isn't 1 to 3, or there are too many channels for it.
    """
    settings = settings or PathSettings()
    if not settings.keep_repeats:
        paths = paths.merged()
    games = shapley.fit(paths, seed=settings.seed)
    return PathAttribution(
        paths.channels,
        (
            *rule_credits(paths, settings.rules),
            markov.markov_credits(paths, markov.fit(paths, settings.order)),
            games.credits(),
        ),
        float(games.standard_errors.max(initial=0.0)),
    )


def as_rows(result: PathAttribution) -> QueryResult:
    """Return one row a channel, sorted, numbers to ten significant digits."""
    columns = [f"{model}_{what}" for model in MODELS for what in ("conversions", "value")]
    numbers = [
        column
        for credit in result.credits
        for column in ((None, None) if credit is None else (credit.conversions, credit.value))
    ]
    rows = [
        (channel, *(None if column is None else _rounded(column[place]) for column in numbers))
        for place, channel in enumerate(result.channels)
    ]
    return QueryResult(("channel", *columns), ("VARCHAR", *("DOUBLE" for _ in columns)), iter(rows))


def _rounded(number: np.float64) -> float:
    # Adding 0 makes -0.0 a plain 0.0.
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}") + 0.0
