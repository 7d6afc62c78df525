"""What goes into the ledger and comes out of it, as frozen dataclasses.

Belongs here: the shapes that cross the ledger's border. Doesn't belong here: tables (schema.py)
and what is done with them (store.py, claims.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

FieldValues = Mapping[str, str | None]


@dataclass(frozen=True)
class AcknowledgedRow:
    """Name values that Salesforce confirmed for one record, or that were read from it.

    Args:
        object: Salesforce object, e.g. `Lead`.
        record_key: The record's Salesforce Id, or its Touchproof_Key__c while no Id is known.
        salesforce_id: The Id, if known.
        fields: Canonical text by API field name; None means known to be empty.
        origin: `baseline`, `read` or `pushed`.
        job_id: Salesforce's job id for `pushed`.
    """

    object: str
    record_key: str
    salesforce_id: str | None
    fields: FieldValues
    origin: str
    job_id: str | None = None


@dataclass(frozen=True)
class PublishedNight:
    """Describe one committed night; hashes are sha256 hex digests by name."""

    night: date
    published_at: datetime
    published_sha256: str
    handoff_hashes: Mapping[str, str]
    mart_hashes: Mapping[str, str]
    ledger_batch: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """Describe the newest run of one step of one night."""

    night: date
    step: str
    status: str
    report: Any
    recorded_at: datetime


@dataclass(frozen=True)
class ModelFit:
    """Describe one fit of a data-driven model; the same inputs give the same fit.

    Args:
        model_fit_id: From `attribution.fits.model_fit_id`: a hash of all that follows.
        attribution_model: `markov` or `shapley`.
        training_start_date: First business date of the journeys that it was trained on.
        training_end_date: Last one.
        data_sha256: Of those journeys.
        parameters_json: What the training found, canonical JSON.
        credits_from_date: The first business date whose conversions it credits.
    """

    model_fit_id: str
    attribution_model: str
    training_start_date: date
    training_end_date: date
    data_sha256: str
    parameters_json: str
    credits_from_date: date


@dataclass(frozen=True)
class RecordedFit:
    """Add to a fit what the ledger knows of it: `origin` is night, month or command."""

    fit: ModelFit
    night: date
    origin: str
    fitted_at: datetime


@dataclass(frozen=True)
class Restatement:
    """Say that a fit credits conversions again that another one had credited.

    Args:
        from_date: First business date concerned.
        to_date: Last one: the last published night.
        actor: Who decided it, e.g. `os:ann`.
        reason: Why, for the auditor.
    """

    from_date: date
    to_date: date
    actor: str
    reason: str


@dataclass(frozen=True)
class ClosedPeriod:
    """Describe a closed month, with which every earlier month is closed.

    Args:
        month: Its first day.
        closed_night: The night at whose publish it was closed.
        files: sha256 by name of the files that hold it, e.g. `credits.parquet`.
    """

    month: date
    closed_night: date
    files: Mapping[str, str]


def canonical_json(value: object) -> str:
    """Return one text for one value: sorted keys, no spaces, Unicode as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
