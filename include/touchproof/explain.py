"""Why one conversion's revenue went where it went: its path, the rules and every model's numbers.

Belongs here: reading one conversion from the published file and putting the arithmetic beside what
the file shows. Doesn't belong here: the arithmetic itself (attribution/arithmetic.py), writing it
for people (explain_text.py), the warehouse, which a build may hold at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from touchproof.attribution.arithmetic import (
    WEIGHT_UNITS,
    PathSettings,
    PathTouch,
    dealt,
    labels_of,
    last_non_direct,
    lead_step,
    raw_weights,
    steps_of,
)
from touchproof.errors import BadInputError
from touchproof.settings import Settings

if TYPE_CHECKING:
    import duckdb

UNATTRIBUTED_REASONS = {
    "no_touchpoint": "no source shows a touch of this person before the conversion",
    "outside_window": "every touch before it lies outside the lookback window",
    "nothing_earning": "none of the touches before it is of a kind that earns",
    "nothing_earning_in_window": "no touch that earns lies inside its window",
    "after_application": "every touch came after the application, which ends the path",
    "ended_by_earlier_conversion": "an earlier conversion ended the path and took its touches",
}
_Facts = TypeVar("_Facts")
_WEIGHTS = ("first_weight", "middle_weight", "last_weight")
_W_WEIGHTS = ("w_first_weight", "w_lead_weight", "w_last_weight", "w_middle_weight")


@dataclass(frozen=True)
class ConversionFacts:
    """Say what was sold to whom and when; money in cents of `currency`, times UTC."""

    conversion_id: str
    person_id: str
    converted_at: datetime
    customer_relation: str
    sale_route: str
    conversion_type: str
    product_line: str
    bank_id: str | None
    revenue_cents: int
    pending_fee_cents: int
    currency: str


@dataclass(frozen=True)
class PathBounds:
    """Say which touches could be in the path, and by which settings rules share it."""

    click_window_begins_at: datetime
    view_window_begins_at: datetime
    path_begins_at: datetime | None
    path_ends_at: datetime
    lead_created_at: datetime | None
    half_life_days: int
    first_weight: int
    middle_weight: int
    last_weight: int
    w_first_weight: int
    w_lead_weight: int
    w_last_weight: int
    w_middle_weight: int
    path_transform: str
    direct_channel: str


@dataclass(frozen=True)
class ExplainedTouch:
    """Show one touch of the path, and the rule that gave it its channel.

    `step_position` is the place of its step: a visit and what was inferred from it are one.
    `steps` names what it is to the models: first, last, last_non_direct, lead. What is null is a
    touch of a closed month that its source has withdrawn since.
    """

    path_position: int
    step_position: int
    touchpoint_id: str
    touched_at: datetime
    channel: str
    campaign_id: str | None
    interaction: str | None
    touch_weight: Decimal | None
    channel_rule_number: int | None
    channel_rule: str | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class ExplainedCredit:
    """Show one touch's numbers by one model; `share` is raw weight times touch weight."""

    path_position: int
    raw_weight: int
    share: Decimal
    weight: Decimal
    revenue_cents: int


@dataclass(frozen=True)
class ExplainedModel:
    """Show one model's arithmetic.

    Args:
        model: Its name.
        model_fit_id: The fit that gave the shares of a data-driven model.
        channel_shares: Its parts of 1e9 by channel as the path labels it; empty for a rule.
        total_share: Sum of all shares.
        credits: One a touch, in path order; weights and cents are those published.
        is_recomputed: Whether the arithmetic gives what is published, to the last digit.
    """

    model: str
    model_fit_id: str | None
    channel_shares: Mapping[str, int]
    total_share: Decimal
    credits: tuple[ExplainedCredit, ...]
    is_recomputed: bool


@dataclass(frozen=True)
class Explanation:
    """Explain one conversion; without a path `unattributed_reason` says why there is none."""

    conversion: ConversionFacts
    bounds: PathBounds
    path: tuple[ExplainedTouch, ...]
    models: tuple[ExplainedModel, ...]
    unattributed_reason: str | None


def explain(settings: Settings, conversion_id: str) -> Explanation:
    """Explain how every model shares one conversion.

    Args:
        settings: The world; only its published file is read.
        conversion_id: As in fct_conversions.

    Raises:
        BadInputError: If nothing is published, there is no such conversion, or the file was
            published by a version that didn't show what this reads.
    """
    import duckdb

    from touchproof.warehouse import connect_published

    connection = connect_published(settings.paths.published)
    try:
        return _explained(connection, conversion_id)
    except (duckdb.CatalogException, duckdb.BinderException):
        raise BadInputError(
            "The published file doesn't show all that an explanation needs",
            where="published warehouse",
            todo="Run a night.",
        ) from None
    finally:
        connection.close()


def explanation_json(explanation: Explanation) -> str:
    """Return the explanation as JSON: DECIMAL as text, times in UTC with Z."""
    return json.dumps(asdict(explanation), default=_plain, indent=2, ensure_ascii=False)


