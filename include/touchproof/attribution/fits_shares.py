"""From a fit to the part of each channel in a conversion: what data-driven models credit.

Belongs here: the share of every channel in sets of channels under recorded fits. Doesn't belong
here: training (fits_training.py), a model's own rule for a set (markov.py, shapley.py), the touches
that share a channel's part (dbt: int_credits_computed).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa

from touchproof.attribution.channel_sets import ChannelSets, units_table
from touchproof.attribution.fits_parameters import (
    DIGITS,
    MarkovParameters,
    Parameters,
    read_parameters,
)
from touchproof.attribution.markov import markov_parts
from touchproof.attribution.paths import Floats
from touchproof.attribution.shapley import shapley_parts
from touchproof.sources.definition import typed_schema

SHARES_SCHEMA = typed_schema(
    {
        "attribution_model": pa.string(),
        "model_fit_id": pa.string(),
        "channel_set": pa.string(),
        "channel": pa.string(),
        "share_units": pa.int64(),
    }
)

FOUND_SCHEMA = typed_schema(
    {
        "model_fit_id": pa.string(),
        "channel": pa.string(),
        "conversion_share": pa.decimal128(12, 9),
        "conversion_share_lower": pa.decimal128(12, 9),
        "conversion_share_upper": pa.decimal128(12, 9),
        "removal_effect": pa.decimal128(12, 9),
        "markov_order": pa.int32(),
        "journeys": pa.int64(),
        "conversions": pa.int64(),
        "persons": pa.int64(),
        "replicates": pa.int32(),
        "seed": pa.int64(),
    }
)


def data_driven_shares(channel_sets: pa.Table, fits: pa.Table) -> pa.Table:
    """Share one conversion of every channel set among its channels.

    Args:
        channel_sets: attribution_model, model_fit_id, channel_set (sorted JSON array of channels).
        fits: model_fit_id and parameters_json of at least those fits.

    Returns:
        `SHARES_SCHEMA`, one row a channel of a set, sorted; the whole numbers of a set sum to
        `channel_sets.UNITS_PER_SET`.
    """
    written = fits.select(["model_fit_id", "parameters_json"]).to_pylist()
    parameters = {fit["model_fit_id"]: fit["parameters_json"] for fit in written}
    wanted: dict[tuple[str, str], set[str]] = {}
    for row in channel_sets.to_pylist():
        key = row["attribution_model"], row["model_fit_id"]
        wanted.setdefault(key, set()).add(row["channel_set"])
    tables = [SHARES_SCHEMA.empty_table()]
    for (model, fit_id), texts in sorted(wanted.items()):
        names = sorted(texts)
        sets = ChannelSets.from_lists(pa.array([json.loads(text) for text in names]))
        parts = parts_of(read_parameters(model, parameters[fit_id]), sets)
        dealt = units_table(sets, parts)
        count = dealt.num_rows
        columns = {
            "attribution_model": pa.array([model] * count, pa.string()),
            "model_fit_id": pa.array([fit_id] * count, pa.string()),
            "channel_set": pa.array(names).take(dealt["set_number"].combine_chunks()),
            "channel": dealt["channel"],
            "share_units": dealt["share_units"],
        }
        tables.append(pa.table(columns, schema=SHARES_SCHEMA))
    return pa.concat_tables(tables)


def fit_channels(fits: pa.Table) -> pa.Table:
    """Return what every fit found for each of its channels (`FOUND_SCHEMA`).

    Args:
        fits: model_fit_id, attribution_model and parameters_json.
    """
    rows = []
    for fit in fits.to_pylist():
        found = read_parameters(fit["attribution_model"], fit["parameters_json"])
        effects: Sequence[float | None] = [None] * len(found.channels)
        order = None
        if isinstance(found, MarkovParameters):
            effects, order = found.removal_effects, found.order
        for channel, share, effect in zip(found.channels, found.shares, effects, strict=True):
            rows.append(
                {
                    "model_fit_id": fit["model_fit_id"],
                    "channel": channel,
                    "conversion_share": as_decimal(share.share),
                    "conversion_share_lower": as_decimal(share.lower),
                    "conversion_share_upper": as_decimal(share.upper),
                    "removal_effect": as_decimal(effect),
                    "markov_order": order,
                    **vars(found.trained_on),
                }
            )
    return pa.Table.from_pylist(rows, schema=FOUND_SCHEMA)


def parts_of(parameters: Parameters, sets: ChannelSets) -> Floats:
    """Return each channel's part of a conversion of each set, in proportion, none below 0."""
    if isinstance(parameters, MarkovParameters):
        return markov_parts(parameters.fit(), sets)
    return shapley_parts(parameters.fit(), sets)


def as_decimal(value: float | None) -> Decimal | None:
    """Return a recorded number as the decimal that its JSON shows."""
    return None if value is None else Decimal(f"{value:.{DIGITS}f}")


def proportional(parts: Floats, sets: ChannelSets) -> Floats:
    """Share 1 in each set in proportion to what is above 0; alike where nothing is.

    Args:
        parts: (replicates, members of the sets).
        sets: The sets.

    Returns:
        The shares, in the same shape.
    """
    positive = np.maximum(parts, 0)
    if not len(sets):
        return positive
    place = np.repeat(np.arange(len(sets)), sets.sizes)
    totals = np.add.reduceat(positive, sets.offsets[:-1], axis=1)[:, place]
    alike = (1.0 / sets.sizes)[place]
    return np.where(totals > 0, positive / np.where(totals > 0, totals, 1), alike)
