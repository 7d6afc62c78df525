"""The fits of the data-driven models: which there are, and adding one.

Belongs here: reading and writing the ledger's `model_fits` and `restatements`. Doesn't belong here:
training a fit and choosing which conversions it credits (attribution/fits.py), landing them as a
source of the build (snapshot.py).

A fit is never changed. Only the night that made a world's first fit may put another in its place,
by being repeated with other data: no other night can have been built from it then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, delete, func, select

from touchproof.errors import LedgerError
from touchproof.ledger import schema
from touchproof.ledger.records import ModelFit, RecordedFit, Restatement

if TYPE_CHECKING:
    from touchproof.ledger.store import Ledger

NIGHT = "night"
ORIGINS = (NIGHT, "month", "command")


def recorded_fits(ledger: Ledger, attribution_model: str | None = None) -> list[RecordedFit]:
    """Return the fits, of one model if given, oldest first."""
    table = schema.model_fits
    query = select(table).order_by(table.c.fitted_at, table.c.model_fit_id)
    if attribution_model is not None:
        query = query.where(table.c.attribution_model == attribution_model)
    with ledger.reading() as connection:
        return [_recorded(row) for row in connection.execute(query)]


def add_fits(
    ledger: Ledger,
    fits: Iterable[ModelFit],
    *,
    night: date,
    origin: str,
    at: datetime,
    restatement: Restatement | None = None,
) -> list[ModelFit]:
    """Add fits that the next night will apply; those that are known stay as they are.

    Args:
        ledger: The world's.
        fits: The fits.
        night: The published night whose journeys they were trained on.
        origin: `month` or `command`.
        at: Timezone-aware moment.
        restatement: Why conversions that are credited already are credited again, if they are.

    Returns:
        The fits that were new.

    Raises:
        LedgerError: If the origin isn't one.
    """
    if origin not in ORIGINS:
        raise LedgerError(f"A fit can't come from '{origin}'", todo=f"One of {ORIGINS}.")
    with ledger.transaction() as connection:
        new = _insert_missing(connection, fits, night, origin, at)
        if restatement is not None and new:
            rows = [_restatement_row(fit, restatement, night, at) for fit in new]
            connection.execute(schema.restatements.insert(), rows)
    return new


def commit_fits(
    connection: Connection, night: date, fits: Iterable[ModelFit], at: datetime
) -> None:
    """Write the first fits of a night, in the transaction that commits it.

    Args:
        connection: That transaction.
        night: The night.
        fits: The fits that its build made because the ledger had none of their model.
        at: When the night was published.
    """
    table = schema.model_fits
    for fit in fits:
        of_model = table.c.attribution_model == fit.attribution_model
        of_night = and_(of_model, table.c.night == night, table.c.origin == NIGHT)
        made_before: list[datetime] = list(
            connection.scalars(select(table.c.fitted_at).where(of_night))
        )
        # A night that is repeated from an older state adds nothing to the fits made since then.
        if not made_before and connection.scalar(select(func.count()).where(of_model)):
            continue
        replaced = and_(of_night, table.c.model_fit_id != fit.model_fit_id)
        connection.execute(delete(table).where(replaced))
        # What takes a first fit's place is as old as that one: fits made since then are newer.
        _insert_missing(connection, [fit], night, NIGHT, min([at, *made_before]))


def _insert_missing(
    connection: Connection, fits: Iterable[ModelFit], night: date, origin: str, at: datetime
) -> list[ModelFit]:
    known: set[str] = set(connection.scalars(select(schema.model_fits.c.model_fit_id)))
    new = [fit for fit in fits if fit.model_fit_id not in known]
    if new:
        rows = [{**vars(fit), "night": night, "origin": origin, "fitted_at": at} for fit in new]
        connection.execute(schema.model_fits.insert(), rows)
    return new


def _restatement_row(
    fit: ModelFit, restatement: Restatement, night: date, at: datetime
) -> dict[str, Any]:
    return {
        **vars(restatement),
        "model_fit_id": fit.model_fit_id,
        "night": night,
        "restated_at": at,
    }


def _recorded(row: Any) -> RecordedFit:
    values = dict(row._mapping)
    about = {name: values.pop(name) for name in ("night", "origin", "fitted_at")}
    return RecordedFit(ModelFit(**values), **about)
