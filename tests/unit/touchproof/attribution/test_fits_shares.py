"""A conversion is dealt out by its fit in whole units, whatever the fit knows of its channels."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from journey_cases import CHANNELS, TIMEZONE, journeys, many

from touchproof.attribution.channel_sets import UNITS_PER_SET, ChannelSets
from touchproof.attribution.fits import fits_applied
from touchproof.attribution.fits_shares import data_driven_shares, fit_channels, proportional
from touchproof.sources.ledger import MODEL_FITS

NO_FITS = MODEL_FITS.schema.empty_table()


def listed(fits: pa.Table, *sets: tuple[str, ...]) -> pa.Table:
    """Return every set for every fit, as int_channel_sets_listed has them."""
    return pa.Table.from_pylist(
        [
            {
                "attribution_model": fit["attribution_model"],
                "model_fit_id": fit["model_fit_id"],
                "channel_set": json.dumps(sorted(one), separators=(",", ":")),
            }
            for fit in fits.to_pylist()
            for one in sets
        ]
    )


def shares(fits: pa.Table, *sets: tuple[str, ...]) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in data_driven_shares(listed(fits, *sets), fits).to_pylist():
        key = row["attribution_model"], row["channel_set"]
        found.setdefault(key, {})[row["channel"]] = row["share_units"]
    return found


def test_the_units_of_every_set_sum_to_the_whole() -> None:
    fits = fits_applied(NO_FITS, many(), TIMEZONE)
    sets = [("TV",), CHANNELS, ("Direct", "Never seen"), ("Never seen", "Never seen either")]
    found = shares(fits, *sets)
    assert len(found) == 2 * len(sets)
    for units in found.values():
        assert sum(units.values()) == UNITS_PER_SET
        assert all(unit >= 0 for unit in units.values())


def test_markov_shares_by_removal_effect() -> None:
    fits = fits_applied(NO_FITS, many(), TIMEZONE)
    effects = {
        row["channel"]: float(row["removal_effect"])
        for row in fit_channels(fits).to_pylist()
        if row["removal_effect"] is not None
    }
    units = shares(fits, ("Email", "TV"))["markov", '["Email","TV"]']
    expected = effects["TV"] / (effects["TV"] + effects["Email"])
    assert units["TV"] == pytest.approx(UNITS_PER_SET * expected, abs=1)


def test_shapley_shares_by_the_values_of_the_set_and_none_is_negative() -> None:
    # TV alone converts always, with Email half: worths 1, 0, 1/2, values 3/4 and -1/4.
    fits = fits_applied(
        NO_FITS,
        journeys([("a", "TV", True), ("b", "Email > TV", True), ("c", "Email > TV", False),
                  ("d", "Email", False)]),
        TIMEZONE,
    )  # fmt: skip
    assert shares(fits, ("Email", "TV"))["shapley", '["Email","TV"]'] == {
        "Email": 0,
        "TV": UNITS_PER_SET,
    }


def test_only_the_sets_asked_for_are_dealt_out_and_no_set_twice() -> None:
    fits = fits_applied(NO_FITS, many(), TIMEZONE)
    table = data_driven_shares(pa.concat_tables([listed(fits, ("TV",))] * 2), fits)
    assert table.num_rows == 2
    assert data_driven_shares(listed(fits, ("TV",)).slice(0, 0), fits).num_rows == 0


def test_a_fit_shows_its_share_interval_and_what_it_was_trained_on() -> None:
    fits = fits_applied(NO_FITS, many(), TIMEZONE)
    rows = fit_channels(fits).to_pylist()
    assert len(rows) == 2 * len(CHANNELS)
    for row in rows:
        assert row["conversion_share_lower"] <= row["conversion_share"]
        assert row["conversion_share"] <= row["conversion_share_upper"]
        assert (row["removal_effect"] is None) == ("shapley" in row["model_fit_id"])
        assert (row["journeys"], row["persons"]) == (many().num_rows, 300)


def test_what_is_not_above_zero_gets_nothing_and_all_alike_where_nothing_is() -> None:
    sets = ChannelSets(("a", "b", "c"), np.array([0, 1, 0, 2]), np.array([0, 2, 4]))
    found = proportional(np.array([[3.0, 1.0, -1.0, 0.0], [0.0, -2.0, 2.0, -5.0]]), sets)
    assert found.tolist() == [[0.75, 0.25, 0.5, 0.5], [0.5, 0.5, 1.0, 0.0]]