def _explained(connection: duckdb.DuckDBPyConnection, conversion_id: str) -> Explanation:
    facts = _rows(
        connection,
        "select * from marts.fct_conversions where conversion_id = ?",
        conversion_id,
    )
    if not facts:
        raise BadInputError(
            f"There is no conversion {conversion_id!r}",
            where="published warehouse",
            todo="Ids are in marts.fct_conversions.",
        )
    windows = _rows(
        connection, "select * from marts.fct_conversion_windows where conversion_id = ?",
        conversion_id,
    )  # fmt: skip
    conversion, bounds = _of(ConversionFacts, facts[0]), _of(PathBounds, windows[0])
    rows = _rows(
        connection,
        "select credits.*, touches.interaction, touches.touch_weight, touches.step_id,"
        " touches.channel_rule_number,"
        " rules.sentence as channel_rule from marts.fct_attribution as credits"
        " left join marts.fct_touchpoints as touches"
        " on credits.touchpoint_id = touches.touchpoint_id"
        " left join marts.dim_channel_rules as rules"
        " on touches.channel_rule_number = rules.channel_rule_number"
        " where credits.conversion_id = ? order by credits.path_position",
        conversion_id,
    )
    reason = rows[0]["unattributed_reason"]
    if reason is not None:
        return Explanation(conversion, bounds, (), (), reason)
    labels = labels_of([row["channel"] for row in rows], bounds.path_transform)
    touches = [
        PathTouch(
            row["channel"],
            label,
            row["touched_at"],
            _units(row["touch_weight"] or Decimal(1)),
            row["step_id"] or row["touchpoint_id"],
            row["interaction"] == "inferred",
        )
        for row, label in zip(rows, labels, strict=True)
    ]
    suffix = "_revenue_cents"
    models = [name.removesuffix(suffix) for name in rows[0] if name.endswith(suffix)]
    rules = _path_settings(bounds, _shares(connection, rows[0], models, labels))
    return Explanation(
        conversion=conversion,
        bounds=bounds,
        path=_path(rows, touches, rules),
        models=tuple(
            _model(model, rows, touches, rules, conversion.revenue_cents) for model in models
        ),
        unattributed_reason=None,
    )


def _path(
    rows: Sequence[Mapping[str, Any]], touches: Sequence[PathTouch], rules: PathSettings
) -> tuple[ExplainedTouch, ...]:
    steps = steps_of(touches)
    lead, not_direct = lead_step(touches, rules), last_non_direct(touches, rules)
    taken = [name for name in ExplainedTouch.__annotations__ if not name.startswith("step")]
    explained = []
    for place, (row, step) in enumerate(zip(rows, steps, strict=True)):
        is_named = {
            "first": step == 0,
            "lead": step == lead,
            "last_non_direct": place in not_direct,
            "last": step == steps[-1],
        }
        explained.append(
            ExplainedTouch(
                **{name: row[name] for name in taken},
                step_position=step + 1,
                steps=tuple(name for name, holds in is_named.items() if holds),
            )
        )
    return tuple(explained)


def _model(
    model: str,
    rows: Sequence[Mapping[str, Any]],
    touches: Sequence[PathTouch],
    rules: PathSettings,
    revenue_cents: int,
) -> ExplainedModel:
    try:
        raw = raw_weights(model, touches, rules)
    except KeyError:
        # The fit's shares aren't published any more: weights that were frozen before it.
        raw = [0] * len(touches)
    shares = [one * touch.weight_units for one, touch in zip(raw, touches, strict=True)]
    published = [(row[f"{model}_weight"], row[f"{model}_revenue_cents"]) for row in rows]
    units = dealt(WEIGHT_UNITS, shares) if any(shares) else shares
    cents = dealt(revenue_cents, units) if any(units) else units
    recomputed = list(zip(map(_weight, units), cents, strict=True))
    return ExplainedModel(
        model=model,
        model_fit_id=rows[0].get(f"{model}_fit_id"),
        channel_shares=rules.shares.get(model, {}),
        total_share=_weight(sum(shares)),
        credits=tuple(
            ExplainedCredit(row["path_position"], one, _weight(share), weight, cents)
            for row, one, share, (weight, cents) in zip(rows, raw, shares, published, strict=True)
        ),
        is_recomputed=recomputed == published,
    )


def _shares(
    connection: duckdb.DuckDBPyConnection,
    row: Mapping[str, Any],
    models: Sequence[str],
    labels: Sequence[str],
) -> dict[str, dict[str, int]]:
    """Return the parts of the path's channels by every model that has a fit."""
    channel_set = json.dumps(sorted(set(labels)), separators=(",", ":"), ensure_ascii=False)
    found: dict[str, dict[str, int]] = {}
    for model in models:
        fit = row.get(f"{model}_fit_id")
        if fit is None:
            continue
        shares = _rows(
            connection,
            "select channel, share_units from marts.mart_channel_set_shares"
            " where model = ? and model_fit_id = ? and channel_set = ? order by channel",
            model,
            fit,
            channel_set,
        )
        found[model] = {share["channel"]: share["share_units"] for share in shares}
    return found


def _path_settings(bounds: PathBounds, shares: Mapping[str, Mapping[str, int]]) -> PathSettings:
    first, middle, last = (getattr(bounds, name) for name in _WEIGHTS)
    w_first, w_lead, w_last, w_middle = (getattr(bounds, name) for name in _W_WEIGHTS)
    return PathSettings(
        half_life_days=bounds.half_life_days,
        weights=(first, middle, last),
        w_weights=(w_first, w_lead, w_last, w_middle),
        direct_channel=bounds.direct_channel,
        lead_created_at=bounds.lead_created_at,
        shares=shares,
    )


def _of(kind: type[_Facts], row: Mapping[str, Any]) -> _Facts:
    return kind(**{name: row[name] for name in kind.__annotations__})


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, *values: object
) -> list[dict[str, Any]]:
    connection.execute(query, values)
    names = [column[0] for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]


def _units(weight: Decimal) -> int:
    return int(weight.scaleb(12))


def _weight(units: int) -> Decimal:
    return Decimal(units).scaleb(-12)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
