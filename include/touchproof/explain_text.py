"""An explanation as text of at most 120 columns.

Belongs here: layout, number formats, and each model's rule in words. Doesn't belong here: what is
explained (explain.py).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from touchproof.explain import (
    UNATTRIBUTED_REASONS,
    ExplainedCredit,
    ExplainedModel,
    ExplainedTouch,
    Explanation,
)

WIDTH = 120
_NAME_WIDTH = 17
_CHANNEL_WIDTH, _CAMPAIGN_WIDTH, _INTERACTION_WIDTH = 22, 26, 11
_NARROW_CHANNEL_WIDTH, _NARROW_CAMPAIGN_WIDTH = 18, 16
_NEW = {"new": "new customer", "existing": "existing customer"}


def explanation_text(explanation: Explanation) -> str:
    """Return the whole explanation, lines of at most `WIDTH` characters."""
    sections = [_header(explanation)]
    if explanation.unattributed_reason is None:
        sections += [_path(explanation.path), _rules(explanation.path), _models(explanation)]
    else:
        sections.append(_unattributed(explanation))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _header(explanation: Explanation) -> list[str]:
    facts, bounds = explanation.conversion, explanation.bounds
    sold = "in the app" if facts.sale_route == "app" else "at the bank"
    revenue = f"{_money(facts.revenue_cents)} {facts.currency}"
    if facts.pending_fee_cents:
        revenue += f", {_money(facts.pending_fee_cents)} pending apart"
    begins = max(filter(None, (bounds.path_begins_at, bounds.click_window_begins_at)))
    why = "an earlier conversion" if begins == bounds.path_begins_at else "the lookback window"
    ends = "the application" if bounds.path_ends_at < facts.converted_at else "the conversion"
    rows = [
        ("person", f"{facts.person_id}, {_NEW[facts.customer_relation]}"),
        ("product", f"{facts.product_line}, sold {sold}" + _of_bank(facts.bank_id)),
        ("type", facts.conversion_type),
        ("converted", f"{_moment(facts.converted_at)} UTC"),
        ("revenue", revenue),
        ("path from", f"{_moment(begins)}, {why}; views from "
                      f"{_moment(max(begins, bounds.view_window_begins_at))}"),
        ("path up to", f"{_moment(bounds.path_ends_at)}, {ends}"),
        ("lead made", _moment(bounds.lead_created_at) if bounds.lead_created_at else
                      "not before the path's end"),
    ]  # fmt: skip
    return [f"Conversion {facts.conversion_id}", *(f"  {name:<12}{text}" for name, text in rows)]


def _of_bank(bank_id: str | None) -> str:
    return f", bank {bank_id}" if bank_id else ""


def _path(path: Sequence[ExplainedTouch]) -> list[str]:
    digits = max(2, len(str(len(path))))
    shows_weights = any(touch.touch_weight not in (None, 1) for touch in path)
    channel_width = _NARROW_CHANNEL_WIDTH if shows_weights else _CHANNEL_WIDTH
    campaign_width = _NARROW_CAMPAIGN_WIDTH if shows_weights else _CAMPAIGN_WIDTH
    weight_head = "  " + "touch weight".rjust(14) if shows_weights else ""
    steps = path[-1].step_position
    in_steps = f" in {steps:,} {'step' if steps == 1 else 'steps'}" if steps < len(path) else ""
    lines = [
        f"Path of {len(path):,} {'touch' if len(path) == 1 else 'touches'}{in_steps}",
        f"  {'#':>{digits}}  {'touched (UTC)':<16}  {'channel':<{channel_width}}"
        f"  {'campaign':<{campaign_width}}  {'interaction':<{_INTERACTION_WIDTH}}  rule"
        f"{weight_head}  step",
    ]
    for touch in path:
        own = "–" if touch.touch_weight is None else _weight(touch.touch_weight)
        weight = "  " + own.rjust(14) if shows_weights else ""
        line = (
            f"  {touch.path_position:>{digits}}  {_moment(touch.touched_at):<16}"
            f"  {_cut(touch.channel, channel_width):<{channel_width}}"
            f"  {_cut(touch.campaign_id or '–', campaign_width):<{campaign_width}}"
            f"  {_cut(touch.interaction or 'withdrawn', _INTERACTION_WIDTH):<{_INTERACTION_WIDTH}}"
            f"  {touch.channel_rule_number or '–':>4}{weight}"
            f"  {_step(touch, is_numbered=bool(in_steps))}"
        )
        lines.append(_cut(line.rstrip(), WIDTH))
    if in_steps:
        lines += _filled(
            "  A visit and the touches inferred from it are one step: each gets what the step gets,"
            " times its own weight.",
            "  ",
        )
    return lines


def _step(touch: ExplainedTouch, *, is_numbered: bool) -> str:
    number = f"{touch.step_position} " if is_numbered else ""
    names = (step.replace("last_non_direct", "not direct") for step in touch.steps)
    return number + ", ".join(names)


def _rules(path: Sequence[ExplainedTouch]) -> list[str]:
    rules = sorted(
        {
            (touch.channel_rule_number, touch.channel_rule)
            for touch in path
            if touch.channel_rule_number is not None and touch.channel_rule is not None
        }
    )
    lines = ["Channel rules, the first that matches"]
    for number, sentence in rules:
        lines += _filled(f"  {number:>4}  {sentence}", "        ")
    return lines


def _models(explanation: Explanation) -> list[str]:
    facts = explanation.conversion
    lines = [f"Models: share of the sum of all shares = weight → {facts.currency}"]
    for model in explanation.models:
        lines += _filled(f"  {model.model:<{_NAME_WIDTH}}{_rule(model, explanation)}", _indent())
        lines += _filled(_indent() + "; ".join(_numbers(model)) + ".", _indent())
        if not model.is_recomputed:
            lines += _filled(
                f"{_indent()}The weights published here are others than this arithmetic gives:"
                " they were frozen with their month.",
                _indent(),
            )
    lines += [
        "",
        *_filled(
            "  Weights and cents are the differences of rounded running sums in the order of the"
            " path, so that they sum to 1 and to the revenue exactly.",
            "  ",
        ),
    ]
    return lines


def _numbers(model: ExplainedModel) -> Iterator[str]:
    """Yield one touch's arithmetic after the other; touches that get nothing together."""
    total = _plain(model.total_share)
    nothing = 0
    for credit in model.credits:
        if credit.share == 0 and credit.weight == 0:
            nothing += 1
            continue
        yield (
            f"#{credit.path_position} {_share(model, credit)} of {total}"
            f" = {_weight(credit.weight)} → {_money(credit.revenue_cents)}"
        ).replace(" ", "\N{NO-BREAK SPACE}")
    if nothing:
        yield "all others nothing"


