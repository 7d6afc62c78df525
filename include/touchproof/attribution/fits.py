"""Fits of the data-driven models: making them, and saying which one credits which conversions.

Belongs here: a fit from journeys, its id, and the dates that each fit credits. Doesn't belong here:
the models themselves (markov.py, shapley.py), what a fit credits (fits_shares.py), the ledger's
rows (ledger/model_fits.py), the command (fits_made.py).

A conversion is credited by the newest fit that credits its date; the first fit also credits what
was before it. The same journeys give the same fit, wherever and whenever it is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import pyarrow as pa

from touchproof.attribution.fits_journeys import TrainingData, canonical_journeys
from touchproof.attribution.fits_parameters import MODELS, Parameters, read_parameters
from touchproof.attribution.fits_training import train
from touchproof.ledger.records import ModelFit, canonical_json
from touchproof.sources.definition import typed_schema

BEGINNING, END = date.min, date.max
FITS_SCHEMA = typed_schema(
    {
        "model_fit_id": pa.string(),
        "attribution_model": pa.string(),
        "training_start_date": pa.date32(),
        "training_end_date": pa.date32(),
        "data_sha256": pa.string(),
        "parameters_json": pa.string(),
        "credits_from_date": pa.date32(),
        "applies_from_date": pa.date32(),
        "applies_before_date": pa.date32(),
        "is_new": pa.bool_(),
    }
)


def make_fits(
    data: TrainingData, credits_from: date | None = None, models: Sequence[str] = MODELS
) -> list[ModelFit]:
    """Train models on journeys.

    Args:
        data: The journeys.
        credits_from: The first business date to credit; the first conversion's if not given.
        models: Which ones.

    Returns:
        One fit a model, none if no journey converted.
    """
    if data.first_conversion_date is None or data.start_date is None or data.end_date is None:
        return []
    made = []
    for model in models:
        parameters = train(model, data).to_json()
        about = {
            "attribution_model": model,
            "training_start_date": data.start_date,
            "training_end_date": data.end_date,
            "data_sha256": data.data_sha256,
            "parameters_json": parameters,
            "credits_from_date": credits_from or data.first_conversion_date,
        }
        made.append(ModelFit(model_fit_id=fit_id(about), **about))  # type: ignore[arg-type]
    return made


def fit_id(about: dict[str, Any]) -> str:
    """Name a fit by a hash of its model, window, journeys, parameters and start."""
    text = canonical_json({name: str(value) for name, value in about.items()})
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"fit_{about['attribution_model']}_{digest[:20]}"


def fits_applied(ledger_fits: pa.Table, journeys: pa.Table, business_timezone: str) -> pa.Table:
    """Return the fits that a build applies: the ledger's, and a first one where it has none.

    Args:
        ledger_fits: The ledger's fits with their `fitted_at`.
        journeys: This build's journeys.
        business_timezone: IANA name of the time zone of business dates.

    Returns:
        `FITS_SCHEMA`: a fit credits the conversions of [applies_from_date, applies_before_date);
        for one that newer fits replaced wholly both are the same date.
    """
    names = [field.name for field in fields(ModelFit)]
    known = ledger_fits.sort_by([("fitted_at", "ascending"), ("model_fit_id", "ascending")])
    in_ledger = [ModelFit(**row) for row in known.select(names).to_pylist()]
    missing = [
        model for model in MODELS if all(fit.attribution_model != model for fit in in_ledger)
    ]
    first: list[ModelFit] = []
    if missing:
        first = make_fits(canonical_journeys(journeys, business_timezone), models=missing)
    rows = []
    for model in MODELS:
        of_model = [fit for fit in (*in_ledger, *first) if fit.attribution_model == model]
        for fit, (start, end) in zip(of_model, windows(of_model), strict=True):
            rows.append(
                {
                    **vars(fit),
                    "applies_from_date": start,
                    "applies_before_date": end,
                    "is_new": fit in first,
                }
            )
    return pa.Table.from_pylist(rows, schema=FITS_SCHEMA)


def current_parameters(fits: pa.Table, attribution_model: str) -> Parameters | None:
    """Return what the fit found that credits a model's newest conversions; None without one."""
    for row in fits.to_pylist():
        if (row["attribution_model"], row["applies_before_date"]) == (attribution_model, END):
            return read_parameters(attribution_model, row["parameters_json"])
    return None


def windows(oldest_first: Iterable[ModelFit]) -> list[tuple[date, date]]:
    """Return which dates each fit of one model credits, half-open.

    From its start on a fit replaces all older ones; the first one also credits what was before.
    """
    found: list[tuple[date, date]] = []
    end = END
    for fit in reversed(list(oldest_first)):
        start = min(fit.credits_from_date, end)
        found.append((start, end))
        end = start
    if found:
        found[-1] = (BEGINNING, found[-1][1])
    return found[::-1]