def _share(model: ExplainedModel, credit: ExplainedCredit) -> str:
    raw = Decimal(credit.raw_weight)
    if raw == credit.share or raw == 0:
        return _plain(credit.share)
    return f"{_plain(raw)}×{_plain(credit.share / raw)}"


def _rule(model: ExplainedModel, explanation: Explanation) -> str:
    bounds = explanation.bounds
    sentences = {
        "first_touch": "All to the first step.",
        "last_touch": "All to the last step.",
        "last_non_direct": f"All to the last step that isn't {bounds.direct_channel}; to the last"
        " where all are.",
        "linear": "The same to every step.",
        "time_decay": f"1,000,000,000, halved for each {bounds.half_life_days} days before the last"
        " step; never under 1.",
        "position_based": f"First {bounds.first_weight}, last {bounds.last_weight}, all between"
        f" {bounds.middle_weight} together; all times the number between.",
        "w_shaped": f"First {bounds.w_first_weight}, lead {bounds.w_lead_weight}, last"
        f" {bounds.w_last_weight}, all others {bounds.w_middle_weight} together; all times the"
        " number of others.",
    }
    if model.model in sentences:
        return sentences[model.model]
    shares = ", ".join(
        f"{channel} {_plain(Decimal(units).scaleb(-9))}"
        for channel, units in model.channel_shares.items()
    )
    return (
        f"Of this set of channels the fit {model.model_fit_id} gives {shares}; a channel's touches"
        " share it. In units of 1e-12."
    )


def _unattributed(explanation: Explanation) -> list[str]:
    facts = explanation.conversion
    reason = UNATTRIBUTED_REASONS.get(
        explanation.unattributed_reason or "", explanation.unattributed_reason
    )
    text = (
        f"Unattributed: {reason}. Every model leaves 1 of 1 = {_weight(Decimal(1))} →"
        f" {_money(facts.revenue_cents)} {facts.currency} to nobody."
    )
    return _filled(text, "  ")


def _filled(text: str, indent: str) -> list[str]:
    """Wrap a text at spaces, further lines indented; no-break spaces hold a number together."""
    lead = len(text) - len(text.lstrip(" "))
    lines = textwrap.wrap(
        text[lead:],
        WIDTH,
        initial_indent=text[:lead],
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _indent() -> str:
    return " " * (_NAME_WIDTH + 2)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _weight(weight: Decimal) -> str:
    return f"{weight:.12f}"


def _plain(number: Decimal) -> str:
    """Return a number without needless zeros, thousands apart."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
